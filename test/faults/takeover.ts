// Takeover: how long it takes until a host has the shards of another one, by what PostgreSQL says.
import type { Postgres } from "../support/postgres.ts";
import { nap } from "./kill.ts";

/** Beyond a lease, how long a takeover may take: the promise of the manual. */
export const TAKEN_OVER_MS = 5_000;

const LOOK_MS = 200;

/** One without an owner was given away, for a host that may have failed in that moment. */
const FREE =
  "SELECT id, owner IS NULL AS given FROM mig_shard " +
  "WHERE id > 0 AND coalesce(lease_until, '-infinity') < clock_timestamp()";

/** Looks at the shards of a cluster until it is ended. */
export class Takeovers {
  readonly #postgres: Postgres;
  readonly #url: string;
  readonly #work: Promise<void>;
  #isOver = false;
  #longestMs = 0;

  readonly #leaseMs: number;

  /** @param url The database. */
  constructor(postgres: Postgres, url: string, leaseMs: number) {
    this.#postgres = postgres;
    this.#url = url;
    this.#leaseMs = leaseMs;
    this.#work = this.#watch();
  }

  /** The longest that one took: since the lease was renewed last, or the shard was given away. */
  async end(): Promise<number> {
    this.#isOver = true;
    await this.#work;
    return Math.round(this.#longestMs);
  }

  async #watch(): Promise<void> {
    let since = new Map<unknown, number>();
    while (!this.#isOver) {
      await nap(LOOK_MS);
      // While PostgreSQL is down nobody can take anything over.
      const rows = await this.#postgres.query(this.#url, FREE).catch(() => []);
      const now = performance.now();
      since = new Map(
        rows.map(({ id, given }) => {
          return [id, since.get(id) ?? (given === true ? now : now - this.#leaseMs)];
        }),
      );
      for (const at of since.values()) this.#longestMs = Math.max(this.#longestMs, now - at);
    }
  }
}
