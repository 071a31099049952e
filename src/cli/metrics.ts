// Metrics: the daemon's file for node_exporter, written again and again.

import { processUsage, writeTextfile } from "../edge/textfile.ts";
import { messageOf } from "../errors.ts";
import type { Catalog } from "../jobs/catalog.ts";
import { nextLaunch } from "../jobs/fires.ts";
import type { Membership } from "../journal/postgres/membership.ts";
import type { Reading } from "../journal/reading.ts";
import { openReading } from "../journal/sqlite/reading.ts";
import type { Clock, Log } from "../lib/ports.ts";
import { type MetricJob, metricJob, metrics, type ProcessFacts } from "../metrics/metrics.ts";
import type { Runner } from "../runner.ts";
import { type Instant, type Milliseconds, SECOND_MS } from "../time.ts";
import type { Opened } from "./open.ts";

/** From one writing to the next. */
const EACH_MS: Milliseconds = 15 * SECOND_MS;

/** What is known of the jobs beside the journal. */
function metricJobs(
  catalog: Pick<Catalog, "states">,
  { now, fireAt = () => null }: { readonly now: Instant; fireAt?(job: string): Instant | null },
): readonly MetricJob[] {
  return [...catalog.states()].map(({ job, entity }) => {
    if (entity === null) return metricJob(job, null, null);
    // What the loop waits for: a fire time that has passed and was not decided shows by it.
    const nextAt = fireAt(job) ?? nextLaunch(entity, now);
    return metricJob(job, entity, nextAt);
  });
}

/** The file of metrics of one process. */
export interface MetricsFile {
  /** Writes it now. Never rejects: what went wrong is in the log, once. */
  write(): Promise<void>;
  /** Writes it until a signal aborts. */
  writeUntil(ended: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

interface Edges {
  readonly clock: Clock;
  readonly log: Log;
}

/** The file as the configuration names it; null when it names none. */
export function openMetricsFile(
  {
    config,
    edges,
    catalog,
    member,
  }: Pick<Opened, "config" | "catalog"> & {
    readonly edges: Edges;
    readonly member: Pick<Membership, "path" | "isAnswered"> | null;
  },
  runner: Pick<Runner, "api" | "fireAt">,
  write = writeTextfile,
): MetricsFile | null {
  const { metricsFile: path } = config;
  // Of a cluster's journal this host tells what it has: the sum over all hosts is the whole.
  const journalPath = member?.path ?? config.journalPath;
  if (path === null) return null;
  const { clock, log } = edges;
  const startedAt = clock.now();
  let reading: Reading | null = null;
  let problem: string | null = null;
  const tell = (next: string | null): void => {
    if (next !== null && next !== problem) log.emit("err", next);
    if (next === null && problem !== null) log.emit("notice", "the metrics are written again");
    problem = next;
  };
  const file: MetricsFile = {
    async write() {
      try {
        reading ??= openReading(journalPath);
        const now = clock.now();
        const jobs = metricJobs(catalog, { now, fireAt: (job) => runner.fireAt(job) });
        const process: ProcessFacts = { startedAt, ...processUsage() };
        const journalUp = member?.isAnswered ?? true;
        const facts = { jobs, apiUp: runner.api.isUp, journalUp, process };
        write(path, await metrics(reading, facts, now));
        tell(null);
      } catch (error) {
        tell(messageOf(error));
      }
    },
    async writeUntil(ended) {
      while (!ended.aborted) {
        await file.write();
        await clock.sleep(EACH_MS, ended);
      }
    },
    async close() {
      await reading?.close();
    },
  };
  return file;
}
