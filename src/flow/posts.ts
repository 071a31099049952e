// Posts: the actions that are being posted, so many at a time as the API keeps up with.
//
// As in TCP: one more for each answer at first, more slowly after the first setback; half of them
// after one that never came or was a refusal for load; one less for one that took too long. So an
// API that answers in 50 ms gets as many at a time as it may, and one that is overrun gets few.
import type { Clock } from "../lib/ports.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { Pool } from "./pool.ts";
import type { Reached } from "./post.ts";

/** How many may be posted at the same time, and what that goes by. */
export interface InHand {
  /** Its whole part is the limit; at least 1. */
  readonly size: number;
  /** Until the first setback it grows fast. */
  readonly isUntried: boolean;
  /** The shortest time that an answer took, which is forgotten slowly; null before the first. */
  readonly fastestMs: Milliseconds | null;
  /** When it was halved last: what was sent before says nothing new. */
  readonly cutAt: Instant;
}

/** What one try to post has come to. */
export interface Outcome {
  readonly reached: Reached;
  readonly sentAt: Instant;
  readonly now: Instant;
}

/** At the start. */
const FIRST = 8;

/** An answer is slow when it took so many times as long as the fastest, and longer than this. */
const SLOW_TIMES = 4;
const SLOW_MS: Milliseconds = 250;

/** What the fastest time grows by with each answer, so that an API may become slower for good. */
const FORGOTTEN_SHARE = 0.01;

/** Before anything was posted. @param most Never more than this. */
export function firstInHand(most: number): InHand {
  const size = Math.min(FIRST, most);
  return { size, isUntried: true, fastestMs: null, cutAt: Number.NEGATIVE_INFINITY };
}

/** How many may be posted after this. Pure. */
export function afterPost(inHand: InHand, { reached, sentAt, now }: Outcome, most: number): InHand {
  const { cutAt, fastestMs, isUntried, size } = inHand;
  if (reached !== "answered") {
    if (sentAt <= cutAt && cutAt <= now) return inHand;
    return { ...inHand, size: Math.max(1, Math.floor(size / 2)), isUntried: false, cutAt: now };
  }
  // A clock that was set makes any time of it: such a one is not looked at.
  const tookMs = Math.max(0, now - sentAt);
  const known = fastestMs ?? tookMs;
  const fastest = Math.min(tookMs, known + Math.max(1, known) * FORGOTTEN_SHARE);
  const rest = { ...inHand, fastestMs: fastest };
  if (tookMs > SLOW_MS && tookMs > SLOW_TIMES * fastest) {
    return { ...rest, size: Math.max(1, size - 1 / size), isUntried: false };
  }
  return { ...rest, size: Math.min(most, size + (isUntried ? 1 : 1 / size)) };
}

/** Told that the API has answered what was sent then. */
export type Answered = (sentAt: Instant) => void;

/** A pool of posts, whose limit follows the answers. */
export class Posts extends Pool {
  readonly #clock: Pick<Clock, "now">;
  readonly #most: () => number;
  readonly #state: { inHand: InHand };

  /** @param most Asked each time: it can change. @param changed As for a pool. */
  constructor(clock: Pick<Clock, "now">, most: () => number, changed: (isIdle: boolean) => void) {
    const state = { inHand: firstInHand(most()) };
    super(() => Math.floor(Math.min(state.inHand.size, most())), changed);
    this.#clock = clock;
    this.#most = most;
    this.#state = state;
  }

  /**
   * Starts or queues one; false when it is at work already. `post` answers null when nothing can be
   * said of the API. When it has its answer already, and only keeps it, it calls `answered`.
   */
  post(id: number, post: (answered: Answered) => Promise<Reached | null>): boolean {
    return this.start(id, async (giveWay) => {
      const startedAt = this.#clock.now();
      let isTold = false;
      const reached = await post((sentAt) => {
        isTold = true;
        this.#learn("answered", sentAt);
        giveWay();
      });
      if (reached !== null && !isTold) this.#learn(reached, startedAt);
    });
  }

  #learn(reached: Reached, sentAt: Instant): void {
    const outcome = { reached, sentAt, now: this.#clock.now() };
    this.#state.inHand = afterPost(this.#state.inHand, outcome, this.#most());
  }
}
