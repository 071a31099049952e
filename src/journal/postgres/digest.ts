// Digest: what is in many rows as one number, whatever their order, so that two places can be
// told to have the same.
import { createHash } from "node:crypto";
import { plainText, type Shape } from "./shapes.ts";

/** A row by its table. */
export interface Digested {
  readonly shape: Shape;
  readonly key: string;
  /** The values of its columns; bytes as `encodeRow` writes them, or as they are. */
  readonly row: Readonly<Record<string, unknown>>;
  /** Its place, where that counts. @default "" */
  readonly place?: string;
}

/** Rows that were counted and digested. */
export class Digest {
  readonly counts = new Map<string, number>();
  #sum = 0n;

  add({ shape, key, row, place = "" }: Digested): void {
    const { table, columns, unset } = shape;
    const values = columns
      .toSorted()
      .map((name) => [name, name in row ? row[name] : (unset.get(name) ?? null)]);
    const text = plainText([table, key, place, values]);
    const hash = createHash("sha256").update(text).digest("hex");
    this.#sum = BigInt.asUintN(256, this.#sum + BigInt(`0x${hash}`));
    this.counts.set(table, (this.counts.get(table) ?? 0) + 1);
  }

  get rows(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Whether the other one has the same rows. */
  isSame(other: Digest): boolean {
    return this.#sum === other.#sum;
  }
}
