// Text: what is read of other people's JSON, made into texts that people and services can take.
//
// Agents' texts are an attacker's texts: of any length, of any characters, with half characters in
// them (a lone surrogate), or no texts at all. Every text that a plugin sends goes through here.

/** What stands for what was cut off. */
const MORE = "…";

/** How far before a cut the begin of a character is looked for: longer ones are cut. */
const CHARACTER_SIZE_MAX = 64;

/**
 * A text of any JSON value: a text as it is, anything else as JSON. Never throws. An object's own
 * `toString` is not asked, which an agent can have set to a number.
 */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value.toWellFormed();
  if (value === undefined) return "";
  try {
    return encodeJson(value);
  } catch {
    return "something that is nested too deep";
  }
}

/** JSON of a value, all of whose texts are whole: services refuse others with all around them. */
export function encodeJson(value: unknown): string {
  const text = JSON.stringify(value);
  // JSON.stringify writes half a character as an escape, and nothing else so.
  return text.includes("\\ud") ? text.replace(HALVES, mendHalf) : text;
}

const HALVES = /\\(?:ud[89a-f][0-9a-f]{2}|.)/g;

function mendHalf(part: string): string {
  return part.startsWith("\\ud") ? "\ufffd" : part;
}

/** At most `max` UTF-16 units of a text, cut between two characters, with … where it was cut. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text.toWellFormed();
  return beginOf(text, Math.max(0, max - MORE.length)).toWellFormed() + MORE;
}

/** As `cutText`, for receivers that count bytes of UTF-8. */
export function cutBytes(text: string, max: number): string {
  const isEnough = text.length > max + CHARACTER_SIZE_MAX;
  const whole = (isEnough ? text.slice(0, max + CHARACTER_SIZE_MAX) : text).toWellFormed();
  if (!isEnough && Buffer.byteLength(whole) <= max) return whole;
  const { read } = new TextEncoder().encodeInto(
    whole,
    new Uint8Array(Math.max(0, max - Buffer.byteLength(MORE))),
  );
  return beginOf(whole, read) + MORE;
}

let characters: Intl.Segmenter | null = null;

/** The characters of a text that end within its first `length` units. */
function beginOf(text: string, length: number): string {
  const from = Math.max(0, length - CHARACTER_SIZE_MAX);
  const around = text.slice(from, length + CHARACTER_SIZE_MAX);
  characters ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  const place = length - from;
  const start = characters.segment(around).containing(place)?.index ?? place;
  if (start > 0 || from === 0) return text.slice(0, from + start);
  // One character that is longer than any: then at least no half of a code point.
  const isHalf = /[\ud800-\udbff]/.test(text.charAt(length - 1));
  return text.slice(0, isHalf ? length - 1 : length);
}

/**
 * A text as one line: without control characters, ends of lines, and what turns the direction of
 * writing, by which a host could write lines of its own into a message.
 */
export function lineOf(text: string, max: number): string {
  // What is far behind the end is not looked at.
  const begin = text.length > 4 * max ? cutText(text, 4 * max) : text;
  return cutText(begin.replace(BREAKS, " ").trim(), max);
}

const BREAKS = /[\s\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;
