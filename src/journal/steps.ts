// Steps: the durable state of a workflow run: the steps that its body asked for, and their
// outcomes.
//
//               saved, failed: the body gets it in this order, at every replay
//   begun ─────────────────────────▶ ended
//     └── a retry keeps the state and moves `nextAt`
//
// Owns:     the rows and their transitions.
// Not here: the order of work (workflow/engine.ts), the actions of a step (inflight.ts).
//
// Invariants:
//   W1. A step that has ended is never begun again: its row is the only source of its outcome.
//   W2. `sequence` numbers the steps of a run in the order in which they ended, without a gap.
//   W3. `endedAt` never goes back within a run, whatever the clock does.
import { assert } from "../errors.ts";
import type { Instant, Milliseconds } from "../time.ts";

/** What a step does. */
export const STEP_KINDS = [
  "collect",
  "dispatch",
  "step",
  "sleep",
  "deliver",
  "get",
  "set",
  // Both ask people: for a value, and for a yes or no.
  "wait",
  "approval",
] as const;

export type StepKind = (typeof STEP_KINDS)[number];

/** Whether a step asks people. */
export function asksPeople({ kind }: Pick<StepRow, "kind">): boolean {
  return kind === "wait" || kind === "approval";
}

/** The states of a step. */
export const STEP_STATES = ["begun", "saved", "failed"] as const;

/** One named step of a run. (runId, name) is unique. */
export interface StepRow {
  readonly id: number;
  readonly runId: number;
  readonly name: string;
  readonly kind: StepKind;
  /** A hash of what was asked for: a replay has to ask for the same. "" for a function. */
  readonly digest: string;
  readonly state: (typeof STEP_STATES)[number];
  /** JSON of what the body gets; null until saved, and for a step without a value. */
  readonly value: string | null;
  /** Why it failed, or why its last try did. */
  readonly error: string | null;
  /** Attempts that failed; of a collect that was begun again, its actions that were given up. */
  readonly failures: number;
  /** Attempts that were begun: more than have failed, if a process died in one of them. */
  readonly attempts: number;
  /** When there is something to do for it next; null: not by itself, or as soon as it is asked. */
  readonly nextAt: Instant | null;
  /** When `nextAt` was set. A time in the future shows that the clock was ahead then. */
  readonly setAt: Instant;
  /** When the body asked for it first; null: by a version that did not note it. */
  readonly begunAt: Instant | null;
  /** Its place among the steps that have ended, from 1. */
  readonly sequence: number | null;
  readonly endedAt: Instant | null;
  /** JSON of what people are asked: see workflow/answers.ts; null for all other kinds. */
  readonly asked: string | null;
  /** JSON of who answered what; null: no one has. */
  readonly answer: string | null;
}

/** Orders steps as they have ended. */
export function bySequence(left: StepRow, right: StepRow): number {
  return (left.sequence ?? 0) - (right.sequence ?? 0);
}

export type NewStep = Pick<StepRow, "runId" | "name" | "kind" | "digest" | "nextAt"> &
  Partial<Pick<StepRow, "setAt" | "asked" | "begunAt">>;

/** A moment, with the time at which it is set. */
export function due(nextAt: Instant, now: Instant): { nextAt: Instant; setAt: Instant } {
  return { nextAt, setAt: now };
}

/** What a step came to. */
export type StepOutcome =
  | { readonly kind: "saved"; readonly value: string | null }
  | { readonly kind: "failed"; readonly error: string };

/** The body of a workflow run, and what it keeps of its job to the end. */
export interface BodyRow {
  readonly runId: number;
  /** Hash of the job's action template in the journal; null when the job has none. */
  readonly template: string | null;
  readonly expiryMs: Milliseconds;
  readonly agentsMax: number | null;
  /** Plugins that get the result of the job's own action: none, except in runs of old versions. */
  readonly plugins: readonly string[];
  /** What `run.random()` begins with. */
  readonly seed: number;
  readonly begunAt: Instant;
  /** When it is to be called; null while it only waits for its steps. */
  readonly nextAt: Instant | null;
  /** When `nextAt` was set. */
  readonly setAt: Instant;
  /** How often it was started without a step that ended since. */
  readonly starts: number;
  /** Of the workflows of the program that began it: see workflow/version.ts. */
  readonly version: number;
}

export type NewBody = Omit<BodyRow, "starts" | "setAt" | "version"> &
  Partial<Pick<BodyRow, "version">>;

/** Where a run's steps stand: the place and the time of the last one that ended. */
export interface StepFrontier {
  readonly sequence: number;
  readonly endedAt: Instant;
}

/** The step after it ended, as the next of its run. Pure. */
export function endStep(
  step: StepRow,
  outcome: StepOutcome,
  { frontier, now }: { readonly frontier: StepFrontier; readonly now: Instant },
): StepRow {
  assert(step.state === "begun", `W1: ${step.name} ended after it was ${step.state}`);
  return {
    ...step,
    state: outcome.kind,
    value: outcome.kind === "saved" ? outcome.value : null,
    error: outcome.kind === "failed" ? outcome.error : null,
    nextAt: null,
    sequence: frontier.sequence + 1,
    endedAt: Math.max(now, frontier.endedAt),
  };
}
