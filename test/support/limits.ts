// Limits: how long a test may take before it counts as hanging. Loaded before every test file, by
// bunfig.toml, so that no test has a limit of its own: a busy machine makes a test slower, and that
// is no failure.
import { setDefaultTimeout } from "bun:test";
import { availableParallelism, loadavg } from "node:os";

/** Far above what any test takes on a machine that is loaded tenfold. */
const TEST_MAX_MS = 10 * 60_000;

setDefaultTimeout(TEST_MAX_MS);

/**
 * A limit for something that a test waits for, `quietMs` being enough on a quiet machine: the more
 * processes ask for each processor now, the longer it is.
 */
export function patience(quietMs: number): number {
  const [load = 0] = loadavg();
  return quietMs * Math.max(1, Math.ceil(load / availableParallelism()));
}
