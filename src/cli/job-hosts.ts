// Job hosts: which host of a cluster has which job, for verbs that tell it beside other things.
import type { RunnerConfig } from "../config/runner.ts";

/** Which host has a job now; null: none has. */
export type HostOf = (job: string) => string | null;

/**
 * Asks who has which job at this moment. Null: this host works alone.
 *
 * @throws {RunnerError} JOURNAL: the cluster cannot be reached.
 */
export async function jobHosts({ cluster }: Pick<RunnerConfig, "cluster">): Promise<HostOf | null> {
  if (cluster === null) return null;
  const { openServer } = await import("./cluster-journal.ts");
  const { hostOf } = await import("../journal/postgres/owner.ts");
  const server = openServer(cluster);
  try {
    await server.assertSchema();
    const seen = await server.lookAnyway();
    return (job) => hostOf(seen, job);
  } finally {
    await server.close();
  }
}
