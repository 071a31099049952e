// Cluster: hosts with one journal in PostgreSQL, under one kind of fault at random moments. At the
// end nothing may be lost, posted twice, or delivered uncounted.
//
//   bun test/faults/cluster.ts FAULT [TIMES] [SEED]        default 20 times, seed 1
//
// FAULT is a name of the table below: `kill`, `all`, `pause`, `postgres`, `partition`, `api`,
// `pool` (which needs pgbouncer), `full` (which needs a user who may mount), `loss` and `apiloss`
// (which need one who may make networks). What the machine does not have is said, and skipped.
import type { Running } from "../support/binary.ts";
import { eventually } from "../support/binary.ts";
import { Cluster, type Wrong } from "../support/cluster.ts";
import { canMount, fill, mountMemory } from "../support/mount.ts";
import { canSplit, Network } from "../support/network.ts";
import { type Pool, startPool } from "../support/pool.ts";
import { type Postgres, startPostgres } from "../support/postgres.ts";
import type { Host } from "../support/site.ts";
import { dice, nap } from "./kill.ts";
import { TAKEN_OVER_MS, Takeovers } from "./takeover.ts";

/** The names of the jobs. */
export const JOBS = ["one", "two", "three", "four", "five", "six"];
/** How many hosts there are. */
export const HOSTS = 3;
/** The lease of their shards. */
export const LEASE_SECONDS = 4;

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
  /** The same, but all packets between a host and PostgreSQL are lost, or all those of answers. */
  async loss(scene) {
    await FAULTS.partition(scene);
  },
  /** The same between a host and the API. */
  async apiloss(scene) {
    await FAULTS.api(scene);
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

/** What was found, with the longest takeover. */
export type Found = Wrong & { readonly open: number; readonly takeoverMs: number };

/** Faults in which there is always a host that could take over. */
const TAKEN_OVER: ReadonlySet<Fault> = new Set([
  ...(["kill", "pause", "partition", "api", "loss", "apiloss", "full"] as const),
]);

/** Does it so often, lets everything come to its end, and counts what is wrong. */
export async function breakCluster({ fault, times, seed }: Order): Promise<Found> {
  await using stack = new AsyncDisposableStack();
  const networks = isOfNetworks(fault)
    ? { postgres: stack.use(Network.open()), api: stack.use(Network.open()) }
    : null;
  const address = networks?.postgres.address;
  const postgres = await startPostgres(address === undefined ? {} : { address });
  if (postgres === null) throw new Error("there is no PostgreSQL");
  stack.defer(() => postgres.close());
  const pool = fault === "pool" ? await startPool(postgres) : null;
  stack.defer(async () => await pool?.kill());
  const cluster = await Cluster.create(postgres, {
    hosts: HOSTS,
    leaseSeconds: LEASE_SECONDS,
    faults: ["latency=150"],
    ...(pool === null ? {} : { pool: pool.port }),
    ...(networks === null ? {} : { networks }),
    logging: ['mode = "stdout"', 'level = "info"'],
  });
  stack.use(cluster);
  const disks = stack.use(new DisposableStack());
  if (fault === "full") for (const host of cluster.hosts) await giveDisks(host, disks);
  await cluster.keepDelivered();
  const schedule = 'schedule = "*/2 * * * * * *"';
  for (const job of JOBS) await cluster.job(job, ['plugin = "keep"'], { schedule });
  const roll = dice(seed);
  const running: Running[] = cluster.hosts.map((host) => host.start());
  // Which of them has a job depends on who came first.
  await Promise.any(running.map((daemon) => daemon.prints(/launched action/)));
  const takeovers = new Takeovers(postgres, cluster.url, LEASE_SECONDS * 1_000);
  for (let count = 0; count < times; count++) {
    await nap(1_000 + roll() * 3_000);
    const at = Math.floor(roll() * HOSTS);
    await FAULTS[fault]({ cluster, postgres, pool, running, at, roll });
  }
  const takeoverMs = await takeovers.end();
  for (const job of JOBS) await cluster.job(job, ['plugin = "keep"']);
  const open = await settle(cluster);
  if (process.argv.includes("--log")) {
    for (const { lines } of running) console.error(lines.join("\n"));
  }
  return { ...(await cluster.wrong()), open, takeoverMs };
}

/** Waits until all has come to its end. Resolves with how many actions have not. */
export async function settle(cluster: Cluster, limitMs?: number): Promise<number> {
  const open = async (): Promise<number> => {
    const rows = await cluster.rows("action");
    return rows.filter(({ state }) => state !== "settled" && state !== "failed").length;
  };
  await nap(10_000);
  await eventually(async () => ((await open()) === 0 ? true : null), limitMs).catch(() => null);
  return await open();
}

const isOfNetworks = (fault: Fault): boolean => fault === "loss" || fault === "apiloss";

/** What a machine must have for a fault, if it does not; null: all is there. */
function lacked(fault: Fault): string | null {
  if (fault === "full" && !canMount) return "only a user who may mount can fill a disk";
  if (isOfNetworks(fault) && !canSplit) return "only root can make networks, with ip and nsenter";
  return null;
}

if (import.meta.main) {
  const [, , fault = "kill", times = "20", seed = "1"] = process.argv;
  if (!(fault in FAULTS)) throw new Error(`${fault} is none of ${Object.keys(FAULTS).join(", ")}`);
  const order = { fault: fault as Fault, times: Number(times), seed: Number(seed) };
  const why = lacked(order.fault);
  if (why !== null) {
    console.log(`NOT TESTED: ${fault}: ${why}`);
    process.exit();
  }
  const found = await breakCluster(order);
  const isLate =
    TAKEN_OVER.has(order.fault) && found.takeoverMs > LEASE_SECONDS * 1_000 + TAKEN_OVER_MS;
  console.log(JSON.stringify({ ...order, ...found, isLate }));
  const { lost, twice, undelivered, uncounted, open } = found;
  process.exitCode = !isLate && lost + twice + undelivered + uncounted + open === 0 ? 0 : 1;
}
