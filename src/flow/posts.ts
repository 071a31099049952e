// Posts: the actions that are being posted, as many at a time as the API keeps up with.
//
// The limit moves as TCP's window does: one more for each answer at first, more slowly after the
// first setback; halved when an answer never came or said "overloaded"; one less when an answer
// took too long. So a fast API gets many posts at a time, and an overloaded one few.
import type { Clock } from "../lib/ports.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { Pool, type Work } from "./pool.ts";
import type { Reached } from "./post.ts";

/** How many actions may be posted at the same time, and what that is computed from. */
export interface InHand {
  /** The limit, rounded down; at least 1. */
  readonly size: number;
  /** True until the first setback: the limit grows fast. */
  readonly isUntried: boolean;
  /** The shortest time an answer took; it is raised slowly. Null before the first answer. */
  readonly fastestMs: Milliseconds | null;
  /** When the limit was last halved: answers to what was sent before that do not count again. */
  readonly cutAt: Instant;
}

/** How one try to post ended. */
export interface Outcome {
  readonly reached: Reached;
  readonly sentAt: Instant;
  readonly now: Instant;
}

/** The limit at the start. */
const FIRST = 8;

/** An answer is slow when it took this many times as long as the fastest, and at least this. */
const SLOW_TIMES = 4;
const SLOW_MS: Milliseconds = 250;

/** The share by which the fastest time is raised with each answer: an API may become slower. */
const FORGOTTEN_SHARE = 0.01;

/** The limit before anything was posted. @param most The highest limit. */
export function firstInHand(most: number): InHand {
  const size = Math.min(FIRST, most);
  return { size, isUntried: true, fastestMs: null, cutAt: Number.NEGATIVE_INFINITY };
}

/** The limit after one try has ended. Pure. */
export function afterPost(inHand: InHand, { reached, sentAt, now }: Outcome, most: number): InHand {
  const { cutAt, fastestMs, isUntried, size } = inHand;
  if (reached !== "answered") {
    if (sentAt <= cutAt && cutAt <= now) return inHand;
    return { ...inHand, size: Math.max(1, Math.floor(size / 2)), isUntried: false, cutAt: now };
  }
  // When the clock was set meanwhile, the time taken means nothing: it is not looked at.
  const tookMs = Math.max(0, now - sentAt);
  const known = fastestMs ?? tookMs;
  const fastest = Math.min(tookMs, known + Math.max(1, known) * FORGOTTEN_SHARE);
  const rest = { ...inHand, fastestMs: fastest };
  if (tookMs > SLOW_MS && tookMs > SLOW_TIMES * fastest) {
    return { ...rest, size: Math.max(1, size - 1 / size), isUntried: false };
  }
  return { ...rest, size: Math.min(most, size + (isUntried ? 1 : 1 / size)) };
}

/** To be called when the API has answered a POST that was sent at `sentAt`. */
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
   * Starts or queues a post; false when the action is being posted already. `post` answers null
   * when it shows nothing of the API, and calls `answered` as soon as it has the API's answer.
   *
   * @param isStillDue Asked of a post that has waited for its place. @default it is
   */
  post(
    id: number,
    post: (answered: Answered) => Promise<Reached | null>,
    isStillDue?: () => boolean,
  ): boolean {
    const work: Work = async (giveWay) => {
      const startedAt = this.#clock.now();
      let isTold = false;
      const reached = await post((sentAt) => {
        isTold = true;
        this.#learn("answered", sentAt);
        giveWay();
      });
      if (reached !== null && !isTold) this.#learn(reached, startedAt);
    };
    return this.start(id, work, isStillDue);
  }

  #learn(reached: Reached, sentAt: Instant): void {
    const outcome = { reached, sentAt, now: this.#clock.now() };
    this.#state.inHand = afterPost(this.#state.inHand, outcome, this.#most());
  }
}
