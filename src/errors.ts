// Errors: what an operator can act on. Bugs assert; what the network did is a value (see flow/).

import { visible } from "./text.ts";

/** One code per thing that the operator would do differently. */
export type ErrorCode =
  | "CONFIG"
  | "ENTITY"
  | "SCHEDULE"
  | "ACTION"
  | "KEYRING"
  | "CALENDAR"
  | "JOURNAL"
  | "SPOOL"
  | "PLUGIN"
  | "API"
  /** Where results are kept, when not in files of this host. */
  | "STORE"
  /** Another process is at work: the same again may succeed a little later. */
  | "BUSY"
  | "USAGE";

/** Where a mistake is and how to mend it. Every member may be missing. */
export interface ErrorDetail {
  readonly job?: string;
  /** The file that holds the mistake. */
  readonly path?: string;
  /** Line in `path`, counted from 1. */
  readonly line?: number;
  /** Column in `line`, counted from 1. */
  readonly column?: number;
  /** How to mend it, in one sentence without a period. */
  readonly hint?: string;
  /** Lines of `path` with a caret below the mistake, for a file that is a program. */
  readonly frame?: string;
  /** Whether the same may succeed a little later. Missing: the cause says. */
  readonly passing?: boolean;
}

/**
 * A mistake of the operator. Its message has the form
 * `Cannot <verb> <thing> "<value>": <current state>[, <wanted state>]`, without a period.
 */
export class RunnerError extends Error {
  override readonly name = "RunnerError";
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.detail = detail;
  }
}

/** Stops at a bug: what holds by construction does not. Without node:assert, which loads for 5 ms. */
export function assert(holds: unknown, message = "it cannot be"): asserts holds {
  if (!holds) throw new Error(message);
}

/** Several mistakes found in one go: configuration and `check` collect all before they stop. */
export class RunnerErrors extends Error {
  override readonly name = "RunnerErrors";
  readonly errors: readonly RunnerError[];

  constructor(errors: readonly RunnerError[]) {
    super(errors.map((error) => error.message).join("\n"));
    this.errors = errors;
  }
}

/**
 * `path:line:column: message (hint)`, with the parts that are known. One line for one mistake, and
 * after it the lines of the program where it is, if it is in one. Safe to show (text.ts).
 */
export function errorLines(error: RunnerError): readonly string[] {
  const { path, line, column, hint, frame } = error.detail;
  const mend = hint === undefined ? "" : ` (${hint})`;
  const said = `${error.message}${mend}`;
  // Where it is said twice already, a third time would only be in the way.
  const isSaid = path !== undefined && line === undefined && said.split(path).length > 2;
  const where = isSaid ? "" : [path, line, column].filter((part) => part !== undefined).join(":");
  const text = `${where === "" ? "" : `${where}: `}${said}`;
  return [text, ...(frame?.split("\n") ?? [])].map((line) => visible(line));
}

/** The same as one text; of any other error, what it says. */
export function describeError(error: unknown): string {
  return error instanceof RunnerError ? errorLines(error).join("\n") : messageOf(error);
}

/** Whether the journal could not be written or read: the same is to be done again, by who began it. */
export function isJournalError(error: unknown): boolean {
  return error instanceof RunnerError && error.code === "JOURNAL";
}

/** What the system says of a moment, not of a file: there is too much at once, or a disk is busy. */
const PASSING =
  /\b(EMFILE|ENFILE|EAGAIN|EBUSY|EIO|ENOMEM|ENOSPC|EDQUOT|ESTALE|ETIMEDOUT|ETXTBSY|EINTR|ENOBUFS)\b/;

/** Causes below causes that are looked through. */
const CAUSES_MAX = 8;

/**
 * Whether the same may succeed a little later, with nothing changed by anybody (I11): a lock, a
 * busy disk, too many open files; as against a mistake.
 */
export function isPassing(error: unknown): boolean {
  if (error instanceof RunnerErrors) return error.errors.some(isPassing);
  let cause = error;
  for (let depth = 0; depth < CAUSES_MAX && cause instanceof Error; depth++) {
    if (cause instanceof RunnerError) {
      if (cause.code === "BUSY") return true;
      if (cause.detail.passing !== undefined) return cause.detail.passing;
    }
    const { code } = cause as { readonly code?: unknown };
    // The text too: what a thread tells of an error is no more than that.
    if (PASSING.test(typeof code === "string" ? code : cause.message)) return true;
    cause = cause.cause;
  }
  return false;
}

/** The message of anything thrown, which may be no error at all. Never throws. */
export function messageOf(error: unknown): string {
  try {
    return messageIn(error) ?? valueText(error);
  } catch {
    return `a thrown ${typeof error} that cannot be shown`;
  }
}

/** Null when there is none. Errors of another thread or realm are no instances of our class. */
function messageIn(error: unknown): string | null {
  if (typeof error !== "object" || error === null) return null;
  const { message, errors } = error as { readonly message?: unknown; readonly errors?: unknown };
  if (typeof message === "string" && message !== "") return message;
  // Several tries that failed, such as one for each address of a host.
  if (Array.isArray(errors) && errors.length > 0) return errors.map(messageOf).join("; ");
  return error instanceof Error ? "" : null;
}

const VALUE_SIZE_MAX = 500;

/** A value as JSON has it, or as a template would write it. */
function valueText(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const text = JSON.stringify(value) ?? "";
  return text.length > VALUE_SIZE_MAX ? `${text.slice(0, VALUE_SIZE_MAX)}…` : text;
}

/** The same with how to mend it, where that is known. */
export function explain(error: unknown): string {
  const hint = error instanceof RunnerError ? error.detail.hint : undefined;
  return hint === undefined ? messageOf(error) : `${messageOf(error)} (${hint})`;
}

/**
 * The known word nearest to a half-typed or misspelt one, or null when none is near.
 * Near is an edit distance of at most a third of the longer word, or being its beginning.
 */
export function nearest(word: string, known: Iterable<string>): string | null {
  let best: { word: string; distance: number } | null = null;
  const wanted = word.toLowerCase();
  for (const candidate of known) {
    const name = candidate.toLowerCase();
    const distance =
      wanted.length > 1 && name.startsWith(wanted) ? 0.5 : editDistance(wanted, name);
    if (distance > Math.max(1, Math.floor(Math.max(name.length, wanted.length) / 3))) continue;
    if (best === null || distance < best.distance) best = { word: candidate, distance };
  }
  return best?.word ?? null;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one text into the other. */
function editDistance(left: string, right: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const differs = left[row - 1] === right[column - 1] ? 0 : 1;
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      current.push(
        Math.min(
          (previous[column] ?? 0) + 1,
          (current[column - 1] ?? 0) + 1,
          (previous[column - 1] ?? 0) + differs,
          swapped ? (before[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    before = previous;
    previous = current;
  }
  return previous[right.length] ?? 0;
}
