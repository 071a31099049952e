// Scope: which part of a workflow some code belongs to, through every await.
import type { Instant } from "../time.ts";
import { seededRandom } from "./random.ts";

/** What code outside of a step sees of the time and of chance, and what it may not do. */
export interface BodyView {
  /** The run's clock: the same at each replay. */
  now(): Instant;
  /** From 0 up to 1: the same at each replay. */
  random(): number;
  /** `what` was used, and shows the run's own values: nothing is wrong with that. */
  used(what: string): void;
  /**
   * `what` cannot be the same at each replay.
   *
   * @param fix What to write instead, such as "put it into run.step".
   * @returns What to throw; null when it may go on.
   */
  refuse(what: string, fix: string): Error | null;
  /** `Promise.race` or its like was called: what loses may be left behind. */
  raced(): void;
}

/** The branch of `run.parallel`, or the step, that some code runs in. */
export interface Scope {
  /** Names of the branches around it, each with a slash at its end. */
  readonly prefix: string;
  /** The step whose function it is; null in the body itself. */
  readonly step: string | null;
  /** What the body sees; null inside of a step, where all is real, and outside of any workflow. */
  readonly view: BodyView | null;
}

/** Knows the scope of the code that runs: an AsyncLocalStorage. */
export interface Scopes {
  getStore(): Scope | undefined;
  run<Value>(scope: Scope, work: () => Value): Value;
}

/** Code of this program that a body has called. */
export const OUTSIDE: Scope = { prefix: "", step: "outside of the workflow", view: null };

/** @throws {TypeError} In a step, from which nothing of the run can be called. */
export function refuseInside({ step }: Scope): void {
  if (step !== null) throw new TypeError(`it is inside of step "${step}", call it outside`);
}

/** Words that each mistake of a body has in it which a replay would show. */
export const MISTAKES = {
  outside: "outside of a step",
  unawaited: "is not awaited",
} as const;

/** Other numbers than those of `run.random`, from the same seed. */
const CHANCE_SEED = 0x5bd1e995;

/** What a body sees, with numbers that follow from the run's seed. */
export function bodyView(seed: number, edges: Omit<BodyView, "random">): BodyView {
  return { ...edges, random: seededRandom(seed ^ CHANCE_SEED) };
}
