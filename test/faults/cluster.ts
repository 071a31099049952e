// Cluster: hosts with one journal in PostgreSQL, under one kind of fault at random moments. At the
// end nothing may be lost, posted twice, or delivered uncounted.
//
//   bun test/faults/cluster.ts FAULT [TIMES] [SEED]        default 20 times, seed 1
//
// FAULT is a name of the table below: `kill`, `all`, `pause`, `postgres`, `partition`, `api`,
// `pool` (which needs pgbouncer), `full` (which needs a user who may mount).
import type { Running } from "../support/binary.ts";
import { eventually } from "../support/binary.ts";
import { Cluster, type Wrong } from "../support/cluster.ts";
import { canMount, fill, mountMemory } from "../support/mount.ts";
import { type Pool, startPool } from "../support/pool.ts";
import { type Postgres, startPostgres } from "../support/postgres.ts";
import type { Host } from "../support/site.ts";
import { dice, nap } from "./kill.ts";

const JOBS = ["one", "two", "three", "four", "five", "six"];
const HOSTS = 3;
const LEASE_SECONDS = 4;

/** A cluster that works. */
interface Scene {
  readonly cluster: Cluster;
  readonly postgres: Postgres;
  readonly pool: Pool | null;
  /** The daemon of each host. */
  readonly running: Running[];
  /** Which host is struck, from 0. */
  readonly at: number;
  readonly roll: () => number;
}

/** Longer than a lease, and up to four seconds more. */
const pastLease = (roll: () => number): number => (LEASE_SECONDS + 1 + roll() * 4) * 1_000;

/** What is done to a cluster, once. */
const FAULTS = {
  /** kill -9 of a host, which is started again. */
  async kill({ cluster, running, at, roll }) {
    await running[at]?.kill();
    await nap(roll() * 6_000);
    running[at] = cluster.host(at + 1).start();
  },
  /** kill -9 of all hosts. */
  async all({ cluster, running, roll }) {
    await Promise.all(running.map((daemon) => daemon.kill()));
    await nap(roll() * 6_000);
    for (const [index, host] of cluster.hosts.entries()) running[index] = host.start();
  },
  /** SIGSTOP for longer than the lease, and back. */
  async pause({ running, at, roll }) {
    running[at]?.signal("SIGSTOP");
    await nap(pastLease(roll));
    running[at]?.signal("SIGCONT");
  },
  /** PostgreSQL is killed, or stopped in order, and started again. */
  async postgres({ postgres, roll }) {
    await (roll() < 0.5 ? postgres.kill() : postgres.stop());
    await nap(roll() * 3_000);
    await postgres.start();
  },
  /** Nothing passes between a host and PostgreSQL, or no answers, for longer than the lease. */
  async partition({ cluster, at, roll }) {
    cluster.ways[at]?.postgres.cut(roll() < 0.5 ? "both" : "answers");
    await nap(pastLease(roll));
    cluster.ways[at]?.postgres.mend();
  },
  /** The same between a host and the API. */
  async api({ cluster, at, roll }) {
    cluster.ways[at]?.api.cut(roll() < 0.5 ? "both" : "answers");
    await nap(pastLease(roll));
    cluster.ways[at]?.api.mend();
  },
  /** pgbouncer, which is between all hosts and PostgreSQL, is killed and started again. */
  async pool({ pool, roll }) {
    await pool?.kill();
    await nap(roll() * 3_000);
    await pool?.start();
  },
  /** The disks of a host, with its jobs and its copy of the journal, are full for a while. */
  async full({ cluster, at, roll }) {
    const { scenario } = cluster.host(at + 1);
    const free = [await fill(scenario.path("state"))];
    if (roll() < 0.5) free.push(await fill(scenario.path("runners")));
    await nap(pastLease(roll));
    for (const again of free) await again();
  },
} as const satisfies Record<string, (scene: Scene) => Promise<void>>;

/** The name of a fault. */
export type Fault = keyof typeof FAULTS;

interface Order {
  readonly fault: Fault;
  readonly times: number;
  readonly seed: number;
}

/** Small disks for the jobs of a host and for its copy of the journal. */
async function giveDisks({ scenario }: Host, disks: DisposableStack): Promise<void> {
  disks.use(mountMemory(scenario.path("runners"), { size: "8m" }));
  disks.use(mountMemory(scenario.path("state"), { size: "8m" }));
  const config = await scenario.read("runner.cfg");
  const path = scenario.path("state/journal.db");
  await scenario.write("runner.cfg", `${config}[journal]\npath = "${path}"\n`);
}

/** Does it so often, lets everything come to its end, and counts what is wrong. */
export async function breakCluster(
  postgres: Postgres,
  { fault, times, seed }: Order,
): Promise<Wrong & { readonly open: number }> {
  if (fault === "full" && !canMount) throw new Error("only a user who may mount can fill a disk");
  const pool = fault === "pool" ? await startPool(postgres) : null;
  await using cluster = await Cluster.create(postgres, {
    ...{ hosts: HOSTS, leaseSeconds: LEASE_SECONDS, faults: ["latency=150"] },
    ...(pool === null ? {} : { pool: pool.port }),
    logging: ['mode = "stdout"', 'level = "info"'],
  });
  using disks = new DisposableStack();
  if (fault === "full") for (const host of cluster.hosts) await giveDisks(host, disks);
  await cluster.keepDelivered();
  const schedule = 'schedule = "*/2 * * * * * *"';
  for (const job of JOBS) await cluster.job(job, ['plugin = "keep"'], { schedule });
  const roll = dice(seed);
  const running: Running[] = cluster.hosts.map((host) => host.start());
  // Which of them has a job depends on who came first.
  await Promise.any(running.map((daemon) => daemon.prints(/launched action/)));
  for (let count = 0; count < times; count++) {
    await nap(1_000 + roll() * 3_000);
    const at = Math.floor(roll() * HOSTS);
    await FAULTS[fault]({ cluster, postgres, pool, running, at, roll });
  }
  for (const job of JOBS) await cluster.job(job, ['plugin = "keep"']);
  const open = async (): Promise<number> => {
    const rows = await cluster.rows("action");
    return rows.filter(({ state }) => state !== "settled" && state !== "failed").length;
  };
  await nap(10_000);
  await eventually(async () => ((await open()) === 0 ? true : null)).catch(() => null);
  if (process.argv.includes("--log")) {
    for (const { lines } of running) console.error(lines.join("\n"));
  }
  const wrong = { ...(await cluster.wrong()), open: await open() };
  await pool?.kill();
  return wrong;
}

if (import.meta.main) {
  const [, , fault = "kill", times = "20", seed = "1"] = process.argv;
  if (!(fault in FAULTS)) throw new Error(`${fault} is none of ${Object.keys(FAULTS).join(", ")}`);
  const postgres = await startPostgres();
  if (postgres === null) process.exit(1);
  const order = { fault: fault as Fault, times: Number(times), seed: Number(seed) };
  const wrong = await breakCluster(postgres, order);
  await postgres.close();
  console.log(JSON.stringify({ ...order, ...wrong }));
  const { lost, twice, undelivered, uncounted, open } = wrong;
  process.exitCode = lost + twice + undelivered + uncounted + open === 0 ? 0 : 1;
}
