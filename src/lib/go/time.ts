// Time: Go's time texts, byte for byte: RFC 3339 as encoding/json reads and writes it, and the form
// of Time.String.
//
// A GoTime keeps what the text said (nanoseconds, offset), because a time that is carried through
// must come out as it went in. What the runner decides by are instants: whole milliseconds since
// the Unix epoch, here named `at`.
import { Buffer } from "node:buffer";
import { quoteTimeBytes } from "./quote.ts";

export interface GoTime {
  /** Whole seconds since the Unix epoch, rounded down. */
  readonly unixSeconds: number;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
  /** Seconds east of UTC, in whole minutes. */
  readonly offsetSeconds: number;
}

/** Go's zero time, 0001-01-01T00:00:00Z: what an absent or null time member holds. */
export const ZERO_TIME: GoTime = {
  unixSeconds: -62_135_596_800,
  nanoseconds: 0,
  offsetSeconds: 0,
};

/** The instant as a time in UTC. */
export function timeAt(at: number): GoTime {
  const unixSeconds = Math.floor(at / 1_000);
  return { unixSeconds, nanoseconds: (at - unixSeconds * 1_000) * 1_000_000, offsetSeconds: 0 };
}

/** The last whole millisecond that is not after the time. */
export function instantOf(time: GoTime): number {
  return time.unixSeconds * 1_000 + Math.floor(time.nanoseconds / 1_000_000);
}

/**
 * The time that an RFC 3339 text stands for, with what Go 1.19 tolerates: one digit for the hour,
 * a comma before the fraction, offsets of any two digits.
 *
 * @param text Without quotation marks.
 * @throws {RangeError} With Go's message, which shows the text in quotation marks as JSON has it.
 * @see time/time.go `Time.UnmarshalJSON` of Go 1.19; test/golden/time
 */
export function parseTime(text: string): GoTime {
  return parseTimeJson(new TextEncoder().encode(`"${text}"`));
}

const LAYOUT = '"2006-01-02T15:04:05Z07:00"';

/**
 * The same for the raw bytes of a JSON value. Go does not undo escapes here, and a value that is
 * no string gets the same kind of message as a bad text.
 *
 * @throws {RangeError} With Go's message.
 */
export function parseTimeJson(raw: Uint8Array): GoTime {
  const value = Buffer.from(raw).toString("latin1");
  const text: TimeText = { value, rest: value };
  takeLiteral(text, '"');
  const year = takeYear(text);
  takeLiteral(text, "-");
  const month = takeNumber(text, { element: "01", digitsMin: 2 });
  if (month < 1 || month > 12) throw outOfRange(text, "month");
  takeLiteral(text, "-");
  const day = takeNumber(text, { element: "02", digitsMin: 2 });
  takeLiteral(text, "T");
  const hour = takeNumber(text, { element: "15", digitsMin: 1 });
  if (hour > 23) throw outOfRange(text, "hour");
  takeLiteral(text, ":");
  const minute = takeNumber(text, { element: "04", digitsMin: 2 });
  if (minute > 59) throw outOfRange(text, "minute");
  takeLiteral(text, ":");
  // Go forgets that the seconds are missing when a fraction stands in their place.
  const hasSecond = !/^[.,]\d/.test(text.rest);
  const second = hasSecond ? takeNumber(text, { element: "05", digitsMin: 2 }) : 0;
  if (second > 59) throw outOfRange(text, "second");
  const nanoseconds = takeFraction(text);
  const offsetSeconds = takeOffset(text);
  takeLiteral(text, '"');
  const midnightMs = new Date(0).setUTCFullYear(year, month - 1, day);
  // A day that the month does not have moves on into the next month. Go looks at it last of all.
  if (new Date(midnightMs).getUTCDate() !== day) throw outOfRange(text, "day");
  const clockSeconds = hour * 3_600 + minute * 60 + second;
  return {
    unixSeconds: midnightMs / 1_000 + clockSeconds - offsetSeconds,
    nanoseconds,
    offsetSeconds,
  };
}

/** A time text, one character for each byte, and what of it is still to be read. */
interface TimeText {
  readonly value: string;
  rest: string;
}

function takeLiteral(text: TimeText, character: string): void {
  if (!text.rest.startsWith(character)) throw mismatch(text, character);
  text.rest = text.rest.slice(1);
}

function takeYear(text: TimeText): number {
  const year = text.rest.slice(0, 4);
  if (!/^\d...$/s.test(year)) throw mismatch(text, "2006");
  // Go has already moved on when it finds a letter among the four; its message shows the rest.
  text.rest = text.rest.slice(4);
  if (!/^\d{4}$/.test(year)) throw mismatch(text, "2006");
  return Number(year);
}

/** One or two digits. `element` is the layout's name for them. */
function takeNumber(text: TimeText, { element, digitsMin }: NumberShape): number {
  const number = /^\d{1,2}/.exec(text.rest)?.[0] ?? "";
  if (number.length < digitsMin) throw mismatch(text, element);
  text.rest = text.rest.slice(number.length);
  return Number(number);
}

