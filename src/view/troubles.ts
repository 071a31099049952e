// Troubles: what is wrong now, each in words, with since when and what to do. The first thing that
// people look for.
//
// Owns:     which states are worth a person's look, in which order, and the words for them.
// Not here: what alarms are told to whom (flow/alarms.ts), how a trouble is shown.

import { describeError } from "../errors.ts";
import { coverageOf } from "../flow/signed-ahead.ts";
import { isSignedAhead } from "../jobs/entity.ts";
import { isAtLeast } from "../jobs/fires.ts";
import type { AlarmEvent, AlarmRow } from "../journal/alarms.ts";
import { awaitsApproval } from "../journal/guards.ts";
import type { ActionRow } from "../journal/inflight.ts";
import type { MissedRow } from "../journal/journal.ts";
import {
  isUnbegun,
  type OpenWorkflow,
  type Reading,
  type RunRecord,
  type Undelivered,
} from "../journal/reading.ts";
import { DAY_MS, type Instant, MINUTE_MS } from "../time.ts";
import { questionViews } from "../workflow/view.ts";
import type { Sources } from "./overview.ts";
import { formatClock, formatDistance, plural } from "./text.ts";

/** What of the whole is wrong. */
const TROUBLE_KINDS = [
  ...(["journal", "runner", "directory", "alarm", "run", "delivery", "action"] as const),
  ...(["approval", "job", "calendar", "missed"] as const),
] as const;

/** One thing that is wrong. */
export interface Trouble {
  readonly kind: (typeof TROUBLE_KINDS)[number];
  /** A sentence without its period. */
  readonly message: string;
  readonly job: string | null;
  readonly runId: number | null;
  /** Since when it is so; null: not known. */
  readonly sinceAt: Instant | null;
  /** What to do about it, as one would say it to somebody. */
  readonly todo: string;
}

/** What troubles are found from. */
export interface TroubleSources extends Sources {
  /** Why the journal cannot be read; null: it can, or there is none. */
  readonly problem: string | null;
  /** When the journal was written last; null: there is none. */
  readonly journalAt: Instant | null;
  /** What is wrong with the directory as a whole, such as who may write to it. */
  readonly mistakes: readonly string[];
}

/** The most of one kind. */
export const TROUBLES_MAX = 50;

/** Older failures and missed fire times are history. */
const LATELY_MS = DAY_MS;

/** Failed runs that are looked through for jobs that have not recovered. */
const FAILED_MAX = 200;

/** Work that should have been done this long ago shows that the runner stands still. */
export const OVERDUE_MS = 5 * MINUTE_MS;

/** All that is wrong, what matters most first. */
export async function troublesOf(sources: TroubleSources): Promise<readonly Trouble[]> {
  const { reading, now } = sources;
  const whole = [...journalTroubles(sources), ...runnerTroubles(sources)];
  if (reading === null) return [...whole, ...jobTroubles(sources)];
  const alarms = await reading.openAlarms();
  // What is told as an alarm is told once.
  const told = new Set(alarms.map(({ event, job }) => `${event} ${job}`));
  const isNew =
    (event: AlarmEvent) =>
    ({ job }: Trouble): boolean =>
      !told.has(`${event} ${job}`);
  const inFlight = await reading.inFlight(FAILED_MAX);
  return [
    ...whole,
    ...alarms.slice(0, TROUBLES_MAX).map(alarmTrouble),
    ...(await runTroubles(reading, now)).filter(isNew("failed")),
    ...deliveryTroubles(await reading.undelivered(FAILED_MAX)).filter(isNew("dead")),
    ...inFlight
      .filter(isStuck)
      .slice(0, TROUBLES_MAX)
      .map((row) => actionTrouble(row, now)),
    ...(await reading.openWorkflows(FAILED_MAX)).flatMap(askTroubles).slice(0, TROUBLES_MAX),
    ...inFlight.filter(awaitsApproval).slice(0, TROUBLES_MAX).map(approvalTrouble),
    ...jobTroubles(sources),
    ...(await calendarTroubles(sources, reading)).filter(isNew("calendar")),
    ...(await missedTroubles(reading, now)).filter(isNew("missed")),
  ];
}

