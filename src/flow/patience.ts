// Patience: when an action is looked at before it has expired, and once more after its result.
//
//   posted ──look──▶ not all have answered: look again, at last when it has expired
//             └────▶ all have: the result is written early, and a sweep follows after the expiry
//
// Pure rules. Of a step of a workflow there is no sweep: its body has gone on with what it got.

import type { ActionRow, Completeness } from "../journal/inflight.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { answersOf } from "./shortfall.ts";

/** What a job says of the time of its collects. */
export interface Patience {
  /** Whether a result is written as soon as every agent has answered. */
  readonly early: boolean;
  /** How long after the collect of an incomplete result it is read once more. 0: it is not. */
  readonly lateMs: Milliseconds;
}

/** The original's: collected when it has expired, and never again. */
export const NO_PATIENCE: Patience = { early: false, lateMs: 0 };

/** From the post to the first look; the waits grow by half, and stay below the other. */
const LOOK_FIRST_MS: Milliseconds = 2_000;
const LOOK_CAP_MS: Milliseconds = 60_000;

/** When a posted action is worked on first. */
export function firstLookAt(
  collectAt: Instant,
  { early }: Pick<Patience, "early">,
  now: Instant,
): Instant {
  return early ? Math.min(collectAt, now + LOOK_FIRST_MS) : collectAt;
}

/** When it is looked at after a look that found answers missing; the row tells when it last was. */
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

/** When a result that was just written is read once more. Null: it is final. */
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

/** Whether a sweep has read more than the result holds. Never true for one that has lost some. */
export function isBetter(now: Completeness, before: Completeness): boolean {
  const [more, answers] = [now.fetched - before.fetched, answersOf(now) - answersOf(before)];
  return more >= 0 && answers >= 0 && more + answers > 0;
}