interface NumberShape {
  readonly element: string;
  readonly digitsMin: number;
}

/** Nanoseconds of an optional fraction. Digits after the ninth are dropped. */
function takeFraction(text: TimeText): number {
  const [whole = "", fraction = ""] = /^[.,](\d+)/.exec(text.rest) ?? [];
  text.rest = text.rest.slice(whole.length);
  return Number(fraction.slice(0, 9).padEnd(9, "0"));
}

/** Seconds east of UTC. */
function takeOffset(text: TimeText): number {
  if (text.rest.startsWith("Z")) {
    takeLiteral(text, "Z");
    return 0;
  }
  const offset = text.rest.slice(0, 6);
  if (offset.length < 6 || offset[3] !== ":") throw mismatch(text, "Z07:00");
  text.rest = text.rest.slice(6);
  // Go reads both numbers with a signed reader, so "+-1:00" is an offset too.
  const [, sign, hours, minutes] = /^([+-])(\d\d|[+-]\d):(\d\d|[+-]\d)$/.exec(offset) ?? [];
  if (sign === undefined) throw mismatch(text, "Z07:00");
  const seconds = (Number(hours) * 60 + Number(minutes)) * 60;
  return sign === "-" ? 0 - seconds : 0 + seconds;
}

function outOfRange(text: TimeText, what: string): RangeError {
  return new RangeError(`parsing time ${quote(text.value)}: ${what} out of range`);
}

function mismatch(text: TimeText, element: string): RangeError {
  const found = `cannot parse ${quote(text.rest)} as ${quote(element)}`;
  return new RangeError(`parsing time ${quote(text.value)} as ${quote(LAYOUT)}: ${found}`);
}

function quote(latin1: string): string {
  return quoteTimeBytes(Buffer.from(latin1, "latin1"));
}

/**
 * The time as Go's JSON writes it: fraction without zeros at its end, `Z` for an offset of 0.
 *
 * @see time/time.go `Time.MarshalJSON` of Go 1.19; test/golden/time
 */
export function formatRfc3339Nano(time: GoTime): string {
  const { unixSeconds, nanoseconds, offsetSeconds } = time;
  const clock = clockOf(unixSeconds, offsetSeconds);
  const fraction = trimFraction(String(nanoseconds).padStart(9, "0"));
  const zone = offsetSeconds === 0 ? "Z" : formatOffset(offsetSeconds, ":");
  return `${clock.year}-${clock.month}-${clock.day}T${clock.time}${fraction}${zone}`;
}

/**
 * A time as Go prints it: `2026-11-23 15:31:00 +0000 UTC`.
 *
 * @param offsetSeconds Of the zone at that instant, east of UTC.
 * @param zoneName Its abbreviation, such as "CET"; empty when it has none.
 * @see time/format.go `Time.String` of Go 1.19
 */
export function formatGoTime(at: number, offsetSeconds: number, zoneName: string): string {
  const { unixSeconds, nanoseconds } = timeAt(at);
  const clock = clockOf(unixSeconds, offsetSeconds);
  const fraction = trimFraction(String(nanoseconds).padStart(9, "0"));
  const offset = formatOffset(offsetSeconds, "");
  const date = `${clock.year}-${clock.month}-${clock.day}`;
  return `${date} ${clock.time}${fraction} ${offset} ${zoneName === "" ? offset : zoneName}`;
}

/** The date in UTC as `YYYYMMDD`, the name of a directory of results. */
export function formatUtcDate(at: number): string {
  const clock = clockOf(Math.floor(at / 1_000), 0);
  return `${clock.year}${clock.month}${clock.day}`;
}

/** What a calendar and a clock at that offset show, in digits. */
function clockOf(unixSeconds: number, offsetSeconds: number) {
  const local = new Date((unixSeconds + offsetSeconds) * 1_000);
  const hour = digits(local.getUTCHours());
  return {
    year: digits(local.getUTCFullYear(), 4),
    month: digits(local.getUTCMonth() + 1),
    day: digits(local.getUTCDate()),
    time: `${hour}:${digits(local.getUTCMinutes())}:${digits(local.getUTCSeconds())}`,
  };
}

function digits(value: number, width = 2): string {
  return String(value).padStart(width, "0");
}

function trimFraction(nanoseconds: string): string {
  const kept = nanoseconds.replace(/0+$/, "");
  return kept === "" ? "" : `.${kept}`;
}

function formatOffset(offsetSeconds: number, separator: string): string {
  const minutes = Math.trunc(Math.abs(offsetSeconds) / 60);
  const sign = offsetSeconds < 0 && minutes > 0 ? "-" : "+";
  return `${sign}${digits(Math.trunc(minutes / 60))}${separator}${digits(minutes % 60)}`;
}
