// Nap: the wait between two ticks. It ends for everything that can make a tick worth it, so that
// nothing that is due waits for its end.
import type { Clock } from "../lib/ports.ts";
import type { Instant, Milliseconds } from "../time.ts";
import type { Edges } from "./edges.ts";

/** The longest time without a tick. */
export const NAP_MAX_MS: Milliseconds = 5_000;

/** How soon a tick follows on work that ended while more of it was at work. */
const SOON_MS: Milliseconds = 20;

/** How soon it is seen what another process has written: a request of `run`, `resume`, `drop`. */
const LOOK_MS: Milliseconds = 500;

/**
 * Until something is due, was changed here, or another process has written to the journal.
 *
 * @param until `at` is when something is due, `version` the journal's at the last tick; `signal`
 *   aborts when something has changed here.
 */
export async function nap(
  { clock, journal }: Pick<Edges, "clock" | "journal">,
  until: {
    readonly at: Instant;
    readonly version: number | null;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { at, version, signal } = until;
  const lookMs = version === null ? NAP_MAX_MS : LOOK_MS;
  for (let now = clock.now(); now < at && !signal.aborted; now = clock.now()) {
    await clock.until(Math.min(at, now + lookMs), signal);
    // The wait for a time ends when so much has gone by, also if the clock was set back.
    if (clock.now() < now || journal.version() !== version) return;
  }
}

/** What ends a nap before its time. */
export class Wake {
  readonly #clock: Pick<Clock, "sleep">;
  #controller = new AbortController();
  #isSoon = false;

  constructor(clock: Pick<Clock, "sleep">) {
    this.#clock = clock;
  }

  /** Of the nap that is to follow, or that is taken now. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Before a tick: what changes from now on is not in it. */
  renew(): void {
    this.#controller = new AbortController();
  }

  /** There may be something to do. */
  now(): void {
    this.#controller.abort();
  }

  /**
   * The same, when nothing waits for it: many pieces of work that end one after the other are
   * worth one tick.
   */
  soon(): void {
    if (this.#isSoon) return;
    this.#isSoon = true;
    void this.#clock.sleep(SOON_MS).then(() => {
      this.#isSoon = false;
      this.now();
    });
  }
}
