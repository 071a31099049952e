// Text: other people's words, made safe to show and cut between characters.
//
// Owns:     which characters are shown as escapes, and where a text may be cut.
// Not here: what is said (whoever says it), the width of a terminal (cli/text.ts).
//
// A job's name, a command's status, an answer of a service, a message of a plugin: all that people
// read may have been written by somebody else. It must neither move a terminal's cursor, nor look
// like a line of ours, nor hide or turn round what stands beside it, nor be without an end.

/** Most characters of one line that people read. Only what is shown on purpose is so long. */
export const LINE_SIZE_MAX = 64 * 1024;

/**
 * Control characters, line and paragraph separators, halves of a character, and what cannot be
 * seen or turns the direction of the text around it. The joiners U+200C and U+200D stay: Persian
 * and emoji are written with them.
 *
 * Cc, Zl, Zp and Cs as ranges, which Unicode never changes: as \p{…} each start would pay for them.
 */
const UNSEEN = new RegExp(
  "[\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029\\ud800-\\udfff" +
    "\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u202a-\\u202e" +
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}]",
  "gu",
);

/**
 * The text with every character that is not safe to show as an escape, as Go's `%q` writes it:
 * `\n`, `\x1b`, `\u202e`. Tabs stay. Shown twice, it looks the same.
 *
 * @param keep More characters to leave as they are.
 */
export function visible(text: string, keep = ""): string {
  return text.replace(UNSEEN, (character) => {
    if (character === "\t" || keep.includes(character)) return character;
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) return `\\x${hex(code, 2)}`;
    return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
  });
}

/** One line that can be shown: the text made visible, without an end of its own, and bounded. */
export function shownLine(text: string, sizeMax = LINE_SIZE_MAX): string {
  let end = text.length;
  while (text[end - 1] === "\n" || text[end - 1] === "\r") end--;
  // Cut first: what is left out need not be looked at.
  return visible(cutText(text.slice(0, end), sizeMax));
}

/** Lines as one text, each made safe to show, bounded, and ended. */
export function shownLines(lines: readonly string[]): string {
  return lines.map((line) => `${shownLine(line)}\n`).join("");
}

/**
 * A text of JSON with what is not safe to show as the escapes of JSON: the same value to whoever
 * parses it. Such characters stand only in its strings.
 */
export function visibleJson(json: string): string {
  return json.replace(UNSEEN, (character) =>
    // Between its values, these are JSON too.
    character === "\n" || character === "\t"
      ? character
      : Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
          .map((unit) => `\\u${hex(unit, 4)}`)
          .join(""),
  );
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}

/** At most the first `sizeMax` UTF-16 units of a text, without half a character at the end. */
export function firstOf(text: string, sizeMax: number): string {
  if (text.length <= sizeMax) return text;
  const last = text.charCodeAt(sizeMax - 1);
  const isHalf = last >= 0xd800 && last < 0xdc00;
  return text.slice(0, isHalf ? sizeMax - 1 : Math.max(sizeMax, 0));
}

/** The text, or as much of it as fits into `sizeMax` UTF-16 units with "…" for the rest. */
export function cutText(text: string, sizeMax: number): string {
  return text.length <= sizeMax ? text : `${firstOf(text, sizeMax - 1)}…`;
}

/** The text's UTF-8 bytes, at most `bytesMax` of them, without part of a character at the end. */
export function firstBytes(text: string, bytesMax: number): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= bytesMax) return bytes;
  let end = bytesMax;
  // A byte 10xxxxxx goes on with a character that began before it.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

/**
 * The encoding of a text in units of two or four bytes, by its mark or its many NULs; null for
 * everything else. Editors of other systems write such files, and no reader here takes them.
 */
export function wideEncoding(bytes: Uint8Array): "UTF-16" | "UTF-32" | null {
  const [first = 0, second = 0, third = 0, fourth = 0] = bytes;
  const isLittle = first === 0xff && second === 0xfe;
  if (bytes.length >= 4 && isLittle && third === 0 && fourth === 0) return "UTF-32";
  if (isLittle || (first === 0xfe && second === 0xff)) return "UTF-16";
  const head = bytes.subarray(0, 256);
  const zeros = head.reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0);
  if (head.length < 4 || zeros < head.length / 3) return null;
  return zeros > head.length * 0.6 ? "UTF-32" : "UTF-16";
}
