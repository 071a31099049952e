// Turns: what a simulation in this thread needs of the runtime: turns of the event loop, pauses of
// real time, and a scope that code keeps through every await.
import { AsyncLocalStorage } from "node:async_hooks";
import type { Milliseconds } from "../time.ts";

/** Resolves in a later turn of the event loop, when everything that could go on has gone on. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Resolves after a stretch of real time. */
export function pause(ms: Milliseconds): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

/** A value that belongs to the code that runs, and to all that it waits for. */
export function openScopes<Scope>(): {
  getStore(): Scope | undefined;
  run<Value>(scope: Scope, work: () => Value): Value;
} {
  return new AsyncLocalStorage<Scope>();
}
