// View: the workflow runs that are not settled, as `status` shows them.
import type { RunRow } from "../journal/inflight.ts";
import type { JournalReads } from "../journal/journal.ts";
import type { StepRow } from "../journal/steps.ts";
import type { Instant } from "../time.ts";

/** One step of a run. */
export interface StepView {
  readonly name: string;
  readonly kind: StepRow["kind"];
  readonly state: StepRow["state"];
  /** Failed tries so far. */
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

const STEPS_SHOWN_MAX = 100;

/**
 * The paused runs, then the open ones, oldest first.
 *
 * @param limit Of each.
 */
export function workflowViews(journal: JournalReads, limit: number): readonly WorkflowView[] {
  return (["paused", "open"] as const)
    .flatMap((state) => journal.runsIn(state, limit))
    .filter(({ source }) => source !== null)
    .map((run) => viewOf(journal, run));
}

function viewOf(
  journal: JournalReads,
  { id, job, firesAt, state, note, params: json, deadlineAt }: RunRow,
): WorkflowView {
  const steps = journal.stepsOf(id).slice(-STEPS_SHOWN_MAX).map(stepView);
  const params = json === null ? null : (JSON.parse(json) as WorkflowView["params"]);
  return { runId: id, job, firesAt, state, note, params, deadlineAt, steps };
}

function stepView({ name, kind, state, attempts, nextAt, error }: StepRow): StepView {
  return { name, kind, state, attempts: kind === "step" ? attempts : 0, nextAt, error };
}
