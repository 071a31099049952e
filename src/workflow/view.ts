// View: the workflow runs that are not settled, as `status` shows them.
import type { RunRow } from "../journal/inflight.ts";
import type { OpenWorkflow } from "../journal/reading.ts";
import type { StepRow } from "../journal/steps.ts";
import type { Instant } from "../time.ts";
import { questionOf, questionsIn, wayToAnswer } from "./answers.ts";

/** One step of a run. */
export interface StepView {
  readonly name: string;
  readonly kind: StepRow["kind"];
  readonly state: StepRow["state"];
  /** How many attempts failed: the name is that of the output. */
  readonly attempts: number;
  /** When it goes on by itself; null when it waits for an action or has ended. */
  readonly nextAt: Instant | null;
  readonly error: string | null;
}

/** A run of a workflow that is open or paused. */
export interface WorkflowView {
  /** What `resume` and `drop` take. */
  readonly runId: number;
  readonly job: string;
  readonly firesAt: Instant;
  readonly state: RunRow["state"];
  /** Why it is paused: what the journal has and what the code asks for. */
  readonly note: string | null;
  /** Its parameters by their names; null: it has none. */
  readonly params: Readonly<Record<string, unknown>> | null;
  readonly deadlineAt: Instant | null;
  /** In the order in which they were begun; the newest STEPS_SHOWN_MAX of them. */
  readonly steps: readonly StepView[];
}

/** What a run asks people, and no one has answered yet. */
export interface QuestionView {
  readonly runId: number;
  readonly job: string;
  readonly name: string;
  readonly kind: StepRow["kind"];
  /** What the job shows of it: a text, or any JSON; null for nothing. */
  readonly show: unknown;
  /** When it is too late to answer. */
  readonly untilAt: Instant | null;
  /** Why the last answer was refused. */
  readonly error: string | null;
  /** What to type. */
  readonly way: string;
}

const STEPS_SHOWN_MAX = 100;

/** What people are asked of a run, and no one has answered yet. */
export function questionViews({ run, steps }: OpenWorkflow): readonly QuestionView[] {
  return questionsIn(run, steps).map((step) => {
    const { runId, name, kind, nextAt: untilAt, error } = step;
    const show = questionOf(step)?.show ?? null;
    return { runId, job: run.job, name, kind, show, untilAt, error, way: wayToAnswer(step) };
  });
}

/** The workflow runs that have not ended, as people see them. */
export function workflowView({ run, steps }: OpenWorkflow): WorkflowView {
  const { id, job, firesAt, state, note, params: json, deadlineAt } = run;
  const params = json === null ? null : (JSON.parse(json) as WorkflowView["params"]);
  const shown = steps.slice(-STEPS_SHOWN_MAX).map(stepView);
  return { runId: id, job, firesAt, state, note, params, deadlineAt, steps: shown };
}

function stepView({ name, kind, state, failures, nextAt, error }: StepRow): StepView {
  return { name, kind, state, attempts: kind === "step" ? failures : 0, nextAt, error };
}
