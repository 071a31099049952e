// Rules: what the parameters of several modules have in common, as valibot schemas.
//
// Every rule answers with a message that says what is wrong in a few words, without the value and
// without its path: both are added where the error is made.
import * as v from "valibot";
import { nearest } from "../../errors.ts";
import { regexpFault } from "../../lib/go/regexp.ts";

/** Where a parameter is: names of members and indexes of lists. */
export type Path = readonly (string | number)[];

/** One thing that is wrong with parameters. */
export interface Fault {
  readonly path: Path;
  /** Undefined when it is missing. */
  readonly value: unknown;
  readonly message: string;
}

/** What is wrong with a text, or null. */
export type TextRule = (text: string) => string | null;

/** A text that a rule accepts. */
export function text(rule?: TextRule) {
  return v.pipe(
    v.string("a text is wanted"),
    v.rawCheck(({ dataset, addIssue }) => {
      const message = dataset.typed ? (rule?.(dataset.value) ?? null) : null;
      if (message !== null) addIssue({ message });
    }),
  );
}

/** A list of texts that a rule accepts each. */
export function texts(rule?: TextRule) {
  return v.array(text(rule), "a list of texts is wanted");
}

/** True or false. */
export function flag() {
  return v.boolean("true or false is wanted");
}

/** A whole number within limits. */
export function whole(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  const limits = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
  const message = `a whole number ${limits} is wanted`;
  const isWithin = (value: number) => Number.isSafeInteger(value) && value >= min && value <= max;
  return v.pipe(v.number(message), v.check(isWithin, message));
}

/** An object with these members and no other, so that a misspelt one cannot widen a search. */
export function members<const Entries extends v.ObjectEntries>(entries: Entries) {
  const known = Object.keys(entries);
  const message = (issue: v.LooseObjectIssue): string =>
    issue.expected === "Object" ? "an object is wanted" : "it is missing";
  return v.pipe(
    v.looseObject(entries, message),
    // A strict object would tell the first of them alone.
    v.rawCheck(({ dataset, addIssue }) => {
      if (!isObject(dataset.value)) return;
      const given: Readonly<Record<string, unknown>> = dataset.value;
      for (const key of Object.keys(given).filter((name) => !known.includes(name))) {
        const item = { type: "object", origin: "value", input: given, key, value: given[key] };
        addIssue({ message: unknownParameter(key, known), path: [item as v.ObjectPathItem] });
      }
    }),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function unknownParameter(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  return `there is no such parameter${near === null ? "" : `, did you mean ${near}?`}`;
}

/** Labels under which JavaScript would lose a search or its results. */
const LOST_LABELS = ["__proto__", "prototype", "constructor"];

/** An object of searches by label, at least one; a label is what the results are found by. */
export function labelled<const Search extends v.GenericSchema>(rule: TextRule, search: Search) {
  const wanted = "an object of searches by label is wanted";
  return v.pipe(
    v.custom<object>((value) => typeof value === "object" && value !== null, wanted),
    v.rawCheck(({ dataset, addIssue }) => {
      const labels = dataset.typed ? Object.keys(dataset.value) : [];
      if (labels.length === 0) addIssue({ message: "at least one search is wanted" });
      const lost = labels.find((label) => LOST_LABELS.includes(label));
      if (lost !== undefined) addIssue({ message: `the label "${lost}" cannot be used` });
    }),
    v.record(text(rule), search, wanted),
  );
}

/** A pattern that agents can compile. */
export function pattern(regexp: string): string | null {
  const why = regexpFault(regexp);
  return why === null ? null : `${why} (agents take RE2, the syntax of Go)`;
}

/** The same, and not empty. */
export function filledPattern(regexp: string): string | null {
  return regexp === "" ? "it is empty" : pattern(regexp);
}

/** The same, with or without a `!` in front that inverts it. */
export function invertiblePattern(regexp: string): string | null {
  const isInverted = regexp.length > 1 && regexp.startsWith("!");
  return filledPattern(isInverted ? regexp.slice(1) : regexp);
}

/** Any text but an empty one. */
export function filled(value: string): string | null {
  return value === "" ? "it is empty" : null;
}
