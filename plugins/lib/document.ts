// Document: a command as one flat record, for services that search.
//
// A member has the same type in every record, whatever an agent sent: a service that learns types
// from what it gets (a mapping) would else refuse the records of all the others.
import type { Command, Result } from "mig-runner";
import { type Answer, commandId, hostLabel, listed, readCommand } from "./command.ts";
import { listOr, type Members, objectOr, textOr } from "./read.ts";
import { shorten, sizeOf } from "./shorten.ts";
import { encodeJson, lineOf, textOf } from "./text.ts";

/** A record, and what is needed to send it. */
export interface CommandDocument {
  readonly label: string;
  readonly id: string;
  readonly host: string;
  /** When the command ended, as far as that is known. */
  readonly at: Date;
  /** "result", or "failure" for a command that is not the whole word of its host. */
  readonly kind: "result" | "failure";
  readonly fields: Readonly<Record<string, unknown>>;
  /** How many things that were found are not in it, because it would have been too large. */
  readonly leftOut: number;
}

/** How what modules found is kept: as JSON in one text, or as members of their own. */
export type ElementsForm = "text" | "object";

/** What a record is made of. */
export interface DocumentOptions {
  readonly elements: ElementsForm;
  readonly result: Result;
  /** The place of the command in the result. */
  readonly place: number;
  /** Bytes of the record: of a larger one is left out what modules found too much. */
  readonly bytesMax: number;
}

/** Characters of a text of an agent about itself, and of one about the action. */
const FACT_MAX = 255;
const ABOUT_MAX = 1_000;

/** Addresses of a host, and tags of an agent. */
const FACTS_MAX = 50;

/** The record of a command. Never throws, whatever is in it. */
export function documentOf(command: Command, options: DocumentOptions): CommandDocument {
  const { bytesMax, elements: form, place, result } = options;
  const reading = readCommand(command);
  const kind = reading.troubles.length === 0 ? "result" : "failure";
  const head = {
    kind,
    job: result.job,
    action: aboutAction(objectOr(command.action ?? result.action)),
    command: { id: numberOr(reading.id), status: reading.status },
    host: reading.host,
    agent: aboutAgent(objectOr(command.agent)),
    found: reading.found,
    troubles: reading.troubles,
  };
  const { leftOut, results } = resultsOf(reading.answers, {
    form,
    bytesMax: bytesMax - Buffer.byteLength(encodeJson(head)),
  });
  const fields = { ...head, results, ...(leftOut === 0 ? {} : { left_out: leftOut }) };
  const id = commandId(reading, place);
  const label = `command ${id} of ${hostLabel(reading)}`;
  return { label, id, host: reading.host, at: timeOf(command), kind, fields, leftOut };
}

/** Whole if it is small enough; else with as much of what was found as goes in. */
function resultsOf(
  answers: readonly Answer[],
  { bytesMax, form }: { readonly bytesMax: number; readonly form: ElementsForm },
): { readonly results: readonly object[]; readonly leftOut: number } {
  const keep = (value: unknown): unknown =>
    form === "object" || value === null ? value : encodeJson(value);
  const make = (found: readonly unknown[]): readonly object[] =>
    answers.map(({ errors, found: isFound, module, trouble }, index) => {
      const { elements = null, statistics = null } = objectOr(found[index]);
      return {
        module,
        found: isFound,
        success: trouble === null,
        errors,
        elements: keep(elements),
        statistics: keep(statistics),
      };
    });
  if (answers.every(({ elements }) => sizeOf(elements, bytesMax) <= bytesMax)) {
    const whole = make(answers);
    if (sizeOf(whole, bytesMax) <= bytesMax) return { results: whole, leftOut: 0 };
  }
  const found = answers.map(({ elements, statistics }) => ({ elements, statistics }));
  // JSON in a text is longer than JSON, by how much depends on what is in it.
  for (let room = bytesMax / 2; room > 64; room /= 2) {
    const { leftOut, value } = shorten(found, room);
    const results = make(listOr(value));
    if (sizeOf(results, bytesMax) <= bytesMax) return { results, leftOut };
  }
  return { results: [], leftOut: answers.length };
}

/** What the action says of itself. */
function aboutAction({ description, id, name, threat }: Members): object {
  const { author, email, revision, url } = objectOr(description);
  const { family, level, ref, type } = objectOr(threat);
  return {
    id: numberOr(id),
    name: lineOf(textOr(name), ABOUT_MAX),
    description: { ...texts({ author, email, url }), ...numbers({ revision }) },
    threat: texts({ ref, level, family, type }),
  };
}

function aboutAgent({ environment, id, tags, version }: Members): object {
  const { addresses, ident, os } = objectOr(environment);
  const all = listOr(addresses).flatMap((each) => (typeof each === "string" ? [each] : []));
  const pairs = Object.entries(objectOr(tags)).slice(0, FACTS_MAX);
  return {
    id: numberOr(id),
    ...texts({ version, os, ident }),
    addresses: listed(
      all.slice(0, FACTS_MAX).map((each) => lineOf(each, FACT_MAX)),
      FACTS_MAX,
    ),
    tags: Object.fromEntries(
      pairs.flatMap(([name, value]) => (value === null ? [] : [[tagName(name), fact(value)]])),
    ),
  };
}

/** A dot would make a member of a member, and a name of nothing is refused. */
function tagName(name: string): string {
  return lineOf(name, FACT_MAX).replaceAll(".", "_") || "_";
}

function fact(value: unknown): string {
  return lineOf(textOf(value), FACT_MAX);
}

/** Those members that are there, as texts. */
function texts(members: Members): Members {
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    given.map(([name, value]) => [name, value === null ? null : lineOf(textOf(value), ABOUT_MAX)]),
  );
}

/** Those members that are numbers. */
function numbers(members: Members): Members {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => Number.isFinite(value)));
}

/** A whole number that every service takes; null for anything else. */
function numberOr(value: unknown): number | null {
  return Number.isSafeInteger(value) ? (value as number) : null;
}

/** Years that a time may be of: services refuse others, or make an index for each. */
const YEAR_MIN = 2000;
const YEAR_MAX = 2100;

function timeOf({ finishtime, starttime }: Command): Date {
  for (const text of [textOr(finishtime), textOr(starttime)]) {
    const time = new Date(text);
    const year = time.getUTCFullYear();
    if (year >= YEAR_MIN && year <= YEAR_MAX) return time;
  }
  return new Date();
}
