// Command: the few members of a command that decide how it is collected, read without decoding it.
import { PLAIN, QUOTE } from "../lib/json/grammar.ts";
import { Repeated } from "../lib/json/repeated.ts";
import { isActionId, isCount } from "./ids.ts";
import type { CommandCounts } from "./result.ts";

/** What a command says of itself. A member that is missing or of another type is null. */
export interface CommandFacts {
  readonly id: number | null;
  readonly status: string | null;
  /** Whether its status is one that does not change by itself any more. */
  readonly finished: boolean;
  /** The id of the action that it is a part of. */
  readonly actionId: number | null;
  /** That action's counters as they were when the page was made; one that is left out is 0. */
  readonly counters: CommandCounts | null;
}

/** Statuses that end a command. See mig/command.go of the original. */
const ENDS = new Set(["success", "failed", "timeout", "expired", "cancelled"]);

/**
 * The facts of one command. Its own members count, not those of the same name deeper inside; of two
 * members of one name either may.
 *
 * @param bytes A whole JSON object that has been checked, as the page splitter hands it out; for
 *   anything else the answer is of no use, but there is one.
 */
export function commandFacts(bytes: Uint8Array): CommandFacts {
  return new FactReader().read(bytes);
}

/** Reads one command after the other; parts that are equal to the last one's are not read again. */
export class FactReader {
  readonly #action = new Repeated<ActionFacts>({ actionId: null, counters: null });
  readonly #status = new Repeated<string | null>(null);

  /** As `commandFacts`. */
  read(bytes: Uint8Array): CommandFacts {
    let id: number | null = null;
    let status: string | null = null;
    let action: ActionFacts = { actionId: null, counters: null };
    eachMember(bytes, 0, (key, from) => {
      // The results come last and are most of the bytes: no need to read them.
      if (id !== null && status !== null && action.counters !== null) return STOP;
      if (isNamed(bytes, key, "action")) {
        const to = this.#read(this.#action, { bytes, from, parse: actionIn });
        action = this.#action.value;
        return to;
      }
      if (isNamed(bytes, key, "status")) {
        const to = this.#read(this.#status, { bytes, from, parse: textIn });
        status = this.#status.value;
        return to;
      }
      const to = skipValue(bytes, from);
      if (isNamed(bytes, key, "id")) id = idIn(bytes, from, to);
      return to;
    });
    const { actionId, counters } = action;
    return { id, status, finished: status !== null && ENDS.has(status), actionId, counters };
  }

  /** Makes `known` hold the value at `from`; answers where it ends. */
  #read<Value>(known: Repeated<Value>, { bytes, from, parse }: Reading<Value>): number {
    const end = known.endAt(bytes, from);
    if (end >= 0) return end;
    const to = skipValue(bytes, from);
    known.remember(bytes, { from, to }, parse(bytes, from, to));
    return to;
  }
}

interface Reading<Value> {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly parse: (bytes: Uint8Array, from: number, to: number) => Value;
}

type ActionFacts = Pick<CommandFacts, "actionId" | "counters">;

function actionIn(bytes: Uint8Array, start: number): ActionFacts {
  let actionId: number | null = null;
  let counters: CommandCounts | null = null;
  eachMember(bytes, start, (key, from) => {
    const to = skipValue(bytes, from);
    if (isNamed(bytes, key, "id")) actionId = idIn(bytes, from, to);
    else if (isNamed(bytes, key, "counters")) counters = countersIn(bytes, from);
    return to;
  });
  return { actionId, counters };
}

function countersIn(bytes: Uint8Array, start: number): CommandCounts | null {
  if (bytes[start] !== OPEN_BRACE) return null;
  const counts = new Map<string, number>();
  eachMember(bytes, start, (key, from) => {
    const to = skipValue(bytes, from);
    const count = Number(textAt(bytes, from, to));
    const name = textAt(bytes, key, skipText(bytes, key - 1) - 1);
    if (isCount(count)) counts.set(name, count);
    return to;
  });
  const count = (name: string): number => counts.get(name) ?? 0;
  return {
    sent: count("sent"),
    done: count("done"),
    inflight: count("inflight"),
    success: count("success"),
    cancelled: count("cancelled"),
    expired: count("expired"),
    failed: count("failed"),
    timeout: count("timeout"),
  };
}

