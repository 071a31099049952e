// Signed ahead: actions that people have signed in a calendar, one window a fire time, used in
// place of a signature made here. This host decides when one is posted, and can change nothing in
// it.
//
// Owns:     which window belongs to a fire time, and why there is none.
// Not here: whether signatures hold (calendar/judge.ts: when it was installed), posting.
import { windowBody } from "../calendar/action.ts";
import { coverageWarning, newCoverageWarning } from "../calendar/coverage.ts";
import { RunnerError } from "../errors.ts";
import { type Entity, isSignedAhead } from "../jobs/entity.ts";
import { nextFire } from "../jobs/schedule.ts";
import type { ActionRow, RunRow } from "../journal/inflight.ts";
import type { JournalReads, JournalTransaction, NewAction } from "../journal/journal.ts";
import type { InstalledCalendar } from "../journal/reading.ts";
import type { CalendarRow, WindowRow } from "../journal/windows.ts";
import { parseTemplate } from "../mig/action.ts";
import type { Instant } from "../time.ts";
import type { Edges } from "./edges.ts";

/** A window that can be used, with its calendar. */
export interface SignedWindow {
  readonly calendar: CalendarRow;
  readonly window: WindowRow;
}

/** Why a fire time has no window; the reason of a missed fire time. */
export interface NoWindow {
  readonly reason: string;
}

/** The most frequent reason; operators search their logs for it. */
const NO_WINDOW = "the calendar has no window";

/** The window of a fire time, or why none can be used now. */
export function findWindow(
  journal: Pick<JournalReads, "calendar" | "window">,
  { job, firesAt, now }: { readonly job: string; readonly firesAt: Instant; readonly now: Instant },
): SignedWindow | NoWindow {
  const calendar = journal.calendar(job);
  if (calendar === null) return { reason: `${NO_WINDOW}: none is installed` };
  const window = journal.window(calendar.id, firesAt);
  if (window === null) return { reason: NO_WINDOW };
  if (window.runId !== null) return { reason: `${NO_WINDOW} that was not used` };
  if (now >= window.expireAfter) return { reason: "its window of the calendar has passed" };
  return { calendar, window };
}

/** What is journaled of an action beside what its window holds. */
export type UnsignedPart = Pick<NewAction, "job" | "step" | "name" | "sendOnly" | "plugins"> &
  Partial<Pick<NewAction, "part" | "agentsMax" | "guards" | "pageSize">>;

/** The action of a window, ready to be journaled (I1). Its bytes are those that were signed. */
export function actionAhead(
  { calendar, window }: SignedWindow,
  kept: UnsignedPart,
): Omit<NewAction, "runId"> {
  const action = parseTemplate(new TextEncoder().encode(calendar.action));
  const { expireAfter: expireAt, signatures } = window;
  const body = windowBody(action, window);
  const [signature = ""] = signatures;
  // No lifeMs: the times are signed, so they are not set right after a clock that was wrong.
  return { ...kept, body, signature, expireAt, lifeMs: null, postBy: expireAt };
}

/**
 * The window that a run posts, or null for a job that is signed live.
 *
 * @throws {RunnerError} CALENDAR, when there is none, or when the run was asked for by hand.
 */
export function windowForRun(
  { clock, journal }: Pick<Edges, "clock" | "journal">,
  entity: Pick<Entity, "job" | "signing">,
  run: Pick<RunRow, "firesAt" | "cause">,
): SignedWindow | null {
  if (!isSignedAhead(entity)) return null;
  const { job } = entity;
  if (run.cause === "manual") {
    throw notSignedAhead(job, "it is signed ahead, for its fire times only, not for a run by hand");
  }
  const found = findWindow(journal, { job, firesAt: run.firesAt, now: clock.now() });
  if ("reason" in found) throw notSignedAhead(job, found.reason);
  return found;
}

/**
 * Marks the window of a run as used, in the transaction that begins the run.
 *
 * @throws {RunnerError} CALENDAR, when it was withdrawn or used meanwhile: nothing is written then.
 */
