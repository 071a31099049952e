// Upcoming: which jobs fire next. Remembers the next fire time of each, so that a list of ten
// thousand jobs is not searched through its calendars each time somebody looks.

import type { JobState } from "../jobs/catalog.ts";
import type { Entity } from "../jobs/entity.ts";
import { spreadOffsetMs } from "../jobs/fires.ts";
import { type Blackout, holdsJob, holdsOf } from "../jobs/hold.ts";
import type { PauseRow } from "../journal/pauses.ts";
import type { Instant } from "../time.ts";
import { nextFireOf } from "./overview.ts";

/** One fire time to come. */
export interface Upcoming {
  readonly job: string;
  readonly nextAt: Instant;
}

/** The next fire time of a job; null: it fires never, by hand only, or is broken. */
export interface NextFire {
  readonly job: string;
  readonly nextAt: Instant | null;
}

/** What becomes of a fire time that is held. */
export interface HeldFire {
  readonly action: "skip" | "delay";
  readonly reason: string;
  /** When it is run; null: it is not. */
  readonly untilAt: Instant | null;
}

/**
 * What holds a fire time of a job, by what is known now; null: nothing. It is held by its schedule,
 * as the runner decides, not by the time to which it is spread.
 */
export function heldFire(
  { job, nextAt }: Upcoming,
  known: {
    readonly states: readonly Pick<JobState, "job" | "entity">[];
    readonly pauses: readonly PauseRow[];
    readonly blackouts: readonly Blackout[];
  },
): HeldFire | null {
  const entity = known.states.find((state) => state.job === job)?.entity ?? null;
  const delayMs = entity === null ? 0 : spreadOffsetMs(job, entity.spreadMs);
  const pauses = known.pauses.filter((pause) => pause.job === job);
  const blackouts = known.blackouts.filter((blackout) => holdsJob(blackout, job));
  const hold = holdsOf({ pauses, blackouts })(nextAt - delayMs);
  if (hold === null) return null;
  const untilAt = hold.kind === "delay" ? hold.until + delayMs : null;
  return { action: hold.kind, reason: hold.reason, untilAt };
}

/** The next fire times of the jobs of one directory. */
export class UpcomingFires {
  #known = new Map<string, { readonly entity: Entity; readonly nextAt: Instant | null }>();
  #askedAt: Instant = Number.NEGATIVE_INFINITY;

  /** The jobs that fire next, the first first. */
  next(states: readonly JobState[], now: Instant, limit: number): readonly Upcoming[] {
    return this.all(states, now)
      .flatMap(({ job, nextAt }) => (nextAt === null ? [] : [{ job, nextAt }]))
      .sort((left, right) => left.nextAt - right.nextAt || (left.job < right.job ? -1 : 1))
      .slice(0, limit);
  }

  /** Every job with its next fire time. */
  all(states: readonly JobState[], now: Instant): readonly NextFire[] {
    // What was found under a clock that was ahead is not the next.
    if (now < this.#askedAt) this.#known.clear();
    this.#askedAt = now;
    const known = new Map<string, { readonly entity: Entity; readonly nextAt: Instant | null }>();
    const found: NextFire[] = [];
    for (const { job, entity } of states) {
      if (entity === null) {
        found.push({ job, nextAt: null });
        continue;
      }
      const before = this.#known.get(job);
      const isFresh = before?.entity === entity && (before.nextAt === null || before.nextAt > now);
      const nextAt = isFresh ? before.nextAt : nextFireOf({ job, entity }, now);
      known.set(job, { entity, nextAt });
      found.push({ job, nextAt });
    }
    this.#known = known;
    return found;
  }
}
