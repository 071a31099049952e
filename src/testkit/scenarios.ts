// Scenarios: what `mig-runner test` lets happen to every job, and what it makes of the outcome.
import { describeError, RunnerErrors } from "../errors.ts";
import type { JobModule } from "../sdk/job.ts";
import { MISTAKES } from "../workflow/scope.ts";
import type { AnswerKind, Answers } from "./fleet.ts";
import type { SimulatedQuestion } from "./people.ts";
import { type PlainParams, ReplayError, type SimulateOptions, simulateLoaded } from "./simulate.ts";
import type { Simulation } from "./tell.ts";

/** A way in which a fleet answers. */
export interface Scenario {
  readonly name: string;
  readonly answers: Answers;
  /** What people say to an approval; null: no one answers. */
  readonly says: boolean | null;
  /** Whether it tells nothing of a job that asks nobody. */
  readonly isOfPeople?: boolean;
}

/** What came of one scenario. Plain data. */
export interface ScenarioOutcome {
  readonly scenario: string;
  /** "broken": it cannot be simulated to its end, or does not survive a death of its runner. */
  readonly state: Simulation["state"] | "broken";
  /** A run may fail for a good reason, such as a fleet that does not answer. */
  readonly isBroken: boolean;
  /** Why it failed, or what is wrong, one line each. */
  readonly problems: readonly string[];
  readonly actions: number;
  readonly steps: number;
  /** What people were asked. */
  readonly questions: number;
  /** Waits that people would have answered, had it been said how. */
  readonly unanswered: readonly string[];
  readonly deliveries: number;
  readonly crashes: number;
  /** What showed the run's own time or chance: see `Simulation.used`. */
  readonly used: readonly string[];
  /** Requests of steps, which were not sent. */
  readonly requests: readonly string[];
}

/** Every fourth agent answers otherwise. */
const TROUBLE: readonly AnswerKind[] = ["found", "silent", "failed", "timeout"];

/** The scenarios, in the order in which they are played. */
export const SCENARIOS: readonly Scenario[] = [
  { name: "nobody finds anything", answers: () => "nothing", says: true },
  { name: "everybody finds something", answers: () => "found", says: true },
  { name: "every other one finds", answers: everyOther, says: true },
  { name: "three of four fail", answers: ({ id }) => TROUBLE[id % TROUBLE.length], says: true },
  { name: "nobody answers", answers: () => "silent", says: null },
  { name: "people say no", answers: everyOther, says: false, isOfPeople: true },
  { name: "people say nothing", answers: everyOther, says: null, isOfPeople: true },
];

function everyOther({ id }: { readonly id: number }): AnswerKind {
  return id % 2 === 0 ? "found" : "nothing";
}

/** Errors of a program that is wrong, as opposed to those that it was told to throw. */
const FAULT = new RegExp(
  "\\b(?:TypeError|ReferenceError|RangeError|SyntaxError): |" +
    // What a module refuses, no agent was ever asked.
    `Cannot use modules\\.|${Object.values(MISTAKES).join("|")}`,
);

/** What is the same in all scenarios of a job. */
export type ScenarioOptions = SimulateOptions &
  PlainParams & {
    readonly requests: string[];
    /** What people answer to waits, by their names. */
    readonly said: Readonly<Record<string, unknown>>;
  };

/**
 * Plays one scenario.
 *
 * @param requests Where requests of steps are written down while it is played.
 */
export async function playScenario(
  load: () => Promise<JobModule>,
  { name, answers, says }: Scenario,
  { requests, said, ...options }: ScenarioOptions,
): Promise<ScenarioOutcome> {
  requests.length = 0;
  const none = { actions: 0, steps: 0, deliveries: 0, crashes: 0, used: [], requests: [] };
  const nothing = { ...none, questions: 0, unanswered: [] };
  const people = ({ kind, name: asked, attempt }: SimulatedQuestion): unknown => {
    if (says === null) return undefined;
    return kind === "approval" ? says : attempt === 1 ? said[asked] : undefined;
  };
  try {
    const run = await simulateLoaded(load, { ...options, answers, people });
    const { state, error, crashes } = run;
    return {
      scenario: name,
      state,
      isBroken: state === "paused" || FAULT.test(error ?? ""),
      problems: error === null ? unreached(run) : [error],
      actions: run.actions.length,
      steps: run.steps.length,
      ...questionsOf(run, says !== null),
      deliveries: run.deliveries.filter((delivery) => delivery.error === null).length,
      crashes,
      used: run.used,
      requests: [...requests],
    };
  } catch (error) {
    return {
      ...nothing,
      scenario: name,
      state: "broken",
      isBroken: true,
      problems: textsOf(error),
    };
  }
}

function questionsOf(
  { steps }: Simulation,
  isHeard: boolean,
): Pick<ScenarioOutcome, "questions" | "unanswered"> {
  const asked = steps.filter(({ kind }) => kind === "wait" || kind === "approval");
  const failed = asked.filter(({ kind, state }) => kind === "wait" && state === "failed");
  const unanswered = isHeard ? failed.map(({ name }) => name) : [];
  return { questions: asked.length, unanswered };
}

/** A test that reaches nobody shows little, so that is told. */
function unreached({ actions }: Simulation): readonly string[] {
  const empty = actions.filter(({ agents }) => agents === 0);
  return empty.map(({ name }) => `"${name}" reaches none of the simulated agents`);
}

function textsOf(error: unknown): readonly string[] {
  if (error instanceof ReplayError) return error.problems;
  if (error instanceof RunnerErrors) return error.errors.map(describeError);
  return [describeError(error)];
}
