// Shorten: what of a JSON value goes into a number of bytes, for receivers with a limit: one
// command may hold a hundred thousand findings, or one text of megabytes.
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

/** Lists in lists that are looked into; what is deeper is left out. */
const DEPTH_MAX = 100;

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

function take(value: unknown, room: Room): unknown {
  if (typeof value === "string") return takeText(value, room);
  if (typeof value !== "object" || value === null) return value;
  const parts = partsOf(value);
  const kept = room.depth < DEPTH_MAX ? takeParts(parts, room) : [];
  room.counter.leftOut += parts.length - kept.length;
  if (Array.isArray(value)) return kept.map(({ value: item }) => item);
  return Object.fromEntries(kept.map(({ name, value: item }) => [name, item]));
}

function partsOf(value: object): readonly Part[] {
  if (Array.isArray(value)) {
    return value.map((item) => ({ name: "", value: item, frame: FRAME_BYTES }));
  }
  return Object.entries(value).map(([name, item]) => {
    return { name, value: item, frame: sizeOf(name) + FRAME_BYTES };
  });
}

/** Few parts have an equal share, and what the small ones leave; of many the first are whole. */
function takeParts(parts: readonly Part[], room: Room): readonly Part[] {
  const isShared = parts.length <= SHARES_MAX;
  const sizes = isShared ? parts.map(({ value }) => sizeOf(value)) : [];
  const places = parts.keys().toArray();
  const order = isShared ? places.toSorted((a, b) => (sizes[a] ?? 0) - (sizes[b] ?? 0)) : places;
  const kept = new Map<number, Part>();
  let left = room.bytesMax - FRAME_BYTES;
  for (const [done, place] of order.entries()) {
    const part = parts[place];
    const share = isShared ? left / (parts.length - done) : left;
    if (part === undefined || share <= part.frame + FRAME_BYTES) break;
    const own = { ...room, bytesMax: share - part.frame, depth: room.depth + 1 };
    // The pieces of one more would be of no use.
    if (!isShared && kept.size > 0 && sizeOf(part.value) > own.bytesMax) break;
    const value = take(part.value, own);
    const size = sizeOf(value);
    // What a text or a number leaves no room for.
    if (size > own.bytesMax) break;
    kept.set(place, { ...part, value });
    left -= part.frame + size;
  }
  return places.flatMap((place) => kept.get(place) ?? []);
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(encodeJson(value));
}

function takeText(text: string, { bytesMax, counter }: Room): string {
  if (sizeOf(text) <= bytesMax) return text;
  counter.leftOut++;
  let cut = cutBytes(text, bytesMax);
  // Escapes make a text up to six times longer.
  for (let max = bytesMax; sizeOf(cut) > bytesMax && max >= FRAME_BYTES; max /= 2) {
    cut = cutBytes(text, max / 2);
  }
  return cut;
}
