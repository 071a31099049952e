// Duration: whether a text that is known only when it runs is a length of time, for parameters.
import { durationToMs, parseDuration } from "../lib/go/duration.ts";
import type { Duration } from "./definition.ts";

/**
 * Whether something is a length of time that `run.sleep` and the like take, "0" or above. As a part
 * of a schema, `v.pipe(v.string(), v.guard(isDuration))`, it makes a parameter one.
 *
 * @example
 * ```ts
 * import { isDuration, job } from "mig-runner";
 *
 * export default job({ schedule: "@daily" }, async (run) => {
 *   const wait = await run.state.get<string>("wait");
 *   await run.sleep("before", isDuration(wait) ? wait : "10m");
 * });
 * ```
 */
export function isDuration(value: unknown): value is Duration {
  if (typeof value !== "string") return false;
  try {
    return durationToMs(parseDuration(value)) >= 0;
  } catch {
    return false;
  }
}
