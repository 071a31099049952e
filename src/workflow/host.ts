// Host: where bodies run. A thread in the program, the same thread in tests and the simulator.
import type { ToBody } from "./messages.ts";

/** Hears a body. Nothing is heard any more after `stop`, or after `onLost`. */
export interface BodyListener {
  /** Anything that the body sent: nobody has checked it. */
  onMessage(message: unknown): void;
  /** The body is gone without having been stopped: it exited, or did not answer any more. */
  onLost(reason: string): void;
}

/** A body at work. */
export interface BodyHandle {
  post(message: ToBody): void;
  /** Ends it now, whatever it does. */
  stop(): void;
}

/** Starts bodies, and ends those that do not answer. */
export interface BodyHost {
  start(listener: BodyListener): BodyHandle;
}
