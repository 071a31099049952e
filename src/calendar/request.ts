// Request: a calendar that nobody has signed yet, from what a host knows of a job. Needs no key.
import type { Schedule } from "../jobs/schedule.ts";
import { hasEnded, nextFire } from "../jobs/schedule.ts";
import type { Action } from "../mig/action.ts";
import { actionName, encodeAction } from "../mig/action.ts";
import { type Instant, limitText, MINUTE_MS, type Milliseconds, SECOND_MS } from "../time.ts";
import { templateHash, undated } from "./action.ts";
import {
  AHEAD_MAX_MS,
  assertSound,
  type Calendar,
  CalendarProblem,
  timeText,
  WINDOWS_MAX,
  type Window,
} from "./file.ts";

/** How long before its fire time a window is valid, for clocks that are off. */
const LEAD_MS: Milliseconds = 2 * MINUTE_MS;

/** What is to be signed. */
export interface RequestOrder {
  readonly job: string;
  /** With its target resolved. */
  readonly template: Action;
  readonly schedule: Schedule;
  /** The zone that the schedule means, for people. */
  readonly timezone: string;
  /** How much later than its fire times the job fires: its part of the spread. */
  readonly offsetMs: Milliseconds;
  readonly expiryMs: Milliseconds;
  /** Null: two minutes, or less where the window before is still open then. */
  readonly leadMs: Milliseconds | null;
  readonly minSigners: number;
  /** The last window is not after this. */
  readonly until: Instant;
  /** And there are no more than so many. */
  readonly count: number;
  /** The newest calendar of the job that the host knows. */
  readonly before: (Pick<Calendar, "sequence"> & { readonly hash: string }) | null;
  readonly audit: string | null;
  readonly agents: number | null;
  readonly now: Instant;
}

/**
 * The calendar of the fire times from now on.
 *
 * @throws {CalendarProblem} When there is none to sign, when the windows would overlap, or when the
 * API would refuse the action.
 */
export function requestCalendar(order: RequestOrder): Calendar {
  const { job, schedule, timezone, minSigners, audit, agents, before, now } = order;
  const action = undated(order.template, actionName(job));
  const calendar: Calendar = {
    job,
    sequence: (before?.sequence ?? 0) + 1,
    previous: before?.hash ?? null,
    audit,
    requestedAt: wholeSecond(now),
    schedule: schedule.expression,
    timezone,
    agents,
    minSigners,
    template: templateHash(action),
    action: encodeAction(action),
    windows: windowsOf(order),
    signers: [],
  };
  if (calendar.windows.length === 0) throw noWindow(order);
  assertSound(calendar);
  return calendar;
}

function noWindow({ schedule, now, until }: RequestOrder): CalendarProblem {
  const first = nextFire(schedule, now);
  if (first === null && hasEnded(schedule, now)) {
    return new CalendarProblem("its schedule has ended", "set until to a later time in the job");
  }
  if (first === null) return new CalendarProblem("the job never fires", "give it a schedule");
  const message = `the job does not fire before ${timeText(until)}, first at ${timeText(first)}`;
  return new CalendarProblem(message, "request it with a later --until");
}

function windowsOf(order: RequestOrder): readonly Window[] {
  const { schedule, count, now } = order;
  const until = Math.min(order.until, wholeSecond(now) + AHEAD_MAX_MS);
  const windows: Window[] = [];
  let firesAt = nextFire(schedule, now);
  while (firesAt !== null && firesAt <= until && windows.length < Math.min(count, WINDOWS_MAX)) {
    windows.push(windowAt(firesAt, windows.at(-1) ?? null, order));
    firesAt = nextFire(schedule, firesAt);
  }
  return windows;
}

function windowAt(firesAt: Instant, before: Window | null, order: RequestOrder): Window {
  const { offsetMs, expiryMs, leadMs } = order;
  const at = wholeSecond(firesAt + offsetMs);
  const expireAfter = wholeSecond(at + expiryMs);
  if (before !== null && at < before.expireAfter) {
    const apart = limitText(firesAt - before.firesAt);
    const message = `its expiry of ${limitText(expiryMs)} is longer than the ${apart} between two fire times`;
    throw new CalendarProblem(
      message,
      "make the expiry of the job shorter: windows must not overlap",
    );
  }
  const wanted = wholeSecond(at - (leadMs ?? LEAD_MS));
  const isShortened = leadMs === null && before !== null;
  const validFrom = isShortened ? Math.max(wanted, before.expireAfter) : wanted;
  return { firesAt, validFrom, expireAfter, signatures: [] };
}

/** Signatures and the API count in seconds. */
function wholeSecond(at: Instant): Instant {
  return Math.floor(at / SECOND_MS) * SECOND_MS;
}
