// Contact: whether PostgreSQL answers what one loop asks it again and again, and since when not.
import { messageOf } from "../../errors.ts";
import { type Instant, type Milliseconds, SECOND_MS } from "../../time.ts";

/** How long nothing may be answered before it counts: a connection that is cut is made anew. */
export const OUTAGE_MS: Milliseconds = 5 * SECOND_MS;

/** Nothing is answered. */
export interface Outage {
  /** When that was asked first which has not been answered. */
  readonly since: Instant;
  readonly why: string;
}

/** What is asked by one loop, one after the other. */
export class Contact {
  readonly #now: () => Instant;
  /** When that was asked first which has not been answered; null: all has been. */
  #since: Instant | null = null;
  #why = "PostgreSQL does not answer";

  /** @param now Any clock. */
  constructor(now: () => Instant) {
    this.#now = now;
  }

  /** Asks. Rejects as that does. */
  async ask<Value>(work: () => Promise<Value>): Promise<Value> {
    this.#since ??= this.#now();
    try {
      const value = await work();
      this.#since = null;
      return value;
    } catch (error) {
      this.#why = messageOf(error);
      throw error;
    }
  }

  /** How long it has waited for an answer. */
  get waitsMs(): Milliseconds {
    return this.#since === null ? 0 : this.#now() - this.#since;
  }

  /** Null: it is answered, or has not been asked for long. */
  outage(): Outage | null {
    if (this.#since === null || this.waitsMs < OUTAGE_MS) return null;
    return { since: this.#since, why: this.#why };
  }
}
