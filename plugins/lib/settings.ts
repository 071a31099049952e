// Settings: the kinds of values that the shipped plugins take from `[plugin "NAME"]`.
//
// Every value is a text, a key alone is true, and a repeated key is a list. No message quotes a
// value: it may be a secret.
import * as v from "valibot";

/** An http or https URL, as it was written. */
export function url() {
  return v.pipe(v.string(WANTED.url), v.check(isHttpUrl, WANTED.url));
}

/** A text that is not empty. */
export function text() {
  return v.pipe(v.string(WANTED.text), v.nonEmpty(WANTED.text));
}

/** One text or several. @default none */
export function texts() {
  const several = v.union([v.string(), v.array(v.string())], WANTED.texts);
  return v.optional(
    v.pipe(
      several,
      v.transform((value) => [value].flat()),
    ),
    [],
  );
}

/** Headers, each as `Name: value`. @default none */
export function headers() {
  return v.pipe(
    texts(),
    v.check((lines) => lines.every((line) => HEADER.test(line)), WANTED.headers),
    v.transform((lines) => Object.fromEntries(lines.map(splitHeader))),
  );
}

/** A whole number within bounds. */
export function whole({ min, max, fallback }: Bounds) {
  const wanted = `a whole number from ${min} to ${max} is wanted`;
  return v.optional(
    v.pipe(
      v.union([v.string(), v.number()], wanted),
      v.transform((value) => (/^\d+$/.test(String(value)) ? Number(value) : Number.NaN)),
      v.check((value) => value >= min && value <= max, wanted),
    ),
    String(fallback),
  );
}

/** Yes or no. */
export function flag(fallback: boolean) {
  return v.optional(
    v.pipe(
      v.union([v.boolean(), v.string()], WANTED.flag),
      v.check((value) => FLAGS.has(String(value).toLowerCase()), WANTED.flag),
      v.transform((value) => FLAGS.get(String(value).toLowerCase()) === true),
    ),
    fallback,
  );
}

/** A time such as "500ms", "30s", "5m" or "1h", in milliseconds; a day at most. */
export function duration(fallback: string) {
  return v.optional(
    v.pipe(
      v.string(WANTED.duration),
      v.regex(/^\d{1,6}(?:ms|s|m|h)$/, WANTED.duration),
      v.transform((value) => Number.parseInt(value, 10) * (UNITS.get(unitOf(value)) ?? 1)),
      // No timer takes much more, and it would be over at once.
      v.transform((ms) => Math.min(ms, DAY_MS)),
      v.minValue(1, WANTED.duration),
    ),
    fallback,
  );
}

/** One of a few words. */
export function oneOf<const Word extends string>(words: readonly Word[], fallback: NoInfer<Word>) {
  return v.optional(v.picklist(words, `one of ${words.join(", ")} is wanted`), fallback);
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
}

const WANTED = {
  url: "an http or https URL is wanted",
  text: "a text is wanted",
  texts: "a text or a list of texts is wanted",
  headers: 'headers such as "Name: value" are wanted',
  flag: "yes or no is wanted",
  duration: 'a time such as "30s" or "5m" is wanted',
} as const;

const HEADER = /^[\w!#$%&'*+.^`|~-]+:[\t\x20-\x7e]*$/;

function splitHeader(line: string): readonly [name: string, value: string] {
  const at = line.indexOf(":");
  return [line.slice(0, at), line.slice(at + 1).trim()];
}

const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ...["true", "yes", "on", "1"].map((word) => [word, true] as const),
  ...["false", "no", "off", "0"].map((word) => [word, false] as const),
]);

const DAY_MS = 86_400_000;

const UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

function unitOf(value: string): string {
  return value.replace(/^\d+/, "");
}

function isHttpUrl(value: string): boolean {
  const parsed = URL.parse(value);
  return parsed !== null && /^https?:$/.test(parsed.protocol);
}
