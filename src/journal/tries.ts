// Tries: the log of what was tried and failed, of a post, a collect or a delivery: a few lines,
// however long it goes on. What happens again is counted; of what differs the newest is kept.
import { cutText } from "../text.ts";
import type { Instant } from "../time.ts";

/** What was tried. */
export const TRIED = ["post", "collect", "deliver"] as const;

/** Attempts that failed in one way, one after the other. */
export interface Try {
  readonly what: (typeof TRIED)[number];
  /** Why. */
  readonly error: string;
  readonly count: number;
  readonly firstAt: Instant;
  readonly lastAt: Instant;
  /** Whether the API answered, and refused. */
  readonly refused?: boolean;
}

/** Most that are kept of one action or delivery. */
export const TRIES_MAX = 8;

/** Most characters that are kept of why. */
const ERROR_SIZE_MAX = 300;

/** The log after one more. Pure. */
export function withTry(
  tries: readonly Try[],
  { what, error, refused = false }: Pick<Try, "what" | "error" | "refused">,
  now: Instant,
): readonly Try[] {
  const why = cutText(error, ERROR_SIZE_MAX);
  const last = tries.at(-1);
  const isSame =
    last?.what === what && last.error === why && last.refused === (refused || undefined);
  if (last !== undefined && isSame) {
    return [...tries.slice(0, -1), { ...last, count: last.count + 1, lastAt: now }];
  }
  const how = refused ? { refused } : {};
  const one = { what, error: why, count: 1, firstAt: now, lastAt: now, ...how };
  return [...tries.slice(1 - TRIES_MAX), one];
}

/** How often the API has refused. */
export function refusalsIn(tries: readonly Try[]): number {
  return tries.reduce((sum, { count, refused }) => sum + (refused === true ? count : 0), 0);
}
