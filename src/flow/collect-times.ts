// Collect times: when an action's results are looked for before it has expired, and read once more
// after they were written (the sweep).
//
//   posted ──look──▶ agents are missing: look again later, for the last time when it has expired
//             └────▶ all have answered: the result is written early, a sweep follows at the expiry
//
// Pure rules. The result of a workflow's step is not swept: its body has gone on with it.

import type { ActionRow, Completeness } from "../journal/inflight.ts";
import type { Instant, Milliseconds } from "../time.ts";
import type { Limits } from "./edges.ts";
import { answersOf } from "./shortfall.ts";

/** A job's settings of when it is collected (`early`, `late`). */
export interface CollectTimes {
  /** Whether a result is written as soon as every agent has answered. */
  readonly early: boolean;
  /** How long after its expiry an incomplete result is read once more. 0: never. */
  readonly lateMs: Milliseconds;
}

/** The original's: collected when it has expired, and never again. */
export const WHEN_EXPIRED: CollectTimes = { early: false, lateMs: 0 };

/** The wait from the post to the first look, and the longest wait; each is half as long again. */
const LOOK_FIRST_MS: Milliseconds = 2_000;
const LOOK_CAP_MS: Milliseconds = 60_000;

/** When a posted action is collected: it has expired, and late answers had their time. */
export function collectAtOf(
  { expireAt }: Pick<ActionRow, "expireAt">,
  { delayResultsMs }: Pick<Limits, "delayResultsMs">,
): Instant {
  return expireAt + delayResultsMs;
}

/** When a posted action is looked at first. */
export function firstLookAt(
  collectAt: Instant,
  { early }: Pick<CollectTimes, "early">,
  now: Instant,
): Instant {
  return early ? Math.min(collectAt, now + LOOK_FIRST_MS) : collectAt;
}

/** When it is looked at again after a look that found answers missing. */
export function nextLookAt(
  collectAt: Instant,
  { updatedAt }: Pick<ActionRow, "updatedAt">,
  now: Instant,
): Instant {
  const waitMs = Math.round((now - updatedAt) * 1.5);
  return Math.min(collectAt, now + Math.min(LOOK_CAP_MS, Math.max(LOOK_FIRST_MS, waitMs)));
}

/** Whether there is an answer of every agent that was asked. */
export function isAnswered(completeness: Completeness): boolean {
  const { fetched, sent } = completeness;
  return sent !== null && fetched >= sent && answersOf(completeness) === fetched;
}

/** When a result that was just written is swept. Null: never, it is final. */
export function sweepAt(
  { step, state }: Pick<ActionRow, "step" | "state">,
  result: { readonly collectAt: Instant; readonly completeness: Completeness },
  { lateMs, now }: { readonly lateMs: Milliseconds; readonly now: Instant },
): Instant | null {
  if (step !== "" || state !== "posted") return null;
  const { collectAt, completeness } = result;
  if (now < collectAt) return collectAt;
  return lateMs > 0 && !isAnswered(completeness) ? collectAt + lateMs : null;
}

/** Whether a sweep has found more than the result holds, and has lost nothing of it. */
export function isBetter(now: Completeness, before: Completeness): boolean {
  const more = now.fetched - before.fetched;
  const answers = answersOf(now) - answersOf(before);
  return more >= 0 && answers >= 0 && more + answers > 0;
}
