// Holders: who has the jobs of a cluster, for a pass of --once that got none: others at work, or
// one that is silent, whose leases are still to end.
import type { ClusterConfig } from "../config/cluster.ts";
import type { LeaseEnd, Server } from "../journal/postgres/server.ts";
import type { Host } from "../journal/postgres/store.ts";
import type { Clock } from "../lib/ports.ts";
import type { Instant } from "../time.ts";
import { formatClock, plural } from "../view/text.ts";
import { openServer } from "./cluster-journal.ts";

const ALL_TAKEN = "cluster: other hosts have all jobs: nothing to do";

/** The line of the log. What cannot be asked any more is left out. */
export async function idleText(cluster: ClusterConfig, clock: Clock): Promise<string> {
  const server = openServer(cluster);
  try {
    return await askIdleText(server, cluster, clock.now());
  } catch {
    return ALL_TAKEN;
  } finally {
    await server.close();
  }
}

async function askIdleText(
  server: Pick<Server, "lookAnyway" | "leaseEnds">,
  { leaseMs }: Pick<ClusterConfig, "leaseMs">,
  now: Instant,
): Promise<string> {
  const { hosts } = await server.lookAnyway();
  return describeHolders(await server.leaseEnds(), { hosts, leaseMs, now });
}

/**
 * Who has them. A daemon renews its leases each fifth of their time, so half of it without shows
 * that it is silent; another pass, which is not among the hosts, may be at work or may have died.
 */
export function describeHolders(
  ends: readonly LeaseEnd[],
  {
    hosts,
    leaseMs,
    now,
  }: { readonly hosts: readonly Host[]; readonly leaseMs: number; readonly now: Instant },
): string {
  const told = ends.flatMap(({ owner, shards, leftMs }) => {
    const until = `has ${plural(shards, "shard")} until ${formatClock(now + leftMs)}`;
    const known = hosts.find(({ instance }) => instance === owner);
    const name = known?.name ?? owner.replace(/\/[^/]*$/, "");
    if (leftMs < leaseMs / 2) return [`${name} is not heard of and ${until}`];
    return known === undefined ? [`a pass on ${name} ${until}, or longer if it is at work`] : [];
  });
  return [ALL_TAKEN, ...told].join("; ");
}
