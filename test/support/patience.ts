// Patience: how long a test waits for something before it counts as hanging. A busy machine makes
// everything slower, and that is no failure.
import { availableParallelism, loadavg } from "node:os";

/**
 * A limit for something that a test waits for, `quietMs` being far enough on a quiet machine: the
 * more processes ask for each processor now, the longer it is.
 */
export function patience(quietMs: number): number {
  const [load = 0] = loadavg();
  return quietMs * Math.max(1, Math.ceil(load / availableParallelism()));
}
