// Cluster bench: hosts with one journal in PostgreSQL, beside one with its own, all of it on this
// machine: so ratios. PostgreSQL syncs its commits to the disk here, as it does in earnest.
import { startPostgres } from "../test/support/postgres.ts";
import { LoadApi } from "./api/client.ts";
import type { Row, Scale } from "./measure.ts";
import { Place } from "./place.ts";
import { type Daemon, runProgram, startProgram, until } from "./program.ts";

type Postgres = NonNullable<Awaited<ReturnType<typeof startPostgres>>>;

/** Posts that a host has in hand at a time: by them it is bound there, not by the processors. */
const IN_HAND = 4;

/** How long the queries of an idle host are counted. */
const IDLE_MS = 20_000;

export async function bench({ short }: Scale): Promise<readonly Row[]> {
  const postgres = await startPostgres({ isDurable: true });
  if (postgres === null) return [];
  try {
    const many = short ? SHORT : MANY;
    const alone = await measureCrowd(postgres, { ...many, hosts: 0 });
    const one = await measureCrowd(postgres, { ...many, hosts: 1 });
    const rows: Row[] = [
      {
        figure: `${many.jobs} jobs due in one second, journal in PostgreSQL: to the last POST`,
        unit: "ms",
        samples: one,
        target: { most: 1 / 0.3 },
        against: { name: "journal in SQLite", samples: alone },
      },
      await takeOver(postgres, { short }),
    ];
    if (short) return rows;
    const first = await measureCrowd(postgres, { ...SLOW, hosts: 1 });
    const both = await measureCrowd(postgres, { ...SLOW, hosts: 2 });
    rows.push({
      figure: `${SLOW.jobs} jobs by two hosts, ${SLOW.latencyMs} ms for each answer: to the last POST`,
      unit: "ms",
      samples: both,
      target: { most: 1 / 1.5 },
      against: { name: "one host", samples: first },
      note: `${IN_HAND} posts in hand a host, which bound it: processors and API are shared`,
    });
    return [...rows, await idle(postgres)];
  } finally {
    await postgres.close();
  }
}

interface Crowd {
  readonly jobs: number;
  /** Measured, after one in which the programs are still starting; 0: that one alone. */
  readonly rounds: number;
  /** 0: one, with its journal in SQLite. */
  readonly hosts: number;
  readonly latencyMs: number;
  /** From one time that all jobs are due to the next: longer than all of it takes. */
  readonly periodMs: number;
  /** Posts in hand at a time; null: as many as there may be. */
  readonly inHand: number | null;
}

const MANY = { jobs: 1_000, rounds: 2, latencyMs: 0, periodMs: 20_000, inHand: null } as const;
const SHORT = { jobs: 20, rounds: 0, latencyMs: 0, periodMs: 6_000, inHand: null } as const;
const SLOW = { jobs: 300, rounds: 2, latencyMs: 50, periodMs: 12_000, inHand: IN_HAND } as const;

/** From the time that all jobs are due to the last POST, of each round. */
async function measureCrowd(
  postgres: Postgres,
  { jobs, rounds, hosts, latencyMs, periodMs, inHand }: Crowd,
): Promise<readonly number[]> {
  await using api = await LoadApi.start({ latencyMs });
  const url = hosts === 0 ? null : await postgres.database();
  using places = new Places(Math.max(1, hosts), { api: api.url, url });
  await using daemons = await places.start((place) => {
    if (inHand !== null) place.configure(["[client]", `dispatches = ${inHand}`]);
    place.jobs(jobs, `*/${periodMs / 1_000} * * * * * *`);
  });
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const first = new Map<string, number>();
    await until(async () => {
      for (const { at, name } of (await api.stats()).posts)
        if (!first.has(name)) first.set(name, at);
      return first.size >= jobs;
    });
    const at = [...first.values()];
    const dueAt = Math.floor(Math.min(...at) / periodMs) * periodMs;
    if (round > 0 || rounds === 0) times.push(Math.max(...at) - dueAt);
  }
  await daemons.end();
  return times;
}

