// Command: what one agent's command says, whatever form it is in.
//
// A host whose command failed, or one of whose results did, has said nothing about itself. It must
// never be taken for a clean one: `troubles` is where that is decided, for all shipped plugins.
import type { Command } from "mig-runner";
import { listOr, member, objectOr, textOr } from "./read.ts";

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

/** A command, read. */
export interface Reading {
  readonly id: unknown;
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

/** Reads a command. Never throws. */
export function readCommand(command: Command): Reading {
  const { id, agent, status, action, results } = objectOr(command);
  const { name, id: agentId } = objectOr(agent);
  const operations = listOr(objectOr(action).operations).map(moduleOf);
  const given = listOr(results);
  const ended = textOr(status, "unknown");
  const count = Math.max(operations.length, given.length);
  const answers = Array.from({ length: count }, (_, index) =>
    readAnswer(given[index], { index, module: operations[index] ?? "" }),
  );
  const troubles = answers.flatMap(({ trouble }) => trouble ?? []);
  if (ended !== "success") troubles.unshift(`its command ended as "${ended}"`);
  return {
    id,
    host: textOr(name),
    agentId,
    status: ended,
    answers,
    troubles,
    found: answers.some(({ found }) => found),
  };
}

/** The host's name, or what else is known of the agent. */
export function hostLabel({ agentId, host, id }: Reading): string {
  if (host !== "") return host;
  return agentId === undefined ? `the agent of command ${String(id)}` : `agent ${String(agentId)}`;
}

function moduleOf(operation: unknown): string {
  return textOr(objectOr(operation).module);
}

function readAnswer(
  result: unknown,
  { index, module }: { readonly index: number; readonly module: string },
): Answer {
  const { elements = null, errors, foundanything, statistics = null, success } = objectOr(result);
  const texts = listOr(errors).map(String);
  const what = `operation ${index + 1}${module === "" ? "" : ` (${module})`}`;
  const why = texts.length === 0 ? "" : `: ${texts.join("; ")}`;
  const trouble =
    result === undefined
      ? `${what} gave no result`
      : success === true
        ? null
        : `${what} failed${why}`;
  const found = module === "scribe" ? isVulnerable(elements) : foundanything === true;
  return { index, module, found, trouble, elements, statistics, errors: texts };
}

/** scribe calls a test found whose outcome is false: only the outcome counts. */
function isVulnerable(elements: unknown): boolean {
  const tests = listOr(member(objectOr(elements), "results"));
  return tests.some((test) => member(objectOr(test), "masterresult") === true);
}
