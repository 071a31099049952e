// Failure: the two errors by which a step or a plugin says what is to happen next.
import { RunnerError } from "../errors.ts";
import { durationToMs, parseDuration } from "../go/duration.ts";
import { brand, hasBrand } from "./brand.ts";

/**
 * Thrown in a step or a plugin: do not try again, it cannot succeed.
 *
 * @example
 * ```ts
 * import { Fatal } from "mig-runner";
 *
 * export function check(status: number): void {
 *   if (status === 401) throw new Fatal("the token was refused");
 * }
 * ```
 */
export class Fatal extends Error {
  override readonly name = "Fatal";

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
 * import { Retry } from "mig-runner";
 *
 * export function check(response: Response): void {
 *   const seconds = response.headers.get("retry-after");
 *   if (response.status === 429) throw new Retry("too fast", { after: `${seconds ?? 60}s` });
 * }
 * ```
 */
export class Retry extends Error {
  override readonly name = "Retry";
  /** Milliseconds, not negative. */
  readonly afterMs: number;

  /**
   * @param options.after A duration such as "30s".
   * @throws {RunnerError} ENTITY, when `after` is not a duration or is negative.
   */
  constructor(message: string, options: { readonly after: string; readonly cause?: unknown }) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    brand(this, "retry");
    this.afterMs = waitOf(options.after);
  }
}

function waitOf(after: string): number {
  let ms: number;
  try {
    ms = durationToMs(parseDuration(after));
  } catch (cause) {
    const hint = "Write a duration such as 90s, 10m or 1h30m";
    throw new RunnerError(
      "ENTITY",
      `Cannot retry after "${after}": not a duration`,
      { hint },
      { cause },
    );
  }
  if (ms >= 0) return ms;
  throw new RunnerError("ENTITY", `Cannot retry after "${after}": it is negative`);
}

/** Whether an error says that no try can succeed, whichever copy of the SDK made it. */
export function isFatal(error: unknown): boolean {
  return hasBrand(error, "fatal");
}

/** How many milliseconds to wait before the next try, when the error names them; else null. */
export function retryAfterMs(error: unknown): number | null {
  if (!hasBrand(error, "retry")) return null;
  const afterMs = Reflect.get(error, "afterMs");
  return typeof afterMs === "number" && afterMs >= 0 ? afterMs : null;
}
