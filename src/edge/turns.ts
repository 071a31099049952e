// Turns: what a simulation in this thread needs of the runtime: turns of the event loop, and pauses
// of real time.
import type { Milliseconds } from "../time.ts";

/** Resolves in a later turn of the event loop, when everything that could go on has gone on. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Resolves after a stretch of real time. */
export function pause(ms: Milliseconds): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
