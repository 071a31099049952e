// Cluster: hosts with one journal in PostgreSQL, that are killed or stopped at random moments, or
// whose PostgreSQL is. At the end nothing may be lost, posted twice, or delivered uncounted.
//
//   bun test/faults/cluster.ts kill|pause|postgres [TIMES] [SEED]       default 20 times, seed 1
//
// kill: kill -9 of a host, which is started again. pause: SIGSTOP for longer than the lease, and
// back. postgres: PostgreSQL is killed, or stopped in order, and started again.
import type { Running } from "../support/binary.ts";
import { eventually } from "../support/binary.ts";
import { Cluster, type Wrong } from "../support/cluster.ts";
import { type Postgres, startPostgres } from "../support/postgres.ts";
import { dice, nap } from "./kill.ts";

const JOBS = ["one", "two", "three", "four", "five", "six"];
const HOSTS = 3;
const LEASE_SECONDS = 4;

/** What is done to a cluster, again and again. */
export type Fault = "kill" | "pause" | "postgres";

interface Order {
  readonly fault: Fault;
  readonly times: number;
  readonly seed: number;
}

/** Does it so often, lets everything come to its end, and counts what is wrong. */
export async function breakCluster(
  postgres: Postgres,
  { fault, times, seed }: Order,
): Promise<Wrong & { readonly open: number }> {
  await using cluster = await Cluster.create(postgres, {
    ...{ hosts: HOSTS, leaseSeconds: LEASE_SECONDS, faults: ["latency=150"] },
    logging: ['mode = "stdout"', 'level = "info"'],
  });
  await cluster.keepDelivered();
  const schedule = 'schedule = "*/2 * * * * * *"';
  for (const job of JOBS) await cluster.job(job, ['plugin = "keep"'], { schedule });
  const roll = dice(seed);
  const running: Running[] = cluster.hosts.map((host) => host.start());
  await running[0]?.prints(/launched action/);
  for (let count = 0; count < times; count++) {
    await nap(1_000 + roll() * 3_000);
    const at = Math.floor(roll() * HOSTS);
    const victim = running[at];
    if (victim === undefined) continue;
    if (fault === "kill") {
      await victim.kill();
      await nap(roll() * 6_000);
      running[at] = cluster.host(at + 1).start();
    } else if (fault === "pause") {
      victim.signal("SIGSTOP");
      await nap((LEASE_SECONDS + 1 + roll() * 4) * 1_000);
      victim.signal("SIGCONT");
    } else {
      await (roll() < 0.5 ? postgres.kill() : postgres.stop());
      await nap(roll() * 3_000);
      await postgres.start();
    }
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
  return { ...(await cluster.wrong()), open: await open() };
}

if (import.meta.main) {
  const [, , fault = "kill", times = "20", seed = "1"] = process.argv;
  const postgres = await startPostgres();
  if (postgres === null) process.exit(1);
  const order = { fault: fault as Fault, times: Number(times), seed: Number(seed) };
  const wrong = await breakCluster(postgres, order);
  await postgres.close();
  console.log(JSON.stringify({ ...order, ...wrong }));
  const { lost, twice, undelivered, uncounted, open } = wrong;
  process.exitCode = lost + twice + undelivered + uncounted + open === 0 ? 0 : 1;
}
