// Alarm rules: what is wrong with a job now, from what the journal knows of it. Pure.
//
// A rule states what is wrong at this moment. What is new follows from comparing that with the
// alarms that are open already (alarms.ts). So nothing is told twice, not even after a restart.
import type { AlarmEvent, AlarmRow } from "../journal/alarms.ts";
import type { Completeness, DeliveryRow, RunRow } from "../journal/inflight.ts";
import type { MissedRow } from "../journal/journal.ts";
import { type Instant, limitText, type Milliseconds, spanText } from "../time.ts";
import { answersOf } from "./shortfall.ts";

/** Something that is wrong now. */
export type Condition = Pick<
  AlarmRow,
  "event" | "job" | "subject" | "runId" | "since" | "count" | "message" | "hint"
>;

/** What the rules look at of one job. */
export interface JobFacts {
  readonly job: string;
  /** Its ended or paused runs, the latest fire time first: enough to count failures in a row. */
  readonly ended: readonly RunRow[];
  /** Whether a guard or a person has refused to post an action of the latest of them. */
  readonly isRefused: boolean;
  /** Its last run that is done. */
  readonly lastDone: RunRow | null;
  /** Its newest missed fire times. */
  readonly missed: MissedRow | null;
  /** What the last run that is done has collected. */
  readonly results: readonly Completeness[];
  /** The job's `expect`: how long it may be without a success. Null: for ever. */
  readonly expectMs: Milliseconds | null;
  /** Between which times its schedule has fire times; null: no bound. */
  readonly span: { readonly from: Instant | null; readonly until: Instant | null };
  /** By whom the job is paused now, and why. Null: it is not paused. */
  readonly paused: string | null;
  /** Where the job has never succeeded: from when on a success has been expected. */
  readonly waitingSince: Instant;
  /** The job's `expectagents`. Null: at least one has to match; 0: none has to answer. */
  readonly expectAgents: number | null;
  /** The warning about its calendar; null when there is none. */
  readonly calendar: string | null;
}

/** All that is wrong with a job. */
export function jobConditions(facts: JobFacts, now: Instant): readonly Condition[] {
  return [
    ...failing(facts),
    ...missing(facts, now),
    ...late(facts, now),
    ...short(facts),
    ...uncovered(facts, now),
  ];
}

function failing({ job, ended, isRefused }: JobFacts): Condition[] {
  const [last] = ended;
  if (last === undefined || last.state === "done") return [];
  const good = ended.findIndex(({ state }) => state === "done");
  const streak = good < 0 ? ended : ended.slice(0, good);
  const first = streak.at(-1) ?? last;
  const why = last.note ?? "no reason was recorded";
  const isPaused = last.state === "paused";
  const event: AlarmEvent = !isPaused && isRefused ? "refused" : "failed";
  const what = isPaused ? "is paused" : event === "refused" ? "was refused" : "failed";
  const again = isPaused
    ? `mig-runner resume ${last.id} lets it go on, mig-runner drop ${last.id} ends it`
    : `mig-runner history ${last.id} tells all of it, mig-runner run ${job} fires it again`;
  return [
    {
      event,
      job,
      subject: "",
      runId: last.id,
      since: first.endedAt ?? first.firesAt,
      count: streak.length,
      message: `run ${last.id} ${what}: ${why}`,
      hint: again,
    },
  ];
}

function missing({ job, missed, lastDone }: JobFacts, now: Instant): Condition[] {
  // A fire time in the future was recorded while the clock was ahead: it was not missed.
  if (missed === null || missed.firstAt > now) return [];
  if (lastDone !== null && lastDone.firesAt > missed.lastAt) return [];
  const { count, firstAt, reason } = missed;
  const times = count === 1 ? "a fire time was" : `${count} fire times were`;
  return [
    {
      event: "missed",
      job,
      subject: "",
      runId: null,
      since: firstAt,
      count,
      message: `${times} missed, the first ${timeText(firstAt)}: ${reason}`,
      hint: `mig-runner run ${job} makes up for it; its next run that succeeds ends this`,
    },
  ];
}

function late(facts: JobFacts, now: Instant): Condition[] {
  const { job, lastDone, expectMs, waitingSince, paused, span } = facts;
  // Nothing is expected of a job whose schedule has ended, or has not begun.
  if (expectMs === null || (span.until !== null && now >= span.until)) return [];
  const from = lastDone === null ? waitingSince : (lastDone.endedAt ?? lastDone.firesAt);
  const since = Math.max(from, span.from ?? from) + expectMs;
  if (now <= since) return [];
  const last = lastDone === null ? "it has never succeeded" : `its last was ${timeText(from)}`;
  return [
    {
      event: "late",
      job,
      subject: "",
      runId: lastDone?.id ?? null,
      since,
      count: 1,
      message: `no run succeeded within ${limitText(expectMs)}: ${paused ?? last}`,
      hint: `mig-runner history ${job} shows its runs, mig-runner status what it waits for`,
    },
  ];
}

