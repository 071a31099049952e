// Host: where bodies run. In the program each has a process, in tests and the simulator none has.
import type { ToBody } from "./messages.ts";

/** Hears a body. Nothing is heard any more after `stop`, or after `onLost`. */
export interface BodyListener {
  /** Anything that the body sent: nobody has checked it. */
  onMessage(message: unknown): void;
  /** The body is gone without having been stopped: it exited, or did not answer any more. */
  onLost(reason: string, cause?: LossCause): void;
}

/** Whose fault it is: the system's when it had nothing left to start a body with. */
export type LossCause = "body" | "system";

/** Why a body is gone that nobody stopped. */
export interface Lost {
  readonly reason: string;
  readonly cause: LossCause;
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
