// Happen: what befalls a cluster at a time of its own.
import type { Cluster } from "./cluster.ts";
import type { Host } from "./host.ts";
import type { ClusterHappening } from "./profile.ts";

/** Lets one thing happen. */
export function happen(cluster: Cluster, hosts: readonly Host[], what: ClusterHappening): void {
  if (cluster.calm) return;
  void [hosts, what];
}
