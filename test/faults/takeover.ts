// Takeover: how long a shard of a cluster was without a host, by what PostgreSQL says.
import type { Postgres } from "../support/postgres.ts";
import { nap } from "./kill.ts";

/** Beyond a lease, how long a shard may be without a host: the promise of the manual. */
export const TAKEN_OVER_MS = 5_000;

const LOOK_MS = 200;

const FREE =
  "SELECT id FROM mig_shard WHERE id > 0 AND coalesce(lease_until, '-infinity') < clock_timestamp()";

/** Looks at the shards of a cluster until it is ended. */
export class Takeovers {
  readonly #postgres: Postgres;
  readonly #url: string;
  readonly #work: Promise<void>;
  #isOver = false;
  #longestMs = 0;

  /** @param url The database. */
  constructor(postgres: Postgres, url: string) {
    [this.#postgres, this.#url] = [postgres, url];
    this.#work = this.#watch();
  }

  /** The longest time that a shard had no host: from the end of a lease to the next claim. */
  async end(): Promise<number> {
    this.#isOver = true;
    await this.#work;
    return Math.round(this.#longestMs);
  }

  async #watch(): Promise<void> {
    const since = new Map<unknown, number>();
    while (!this.#isOver) {
      await nap(LOOK_MS);
      // While PostgreSQL is down nobody can take anything over.
      const rows = await this.#postgres.query(this.#url, FREE).catch(() => []);
      const free = new Set(rows.map(({ id }) => id));
      const now = performance.now();
      for (const id of since.keys()) if (!free.has(id)) since.delete(id);
      for (const id of free) {
        const begun = since.get(id) ?? now;
        since.set(id, begun);
        this.#longestMs = Math.max(this.#longestMs, now - begun);
      }
    }
  }
}
