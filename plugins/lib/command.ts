// Command: what one agent's command says, whatever form it is in.
//
// A host whose command failed, or one of whose results did, has said nothing about itself. It must
// never be taken for a clean one: `troubles` is where that is decided, for all shipped plugins.
import type { Command } from "mig-runner";
import { listOr, member, objectOr, textOr } from "./read.ts";
import { cutText, lineOf, textOf } from "./text.ts";

/** Operations of one command, errors of one operation, and reasons of one command that are read. */
const OPERATIONS_MAX = 1_000;
const ERRORS_MAX = 20;
const TROUBLES_MAX = 50;

/** Characters of a host's name (DNS has 253), a status, an error and a reason. */
export const NAME_MAX = 255;
const STATUS_MAX = 40;
const ERROR_MAX = 500;
const TROUBLE_MAX = 1_000;

/** One operation of a command with what it gave. */
export interface Answer {
  /** Its place among the operations, from 0. */
  readonly index: number;
  /** The name of the agent's module; "" when the command does not say. */
  readonly module: string;
  readonly found: boolean;
  /** Why it is no answer; null when it is one. */
  readonly trouble: string | null;
  readonly elements: unknown;
  readonly statistics: unknown;
  readonly errors: readonly string[];
}

/** A command, read. All of its texts are bounded, but for what modules found. */
export interface Reading {
  /** The id of the command: a whole number, or whatever the API gave. */
  readonly id: unknown;
  /** As the agent calls itself, with all that is in it: see `hostLabel` for texts. */
  readonly host: string;
  readonly agentId: unknown;
  /** "success", or how else it ended; "unknown" when it does not say. */
  readonly status: string;
  /** One for each operation, then results that belong to none. */
  readonly answers: readonly Answer[];
  /** Why this is not the whole word of the host, one line a reason; none when it is. */
  readonly troubles: readonly string[];
  readonly found: boolean;
}

/** Reads a command. Never throws, whatever is in it. */
export function readCommand(command: Command): Reading {
  const { id, agent, status, action, results } = objectOr(command);
  const { name, id: agentId } = objectOr(agent);
  const asked = listOr(objectOr(action).operations);
  const given = listOr(results);
  const ended = lineOf(textOr(status), STATUS_MAX) || "unknown";
  const count = Math.max(asked.length, given.length);
  const answers = Array.from({ length: Math.min(count, OPERATIONS_MAX) }, (_, index) =>
    readAnswer(given[index], { index, module: moduleOf(asked[index]) }),
  );
  const troubles = answers.flatMap(({ trouble }) => trouble ?? []);
  if (ended !== "success") troubles.unshift(`its command ended as "${ended}"`);
  const more = count - answers.length;
  if (more > 0) troubles.unshift(`${more} of its ${count} operations were left out`);
  return {
    id,
    host: cutText(textOr(name), NAME_MAX),
    agentId,
    status: ended,
    answers,
    troubles: listed(troubles, TROUBLES_MAX),
    found: answers.some(({ found }) => found),
  };
}

/** The host's name, or what else is known of the agent, in one line. */
export function hostLabel({ agentId, host, id }: Reading): string {
  const name = lineOf(host, NAME_MAX);
  if (name !== "") return name;
  const what = agentId === undefined ? ["the agent of command", id] : ["agent", agentId];
  return lineOf(what.map(textOf).join(" "), NAME_MAX);
}

/** A text that no other command of the result has, and that is the same at each reading. */
export function commandId({ id }: Pick<Reading, "id">, place: number): string {
  return Number.isSafeInteger(id) ? String(id) : `at-${place}`;
}

/** The first of some texts, and how many more there are. */
export function listed(texts: readonly string[], max: number): readonly string[] {
  if (texts.length <= max) return texts;
  return [...texts.slice(0, max), `and ${texts.length - max} more`];
}

function moduleOf(operation: unknown): string {
  return lineOf(textOr(objectOr(operation).module), NAME_MAX);
}

function readAnswer(
  result: unknown,
  { index, module }: { readonly index: number; readonly module: string },
): Answer {
  const { elements = null, errors, foundanything, statistics = null, success } = objectOr(result);
  const all = listOr(errors);
  const first = all.slice(0, ERRORS_MAX).map((error) => cutText(textOf(error), ERROR_MAX));
  const more = all.length - first.length;
  const texts = more > 0 ? [...first, `and ${more} more`] : first;
  const what = `operation ${index + 1}${module === "" ? "" : ` (${module})`}`;
  const why = texts.length === 0 ? "" : `: ${texts.join("; ")}`;
  const trouble =
    result === undefined
      ? `${what} gave no result`
      : success === true
        ? null
        : lineOf(`${what} failed${why}`, TROUBLE_MAX);
  const found = module === "scribe" ? isVulnerable(elements) : foundanything === true;
  return { index, module, found, trouble, elements, statistics, errors: texts };
}

/** scribe calls a test found whose outcome is false: only the outcome counts. */
function isVulnerable(elements: unknown): boolean {
  const tests = listOr(member(objectOr(elements), "results"));
  return tests.some((test) => member(objectOr(test), "masterresult") === true);
}
