// Duration: Go's duration texts, such as "1h30m" in entity.cfg and "19.771453068s" in the log.
//
// A duration is a bigint of nanoseconds, because Go counts them in 64 bits and accepts texts up to
// 292 years. Wrapping and rounding are Go's own, also where they look like mistakes.
import { quoteTimeText } from "./quote.ts";

const UNITS: ReadonlyMap<string, bigint> = new Map([
  ["ns", 1n],
  ["us", 1_000n],
  ["µs", 1_000n], // U+00B5, micro sign
  ["μs", 1_000n], // U+03BC, Greek letter mu
  ["ms", 1_000_000n],
  ["s", 1_000_000_000n],
  ["m", 60_000_000_000n],
  ["h", 3_600_000_000_000n],
]);

/** One more than the largest positive duration, and the size of the largest negative one. */
const LIMIT = 1n << 63n;

/**
 * The nanoseconds that a text such as "1h30m", "-1.5s" or "0" stands for, between -2^63 and
 * 2^63 - 1.
 *
 * @throws {RangeError} With the message of Go's time.ParseDuration.
 * @see time/format.go `ParseDuration` of Go 1.19; test/golden/duration
 */
export function parseDuration(text: string): bigint {
  const negative = text.startsWith("-");
  let rest = negative || text.startsWith("+") ? text.slice(1) : text;
  if (rest === "0") return 0n;
  if (rest === "") throw notADuration(text);
  let total = 0n;
  while (rest !== "") {
    const [part = "", number = "", fraction = "", unit = ""] = matchPart(rest);
    if (!/\d/.test(number + fraction) || BigInt(number) > LIMIT) throw notADuration(text);
    if (unit === "") throw new RangeError(`time: missing unit in duration ${quoteTimeText(text)}`);
    const scale = UNITS.get(unit);
    if (scale === undefined) {
      const names = `${quoteTimeText(unit)} in duration ${quoteTimeText(text)}`;
      throw new RangeError(`time: unknown unit ${names}`);
    }
    // Go compares before it multiplies: the product of a whole number must fit on its own.
    if (BigInt(number) > LIMIT / scale) throw notADuration(text);
    const length = BigInt(number) * scale + nanosecondsOf(fraction.slice(1), scale);
    if (length > LIMIT) throw notADuration(text);
    // Two halves of exactly 2^63 wrap around to 0 in Go's unsigned sum, without an error.
    total = BigInt.asUintN(64, total + length);
    if (total > LIMIT) throw notADuration(text);
    rest = rest.slice(part.length);
  }
  if (!negative && total === LIMIT) throw notADuration(text);
  return negative ? -total : total;
}

/** The next number, fraction with its point, and unit, which is all up to a digit or point. */
function matchPart(rest: string): readonly string[] {
  const match = /^(\d*)(\.\d*)?([^\d.]*)/.exec(rest);
  return match === null ? [] : match;
}

/** A fraction of a unit in nanoseconds, cut off; by way of a float, as Go does it. */
function nanosecondsOf(digits: string, unit: bigint): bigint {
  let value = 0n;
  let scale = 1;
  for (const digit of digits) {
    // Digits that 63 bits cannot hold are dropped, so the order of these two tests matters.
    if (value > (LIMIT - 1n) / 10n) break;
    const longer = value * 10n + BigInt(digit);
    if (longer > LIMIT) break;
    value = longer;
    scale *= 10;
  }
  return BigInt(Math.trunc(Number(value) * (Number(unit) / scale)));
}

function notADuration(text: string): RangeError {
  return new RangeError(`time: invalid duration ${quoteTimeText(text)}`);
}

/**
 * A duration as Go prints it: "0s", "1.5µs", "443.878431ms", "1h0m0s".
 *
 * @param ns Between -2^63 and 2^63 - 1.
 * @see time/time.go `Duration.String` of Go 1.19; test/golden/duration
 */
export function formatDuration(ns: bigint): string {
  const sign = ns < 0n ? "-" : "";
  const size = ns < 0n ? -ns : ns;
  if (size === 0n) return "0s";
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 3)}µs`;
  if (size < 1_000_000_000n) return `${sign}${decimal(size, 6)}ms`;
  const seconds = `${decimal(size % 60_000_000_000n, 9)}s`;
  const minutes = size / 60_000_000_000n;
  if (minutes === 0n) return `${sign}${seconds}`;
  if (minutes < 60n) return `${sign}${minutes}m${seconds}`;
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** `value` divided by 10 to the power of `places`, without zeros at the end. */
function decimal(value: bigint, places: number): string {
  const digits = String(value).padStart(places + 1, "0");
  const fraction = digits.slice(-places).replace(/0+$/, "");
  return `${digits.slice(0, -places)}${fraction === "" ? "" : "."}${fraction}`;
}

/** Whole milliseconds, rounded up, so that a wait of that length is never too short. */
export function durationToMs(ns: bigint): number {
  const whole = ns / 1_000_000n;
  return Number(ns > whole * 1_000_000n ? whole + 1n : whole);
}
