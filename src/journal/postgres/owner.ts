// Owner: which host of a cluster has a job, by what all hosts see.
import { shardOf } from "./shapes.ts";
import type { Seen } from "./store.ts";

/** The host that has a job now; null: none has. */
export function hostOf({ shards, hosts }: Pick<Seen, "shards" | "hosts">, job: string) {
  // Beside those that have owners there is one of what belongs to no job.
  const id = shardOf(job, shards.length - 1);
  const shard = shards.find((one) => one.id === id);
  if (shard === undefined || shard.owner === null || shard.free) return null;
  const { owner } = shard;
  const known = hosts.find(({ instance }) => instance === owner);
  // A pass of --once is not among the hosts: its process is named after its host (processName()).
  return known?.name ?? owner.replace(/\/[^/]*$/, "");
}
