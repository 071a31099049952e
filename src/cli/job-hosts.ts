// Job hosts: which host of a cluster has which job, for verbs that tell it beside other things.
import type { RunnerConfig } from "../config/runner.ts";
import { isJournalError, RunnerError } from "../errors.ts";

/** The hosts of a cluster, by jobs. */
export interface JobHosts {
  /** The one that has a job now; null: none has. */
  hostOf(job: string): string | null;
  /** The jobs whose files lie on hosts that are at work, and on which. */
  readonly liesOn: ReadonlyMap<string, readonly string[]>;
}

/**
 * Asks who has which job at this moment. Null: this host works alone.
 *
 * @throws {RunnerError} JOURNAL: the cluster cannot be reached.
 */
export async function jobHosts({
  cluster,
}: Pick<RunnerConfig, "cluster">): Promise<JobHosts | null> {
  if (cluster === null) return null;
  const { liesOn, toldHosts } = await import("./told-hosts.ts");
  const { openServer } = await import("./cluster-journal.ts");
  const { hostOf } = await import("../journal/postgres/owner.ts");
  const server = openServer(cluster);
  try {
    await server.assertSchema();
    const seen = await server.look();
    const states = await toldHosts(cluster, seen);
    return { hostOf: (job) => hostOf(seen, job), liesOn: liesOn(states, cluster) };
  } finally {
    await server.close();
  }
}

/**
 * The mistake of naming a job whose files lie on other hosts of a cluster only. Null: it lies on
 * none that is known.
 */
export async function notHere(
  attempt: { readonly verb: string; readonly job: string },
  config: Pick<RunnerConfig, "cluster" | "runnersDirectory">,
): Promise<RunnerError | null> {
  const { verb, job } = attempt;
  try {
    const hosts = (await jobHosts(config))?.liesOn.get(job);
    if (hosts === undefined) return null;
    const hint = `ask there, this goes by the files of a host: they lie on ${hosts.join(", ")}`;
    const message = `Cannot ${verb} job "${job}": it does not lie on this host`;
    return new RunnerError("ENTITY", message, { path: config.runnersDirectory, hint });
  } catch (error) {
    if (isJournalError(error)) return null;
    throw error;
  }
}
