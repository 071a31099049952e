// Batch: items gathered into groups that one request can carry, and taken apart again when the
// service refuses a group: one bad item must not cost the others.
import type { Posted } from "./post.ts";
import type { Run } from "./progress.ts";
import type { Sent, Tally } from "./tally.ts";

/** An item as it goes over the wire. */
export interface Piece {
  /** Which item it is, for the log. */
  readonly label: string;
  /** The same at each try, other for any other item of the delivery. */
  readonly id: string;
  readonly text: string;
  /** How many things are not in it, because it would have been too large. @default 0 */
  readonly leftOut?: number;
}

/** A piece at its place among all of the delivery. */
export type PlacedPiece = Piece & { readonly place: number };

/** How large a batch may be. */
export interface BatchLimits {
  readonly countMax: number;
  /** Bytes of all texts; an item that is larger alone is a batch of its own. */
  readonly bytesMax: number;
  readonly tally: Tally;
}

/** A batch, and whether it is the last one of this attempt. */
export interface Batch extends Sent {
  readonly pieces: readonly PlacedPiece[];
  readonly isLast: boolean;
}

/**
 * Gathers what is left of all pieces, in their order, so that at each attempt the same pieces are
 * together. Of no pieces it makes no batch.
 */
export async function* batches(
  all: AsyncIterable<Piece>,
  { bytesMax, countMax, tally }: BatchLimits,
): AsyncGenerator<Batch> {
  let batch: PlacedPiece[] = [];
  let size = 0;
  for await (const piece of tally.remaining(all)) {
    const bytes = Buffer.byteLength(piece.text);
    const isFull = batch.length >= countMax || size + bytes > bytesMax;
    const isApart = piece.place !== (batch.at(-1)?.place ?? Number.NaN) + 1;
    if (batch.length > 0 && (isFull || isApart || tally.progress.isEdge(piece.place))) {
      yield batchOf(batch, false);
      batch = [];
      size = 0;
    }
    if (piece.leftOut) tally.leftOut(piece.label, piece.leftOut);
    batch.push(piece);
    size += bytes;
  }
  if (batch.length > 0) yield batchOf(batch, true);
}

function batchOf(pieces: readonly PlacedPiece[], isLast: boolean): Batch {
  const run = runOf(pieces);
  return { pieces, isLast, run, group: `what begins at ${run[0]}` };
}

function runOf(pieces: readonly PlacedPiece[]): Run {
  return [pieces[0]?.place ?? 0, (pieces.at(-1)?.place ?? 0) + 1];
}

/** How a batch is sent. */
export interface BatchSending {
  readonly tally: Tally;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /**
   * Notes in the tally what it can say of single items; what it answers holds for the pieces of
   * its batch. Null: everything is noted.
   */
  readonly send: (batch: Batch) => Promise<Posted | null>;
}

/**
 * Sends a batch, and halves of it when it is refused, down to the item that is at fault. Where a
 * service breaks instead of refusing, halves are sent too, once it is known to take other things.
 */
export async function sendBatch(batch: Batch, sending: BatchSending): Promise<void> {
  const { attempt, send, tally } = sending;
  const { group, isLast, pieces, run } = batch;
  const posted = await send(batch);
  if (posted === null) return;
  if (posted.kind === "taken") return tally.taken(run);
  const isWhole = pieces.length < 2;
  if (posted.kind === "refused" && isWhole) {
    const { message } = posted;
    const label = pieces[0]?.label ?? "the batch";
    return tally.refused({ run, group: `${run[0]}` }, { label, message });
  }
  const mayBreak = BREAKING.has(posted.status ?? 0) && (tally.hasTaken || attempt > 1);
  if (posted.kind === "failed" && (isWhole || !mayBreak)) return tally.failed(group, posted);
  const middle = Math.ceil(pieces.length / 2);
  const halves = [pieces.slice(0, middle), pieces.slice(middle)].map((half, index) => {
    return { pieces: half, isLast: isLast && index === 1, run: runOf(half), group };
  });
  for (const half of halves) {
    if (tally.isHopeless || tally.isPassedOver(group)) tally.passedOver(posted.message);
    else await sendBatch(half, sending);
  }
}

/** Answers of a service, or of a guard before it, that one odd item can cause. */
const BREAKING = new Set([403, 500]);