export function takeWindow(
  transaction: JournalTransaction,
  { job, id }: Pick<RunRow, "job" | "id">,
  ahead: SignedWindow | null,
): void {
  if (ahead === null || transaction.useWindow(ahead.window.id, id)) return;
  throw notSignedAhead(job, NO_WINDOW);
}

/** Whether the calendar of a planned action was withdrawn since. */
export function isWithdrawn(
  journal: Pick<JournalReads, "calendarById" | "windowOfRun">,
  { runId, signature }: Pick<ActionRow, "runId" | "signature">,
): boolean {
  const window = journal.windowOfRun(runId);
  if (window === null || window.signatures[0] !== signature) return false;
  return journal.calendarById(window.calendarId)?.state === "withdrawn";
}

/** Whether there are jobs, and all of them are signed ahead: then no private key is needed. */
export function needsNoKey(entities: readonly Pick<Entity, "signing">[]): boolean {
  return entities.length > 0 && entities.every(isSignedAhead);
}

/** How far the calendar of a job reaches. */
export interface Coverage {
  /** Null: none is installed. */
  readonly calendar: CalendarRow | null;
  /** How many of its windows are still to come, and how many it has. */
  readonly left: number;
  readonly all: number;
  readonly lastAt: Instant | null;
  /** Why a new calendar is needed; null while there is enough left. */
  readonly warning: string | null;
}

/** What of a job says how far its calendar must reach. */
export type Reaching = Pick<Entity, "job" | "schedule">;

/** How far the calendar of a job reaches now. @param journal Null before there is a journal. */
export function coverageNow(
  journal: Pick<JournalReads, "calendar" | "coverage"> | null,
  entity: Reaching,
  now: Instant,
): Coverage {
  const calendar = journal?.calendar(entity.job) ?? null;
  if (journal === null || calendar === null) return coverageOf(null, entity, now);
  const installed = { calendar, coverage: journal.coverage(calendar.id, now) };
  return coverageOf(installed, entity, now);
}

/** The same for a calendar that was read already. @param installed Null: there is none. */
export function coverageOf(
  installed: InstalledCalendar | null,
  entity: Pick<Reaching, "schedule">,
  now: Instant,
): Coverage {
  if (installed === null) {
    const none = "none is installed: its fire times will be missed";
    const warning = isCovered(entity, now) ? null : none;
    return { calendar: null, left: 0, all: 0, lastAt: null, warning };
  }
  const { calendar, coverage } = installed;
  const { left, all, lastAt } = coverage;
  const warning = isCovered(entity, lastAt ?? now)
    ? null
    : coverageWarning({ left, lastAt, requestedAt: calendar.requestedAt }, now);
  return { calendar, left, all, lastAt, warning };
}

/** Whether the schedule of a job has ended with this fire time: there is nothing more to sign. */
function isCovered({ schedule }: Pick<Reaching, "schedule">, lastAt: Instant): boolean {
  return schedule !== null && nextFire(schedule, lastAt) === null;
}

/** The warning about what is left of a job's calendar after a fire time; null for none. */
export function coverageAfter(
  journal: Pick<JournalReads, "calendar" | "coverage">,
  entity: Reaching,
  firesAt: Instant,
): string | null {
  const calendar = journal.calendar(entity.job);
  if (calendar === null) return null;
  const { lastAt } = journal.coverage(calendar.id, firesAt);
  if (isCovered(entity, lastAt ?? firesAt)) return null;
  const coverageAt = (at: Instant) => ({
    ...journal.coverage(calendar.id, at),
    requestedAt: calendar.requestedAt,
  });
  return newCoverageWarning(coverageAt(firesAt - 1), coverageAt(firesAt), firesAt);
}

/** The error when an action is wanted that was not signed ahead. */
export function notSignedAhead(job: string, state: string): RunnerError {
  const hint =
    "install a calendar that covers it, or set signing = live on a host that has a key; " +
    "docs/trust.md";
  return new RunnerError("CALENDAR", `Cannot dispatch job "${job}": ${state}`, { job, hint });
}
