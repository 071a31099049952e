// Packets: the outer form of OpenPGP data: armor, packet headers, and a cursor over a body.
//
// Error texts are those of Go's openpgp package, because operators know them and the API says them.
import { joinBytes } from "./numbers.ts";

/** Packet types that occur in key rings and signatures (RFC 4880 section 4.3). */
export const TAG = {
  signature: 2,
  secretKey: 5,
  publicKey: 6,
  secretSubkey: 7,
  publicSubkey: 14,
  userId: 13,
} as const;

/** One packet without its header. */
export interface Packet {
  /** See TAG. */
  readonly tag: number;
  readonly body: Uint8Array;
}

/** What is wrong with OpenPGP data, in Go's words. */
export class PacketError extends Error {
  override readonly name = "PacketError";
}

/** A text that ends before it should. */
export function unexpectedEnd(): PacketError {
  return new PacketError("unexpected EOF");
}

/** Data that breaks a rule of the format. */
export function structural(what: string): PacketError {
  return new PacketError(`openpgp: invalid data: ${what}`);
}

/** Data that keeps the rules but asks for something that the API's library does not have. */
export function unsupported(what: string): PacketError {
  return new PacketError(`openpgp: unsupported feature: ${what}`);
}

/** A place in a packet's body. Reading moves it; reading past the end throws "unexpected EOF". */
export class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** How many bytes have been read. */
  get offset(): number {
    return this.#at;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** The next `length` bytes, not copied. */
  take(length: number): Uint8Array {
    if (length > this.left) throw unexpectedEnd();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** A big-endian integer of `length` bytes, at most 6. */
  integer(length: number): number {
    return this.take(length).reduce((value, byte) => value * 256 + byte, 0);
  }

  /** A multiprecision integer's bytes, exactly as stored (RFC 4880 section 3.2). */
  number(): Uint8Array {
    return this.take(Math.ceil(this.integer(2) / 8));
  }

  /** Everything that is left. */
  rest(): Uint8Array {
    return this.take(this.left);
  }
}

/** Packets up to the end, or up to what could not be read as one. */
export interface PacketList {
  readonly packets: readonly Packet[];
  /** What stopped the reading, or null when all was read. */
  readonly damage: string | null;
}

/** Splits binary OpenPGP data into packets. Never throws: a broken tail costs only itself. */
export function parsePackets(bytes: Uint8Array): PacketList {
  const packets: Packet[] = [];
  const cursor = new Cursor(bytes);
  try {
    while (cursor.left > 0) packets.push(parsePacket(cursor));
  } catch (error) {
    if (!(error instanceof PacketError)) throw error;
    return { packets, damage: error.message };
  }
  return { packets, damage: null };
}

/** Reads one packet in the old or the new format (RFC 4880 section 4.2). */
export function parsePacket(cursor: Cursor): Packet {
  const head = cursor.integer(1);
  if ((head & 0x80) === 0) throw structural("tag byte does not have MSB set");
  if ((head & 0x40) !== 0) return { tag: head & 0x3f, body: newFormatBody(cursor) };
  const lengthType = head & 3;
  const length = lengthType === 3 ? cursor.left : cursor.integer(1 << lengthType);
  return { tag: (head & 0x3f) >> 2, body: cursor.take(length) };
}

function newFormatBody(cursor: Cursor): Uint8Array {
  const parts: Uint8Array[] = [];
  for (;;) {
    const first = cursor.integer(1);
    if (first >= 224 && first < 255) {
      parts.push(cursor.take(2 ** (first & 0x1f)));
      continue;
    }
    parts.push(cursor.take(lengthAfter(first, cursor)));
    return parts.length === 1 ? (parts[0] ?? new Uint8Array()) : joinBytes(...parts);
  }
}

/** The length that starts with the byte `first`, in packets and signature subpackets alike. */
export function lengthAfter(first: number, cursor: Cursor): number {
  if (first < 192) return first;
  if (first < 255) return (first - 192) * 256 + cursor.integer(1) + 192;
  return cursor.integer(4);
}

const ARMOR = /-----BEGIN PGP [A-Z ]+-----([\s\S]*?)(?:-----END PGP [A-Z ]+-----|$)/g;

/**
 * The binary data of a file that may be armored, with all its blocks in one.
 *
 * A file whose first byte has its top bit set is binary already. Armor headers and checksums are
 * skipped: whatever is damaged shows in the packets.
 */
export function dearmor(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0 || ((bytes[0] ?? 0) & 0x80) !== 0) return bytes;
  const text = new TextDecoder("latin1").decode(bytes);
  const blocks = [...text.matchAll(ARMOR)].map((match) => armorBody(match[1] ?? ""));
  return blocks.length === 0 ? bytes : joinBytes(...blocks);
}

function armorBody(block: string): Uint8Array {
  // Header lines have a colon, which base64 has not.
  const lines = block.split(/[\r\n]+/).filter((line) => !line.includes(":"));
  const end = lines.findIndex((line) => line.trimStart().startsWith("="));
  const digits = (end === -1 ? lines : lines.slice(0, end)).join("");
  return decodeLoosely(digits.replace(/[^A-Za-z0-9+/]/g, ""));
}

/** Base64 digits up to where they stop making sense: a cut file keeps its beginning. */
function decodeLoosely(digits: string): Uint8Array {
  const usable = digits.length % 4 === 1 ? digits.slice(0, -1) : digits;
  return Uint8Array.fromBase64(usable, { lastChunkHandling: "loose" });
}
