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

/** Processes that ask for each processor before an action may come too late in its usual life. */
const CROWD = 3;

/** From source under Deno a program takes longer to begin, most of all beside others that begin. */
const START = process.env.MIG_RUNNER_UNDER_TEST === "deno" ? 2 : 1;

/** A number of whole seconds in which an action is posted for certain, so many being plenty. */
export function lifeSeconds(quietSeconds: number): number {
  const [load = 0] = loadavg();
  return Math.ceil(START * quietSeconds * Math.max(1, load / availableParallelism() / CROWD));
}
