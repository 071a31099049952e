// Tell: what came of a simulated run, in the words of the author of its job.
import type { StepKind, StepRow } from "../journal/steps.ts";
import type { Command, Operation } from "../sdk/action.ts";
import type { LogLevel } from "../sdk/run.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { questionOf } from "../workflow/answers.ts";
import type { History } from "./history.ts";

/** A named call of the workflow. */
export interface SimulatedStep {
  /** With the names of the branches around it, such as "left/ticket". */
  readonly name: string;
  readonly kind:
    | ("collect" | "dispatch" | "step" | "sleep" | "deliver" | "get" | "set")
    // What people were asked by `run.waitFor` and `run.approval`.
    | ("wait" | "approval");
  /** "begun" when the workflow ended without waiting for it. */
  readonly state: "begun" | "saved" | "failed";
  /** What the function of a step gave; for the others, what the runner keeps of them. */
  readonly value: unknown;
  /** What people were shown, of a step that asks them. */
  readonly show?: unknown;
  /** Why it failed; null when it did not. */
  readonly error: string | null;
  /** How often the function of a step was tried; 1 for all others. */
  readonly runs: number;
}

/** An action as it was posted. */
export interface SimulatedAction {
  /** Such as "mig-runner: JOB/STEP". */
  readonly name: string;
  readonly target: string;
  /** With their parameters as they were before they were compressed. */
  readonly operations: readonly Operation[];
  /** How many agents got it. */
  readonly agents: number;
  /** Milliseconds since the Unix epoch. */
  readonly postedAt: Instant;
}

/** A result that was given to a plugin. */
export interface SimulatedDelivery {
  readonly plugin: string;
  /** The name of the action whose result it was; the first one when there were several. */
  readonly action: string;
  readonly commands: readonly Command[];
  /** 1 for the first try. */
  readonly attempt: number;
  /** What the plugin threw; null when it took the result. */
  readonly error: string | null;
}

/** What came of a simulated run. */
export interface Simulation {
  /** "paused": the runner could not go on and would ask an operator. */
  readonly state: "done" | "failed" | "paused";
  /** Why it failed or is paused; null when it is done. */
  readonly error: string | null;
  /** In the order in which they were begun. */
  readonly steps: readonly SimulatedStep[];
  /** In the order in which they were posted. */
  readonly actions: readonly SimulatedAction[];
  /** All attempts, in their order. */
  readonly deliveries: readonly SimulatedDelivery[];
  /** What the job keeps at the end, by key: for `state` of the next simulation. */
  readonly stateAfter: Readonly<Record<string, unknown>>;
  /** The lines of `run.log`. */
  readonly log: readonly { readonly level: LogLevel; readonly message: string }[];
  /** The runner's own lines, for looking into what went wrong. */
  readonly runnerLog: readonly { readonly level: string; readonly message: string }[];
  /**
   * Where the workflow asked for the time or for chance outside of a step, such as "Date.now() at
   * job.ts:3": it saw the run's own, which are the same at each replay.
   */
  readonly used: readonly string[];
  /** How much virtual time the run took, with all its deliveries. */
  readonly elapsedMs: Milliseconds;
  /** How often the runner was let die, each time in another place. */
  readonly crashes: number;
}

/** What is left of a history, told. */
export function tell(history: History, crashes: number): Simulation {
  const { run, steps, posted, taken, transcripts, log, endedAt, state: kept } = history;
  const { state, note } = run;
  if (state === "requested" || state === "open") throw new Error(`a run was left ${state}`);
  return {
    state,
    error: state === "done" ? null : note,
    steps: steps.map(tellStep),
    actions: posted,
    deliveries: taken.map(({ plugin, action, commands, attempt, error }) => {
      return { plugin, action: action.name, commands, attempt, error };
    }),
    stateAfter: Object.fromEntries(
      [...kept].map(([key, value]) => [key, JSON.parse(value) as unknown]),
    ),
    log: transcripts.at(-1)?.log ?? [],
    runnerLog: log,
    used: [...new Set(transcripts.flatMap((transcript) => [...transcript.used]))],
    elapsedMs: endedAt - run.firesAt,
    crashes,
  };
}

function tellStep(row: StepRow): SimulatedStep {
  const { name, state, error, attempts } = row;
  const kind: StepKind = row.kind;
  const value: unknown = row.value === null ? undefined : JSON.parse(row.value);
  const runs = kind === "step" ? attempts : 1;
  const asked = row.asked === null ? {} : { show: questionOf(row)?.show };
  return { name, kind, state, value, ...asked, error: state === "failed" ? error : null, runs };
}