function idIn(bytes: Uint8Array, from: number, to: number): number | null {
  let id = 0;
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] as number) - ZERO;
    // Anything else than digits is rare, and still may be a whole number: 1e3.
    if (digit < 0 || digit > 9 || at - from === DIGITS_MAX) {
      id = bytes[from] === QUOTE ? 0 : Number(textAt(bytes, from, to));
      break;
    }
    id = id * 10 + digit;
  }
  return isActionId(id) ? id : null;
}

function textIn(bytes: Uint8Array, from: number, to: number): string | null {
  if (bytes[from] !== QUOTE) return null;
  return JSON.parse(textAt(bytes, from, to)) as string;
}

function textAt(bytes: Uint8Array, from: number, to: number): string {
  return UTF8.decode(bytes.subarray(from, to));
}

function isNamed(bytes: Uint8Array, key: number, name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    if (bytes[key + index] !== name.charCodeAt(index)) return false;
  }
  return bytes[key + name.length] === QUOTE;
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
const OPEN_BRACE = 0x7b;
const COLON = 0x3a;
const COMMA = 0x2c;
const SPACE = 0x20;
const ZERO = 0x30;

/** A number of so many digits is exact, whatever they are. */
const DIGITS_MAX = 15;

/** What a visitor answers to hear of no more members. */
const STOP = -1;

/**
 * Hears of a member: its name begins at `key`, its value at `from`. Answers where the value ends,
 * or STOP.
 */
type Visit = (key: number, from: number) => number;

/** Calls `visit` for each member of the object at `start`, if one is there. */
function eachMember(bytes: Uint8Array, start: number, visit: Visit): void {
  if (bytes[start] !== OPEN_BRACE) return;
  let at = start + 1;
  while (at < bytes.length) {
    const key = skipSpace(bytes, at);
    if (bytes[key] !== QUOTE) return;
    const colon = skipSpace(bytes, skipText(bytes, key));
    if (bytes[colon] !== COLON) return;
    const from = skipSpace(bytes, colon + 1);
    const to = visit(key + 1, from);
    if (to === STOP) return;
    at = skipSpace(bytes, to);
    if (bytes[at] !== COMMA) return;
    at++;
  }
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && (bytes[at] as number) <= SPACE) at++;
  return at;
}

/** Behind the closing quotation mark of the text that begins at `from`. */
function skipText(bytes: Uint8Array, from: number): number {
  const plain = PLAIN;
  const end = bytes.length;
  let at = from + 1;
  while (at < end) {
    while (at < end && plain[bytes[at] as number] === 1) at++;
    if (bytes[at] === QUOTE) return at + 1;
    at += 2;
  }
  return end;
}

/** 1 opens a container, 2 closes one, 3 begins a text, 4 ends a bare word. */
const SHAPES = new Uint8Array(256);
for (const byte of "{[") SHAPES[byte.charCodeAt(0)] = 1;
for (const byte of "}]") SHAPES[byte.charCodeAt(0)] = 2;
SHAPES[QUOTE] = 3;
for (const byte of ", \t\r\n") SHAPES[byte.charCodeAt(0)] = 4;

/** Behind the value that begins at `from`. */
function skipValue(bytes: Uint8Array, from: number): number {
  const shapes = SHAPES;
  const end = bytes.length;
  let depth = 0;
  let at = from;
  while (at < end) {
    const shape = shapes[bytes[at] as number];
    if (shape === 3) {
      at = skipText(bytes, at);
      if (depth === 0) return at;
      continue;
    }
    if (shape === 1) depth++;
    if (depth === 0 && (shape === 2 || shape === 4)) return at;
    if (shape === 2 && --depth === 0) return at + 1;
    at++;
  }
  return end;
}
