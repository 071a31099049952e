// Nap: the wait between two ticks. Whatever makes a tick useful ends it, so nothing that is due has
// to wait.
import type { Clock } from "../lib/ports.ts";
import type { Instant, Milliseconds } from "../time.ts";
import type { Edges } from "./edges.ts";

/** The longest time without a tick. */
export const NAP_MAX_MS: Milliseconds = 5_000;

/** How soon a tick follows when work has ended while other work goes on. */
const SOON_MS: Milliseconds = 20;

/** How often the journal is checked for what other processes wrote: `run`, `resume`, `drop`. */
const LOOK_MS: Milliseconds = 500;

/**
 * Waits until something is due, has changed in this process, or another process has written to the
 * journal.
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
    // A clock that was set back does not make the wait longer: it ends after its length.
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

  /** Aborted when the present nap, or the next one, is to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Called before a tick: what changes from now on ends the nap after it. */
  renew(): void {
    this.#controller = new AbortController();
  }

  /** There may be something to do. */
  now(): void {
    this.#controller.abort();
  }

  /**
   * The same, a little later: pieces of work that end one after the other get one tick together.
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
