// Simulate: one seed of a cluster from beginning to end. Several hosts with the real code share a
// journal in one model of PostgreSQL, suffer the faults of the seed, are left in peace, and judged.
import { Dice } from "../random.ts";
import type { Outcome } from "../simulate.ts";
import { Cluster } from "./cluster.ts";
import { happen } from "./happen.ts";
import { Host } from "./host.ts";
import { ClusterOracle } from "./oracle.ts";
import { type ClusterProfile, makeCluster } from "./profile.ts";

export interface ClusterOptions {
  readonly seed: number;
  /** How many hosts there are. Null: the seed says it. */
  readonly hosts?: number | null;
  readonly profile?: ClusterProfile;
  readonly traced?: boolean;
}

/** After chaos, everything must have come to its end within this. */
const PEACE_MAX_MS = 3_600_000;

/** At least this long after chaos: most schedules have fired once more. */
const PEACE_MIN_MS = 40_000;

/** An action that a clock far ahead has dated to expire later than this is not waited for. */
const DATED_MAX_MS = 90_000;

/** A call to PostgreSQL that was lost is given up after this. */
const CALL_MS = 10_000;

/** Beyond a lease, how long a shard may be without a host: the promise of the manual. */
const TAKEN_OVER_MS = 5_000;

/** A process that is dead when peace begins starts within this. */
const BOOT_MS = 1_000;

/** Runs one seed. */
export function simulateCluster({
  seed,
  hosts = null,
  profile: given,
  traced = false,
}: ClusterOptions): Outcome {
  const dice = new Dice(seed);
  const profile = given ?? makeCluster(dice, hosts);
  const oracle = new ClusterOracle();
  const cluster = new Cluster({ profile, dice, oracle, traced });
  oracle.cluster = cluster;
  cluster.model.onRow = (row) => {
    oracle.written(row);
    cluster.alarms.written(row);
    cluster.pauses.written(row);
  };
  const machines = Array.from({ length: profile.hosts }, (_, at) => new Host(cluster, at + 1));
  cluster.hosts = machines;
  const { timeline, violations } = cluster;
  for (const { atMs, what } of profile.happenings) {
    timeline.after(atMs, () => happen(cluster, machines, what));
  }
  timeline.after(profile.chaosMs, () => pacify(cluster, machines));
  for (const host of machines) timeline.after(dice.int(0, 3_000), () => host.boot());
  while (!cluster.calm && violations.length === 0 && cluster.step());
  if (violations.length === 0) rest(cluster, machines);
  for (const { life } of machines) life.alive = false;
  const lives = machines.reduce((sum, { life }) => sum + life.number, 0);
  const runs = cluster.model.table("run");
  return {
    violations,
    lives,
    lines: cluster.lines ?? [],
    calls: cluster.calls,
    virtualMs: (timeline.now - profile.beginsAt) * profile.hosts,
    actions: cluster.api.actions.size,
    runs: runs.length,
    workflows: runs.filter(({ row }) => row.source !== null).length,
    faults: cluster.counts,
  };
}

function pacify(cluster: Cluster, hosts: readonly Host[]): void {
  cluster.say("", () => "peace: no more faults");
  if (cluster.outage !== null) cluster.alarms.outageEnds();
  [cluster.calm, cluster.api.calm, cluster.outage] = [true, true, null];
  cluster.postgres.isDown = false;
  for (const host of hosts) {
    [host.isCut, host.cutOff, host.diskFull, host.offsetMs] = [false, null, false, 0];
    cluster.model.drain(host.name, false);
    host.missingPlugins.clear();
    host.resume(0);
    if (!host.life.alive) cluster.timeline.after(BOOT_MS, () => host.boot());
  }
  cluster.postgres.flush();
}

/** Waits until all that was begun has ended, then judges. */
function rest(cluster: Cluster, hosts: readonly Host[]): void {
  const { oracle, profile, timeline, violations } = cluster;
  const calmAt = timeline.now;
  const marks = oracle.marks(calmAt + DATED_MAX_MS);
  // A call that was lost before peace is waited for.
  const firstAt = calmAt + BOOT_MS + CALL_MS;
  let [lookAt, isBalanced] = [calmAt, false];
  const unownedSince = new Map<number, number>();
  while (violations.length === 0 && cluster.step()) {
    if (timeline.now < lookAt) continue;
    lookAt = timeline.now + 1_000;
    const unowned = oracle.unowned(hosts);
    for (const id of unownedSince.keys()) if (!unowned.includes(id)) unownedSince.delete(id);
    for (const id of unowned) {
      const since = unownedSince.get(id) ?? Math.max(timeline.now, firstAt);
      unownedSince.set(id, since);
      if (timeline.now - since <= profile.leaseMs + TAKEN_OVER_MS) continue;
      cluster.violate(`I4: shard ${id} has no host for ${timeline.now - since} ms`);
    }
    isBalanced ||= timeline.now > calmAt + CALL_MS && oracle.isBalanced(hosts);
    if (timeline.now > calmAt + PEACE_MAX_MS) break;
    const isOver = isBalanced && timeline.now > calmAt + PEACE_MIN_MS;
    if (!isOver || oracle.unended(marks) !== null) continue;
    const { problem, isLasting } = cluster.alarms.state();
    if (problem === null) break;
    if (isLasting) cluster.violate(problem);
  }
  if (violations.length > 0) return;
  const left = oracle.unended(marks);
  if (left !== null) cluster.violate(left);
  if (!isBalanced) cluster.violate("I4: the hosts never came to have as many shards as each other");
  oracle.atRest(marks);
}
