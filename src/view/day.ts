// Day: what a day looks like on a time line: the runs of each job, the fire times that are to come,
// and those that were missed. Pure but for reading.
import type { JobState } from "../jobs/catalog.ts";
import { type Blackout, blackoutReason, endOf, holdsJob } from "../jobs/hold.ts";
import type { RunState } from "../journal/inflight.ts";
import { type HistoryPlace, isUnbegun, type Reading } from "../journal/reading.ts";
import { HOUR_MS, type Instant, MINUTE_MS } from "../time.ts";
import { nextFireOf } from "./overview.ts";
import type { NextFire } from "./upcoming.ts";

/** One run on the line. */
export interface DayRun {
  readonly run: number;
  readonly state: RunState;
  readonly beginAt: Instant;
  /** Null: it goes on. */
  readonly endAt: Instant | null;
}

/** Fire times that nobody ran. */
export interface DayMissed {
  readonly firstAt: Instant;
  readonly lastAt: Instant;
  readonly count: number;
}

/** A time in which the configuration holds fire times. */
export interface DayBlackout {
  /** As far as it is on the line. */
  readonly fromAt: Instant;
  readonly untilAt: Instant;
  readonly reason: string;
}

/** One job on the line. */
export interface Lane {
  readonly job: string;
  readonly runs: readonly DayRun[];
  readonly missed: readonly DayMissed[];
  readonly blackouts: readonly DayBlackout[];
  /** Fire times to come, in UTC milliseconds. */
  readonly fires: readonly Instant[];
}

/** A day, some of it to come. */
export interface Day {
  readonly fromAt: Instant;
  readonly untilAt: Instant;
  readonly lanes: readonly Lane[];
  /** Jobs that have something on the line, and are not shown. */
  readonly more: number;
  /** Runs of a job that fires each second do not end: those before this time are not shown. */
  readonly runsSinceAt: Instant;
}

const BACK_MS = 18 * HOUR_MS;
const AHEAD_MS = 6 * HOUR_MS;

/** Jobs that are shown: a screen. */
export const LANES_MAX = 16;

/** Runs that are read, and fire times of a job that are looked for. */
const RUNS_MAX = 1_000;
const FIRES_MAX = 72;

/** Blackouts that are drawn. */
const BLACKOUTS_MAX = 16;

/** How often it is looked whether a weekly blackout has begun: what is shorter cannot be seen. */
const LOOK_MS = 5 * MINUTE_MS;

/** What jobs are to do by the files. */
interface Jobs {
  readonly states: readonly JobState[];
  /** When each of them fires next. */
  readonly next: readonly NextFire[];
  /** As they are configured now. */
  readonly blackouts: readonly Blackout[];
}

/** The day around a moment. */
export async function dayOf(reading: Reading | null, jobs: Jobs, now: Instant): Promise<Day> {
  const fromAt = now - BACK_MS;
  const untilAt = now + AHEAD_MS;
  const { runs, sinceAt } = await runsSince(reading, fromAt);
  const missed = (await reading?.missed({ kind: "missed", limit: 200 }))?.rows ?? [];
  const recent = missed.filter(({ firstAt, lastAt }) => lastAt >= fromAt && firstAt <= now);
  const asked = ((await reading?.timedRequests(RUNS_MAX)) ?? [])
    .map(({ job, notBefore }) => ({ job, at: notBefore ?? now }))
    .filter(({ at }) => now < at && at <= untilAt);
  const names = new Set([...runs.keys(), ...[...recent, ...asked].map(({ job }) => job)]);
  for (const { job, nextAt } of jobs.next) if (nextAt !== null && nextAt <= untilAt) names.add(job);
  const sorted = [...names].sort();
  const blackouts = jobs.blackouts
    .slice(0, BLACKOUTS_MAX)
    .map((blackout) => ({ blackout, spans: spansOf(blackout, { fromAt, untilAt }) }));
  const known = new Map(jobs.states.map((state) => [state.job, state]));
  const lanes = sorted.slice(0, LANES_MAX).map((job) => ({
    job,
    runs: runs.get(job) ?? [],
    missed: recent
      .filter((row) => row.job === job)
      .map(({ firstAt, lastAt, count }) => ({ firstAt, lastAt, count })),
    blackouts: blackouts.flatMap(({ blackout, spans }) => (holdsJob(blackout, job) ? spans : [])),
    fires: [
      ...firesOf(known.get(job) ?? null, { now, untilAt }),
      ...asked.filter((one) => one.job === job).map(({ at }) => at),
    ],
  }));
  const more = sorted.length - lanes.length;
  return { fromAt, untilAt, lanes, more, runsSinceAt: sinceAt };
}

/** The times of a day in which a blackout is in force. */
function spansOf(
  blackout: Blackout,
  { fromAt, untilAt }: Pick<Day, "fromAt" | "untilAt">,
): readonly DayBlackout[] {
  const { span } = blackout;
  const reason = blackoutReason(blackout);
  const spans: DayBlackout[] = [];
  const add = (begin: Instant, end: Instant): void => {
    if (begin < end) spans.push({ fromAt: begin, untilAt: end, reason });
  };
  if (span.kind === "once") {
    add(Math.max(span.from, fromAt), Math.min(span.until, untilAt));
    return spans;
  }
  for (let at = fromAt; at < untilAt; ) {
    const end = endOf(blackout, at);
    if (end !== null) add(beginOf(blackout, at, fromAt), Math.min(end, untilAt));
    at = end ?? at + LOOK_MS;
  }
  return spans;
}

/** To the minute, as spans of the week are written. */
function beginOf(blackout: Blackout, at: Instant, fromAt: Instant): Instant {
  const least = Math.max(fromAt, at - LOOK_MS);
  let begin = at;
  for (let minute = Math.floor(at / MINUTE_MS) * MINUTE_MS; minute >= least; minute -= MINUTE_MS) {
    if (endOf(blackout, minute) === null) break;
    begin = minute;
  }
  return at === fromAt ? fromAt : begin;
}

async function runsSince(
  reading: Reading | null,
  fromAt: Instant,
): Promise<{ readonly runs: ReadonlyMap<string, DayRun[]>; readonly sinceAt: Instant }> {
  const runs = new Map<string, DayRun[]>();
  let behind: HistoryPlace | null = null;
  let sinceAt = fromAt;
  for (let count = 0; reading !== null; ) {
    const page: Awaited<ReturnType<Reading["history"]>> = await reading.history({
      since: fromAt,
      behind,
      limit: 200,
    });
    for (const record of page.runs) {
      const { run, job, state, startedAt, firesAt, endedAt } = record;
      if (isUnbegun(record)) continue;
      const one = { run, state, beginAt: startedAt ?? firesAt, endAt: endedAt };
      const list = runs.get(job);
      if (list === undefined) runs.set(job, [one]);
      else list.push(one);
    }
    count += page.runs.length;
    behind = page.next;
    if (behind === null) break;
    if (count >= RUNS_MAX) {
      sinceAt = behind.firesAt;
      break;
    }
  }
  return { runs, sinceAt };
}

function firesOf(
  state: JobState | null,
  { now, untilAt }: { readonly now: Instant; readonly untilAt: Instant },
): readonly Instant[] {
  const fires: Instant[] = [];
  let at = state === null ? null : nextFireOf(state, now);
  while (state !== null && at !== null && at <= untilAt && fires.length < FIRES_MAX) {
    fires.push(at);
    at = nextFireOf(state, at);
  }
  return fires;
}
