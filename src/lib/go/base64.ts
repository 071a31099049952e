// Base64: what Go's encoding/base64 accepts, with its own error for what it does not.
import { Buffer } from "node:buffer";

/**
 * The bytes of a base64 text with its padding; line breaks are skipped.
 *
 * @throws {RangeError} With Go's message, which counts bytes of the text's UTF-8 form from 0.
 * @see encoding/base64/base64.go `Encoding.Decode` of Go 1.19
 */
export function decodeBase64(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  while (at < bytes.length) at = readQuantum(bytes, at);
  return Buffer.from(text, "base64");
}

/** Where the group of four characters that begins at `start` ends. */
function readQuantum(bytes: Uint8Array, start: number): number {
  let at = start;
  let digits = 0;
  for (;;) {
    const byte = bytes[at];
    if (byte === undefined) {
      if (digits === 0) return at;
      throw corrupt(at - digits);
    }
    at++;
    if (isLineBreak(byte)) continue;
    if (isDigit(byte)) {
      digits++;
      if (digits === 4) return at;
      continue;
    }
    if (byte !== PAD || digits < 2) throw corrupt(at - 1);
    return readPadding(bytes, { at, missing: digits === 2 });
  }
}

/** The end of the text after its first `=`; a second one must follow if one is `missing`. */
function readPadding(bytes: Uint8Array, padding: { at: number; missing: boolean }): number {
  let at = skipLineBreaks(bytes, padding.at);
  if (padding.missing) {
    if (at === bytes.length) throw corrupt(at);
    if (bytes[at] !== PAD) throw corrupt(at - 1);
    at = skipLineBreaks(bytes, at + 1);
  }
  if (at < bytes.length) throw corrupt(at);
  return at;
}

const PAD = 0x3d;

function skipLineBreaks(bytes: Uint8Array, start: number): number {
  let at = start;
  while (isLineBreak(bytes[at] ?? 0)) at++;
  return at;
}

function isLineBreak(byte: number): boolean {
  return byte === 0x0a || byte === 0x0d;
}

function isDigit(byte: number): boolean {
  return /[A-Za-z0-9+/]/.test(String.fromCharCode(byte));
}

function corrupt(at: number): RangeError {
  return new RangeError(`illegal base64 data at input byte ${at}`);
}
