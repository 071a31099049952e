// Wait: how a workflow asks people, and what it gets. See `run.waitFor` and `run.approval`.
import { brand, hasBrand } from "./brand.ts";
import type { Duration } from "./definition.ts";
import type { Schema } from "./standard.ts";

/** What people are asked, and for how long. */
export interface AskOptions {
  /** How long an answer is taken, from when it is asked, a millisecond at least; days if need be. */
  readonly timeout: Duration;
  /**
   * What `mig-runner status` shows of it: a text, or any JSON, 64 KiB at most. What an agent
   * said may be in it: it is shown as it is, and can do nothing.
   */
  readonly show?: unknown;
}

/** How an answer is waited for. */
export interface WaitOptions<Wanted extends Schema = Schema> extends AskOptions {
  /**
   * What an answer has to be: a schema of valibot, or of another library of Standard Schema. One
   * that it refuses is told to who gave it, and the wait goes on.
   */
  readonly schema?: Wanted | undefined;
}

/** A person's word. */
export interface Approval {
  readonly approved: boolean;
  /** Who gave it: a user of the system. Null when no one answered in time. */
  readonly by: string | null;
  /** The reason that was given, or that no one answered; null without one. */
  readonly why: string | null;
}

/**
 * Thrown by `run.waitFor`: no one answered in time.
 *
 * @example
 * ```ts
 * import { job, TimeoutError } from "mig-runner";
 *
 * export default job({}, async (run) => {
 *   try {
 *     await run.waitFor("ticket", { timeout: "48h" });
 *   } catch (error) {
 *     if (!(error instanceof TimeoutError)) throw error;
 *     run.log("warning", "nobody said which ticket");
 *   }
 * });
 * ```
 */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    brand(this, "timeout");
  }

  /** Whichever copy of the SDK made it. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return hasBrand(value, "timeout");
  }
}
