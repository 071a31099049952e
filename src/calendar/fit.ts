// Fit: whether a host may take a calendar: the right job, the next in order, the same action, the
// job's own fire times. Signatures are judged elsewhere (judge.ts).
import { nextFire, type Schedule } from "../jobs/schedule.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { type Calendar, CalendarProblem, timeText } from "./file.ts";
import { allOver } from "./sign.ts";

/** What a host has of a job. */
export interface HostJob {
  /** Null: it fires only by hand. */
  readonly schedule: Schedule | null;
  /** How much later than its fire times it fires. */
  readonly offsetMs: Milliseconds;
  /** Hash of the action as it is now. */
  readonly template: string;
  /** The newest calendar that was ever installed, withdrawn or not. */
  readonly before: { readonly sequence: number; readonly hash: string } | null;
  readonly now: Instant;
}

/** @throws {CalendarProblem} For the first thing that does not fit. */
export function assertFits(calendar: Calendar, host: HostJob): void {
  assertNext(calendar, host);
  if (calendar.template !== host.template) {
    const message = "the job's action has changed since it was requested";
    throw new CalendarProblem(message, "request it again, or put the action back as it was");
  }
  if ((calendar.windows.at(-1)?.expireAfter ?? 0) <= host.now) throw allOver(calendar);
  const { schedule, offsetMs } = host;
  for (const [index, { firesAt, validFrom, expireAfter }] of calendar.windows.entries()) {
    const name = `window ${index + 1} at ${timeText(firesAt)}`;
    if (schedule === null || nextFire(schedule, firesAt - 1) !== firesAt) {
      const message = `${name} is no fire time of the job's schedule`;
      throw new CalendarProblem(message, "request it again, or put the schedule back as it was");
    }
    const at = firesAt + offsetMs;
    if (at < validFrom || at >= expireAfter) {
      const message = `${name} is not valid when the job fires: its spread has changed`;
      throw new CalendarProblem(message, "request it again, or put the spread back as it was");
    }
  }
}

function assertNext({ sequence, previous }: Calendar, { before }: HostJob): void {
  const wanted = (before?.sequence ?? 0) + 1;
  if (sequence !== wanted) {
    const known =
      before === null ? "none was installed" : `number ${before.sequence} was installed`;
    const message = `its number is ${sequence}, wanted ${wanted}: ${known} last`;
    const isOld = sequence < wanted;
    throw new CalendarProblem(
      message,
      isOld ? "request a new one" : "install those before it first",
    );
  }
  if (previous !== (before?.hash ?? null)) {
    const message = "it was requested after another calendar than the one that was installed last";
    throw new CalendarProblem(message, "request it again");
  }
}
