// Utf8: text from bytes as Go reads it. Each byte that is not part of a character becomes one
// U+FFFD, where a TextDecoder makes one of a whole broken sequence.

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The text of bytes that need not be UTF-8.
 *
 * @see unicode/utf8 `DecodeRune` of Go 1.19; test/golden/json, class invalid-utf8
 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return STRICT.decode(bytes);
  } catch {
    return decodeBroken(bytes);
  }
}

function decodeBroken(bytes: Uint8Array): string {
  let text = "";
  let kept = 0;
  let at = 0;
  while (at < bytes.length) {
    const size = characterSize(bytes, at);
    if (size === 0) {
      text += `${STRICT.decode(bytes.subarray(kept, at))}\uFFFD`;
      kept = at + 1;
    }
    at += Math.max(size, 1);
  }
  return text + STRICT.decode(bytes.subarray(kept));
}

/** Where the first byte is that is not part of a character, or null. */
export function firstBroken(bytes: Uint8Array): number | null {
  for (let at = 0; at < bytes.length; ) {
    const size = characterSize(bytes, at);
    if (size === 0) return at;
    at += size;
  }
  return null;
}

/** Bytes of the character that begins at `at`, or 0 when none does. */
function characterSize(bytes: Uint8Array, at: number): number {
  const [first = 0, second = 0, third = 0, fourth = 0] = bytes.subarray(at, at + 4);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || !isContinuation(second)) return 0;
  if (first < 0xe0) return 2;
  // Too long a form, or half of a surrogate pair.
  if ((first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f)) return 0;
  if (!isContinuation(third)) return 0;
  if (first < 0xf0) return 3;
  // Too long a form, or beyond U+10FFFF.
  if ((first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f)) return 0;
  return isContinuation(fourth) ? 4 : 0;
}

function isContinuation(byte: number): boolean {
  return byte >= 0x80 && byte < 0xc0;
}

/** Order of two texts by their UTF-8 bytes, which is the order of their code points. */
export function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const difference = rank(left.charCodeAt(at)) - rank(right.charCodeAt(at));
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** UTF-16 puts surrogates before U+E000 to U+FFFF, UTF-8 puts the characters they make after. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
