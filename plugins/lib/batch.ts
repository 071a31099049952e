// Batch: items gathered into groups that one request can carry.

/** An item as it goes over the wire. */
export interface Piece {
  /** Which item it is, for the log. */
  readonly label: string;
  /** The same at each try. */
  readonly id: string;
  readonly text: string;
}

/** How large a batch may be. */
export interface BatchLimits {
  readonly countMax: number;
  /** Bytes of all texts; an item that is larger alone is a batch of its own. */
  readonly bytesMax: number;
}

/** Gathers pieces in their order; nothing is held but the batch that grows. */
export async function* batches(
  pieces: AsyncIterable<Piece>,
  { bytesMax, countMax }: BatchLimits,
): AsyncGenerator<readonly Piece[]> {
  let batch: Piece[] = [];
  let size = 0;
  for await (const piece of pieces) {
    const bytes = Buffer.byteLength(piece.text);
    if (batch.length > 0 && (batch.length >= countMax || size + bytes > bytesMax)) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(piece);
    size += bytes;
  }
  if (batch.length > 0) yield batch;
}
