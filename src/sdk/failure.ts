// Failure: the two errors by which a step or a plugin says what is to happen next.
import { durationToMs, parseDuration } from "../lib/go/duration.ts";
import { DAY_MS, type Milliseconds } from "../time.ts";
import { brand, hasBrand } from "./brand.ts";
import type { Duration } from "./definition.ts";

/**
 * Thrown in a step or a plugin: do not try again, it cannot succeed.
 *
 * @example
 * ```ts
 * import { FatalError } from "mig-runner";
 *
 * export function check(status: number): void {
 *   if (status === 401) throw new FatalError("the token was refused");
 * }
 * ```
 */
export class FatalError extends Error {
  override readonly name = "FatalError";

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    brand(this, "fatal");
  }
}

/**
 * Thrown in a step or a plugin: try again after a time that the other side named. It still counts
 * as one of the tries.
 *
 * @example
 * ```ts
 * import { RetryError, retryAfter } from "mig-runner";
 *
 * export function check(response: Response): void {
 *   if (response.status !== 429) return;
 *   const waitMs = retryAfter(response.headers.get("retry-after"), Date.now());
 *   throw new RetryError("too fast", { after: waitMs ?? "60s" });
 * }
 * ```
 */
export class RetryError extends Error {
  override readonly name = "RetryError";
  /** Milliseconds, from 0 to a day. */
  readonly afterMs: Milliseconds;

  /**
   * @param options.after A duration such as "30s", or milliseconds; a day at most. One that is
   *   neither is told behind the message, which is never lost, and no time is waited for.
   */
  constructor(
    message: string,
    options: { readonly after: Duration | number; readonly cause?: unknown },
  ) {
    const { after } = options;
    const waitMs = waitOf(after);
    const usable = waitMs !== null && waitMs >= 0;
    const written = typeof after === "string" ? `"${after}"` : String(after);
    const note = `its wait ${written} is not usable: give milliseconds, or a duration such as 90s`;
    super(usable ? message : `${message} (${note})`, causeOf(options));
    brand(this, "retry");
    this.afterMs = usable ? Math.min(waitMs, DAY_MS) : 0;
  }
}

/** The same class, by the name that it had first. */
export const Fatal = FatalError;
export type Fatal = FatalError;

/** The same class, by the name that it had first. */
export const Retry = RetryError;
export type Retry = RetryError;

function causeOf(options: { readonly cause?: unknown }): ErrorOptions | undefined {
  return "cause" in options ? { cause: options.cause } : undefined;
}

/** Null for what is no length of time. */
function waitOf(after: string | number): Milliseconds | null {
  if (typeof after === "number") return Number.isNaN(after) ? null : after;
  try {
    return durationToMs(parseDuration(after));
  } catch {
    return null;
  }
}

/** Whether an error says that no try can succeed, whichever copy of the SDK made it. */
export function isFatal(error: unknown): boolean {
  return hasBrand(error, "fatal");
}

/** How many milliseconds to wait before the next try, when the error names them; else null. */
export function retryAfterMs(error: unknown): Milliseconds | null {
  if (!hasBrand(error, "retry")) return null;
  const afterMs = Reflect.get(error, "afterMs");
  return typeof afterMs === "number" && afterMs >= 0 ? Math.min(afterMs, DAY_MS) : null;
}
