// Hold: pauses (of one job, in the journal) and blackouts (of many jobs, in the configuration):
// which fire times they hold. Pure rules.
//
// Owns:     whether a fire time is held, by what, and until when.
// Not here: what happens to a held one (fires.ts), who may pause (the verbs), where pauses are
//           kept.
import type { BlackoutConfig } from "../config/blackout.ts";
import type { Instant } from "../time.ts";

/** What happens to a fire time that is held. */
export type FireHold =
  /** It is not run. */
  | { readonly kind: "skip"; readonly reason: string }
  /** It is run at `until`; of several that wait for one moment, the newest. */
  | { readonly kind: "delay"; readonly until: Instant; readonly reason: string };

/** What holds a fire time; null: nothing. */
export type FireHoldAt = (at: Instant) => FireHold | null;

/** The answer where nothing holds a fire time. */
export function unheld(): null {
  return null;
}

/** A time in which fire times of one job are skipped. */
export interface Pause {
  readonly since: Instant;
  /** When it ends by itself; null: never. */
  readonly until: Instant | null;
  readonly actor: string;
  /** "" where nobody said why. */
  readonly why: string;
  /** When somebody has ended it; null while nobody has. */
  readonly endedAt: Instant | null;
}

/** A time in which fire times of many jobs are held: once, or each week. */
export type Blackout = BlackoutConfig;

/** The most holds that are followed from the end of one into the next. */
const CHAIN_MAX = 100;

/** What holds the fire times of one job. */
export interface Holding {
  readonly pauses: readonly Pause[];
  /** Those that apply to the job. */
  readonly blackouts: readonly Blackout[];
}

/** Whether a fire time is held. A pause goes before a blackout, and skipping before delaying. */
export function holdsOf({ pauses, blackouts }: Holding): FireHoldAt {
  if (pauses.length === 0 && blackouts.length === 0) return unheld;
  const skipping = blackouts.filter(({ action }) => action === "skip");
  const delaying = blackouts.filter(({ action }) => action === "delay");
  return (at) => {
    let until = at;
    let reason = "";
    for (let link = 0; link < CHAIN_MAX; link++) {
      const stop = pauseAt(pauses, until) ?? blackoutAt(skipping, until)?.reason;
      if (stop !== undefined) return { kind: "skip", reason: stop };
      const delay = blackoutAt(delaying, until);
      if (delay === undefined) return until === at ? null : { kind: "delay", until, reason };
      reason ||= delay.reason;
      until = delay.until;
    }
    return { kind: "skip", reason: `${reason}, which has no end` };
  };
}

/** Why a job is paused at a time. */
function pauseAt(pauses: readonly Pause[], at: Instant): string | undefined {
  const held = pauses.find(
    ({ since, until, endedAt }) =>
      since <= at && (until === null || at < until) && (endedAt === null || at < endedAt),
  );
  return held === undefined ? undefined : pauseReason(held);
}

/** The reason of a pause: by whom, and why. */
export function pauseReason({ actor, why }: Pick<Pause, "actor" | "why">): string {
  return `paused by ${actor}${why === "" ? "" : `: ${why}`}`;
}

/** The blackout that ends last of those at a time. */
function blackoutAt(
  blackouts: readonly Blackout[],
  at: Instant,
): { readonly until: Instant; readonly reason: string } | undefined {
  const held = blackouts.flatMap((blackout) => {
    const until = endOf(blackout, at);
    return until === null ? [] : [{ until, reason: blackoutReason(blackout) }];
  });
  return held.toSorted((left, right) => right.until - left.until)[0];
}

/** The reason of a blackout: its name, and why. */
export function blackoutReason({ name, why }: Pick<Blackout, "name" | "why">): string {
  return `blackout "${name}"${why === "" ? "" : `: ${why}`}`;
}

/** When a blackout that is in force at a time ends; null when it is not. */
export function endOf({ span }: Pick<Blackout, "span">, at: Instant): Instant | null {
  if (span.kind === "weekly") return span.week.endAt(at);
  return span.from <= at && at < span.until ? span.until : null;
}

/** Whether a blackout applies to a job: by its patterns, where `*` is any text, `?` one letter. */
export function holdsJob({ jobs }: Pick<Blackout, "jobs">, job: string): boolean {
  return jobs.some((pattern) => isMatch([...pattern], [...job]));
}

/** Without a RegExp, which tries every way to share a text between several `*`. */
function isMatch(pattern: readonly string[], text: readonly string[]): boolean {
  let [at, starAt, retryAt] = [0, -1, 0];
  for (let index = 0; index < text.length; ) {
    if (pattern[at] === "*") {
      starAt = at++;
      retryAt = index;
    } else if (pattern[at] === "?" || pattern[at] === text[index]) {
      at++;
      index++;
    } else if (starAt >= 0) {
      // The last `*` takes one letter more: what stands before it need not be tried again.
      at = starAt + 1;
      index = ++retryAt;
    } else return false;
  }
  return pattern.slice(at).every((part) => part === "*");
}