function trouble(
  kind: Trouble["kind"],
  about: Partial<Omit<Trouble, "kind">> & Pick<Trouble, "message" | "todo">,
): Trouble {
  return { kind, job: null, runId: null, sinceAt: null, ...about };
}

function journalTroubles({ problem, journalAt, directory, mistakes }: TroubleSources): Trouble[] {
  const found: Trouble[] = [];
  if (problem !== null) {
    found.push(trouble("journal", { message: problem, todo: "mig-runner journal verify" }));
  } else if (journalAt === null) {
    const message = `There is no journal in ${directory}: no mig-runner has worked there yet`;
    found.push(trouble("journal", { message, todo: "Start mig-runner: it makes the journal" }));
  }
  const todo = "Mend it as the message says; mig-runner check shows whether it is right";
  return [...found, ...mistakes.map((message) => trouble("directory", { message, todo }))];
}

function runnerTroubles({ holder, journalAt, problem }: TroubleSources): Trouble[] {
  if (holder !== null || (journalAt === null && problem === null)) return [];
  return [
    trouble("runner", {
      message: "No mig-runner is at work: nothing is fired, collected or delivered",
      sinceAt: journalAt,
      todo: "Start it, such as by systemctl start mig-runner; between two passes of --once, wait",
    }),
  ];
}

function alarmTrouble({ job, runId, since, count, message, hint }: AlarmRow): Trouble {
  const often = count > 1 ? ` (${count} times)` : "";
  const of = job === "" ? null : job;
  return trouble("alarm", {
    message: `${message}${often}`,
    job: of,
    runId,
    sinceAt: since,
    todo: hint,
  });
}

/** Jobs whose last run failed lately, and runs that are paused. */
async function runTroubles(reading: Reading, now: Instant): Promise<Trouble[]> {
  const { runs } = await reading.history({ failed: true, limit: FAILED_MAX });
  const seen = new Set<string>();
  const found: Trouble[] = [];
  for (const run of runs) {
    if (isUnbegun(run)) continue;
    if (run.state === "paused") found.push(pausedTrouble(run));
    if (run.state !== "failed" || run.firesAt < now - 7 * LATELY_MS || seen.has(run.job)) continue;
    seen.add(run.job);
    const last = await reading.lastRun(run.job);
    // A later run has not failed.
    if (last !== null && last.run.id !== run.run && last.run.state === "done") continue;
    found.push(failedTrouble(run));
  }
  return found.slice(0, TROUBLES_MAX);
}

function failedTrouble({ job, run, error, endedAt, firesAt }: RunRecord): Trouble {
  return trouble("run", {
    job,
    runId: run,
    sinceAt: endedAt ?? firesAt,
    message: `The last run of ${job} failed: ${error ?? "no reason was recorded"}`,
    todo: `mig-runner run ${job} fires it again`,
  });
}

function pausedTrouble({ job, run, error, firesAt }: RunRecord): Trouble {
  return trouble("run", {
    job,
    runId: run,
    sinceAt: firesAt,
    message: `Run ${run} of ${job} is paused: ${error ?? "no reason was recorded"}`,
    todo: `mig-runner resume ${run}, or mig-runner drop ${run}`,
  });
}

/** Actions that are named. */
const IDS_SHOWN = 5;

/** Results that were given up, a trouble a job and plugin. */
function deliveryTroubles(undelivered: readonly Undelivered[]): Trouble[] {
  const dead = undelivered.filter(({ delivery }) => delivery.state === "dead");
  const groups = Map.groupBy(dead, ({ delivery: { job, plugin } }) =>
    JSON.stringify([job, plugin]),
  );
  return [...groups.values()].slice(0, TROUBLES_MAX).flatMap((rows) => {
    const first = rows[0];
    const last = rows.at(-1);
    if (first === undefined || last === undefined) return [];
    const { job, plugin, error, updatedAt } = last.delivery;
    const what = rows.length === 1 ? `a result of ${job}` : `${rows.length} results of ${job}`;
    const runId = rows.length === 1 ? first.runId : null;
    const ids = rows.slice(0, IDS_SHOWN).map(({ actionId }) => actionId);
    const each = rows.length === 1 ? `${ids[0] ?? job}` : `ID, for each of ${ids.join(", ")}`;
    const more = rows.length > IDS_SHOWN ? ` and ${rows.length - IDS_SHOWN} more` : "";
    return trouble("delivery", {
      job,
      runId,
      sinceAt: Math.min(first.delivery.updatedAt, updatedAt),
      message: `Plugin ${plugin} did not take ${what}: ${error ?? "no reason was recorded"}`,
      todo: `When it can again: mig-runner redeliver ${each}${more}`,
    });
  });
}

