// Batch: items gathered into groups that one request can carry, and taken apart again when the
// service refuses a group: one bad item must not cost the others.
import type { Posted } from "./post.ts";
import type { Tally } from "./tally.ts";

/** An item as it goes over the wire. */
export interface Piece {
  /** Which item it is, for the log. */
  readonly label: string;
  /** The same at each try, other for any other item of the delivery. */
  readonly id: string;
  readonly text: string;
}

/** How large a batch may be. */
export interface BatchLimits {
  readonly countMax: number;
  /** Bytes of all texts; an item that is larger alone is a batch of its own. */
  readonly bytesMax: number;
}

/** A batch, and whether it is the last one. */
export interface Batch {
  readonly pieces: readonly Piece[];
  readonly isLast: boolean;
}

/** Gathers pieces in their order. Of no pieces it makes no batch. */
export async function* batches(
  pieces: AsyncIterable<Piece>,
  { bytesMax, countMax }: BatchLimits,
): AsyncGenerator<Batch> {
  let batch: Piece[] = [];
  let size = 0;
  for await (const piece of pieces) {
    const bytes = Buffer.byteLength(piece.text);
    if (batch.length > 0 && (batch.length >= countMax || size + bytes > bytesMax)) {
      yield { pieces: batch, isLast: false };
      batch = [];
      size = 0;
    }
    batch.push(piece);
    size += bytes;
  }
  if (batch.length > 0) yield { pieces: batch, isLast: true };
}

/**
 * Sends a batch by `send`, and halves of it when it is refused, down to the item that is at fault.
 *
 * @param send Notes in the tally what it can say of single items; what it answers holds for the
 *   pieces of its batch. Null: everything is noted.
 */
export async function sendBatch(
  batch: Batch,
  { tally, send }: { tally: Tally; send: (batch: Batch) => Promise<Posted | null> },
): Promise<void> {
  const { isLast, pieces } = batch;
  const posted = await send(batch);
  if (posted === null) return;
  if (posted.kind === "taken") return tally.taken(pieces.length);
  if (posted.kind === "failed") {
    return tally.failed(posted.message, {
      count: pieces.length,
      retryAfterMs: posted.retryAfterMs,
    });
  }
  const [only] = pieces;
  if (only === undefined || pieces.length === 1) {
    return tally.refused(only?.label ?? "the batch", posted.message);
  }
  const middle = Math.ceil(pieces.length / 2);
  const halves = [
    { pieces: pieces.slice(0, middle), isLast: false },
    { pieces: pieces.slice(middle), isLast },
  ];
  for (const half of halves) {
    if (tally.isHopeless) tally.failed(posted.message, { count: half.pieces.length });
    else await sendBatch(half, { tally, send });
  }
}
