// Scalars: one gcfg value as a whole number or a yes/no, with the original's reasons for refusing.
//
// The original reads numbers with Go's fmt.Sscanf("%d%s") or, behind "0x", ("%v%s"). That is why
// 010 is ten, 0X10 is refused and 0x1_0 is sixteen.

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** Go's unicode.IsSpace. JavaScript's `\s` and `trim` have U+FEFF more and U+0085 less. */
const SPACES = "\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const OUTER_SPACES = new RegExp(`^[${SPACES}]+|[${SPACES}]+$`, "g");
const NEXT_WORD = new RegExp(`^[${SPACES}]*([^${SPACES}]*)`);

const TRUTHS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["yes", true],
  ["on", true],
  ["1", true],
  ["false", false],
  ["no", false],
  ["off", false],
  ["0", false],
]);

/**
 * A whole number from -2^63 to 2^63-1: decimal, or hexadecimal behind `0x` or `-0x`.
 *
 * @param type The name of the Go type, for the message: "int" or "int64".
 * @throws {SyntaxError} With the original's text.
 * @see gcfg.v1 types.ParseInt; test/golden/gcfg, classes "int" and "int-edge".
 */
export function parseInteger(text: string, type: string): bigint {
  const value = text.replace(OUTER_SPACES, "");
  const fail = (why: string): never => {
    throw new SyntaxError(`failed to parse ${quoteGo(value)} as ${type}: ${why}`);
  };
  const sign = /^[+-]?/.exec(value)?.[0] ?? "";
  const hexadecimal = /^-?0x/.test(value);
  const digits = hexadecimal
    ? (/^-?0x[0-9a-fA-F_]*/.exec(value)?.[0] ?? "")
    : (/^[+-]?[0-9]*/.exec(value)?.[0] ?? "");
  if (digits === sign) return fail(value === sign ? "EOF" : "expected integer");
  // An underscore may only stand between two digits, or between the prefix and a digit.
  if (hexadecimal && !/^-?0x(_?[0-9a-fA-F])+$/.test(digits)) {
    return fail(`strconv.ParseInt: parsing ${quoteGo(digits)}: invalid syntax`);
  }
  const magnitude = BigInt(digits.slice(sign.length).replaceAll("_", ""));
  const number = sign === "-" ? -magnitude : magnitude;
  if (number > INT64_MAX || number < INT64_MIN) {
    return fail(`strconv.ParseInt: parsing ${quoteGo(digits)}: value out of range`);
  }
  const rest = value.slice(digits.length);
  // The blanks before the rest may not hold a line feed, which only an escape can put there.
  if (new RegExp(`^[${SPACES}]*?\\n`).test(rest)) return fail("unexpected newline");
  const word = NEXT_WORD.exec(rest)?.[1] ?? "";
  return word === "" ? number : fail(`extra characters ${quoteGo(word)}`);
}

/**
 * true yes on 1, false no off 0, in any letter case.
 *
 * @throws {SyntaxError} With the original's text.
 * @see gcfg.v1 types.ParseBool; test/golden/gcfg, classes "bool" and "bool-edge".
 */
export function parseTruth(text: string): boolean {
  // Letter by letter, as in Go: U+0130 becomes a plain i and no letter depends on its neighbours.
  const lower = Array.from(text, (letter) => (letter === "\u0130" ? "i" : letter.toLowerCase()));
  const word = lower.join("");
  const truth = TRUTHS.get(word);
  if (truth !== undefined) return truth;
  // Go's %#q: between backquotes unless the text has a backquote or a control character.
  const plain = !/[`\p{Cc}\ufeff]/u.test(word.replaceAll("\t", ""));
  throw new SyntaxError(`failed to parse bool ${plain ? `\`${word}\`` : quoteGo(word)}`);
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

/** A text between double quotes as Go's `%q` writes it: what cannot be printed is escaped. */
export function quoteGo(text: string): string {
  const letters = Array.from(text, (letter) => {
    const short = SHORT_ESCAPES[letter];
    if (short !== undefined) return short;
    if (/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(letter)) return letter;
    const rune = letter.codePointAt(0) ?? 0;
    if (rune < 0x80) return `\\x${rune.toString(16).padStart(2, "0")}`;
    const digits = rune.toString(16);
    return rune < 0x10000 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
  });
  return `"${letters.join("")}"`;
}
