// Clocks: three hosts with one journal in PostgreSQL, whose clocks are five minutes behind, right,
// and five minutes ahead, while hosts are killed and stopped. Nothing may be lost, posted twice, or
// delivered uncounted, and people must be told of both clocks: once, however many hosts know it.
//
//   bun test/faults/clocks.ts [TIMES] [SEED]               default 20 times, seed 1
//
// It takes some fifteen minutes more: an action that the third host has dated and the first has
// taken over expires ten minutes later.
import { readFile } from "node:fs/promises";
import type { Running } from "../support/binary.ts";
import { eventually } from "../support/binary.ts";
import { Cluster, type Wrong } from "../support/cluster.ts";
import { type Postgres, startPostgres } from "../support/postgres.ts";
import { Skew } from "../support/skew.ts";
import { HOSTS, JOBS, LEASE_SECONDS, settle } from "./cluster.ts";
import { dice, nap } from "./kill.ts";

const MINUTE_MS = 60_000;

/** By how much the clock of each host is ahead. */
const AHEAD_MS: readonly number[] = [-5 * MINUTE_MS, 0, 5 * MINUTE_MS];

const WAIT_MAX_MS = 15 * MINUTE_MS;

/** How often people were told of each clock. */
interface Told {
  readonly alarms: readonly number[];
  /** Whether the log and `cluster status` name the clocks of the first and the third host. */
  readonly isLogged: boolean;
  readonly isInStatus: boolean;
}

type Found = Wrong & Told & { readonly open: number };

const CLOCKS = [/clock of h1 is 5m\S* behind/, /clock of h3 is 5m\S* ahead/];

/** Lets them work so, and counts what is wrong. */
export async function runApart(
  postgres: Postgres,
  skew: Skew,
  { times, seed }: { readonly times: number; readonly seed: number },
): Promise<Found> {
  await using cluster = await Cluster.create(postgres, {
    hosts: HOSTS,
    leaseSeconds: LEASE_SECONDS,
    faults: ["latency=150"],
    logging: ['mode = "stdout"', 'level = "info"', "[notify]", "plugins = pager"],
    call: (program, number) => skew.shifted(program, AHEAD_MS[number - 1] ?? 0),
  });
  await cluster.keepDelivered();
  const pager = cluster.host(1).scenario.path("told");
  const line = `printf "%s %s\\n" "$MIG_RUNNER_DELIVERY_KEY" "$(cat)" >> "${pager}"`;
  for (const { scenario } of cluster.hosts) await scenario.plugin("pager", line);
  const schedule = 'schedule = "*/2 * * * * * *"';
  for (const job of JOBS) await cluster.job(job, ['plugin = "keep"'], { schedule });
  const roll = dice(seed);
  const started: Running[] = [];
  const running = cluster.hosts.map((host) => host.start());
  started.push(...running);
  await Promise.any(running.map((daemon) => daemon.prints(/launched action/)));
  for (let count = 0; count < times; count++) {
    await nap(1_000 + roll() * 3_000);
    const at = Math.floor(roll() * HOSTS);
    if (roll() < 0.5) {
      running[at]?.signal("SIGSTOP");
      await nap((LEASE_SECONDS + 1 + roll() * 4) * 1_000);
      running[at]?.signal("SIGCONT");
      continue;
    }
    await running[at]?.kill();
    await nap(roll() * 6_000);
    const next = cluster.host(at + 1).start();
    running[at] = next;
    started.push(next);
  }
  for (const job of JOBS) await cluster.job(job, ['plugin = "keep"']);
  const told = () => alarmsOf(pager);
  const isTold = async () => ((await told()).every((count) => count > 0) ? true : null);
  await eventually(isTold, WAIT_MAX_MS).catch(() => null);
  const open = await settle(cluster, WAIT_MAX_MS);
  const logged = started.flatMap(({ lines }) => lines).filter((text) => text.includes("cluster:"));
  if (process.argv.includes("--log")) {
    for (const { lines } of started) console.error(lines.join("\n"));
  }
  const { stdout } = await cluster.host(2).run("cluster", "status");
  return {
    ...(await cluster.wrong()),
    open,
    alarms: await told(),
    isLogged: CLOCKS.every((clock) => logged.some((text) => clock.test(text))),
    isInStatus: /h1 .*5m\S* behind/.test(stdout) && /h3 .*5m\S* ahead/.test(stdout),
  };
}

/** How often each clock was told of; one that a plugin got twice under one key counts once. */
async function alarmsOf(path: string): Promise<readonly number[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.split("\n").filter((line) => line.includes('"cluster"'));
  return CLOCKS.map((clock) => {
    const own = lines.filter((line) => clock.test(line) && !line.includes('"recovered"'));
    return new Set(own.map((line) => line.split(" ")[0])).size;
  });
}

if (import.meta.main) {
  const [, , times = "20", seed = "1"] = process.argv;
  using skew = Skew.make();
  if (skew === null) {
    console.log("NOT TESTED: there is no compiler for C here, or the time is not libc's");
    process.exit();
  }
  const postgres = await startPostgres();
  if (postgres === null) process.exit(1);
  const order = { times: Number(times), seed: Number(seed) };
  const found = await runApart(postgres, skew, order);
  await postgres.close();
  console.log(JSON.stringify({ ...order, ...found }));
  const { lost, twice, undelivered, uncounted, open, alarms, isLogged, isInStatus } = found;
  const isTold = isLogged && isInStatus && alarms.every((count) => count === 1);
  process.exitCode = isTold && lost + twice + undelivered + uncounted + open === 0 ? 0 : 1;
}
