// Clock: the virtual clock, moved by a test: everything that waits is woken in order, each with
// time to react.
import { VirtualClock as StillClock } from "../../src/sim/clock.ts";
import type { Instant, Milliseconds } from "../../src/time.ts";

export class VirtualClock extends StillClock {
  /** Moves time on to `at`, waking everybody on the way, each with time to react. */
  async moveTo(at: Instant): Promise<void> {
    await settle();
    while (this.step(at)) await settle();
    await settle();
  }

  async moveBy(ms: Milliseconds): Promise<void> {
    await this.moveTo(this.now() + ms);
  }

  /** Moves from wait to wait until `done`, or throws after `limitMs` of virtual time. */
  async moveUntil(done: () => boolean, limitMs: Milliseconds = 86_400_000): Promise<void> {
    const end = this.now() + limitMs;
    await settle();
    while (!done()) {
      if (this.waiting === 0) throw new Error("nothing waits any more, and it has not happened");
      if (!this.step(end)) throw new Error(`not within ${limitMs} ms of virtual time`);
      await settle();
    }
  }
}

/** Lets everything that is ready run: promises, and what they make ready. */
export async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
