// Metrics: what a monitoring system is told, as the text that Prometheus reads. The daemon writes
// it for node_exporter, and the page answers it.
//
// Owns:     the names, the labels, and what each number means.
// Not here: where the numbers come from (the reading interface), where the text goes.
import { type Entity, isSignedAhead } from "../jobs/entity.ts";
import type { JournalMetrics, Reading } from "../journal/reading.ts";
import { type Instant, SECOND_MS } from "../time.ts";
import { exposition, type Family, type Sample } from "./exposition.ts";

/** What is known of a job beside the journal. */
export interface MetricJob {
  readonly job: string;
  /** When it fires next; null: never, or it is broken. */
  readonly nextAt: Instant | null;
  /** Whether it posts from a calendar that people sign. */
  readonly isSignedAhead: boolean;
  readonly plugins: readonly string[];
}

/** What is told of a job; of one that is broken no more than its name. */
export function metricJob(job: string, entity: Entity | null, nextAt: Instant | null): MetricJob {
  if (entity === null) return { job, nextAt, isSignedAhead: false, plugins: [] };
  return { job, nextAt, isSignedAhead: isSignedAhead(entity), plugins: entity.plugins };
}

/** What a process tells of itself. */
export interface ProcessFacts {
  readonly startedAt: Instant;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  /** Null where the system does not tell. */
  readonly openFiles: number | null;
}

/** What is told beside the journal. */
export interface MetricFacts {
  readonly jobs: readonly MetricJob[];
  /** Whether the API answered when it was last asked; null: this process does not ask it. */
  readonly apiUp: boolean | null;
  /** Whether the journal answers: of a cluster, PostgreSQL. */
  readonly journalUp: boolean;
  /** The daemon itself; null where another process tells. */
  readonly process: ProcessFacts | null;
}

/** Everything that is told, read now. */
export async function metrics(reading: Reading, facts: MetricFacts, now: Instant): Promise<string> {
  return renderMetrics(await reading.metrics(now), facts);
}

/** The same of what was read. Pure. */
export function renderMetrics(read: JournalMetrics, facts: MetricFacts): string {
  return exposition([
    ...ofJobs(read, facts),
    ...ofWork(read, facts),
    ...(facts.process === null ? [] : ofProcess(facts.process)),
  ]);
}

/** Every job has its counters from the begin on: what grows from nothing is not seen to grow. */
function ofJobs(read: JournalMetrics, { jobs }: MetricFacts): Family[] {
  const runs = new Map(
    jobs.flatMap(({ job }) => (["done", "failed"] as const).map((state) => runKey({ job, state }))),
  );
  for (const row of read.runs) runs.set(...runKey(row));
  const missed = new Map(jobs.map(({ job }) => [job, 0]));
  for (const { job, count } of read.missed) missed.set(job, count);
  const succeeded = new Map(
    read.runs.flatMap(({ job, state, lastAt }) => (state === "done" ? [[job, lastAt]] : [])),
  );
  const windows = new Map(read.windowsLeft.map(({ job, left }) => [job, left]));
  const each = (told: (job: MetricJob) => number | null): Sample[] =>
    jobs.flatMap((job) => {
      const value = told(job);
      return value === null ? [] : [{ labels: { job: job.job }, value }];
    });
  return [
    counter("mig_runner_runs_total", "Runs that have ended, by how.", [...runs.values()]),
    gauge(
      "mig_runner_last_success_timestamp_seconds",
      "When a run of the job last ended well.",
      each(({ job }) => seconds(succeeded.get(job) ?? null)),
    ),
    gauge(
      "mig_runner_next_fire_timestamp_seconds",
      "When the job fires next.",
      each(({ nextAt }) => seconds(nextAt)),
    ),
    counter(
      "mig_runner_missed_total",
      "Fire times that nobody ran, without those that were skipped on purpose.",
      [...missed].map(([job, value]) => ({ labels: { job }, value })),
    ),
    gauge(
      "mig_runner_calendar_windows_left",
      "Fire times to come that people have signed.",
      each(({ job, isSignedAhead }) => (isSignedAhead ? (windows.get(job) ?? 0) : null)),
    ),
  ];
}

function runKey(row: Pick<JournalMetrics["runs"][0], "job" | "state"> & { count?: number }) {
  const { job, state, count = 0 } = row;
  return [JSON.stringify([job, state]), { labels: { job, state }, value: count }] as const;
}

function ofWork(read: JournalMetrics, { jobs, apiUp, journalUp }: MetricFacts): Family[] {
  const plugins = [...new Set(jobs.flatMap((job) => job.plugins))];
  const deliveryKey = (plugin: string, state: string, value: number) =>
    [JSON.stringify([plugin, state]), { labels: { plugin, state }, value }] as const;
  const deliveries = new Map(
    plugins.flatMap((plugin) => ["pending", "dead"].map((state) => deliveryKey(plugin, state, 0))),
  );
  for (const { plugin, state, count } of read.deliveries) {
    deliveries.set(...deliveryKey(plugin, state, count));
  }
  const plain = (value: number): Sample[] => [{ labels: {}, value }];
  return [
    gauge(
      "mig_runner_actions_in_flight",
      "Actions that are being posted, or that agents may still answer.",
      plain(read.actionsInFlight),
    ),
    counter(
      "mig_runner_commands_total",
      "Commands of agents that were collected, by the status that they had then.",
      read.commands.map(({ status, count }) => ({ labels: { status }, value: count })),
    ),
    gauge(
      "mig_runner_deliveries",
      "Results that a plugin has not taken: pending, or dead until they are delivered again.",
      [...deliveries.values()],
    ),
    gauge(
      "mig_runner_api_up",
      "Whether the MIG API answered when it was last asked.",
      apiUp === null ? [] : plain(apiUp ? 1 : 0),
    ),
    gauge(
      "mig_runner_journal_up",
      "Whether the journal answers; of several hosts, whether PostgreSQL does.",
      plain(journalUp ? 1 : 0),
    ),
    gauge(
      "mig_runner_journal_bytes",
      "What the journal takes on the disk.",
      plain(read.journalBytes),
    ),
  ];
}

/** Under names of our own: node_exporter has process metrics itself, and refuses to have two. */
function ofProcess({ startedAt, residentBytes, cpuSeconds, openFiles }: ProcessFacts): Family[] {
  const one = (value: number | null): Sample[] => (value === null ? [] : [{ labels: {}, value }]);
  return [
    gauge(
      "mig_runner_process_start_time_seconds",
      "When the daemon was started.",
      one(seconds(startedAt)),
    ),
    gauge(
      "mig_runner_process_resident_memory_bytes",
      "Memory that the daemon holds.",
      one(residentBytes),
    ),
    counter(
      "mig_runner_process_cpu_seconds_total",
      "Processor time that the daemon has used.",
      one(cpuSeconds),
    ),
    gauge("mig_runner_process_open_fds", "Descriptors that the daemon holds.", one(openFiles)),
  ];
}

function seconds(at: Instant | null): number | null {
  return at === null ? null : at / SECOND_MS;
}

function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: "counter", help, samples };
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: "gauge", help, samples };
}