/** What was tried and failed, and will be tried again. */
function isStuck({ failures, error, held }: ActionRow): boolean {
  return failures > 0 && error !== null && held === null;
}

function actionTrouble(row: ActionRow, now: Instant): Trouble {
  const { job, runId, state, failures, error, nextAt, actionId } = row;
  const what = state === "planned" ? "An action" : `Action ${actionId}`;
  const deed = state === "planned" ? "posted" : "collected";
  const next = nextAt === null ? "" : `, again ${formatDistance(Math.max(nextAt, now), now)}`;
  return trouble("action", {
    job,
    runId,
    sinceAt: row.updatedAt,
    message: `${what} of ${job} is not ${deed} yet, ${plural(failures, "try")} failed${next}: ${error}`,
    todo: "mig-runner check --api shows whether the API is reached and takes the key",
  });
}

function approvalTrouble({ job, runId, updatedAt }: ActionRow): Trouble {
  return trouble("approval", {
    job,
    runId,
    sinceAt: updatedAt,
    message: `Run ${runId} of ${job} waits for approval`,
    todo: `mig-runner approve ${runId}, or mig-runner deny ${runId}`,
  });
}

function askTroubles(workflow: OpenWorkflow): Trouble[] {
  return questionViews(workflow).map(({ runId, job, name, way, untilAt, error }) => {
    const until = untilAt === null ? "" : `, until ${formatClock(untilAt)}`;
    const refused = error === null ? "" : ` (the last answer was refused: ${error})`;
    const message = `Run ${runId} of ${job} waits for an answer to ${name}${until}${refused}`;
    return trouble("approval", { job, runId, message, todo: way });
  });
}

function jobTroubles({ states }: TroubleSources): Trouble[] {
  return states
    .filter(({ errors }) => errors.length > 0)
    .slice(0, TROUBLES_MAX)
    .map(({ job, errors }) => {
      const [first = ""] = errors.map(describeError);
      const more = errors.length === 1 ? "" : ` (and ${errors.length - 1} more)`;
      const message = `Job ${job} is broken and does not run: ${first}${more}`;
      return trouble("job", { job, message, todo: `mig-runner check ${job}` });
    });
}

async function calendarTroubles({ states, now }: Sources, reading: Reading): Promise<Trouble[]> {
  const found: Trouble[] = [];
  for (const { job, entity } of states) {
    if (entity === null || !isSignedAhead(entity)) continue;
    const { warning } = coverageOf(await reading.calendar(job, now), entity, now);
    if (warning === null) continue;
    const todo = `mig-runner calendar request ${job}, have it signed, and install it`;
    found.push(trouble("calendar", { job, message: `The calendar of ${job}: ${warning}`, todo }));
    if (found.length === TROUBLES_MAX) break;
  }
  return found;
}

/** What was missed since yesterday, a trouble a job and reason. */
async function missedTroubles(reading: Reading, now: Instant): Promise<Trouble[]> {
  const { rows } = await reading.missed({ kind: "missed", limit: FAILED_MAX });
  const recent = rows.filter(({ firstAt, lastAt }) => firstAt <= now && lastAt > now - LATELY_MS);
  const groups = Map.groupBy(recent, ({ job, reason }) => JSON.stringify([job, reason]));
  return [...groups.values()].slice(0, TROUBLES_MAX).map(missedTrouble);
}

function missedTrouble(rows: readonly MissedRow[]): Trouble {
  const { job = "", reason = "" } = rows[0] ?? {};
  const count = rows.reduce((sum, row) => sum + row.count, 0);
  const least = rows.some((row) => isAtLeast(row.count)) ? "at least " : "";
  return trouble("missed", {
    job,
    sinceAt: Math.min(...rows.map(({ firstAt }) => firstAt)),
    message: `${job} missed ${least}${plural(count, "fire time")}: ${reason}`,
    todo: `mig-runner run ${job} makes up for it; onmissed says what a job does by itself`,
  });
}
