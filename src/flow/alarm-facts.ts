// Alarm facts: what the journal knows of one job that alarms are decided by (alarm-rules.ts).
import { type Entity, isSignedAhead } from "../jobs/entity.ts";
import { pauseReason } from "../jobs/hold.ts";
import type { AlarmRow } from "../journal/alarms.ts";
import { isRefused } from "../journal/guards.ts";
import type { RunRow } from "../journal/inflight.ts";
import type { JournalReads } from "../journal/journal.ts";
import type { Instant, Milliseconds } from "../time.ts";
import type { JobFacts } from "./alarm-rules.ts";
import { CLOCK_SLACK_MS } from "./clock-watch.ts";
import { coverageNow } from "./signed-ahead.ts";

/** Runs over which a streak of failures is counted. */
const STREAK_MAX = 50;

/** When jobs are looked at, and what is told of them already. */
export interface Looking {
  readonly now: Instant;
  readonly startedAt: Instant;
  readonly open: readonly AlarmRow[];
}

/** What the rules look at of one job. */
export function factsOf(
  journal: JournalReads,
  entity: Entity,
  { now, startedAt, open }: Looking,
): JobFacts {
  const { job, expectMs, expectAgents, schedule } = entity;
  const until = lastFireAt(entity, now);
  const [newest] = journal.endedRuns(job, until, 1);
  const isGood = newest === undefined || newest.state === "done";
  const lastDone = newest?.state === "done" ? newest : journal.lastDone(job, until);
  const results =
    lastDone === null
      ? []
      : journal.actionsOf(lastDone.id).flatMap(({ completeness }) => completeness ?? []);
  const ended = isGood
    ? [newest].flatMap((run) => run ?? [])
    : journal.endedRuns(job, until, STREAK_MAX);
  const missed = journal.missed(job, 1, "missed")[0] ?? null;
  const seen = { job, ended, missed };
  return {
    ...seen,
    lastDone,
    results,
    expectMs,
    expectAgents,
    isRefused: !isGood && (isToldRefused(open, newest) || endedByRefusal(journal, newest)),
    waitingSince:
      lastDone === null && expectMs !== null
        ? waitingSince(seen, { expectMs, startedAt, open })
        : startedAt,
    span: { from: schedule?.from ?? null, until: schedule?.until ?? null },
    paused:
      journal
        .pausesNow(now)
        .filter((pause) => pause.job === job)
        .map(pauseReason)[0] ?? null,
    calendar: isSignedAhead(entity) ? coverageNow(journal, entity, now).warning : null,
  };
}

/** The latest fire time that a job can have run for, by a clock that is right. */
function lastFireAt({ postAheadMs }: Pick<Entity, "postAheadMs">, now: Instant): Instant {
  return now + postAheadMs;
}

/**
 * The last success of a job whose end was noted by a clock that was ahead, as it is to be noted:
 * then it was over by now. Null: there is nothing to mend.
 */
export function endedAhead(
  journal: Pick<JournalReads, "lastDone">,
  entity: Pick<Entity, "job" | "postAheadMs">,
  now: Instant,
): RunRow | null {
  const last = journal.lastDone(entity.job, lastFireAt(entity, now));
  if (last?.endedAt == null || last.endedAt <= now + CLOCK_SLACK_MS) return null;
  const begunAt = last.begunAt === null ? null : Math.min(last.begunAt, now);
  return { ...last, begunAt, endedAt: now };
}

/** Whether people know already that a run was refused. The journal of before had no field for it. */
function isToldRefused(open: readonly AlarmRow[], { job, id }: RunRow): boolean {
  return open.some((one) => one.event === "refused" && one.job === job && one.runId === id);
}

/** Whether a run has failed for what a guard or a person refused. A workflow may go on after that. */
function endedByRefusal(journal: JournalReads, { id, note }: RunRow): boolean {
  return journal
    .actionsOf(id)
    .some((action) => isRefused(action) && note?.includes(action.error ?? note) === true);
}

/**
 * From when on a success of a job that never had one has been expected. A restart does not begin
 * that wait again: what was seen before it is in the journal.
 */
function waitingSince(
  { job, ended, missed }: Pick<JobFacts, "job" | "ended" | "missed">,
  {
    expectMs,
    startedAt,
    open,
  }: Pick<Looking, "startedAt" | "open"> & { readonly expectMs: Milliseconds },
): Instant {
  const late = open.find(
    ({ event, job: of, raisedAt }) => event === "late" && of === job && raisedAt <= startedAt,
  );
  return Math.min(
    startedAt,
    missed?.firstAt ?? startedAt,
    late === undefined ? startedAt : late.since - expectMs,
    ...ended.map(({ firesAt }) => firesAt),
  );
}
