// Told hosts: what the hosts of a cluster say of themselves, for verbs that tell it.
import type { ClusterConfig } from "../config/cluster.ts";
import { type HostState, heardOf } from "../flow/hosts.ts";
import type { Seen } from "../journal/postgres/store.ts";
import { openJournal } from "../journal/sqlite/journal.ts";
import { excerptOf } from "./cluster-journal.ts";
import { hostStates } from "./host-watch.ts";

/** Their states, which are no job's. */
export async function toldHosts(
  cluster: Pick<ClusterConfig, "url">,
  { hosts }: Pick<Seen, "hosts">,
): Promise<readonly HostState[]> {
  const { path, close } = await excerptOf(cluster, { kind: "tables", tables: ["state"], job: "" });
  const journal = openJournal({ path, readOnly: true });
  try {
    return hostStates(journal, hosts);
  } finally {
    await journal.close();
    await close();
  }
}

/** The jobs that lie on hosts that are at work, and on which. */
export function liesOn(
  states: readonly HostState[],
  { leaseMs }: Pick<ClusterConfig, "leaseMs">,
): ReadonlyMap<string, readonly string[]> {
  const all = new Map<string, string[]>();
  for (const { name, jobs } of heardOf(states, leaseMs)) {
    for (const job of Object.keys(jobs ?? {})) all.set(job, [...(all.get(job) ?? []), name]);
  }
  return all;
}