/** What a host asks of PostgreSQL while nothing is due. */
async function idle(postgres: Postgres): Promise<Row> {
  const url = await postgres.database();
  using places = new Places(1, { api: null, url });
  await using daemons = await places.start((place) => place.jobs(100, "0 0 1 1 *"));
  await until(() => places.says(/has 64 of 64 shards/));
  // What a connection has done is counted when it rests for a second, or ends.
  await Bun.sleep(IDLE_MS / 4);
  const before = await commits(postgres, url);
  await Bun.sleep(IDLE_MS);
  const count = (await commits(postgres, url)) - before;
  await daemons.end();
  return {
    figure: "100 jobs, journal in PostgreSQL, idle: queries a second",
    unit: "a second",
    samples: [count / (IDLE_MS / 1_000)],
    target: { most: 2 },
    note: "transactions of its database, by pg_stat_database",
  };
}

async function commits(postgres: Postgres, url: string): Promise<number> {
  const name = new URL(url).pathname.slice(1);
  const other = url.replace(/[^/]+$/, "postgres");
  const sql = `SELECT xact_commit AS count FROM pg_stat_database WHERE datname = '${name}'`;
  const [row] = await postgres.query(other, sql);
  return Number(row?.count);
}

/** A host that gets all jobs, with much in flight. */
async function takeOver(postgres: Postgres, { short }: Scale): Promise<Row> {
  const count = short ? 200 : 100_000;
  const url = await postgres.database();
  using places = new Places(1, { api: null, url });
  const samples: number[] = [];
  const place = places.first;
  // As on another host than the one that has posted them.
  await place.pending(count, { collectAt: Date.now() + 3_600_000, recorded: false, jobs: 100 });
  await runProgram([...place.argv, "cluster", "migrate"]);
  await runProgram([...place.argv, "journal", "move", "--to", url]);
  for (let round = 0; round < (short ? 1 : 3); round++) {
    const startedAt = performance.now();
    await using daemon = startProgram(place.argv);
    await until(() => places.says(/has 64 of 64 shards/));
    samples.push(performance.now() - startedAt);
    daemon.kill("SIGTERM");
    await until(() => daemon.exitCode !== null);
    places.forget();
  }
  return {
    figure: `${count} actions in flight in PostgreSQL: start until all are here`,
    unit: "ms",
    samples,
    target: { most: 5_000 },
  };
}

/** The directories of hosts that have the same jobs. */
class Places implements Disposable {
  readonly #places: readonly Place[];
  readonly #isCluster: boolean;

  constructor(
    count: number,
    { api, url }: { readonly api: string | null; readonly url: string | null },
  ) {
    this.#isCluster = url !== null;
    this.#places = Array.from({ length: count }, (_, index) => {
      const place = new Place(api === null ? {} : { url: api });
      if (url !== null) place.join(url, `h${index + 1}`);
      return place;
    });
  }

  get first(): Place {
    const [place] = this.#places;
    if (place === undefined) throw new Error("there is no place");
    return place;
  }

  async start(prepare: (place: Place) => void): Promise<Daemons> {
    for (const place of this.#places) prepare(place);
    if (this.#isCluster) await runProgram([...this.first.argv, "cluster", "migrate"]);
    return new Daemons(this.#places.map(({ argv }) => startProgram(argv)));
  }

  /** Whether the log of the first says so. */
  says(line: RegExp): boolean {
    return line.test(this.first.log());
  }

  /** Begins with an empty log. */
  forget(): void {
    this.first.write("runner.log", []);
  }

  [Symbol.dispose](): void {
    for (const place of this.#places) place[Symbol.dispose]();
  }
}

class Daemons implements AsyncDisposable {
  readonly #daemons: readonly Daemon[];

  constructor(daemons: readonly Daemon[]) {
    this.#daemons = daemons;
  }

  async end(): Promise<void> {
    for (const daemon of this.#daemons) daemon.kill("SIGTERM");
    await until(() => this.#daemons.every(({ exitCode }) => exitCode !== null));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#daemons.map((daemon) => daemon[Symbol.asyncDispose]()));
  }
}
