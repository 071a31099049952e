// Verbs bench: what a verb of people takes on a host of a cluster, of whose journal in PostgreSQL
// it fetches what it needs: beside 100,000 actions in flight of 100 jobs.
import { Server } from "../src/journal/postgres/server.ts";
import { startPostgres } from "../test/support/postgres.ts";
import type { Row, Scale } from "./measure.ts";
import { Place } from "./place.ts";
import { runProgram } from "./program.ts";

/** The words of each verb. Those about one job: one in a hundred of the rows is of it. */
const VERBS: readonly (readonly string[])[] = [
  ["history", "job7", "-n", "5"],
  ["history", "7"],
  ["history"],
  ["status"],
  ["state"],
  ["audit"],
  ["next", "job7"],
  ["pause", "job7"],
  ["drop", "7"],
];

/** A verb is measured so often, unless it is slow. */
const ROUNDS = 3;
const SLOW_MS = 10_000;

export async function bench({ short }: Scale): Promise<readonly Row[]> {
  const postgres = await startPostgres({ isDurable: true });
  if (postgres === null) return [];
  try {
    const count = short ? 500 : 100_000;
    const url = await postgres.database();
    using place = new Place();
    place.join(url, "h1");
    place.jobs(100, "0 0 1 1 *");
    await place.pending(count, { collectAt: Date.now() + 3_600_000, recorded: false, jobs: 100 });
    await runProgram([...place.argv, "cluster", "migrate"]);
    const host = await Host.join(url);
    const { wallMs } = await runProgram([...place.argv, "journal", "move", "--to", url]);
    const waitMs = await host.leave();
    const rows: Row[] = [
      row("journal move --to URL", count, [wallMs]),
      row("the longest that a host waits for its lease meanwhile", count, [waitMs]),
    ];
    for (const words of VERBS) {
      const samples: number[] = [];
      do samples.push((await runProgram([...place.argv, ...words])).wallMs);
      while (samples.length < (words[0] === "drop" ? 1 : ROUNDS) && (samples[0] ?? 0) < SLOW_MS);
      rows.push(row(words.join(" "), count, samples));
    }
    return rows;
  } finally {
    await postgres.close();
  }
}

/** A host that does nothing but renew its lease. */
class Host {
  readonly #server: Server;
  readonly #renewed: Promise<void>;
  #longestMs = 0;
  #isOver = false;

  private constructor(server: Server) {
    this.#server = server;
    this.#renewed = this.#renew();
  }

  static async join(url: string): Promise<Host> {
    const server = new Server({ connectionString: url });
    await server.claim("probe", LEASE_MS, [1]);
    return new Host(server);
  }

  /** Answers how long the longest renewal took, in milliseconds. */
  async leave(): Promise<number> {
    this.#isOver = true;
    await this.#renewed;
    await this.#server.leave("probe");
    await this.#server.close();
    return this.#longestMs;
  }

  async #renew(): Promise<void> {
    while (!this.#isOver) {
      const begunAt = performance.now();
      await this.#server.beat(null, "probe", LEASE_MS, LEASE_MS);
      this.#longestMs = Math.max(this.#longestMs, performance.now() - begunAt);
      await Bun.sleep(BEAT_MS);
    }
  }
}

const LEASE_MS = 300_000;
const BEAT_MS = 100;

function row(verb: string, count: number, samples: readonly number[]): Row {
  return {
    figure: `${count} actions in flight in PostgreSQL: ${verb}`,
    unit: "ms",
    samples,
    target: null,
  };
}