function short({ job, lastDone, results, expectAgents }: JobFacts): Condition[] {
  if (lastDone === null || results.length === 0) return [];
  const wanted = expectAgents ?? 1;
  const matched = results.reduce((sum, { fetched, sent }) => sum + Math.max(fetched, sent ?? 0), 0);
  const answered = results.reduce((sum, result) => sum + answersOf(result), 0);
  // Without `expectagents` the only certain fault is a target that matches no agent.
  const found = expectAgents === null ? matched : answered;
  if (found >= wanted) return [];
  const message =
    matched === 0
      ? "its target matched no agent"
      : `${answered} of the ${matched} agents that were asked answered, ${wanted} are expected`;
  return [
    {
      event: "coverage",
      job,
      subject: "",
      runId: lastDone.id,
      count: 1,
      message,
      since: lastDone.endedAt ?? lastDone.firesAt,
      hint: "look at the target and the agents; expectagents in the job says how many must answer",
    },
  ];
}

function uncovered({ job, calendar }: JobFacts, now: Instant): Condition[] {
  if (calendar === null) return [];
  const hint = `mig-runner calendar request ${job} begins the next one`;
  const what = { event: "calendar", job, subject: "", runId: null, since: now, count: 1 } as const;
  return [{ ...what, message: `its calendar: ${calendar}`, hint }];
}

/** Deliveries that were given up, one condition a job and plugin. */
export function deadConditions(dead: readonly DeliveryRow[]): readonly Condition[] {
  const groups = Map.groupBy(dead, ({ job, plugin }) => JSON.stringify([job, plugin]));
  return [...groups.values()].flatMap((rows): Condition[] => {
    const last = rows.at(-1);
    if (last === undefined) return [];
    const { job, plugin, error } = last;
    const isOne = rows.length === 1;
    const results = isOne ? "a result was" : `${rows.length} results were`;
    const again = isOne ? job : "ID for each that mig-runner status shows";
    return [
      {
        event: "dead",
        job,
        subject: plugin,
        runId: null,
        count: rows.length,
        since: Math.min(...rows.map(({ updatedAt }) => updatedAt)),
        message: `${results} not taken by plugin ${plugin}: ${error ?? "no reason was recorded"}`,
        hint: `mend the plugin, then mig-runner redeliver ${again}; mig-runner drop gives them up`,
      },
    ];
  });
}

/** How long the API may be down before an alarm is raised. */
export const API_DOWN_MS: Milliseconds = 600_000;

/**
 * The API that has not answered for long. It is down until it answers: also for a process that was
 * started while it was, and knows of a shorter time only.
 *
 * @param open The alarm that says so already.
 */
export function apiConditions(
  downSince: Instant | null,
  now: Instant,
  open?: Pick<AlarmRow, "since">,
): readonly Condition[] {
  if (downSince === null) return [];
  const since = open?.since ?? downSince;
  if (open === undefined && now - since < API_DOWN_MS) return [];
  return [
    {
      event: "api",
      job: "",
      subject: "",
      runId: null,
      since,
      count: 1,
      message: `the MIG API has not answered since ${timeText(since)}`,
      hint: "the log says how; everything waits, and goes on when it is back",
    },
  ];
}

/** What differs between the open alarms and the present conditions. */
export interface Changes {
  readonly raised: readonly Condition[];
  readonly ended: readonly AlarmRow[];
  /** Alarms that are still true, each with its present text. */
  readonly lasting: readonly { readonly alarm: AlarmRow; readonly condition: Condition }[];
}

/** Compares the present conditions with the open alarms of the same scope. */
export function changesOf(open: readonly AlarmRow[], conditions: readonly Condition[]): Changes {
  const keyOf = ({ event, job, subject }: Condition | AlarmRow): string =>
    JSON.stringify([event, job, subject]);
  const known = new Map(open.map((alarm) => [keyOf(alarm), alarm]));
  const now = new Map(conditions.map((condition) => [keyOf(condition), condition]));
  return {
    raised: conditions.filter((condition) => !known.has(keyOf(condition))),
    ended: open.filter((alarm) => !now.has(keyOf(alarm))),
    lasting: open.flatMap((alarm) => {
      const condition = now.get(keyOf(alarm));
      return condition === undefined ? [] : [{ alarm, condition }];
    }),
  };
}

/** The JSON that plugins get; its event is `recovered` when the alarm has ended. */
export function noticeBody(
  alarm: Condition,
  { at, ended, host }: { readonly at: Instant; readonly ended: boolean; readonly host?: string },
): string {
  const { event, job, subject, runId, since, count, message, hint } = alarm;
  const lasted = spanText(Math.max(0, at - since));
  return JSON.stringify({
    kind: "alarm",
    event: ended ? "recovered" : event,
    of: event,
    job: job === "" ? null : job,
    subject: subject === "" ? null : subject,
    run: runId,
    ...(host === undefined ? {} : { host }),
    at: timeText(at),
    since: timeText(since),
    count,
    message: ended ? `right again after ${lasted}: ${message}` : message,
    hint: ended ? "" : hint,
  });
}

function timeText(at: Instant): string {
  return new Date(at).toISOString();
}
