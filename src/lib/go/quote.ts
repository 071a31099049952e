// Quote: text in the quotation marks of Go's error messages, which operators and tests compare.

/**
 * Text as Go's package time quotes it: control bytes and all bytes from 0x80 on become `\xNN`, one
 * for each byte of the UTF-8 form.
 *
 * @see time/format.go `quote` of Go 1.19; test/golden/duration
 */
export function quoteTimeText(text: string): string {
  return quoteTimeBytes(new TextEncoder().encode(text));
}

/** The same for bytes that need not be UTF-8. */
export function quoteTimeBytes(bytes: Uint8Array): string {
  let quoted = "";
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    if (byte < 0x20 || byte >= 0x80) quoted += `\\x${byte.toString(16).padStart(2, "0")}`;
    else if (character === '"' || character === "\\") quoted += `\\${character}`;
    else quoted += character;
  }
  return `"${quoted}"`;
}

/** Control characters with a short name in Go's character literals. */
const SHORT_NAMES: Readonly<Record<number, string>> = {
  7: "\\a",
  8: "\\b",
  9: "\\t",
  10: "\\n",
  11: "\\v",
  12: "\\f",
  13: "\\r",
  39: "\\'",
  92: "\\\\",
};

/**
 * One byte as encoding/json names it in a syntax error. The byte counts as a code point of its
 * own, so the first byte of "é" is `'Ã'`.
 *
 * @see encoding/json/scanner.go `quoteChar` of Go 1.19; test/golden/json
 */
export function quoteByte(byte: number): string {
  const name = SHORT_NAMES[byte];
  if (name !== undefined) return `'${name}'`;
  if (byte < 0x20 || byte === 0x7f) return `'\\x${byte.toString(16).padStart(2, "0")}'`;
  // U+00A0 and the soft hyphen are the only other ones up to U+00FF that do not print.
  const prints = byte < 0x80 || (byte > 0xa0 && byte !== 0xad);
  return prints ? `'${String.fromCharCode(byte)}'` : `'\\u00${byte.toString(16)}'`;
}
