// Exchange: one request's place among the open ones, and the limits that end it.
import type { Milliseconds } from "../../time.ts";

/** Gives out a bounded number of places, first come first served. */
export class Places {
  #free: number;
  readonly #waiting = new Set<() => void>();

  /** @param placesMax At least 1. */
  constructor(placesMax: number) {
    this.#free = placesMax;
  }

  /** True with a place taken; false when `signal` aborted before one was free. */
  async take(signal: AbortSignal | undefined): Promise<boolean> {
    if (signal?.aborted === true) return false;
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    return await new Promise((resolve) => {
      const turn = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve(true);
      };
      const leave = (): void => {
        this.#waiting.delete(turn);
        resolve(false);
      };
      this.#waiting.add(turn);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }

  /** Gives a place back; the one who waits longest gets it. */
  give(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}

/** An open exchange. It ends once, by `end`; until then it can be stopped from outside. */
export class Exchange {
  readonly #ended: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setTimeout>;
  #stopped: Error | null = null;
  #onStop: ((error: Error) => void) | null = null;
  #isOver = false;

  constructor(options: {
    readonly signal: AbortSignal | undefined;
    readonly timeoutMs: Milliseconds;
    readonly ended: () => void;
  }) {
    this.#ended = options.ended;
    this.#signal = options.signal;
    const late = `it was not done within ${options.timeoutMs / 1_000} s`;
    this.#timer = setTimeout(() => this.#stop(new Error(late)), options.timeoutMs);
    this.#signal?.addEventListener("abort", this.#abort);
    if (this.#signal?.aborted === true) this.#abort();
  }

  /** What has to be ended when the exchange is stopped; replaces what was set before. */
  set onStop(stop: (error: Error) => void) {
    this.#onStop = stop;
    if (this.#stopped !== null) stop(this.#stopped);
  }

  /** The exchange is over, well or not. Later calls do nothing. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#ended();
  }

  readonly #abort = (): void => this.#stop(new Error("it was cancelled"));

  #stop(error: Error): void {
    this.#stopped ??= error;
    this.#onStop?.(error);
  }
}
