// Scale: what a large cluster asks of PostgreSQL and of the API, counted in a simulated world with
// the real code of each host and no faults. docs/scale.md works with these figures.
//
//   bun test/simulation/cluster/scale.ts [HOSTS] [JOBS] [HOURS]      default 20, 600, 1
import { makeManners, type Rates, type SimulatedJob } from "../profile.ts";
import { Dice } from "../random.ts";
import { SCENARIOS } from "../scenarios.ts";
import { atMinutes } from "../schedules.ts";
import { Cluster } from "./cluster.ts";
import { Host } from "./host.ts";
import { ClusterOracle } from "./oracle.ts";
import type { ClusterProfile } from "./profile.ts";

const HOUR_MS = 3_600_000;

/** Until the hosts have shared the jobs. */
const WARM_MS = 5 * 60_000;

interface Size {
  readonly hosts: number;
  readonly jobs: number;
}

/** Jobs that are due each hour, spread over its minutes, each with one plugin. */
function profileOf({ hosts, jobs: count }: Size, dice: Dice): ClusterProfile {
  const quiet = Object.values(SCENARIOS)[0];
  const [job] = quiet?.jobs ?? [];
  if (quiet === undefined || job === undefined) throw new Error("there is no scenario");
  const jobs = Array.from({ length: count }, (_, index): SimulatedJob => {
    return { ...job, job: `job${index}`, schedule: atMinutes([index % 60]), expirySeconds: 300 };
  });
  const rates: Rates = quiet.rates;
  return {
    hosts,
    jobs,
    rates,
    shards: 64,
    leaseMs: 10_000,
    happenings: [],
    beginsAt: Date.UTC(2026, 10, 30),
    chaosMs: 0,
    checkDirectoryMs: 60_000,
    offsets: Array.from({ length: hosts }, () => 0),
    manners: { ...makeManners(dice, jobs), agentsMax: 5, listedLateMaxMs: 0, refused: new Set() },
    store: { slow: 0, lostBefore: 0, lostAfter: 0, late: 0 },
    limits: {
      pageSize: 1_000,
      dispatchesMax: 32,
      collectsMax: 16,
      deliveriesMax: 4,
      delayResultsMs: 0,
    },
    downMaxMs: 0,
    sharesDisk: true,
    replaced: 0,
    alarms: false,
    stops: 0,
  };
}

/** Lets the hosts work for so long, and counts what they ask for after the first minutes. */
function count(size: Size, hours: number): readonly string[] {
  const dice = new Dice(1);
  const oracle = new ClusterOracle();
  const cluster = new Cluster({ profile: profileOf(size, dice), dice, oracle, traced: false });
  oracle.cluster = cluster;
  cluster.model.onRow = (row) => oracle.written(row);
  [cluster.calm, cluster.api.calm] = [true, true];
  const seen = { statements: 0, rows: 0, bytes: 0, looks: 0, most: 0 };
  let [second, inSecond] = [0, 0];
  const { model, timeline } = cluster;
  const begin = timeline.now + WARM_MS;
  const isCounted = (): boolean => timeline.now >= begin;
  const write = model.write.bind(model);
  model.write = (...order) => {
    const [, , changes] = order;
    if (isCounted()) {
      seen.statements++;
      seen.rows += changes.length;
      for (const { r } of changes) seen.bytes += r?.length ?? 0;
      const now = Math.floor(timeline.now / 1_000);
      [second, inSecond] = [now, now === second ? inSecond + 1 : 1];
      seen.most = Math.max(seen.most, inSecond);
    }
    return write(...order);
  };
  // A renewal looks, too.
  const look = model.look.bind(model);
  model.look = () => {
    if (isCounted()) seen.looks++;
    return look();
  };
  const hosts = Array.from({ length: size.hosts }, (_, at) => new Host(cluster, at + 1));
  for (const host of hosts) timeline.after(dice.int(0, 3_000), () => host.boot());
  const until = begin + hours * HOUR_MS;
  while (timeline.now < until && cluster.violations.length === 0 && cluster.step());
  for (const { life } of hosts) life.alive = false;
  if (cluster.violations.length > 0) return cluster.violations;
  const runs = size.jobs * hours;
  const each = (total: number): string => (total / runs).toFixed(2);
  return [
    `${size.hosts} hosts, ${size.jobs} jobs, ${hours} hours: ${runs} runs`,
    `statements that write, a run: ${each(seen.statements)}`,
    `rows that they change, a run: ${each(seen.rows)}`,
    `bytes of these rows, a run: ${Math.round(seen.bytes / runs)}`,
    `most such statements in one second: ${seen.most}`,
    `looks and renewals, a host and second: ${(seen.looks / size.hosts / (hours * 3_600)).toFixed(2)}`,
  ];
}

const [hosts = 20, jobs = 600, hours = 1] = process.argv.slice(2).map(Number);
console.log(count({ hosts, jobs }, hours).join("\n"));
