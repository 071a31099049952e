// Shorten: what of a JSON value goes into a number of bytes, for receivers with a limit: one
// command may hold a hundred thousand findings, or one text of megabytes.
//
// Nothing is made of the whole value: not its text, and no list of its parts.
import { cutBytes, encodeJson } from "./text.ts";

/** What is left of a value, and how many things of it were left out: items, members, ends of texts. */
export interface Shortened {
  readonly value: unknown;
  readonly leftOut: number;
}

/** Parts that have a share of the room each; of more than that the first ones are kept whole. */
const SHARES_MAX = 64;

/** Brackets around a value, and what stands between two parts of it. */
const FRAME_BYTES = 2;

/** Lists in lists that are looked into; what is deeper counts as too large. */
const DEPTH_MAX = 100;

/**
 * Bytes of a value as JSON; Infinity when they are more than `max`.
 *
 * @param max Not more than this is looked at.
 */
export function sizeOf(value: unknown, max: number, depth = 0): number {
  if (typeof value === "string")
    return value.length > max ? Number.POSITIVE_INFINITY : bytes(value);
  if (typeof value !== "object" || value === null) return bytes(value ?? null);
  if (depth > DEPTH_MAX) return Number.POSITIVE_INFINITY;
  let size = FRAME_BYTES;
  for (const { frame, value: part } of partsOf(value)) {
    size += frame + sizeOf(part, max - size, depth + 1);
    if (size > max) return Number.POSITIVE_INFINITY;
  }
  return size;
}

/** Cuts long texts, and leaves out what lists and objects have too much, from their ends. */
export function shorten(value: unknown, bytesMax: number): Shortened {
  const counter = { leftOut: 0 };
  return { value: take(value, { bytesMax, counter, depth: 0 }), leftOut: counter.leftOut };
}

interface Room {
  readonly bytesMax: number;
  readonly counter: { leftOut: number };
  readonly depth: number;
}

/** A part of a list or an object. */
interface Part {
  /** "" in a list. */
  readonly name: string;
  readonly value: unknown;
  /** Of its name and what stands around it. */
  readonly frame: number;
}

function* partsOf(value: object): Generator<Part> {
  if (Array.isArray(value)) {
    for (const item of value) yield { name: "", value: item, frame: 1 };
    return;
  }
  for (const name of Object.keys(value)) {
    yield { name, value: Reflect.get(value, name), frame: bytes(name) + FRAME_BYTES };
  }
}

function take(value: unknown, room: Room): unknown {
  if (typeof value === "string") return takeText(value, room);
  if (typeof value !== "object" || value === null) return value;
  const count = Array.isArray(value) ? value.length : Object.keys(value).length;
  const kept = count <= SHARES_MAX ? takeShares([...partsOf(value)], room) : takeFirst(value, room);
  room.counter.leftOut += count - kept.length;
  if (Array.isArray(value)) return kept.map(({ value: item }) => item);
  return Object.fromEntries(kept.map(({ name, value: item }) => [name, item]));
}

/** Each of a few parts has an equal share, and what the small ones leave of theirs. */
function takeShares(parts: readonly Part[], room: Room): readonly Part[] {
  if (room.depth >= DEPTH_MAX) return [];
  const sizes = parts.map(({ value }) => sizeOf(value, room.bytesMax));
  const places = parts.keys().toArray();
  const kept = new Map<number, Part>();
  let left = room.bytesMax - FRAME_BYTES;
  const order = places.toSorted((a, b) => Math.sign((sizes[a] ?? 0) - (sizes[b] ?? 0)) || a - b);
  for (const [done, place] of order.entries()) {
    const part = parts[place];
    if (part === undefined) break;
    const own = left / (parts.length - done) - part.frame;
    const value = takePart(part.value, { ...room, bytesMax: own });
    if (value === undefined) break;
    kept.set(place, { ...part, value });
    left -= part.frame + sizeOf(value, own);
  }
  return places.flatMap((place) => kept.get(place) ?? []);
}

/** The first of many parts, whole; of the first one at least a piece. */
function takeFirst(value: object, room: Room): readonly Part[] {
  const kept: Part[] = [];
  let left = room.bytesMax - FRAME_BYTES;
  for (const part of partsOf(value)) {
    const own = left - part.frame;
    const isWhole = sizeOf(part.value, own) <= own;
    if (!isWhole && kept.length > 0) break;
    const taken = isWhole ? part.value : takePart(part.value, { ...room, bytesMax: own });
    if (taken === undefined || room.depth >= DEPTH_MAX) break;
    kept.push({ ...part, value: taken });
    left -= part.frame + sizeOf(taken, own);
  }
  return kept;
}

/** What of a part goes in; undefined when nothing does. */
function takePart(value: unknown, room: Room): unknown {
  if (room.bytesMax < FRAME_BYTES) return undefined;
  const leftOut = room.counter.leftOut;
  const taken = take(value, { ...room, depth: room.depth + 1 });
  if (sizeOf(taken, room.bytesMax) <= room.bytesMax) return taken;
  room.counter.leftOut = leftOut;
  return undefined;
}

function takeText(text: string, { bytesMax, counter }: Room): string {
  if (sizeOf(text, bytesMax) <= bytesMax) return text;
  counter.leftOut++;
  let cut = cutBytes(text, bytesMax);
  // Escapes make a text up to six times longer.
  for (let max = bytesMax; bytes(cut) > bytesMax && max >= FRAME_BYTES; max /= 2) {
    cut = cutBytes(text, max / 2);
  }
  return cut;
}

function bytes(value: unknown): number {
  return Buffer.byteLength(encodeJson(value));
}
