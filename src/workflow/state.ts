// State: what a workflow reads and sets of its job's state, each with the step that says so.
import type { RunRow } from "../journal/inflight.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import { STATE_KEYS_MAX } from "../journal/state.ts";
import type { StepOutcome } from "../journal/steps.ts";
import type { Instant } from "../time.ts";
import type { StepRequest } from "./messages.ts";

type Get = Extract<StepRequest, { kind: "get" }>;
type Set = Extract<StepRequest, { kind: "set" }>;

/** What a key has now: it is saved as what the run has seen. */
export function getStep(
  transaction: JournalTransaction,
  { job }: Pick<RunRow, "job">,
  { key }: Get,
): StepOutcome {
  const unreadable = transaction.unreadableState(job, key);
  if (unreadable !== null) {
    const way = "`mig-runner journal salvage` takes it out";
    const error = `get "state.get ${key}" failed: the journal's ${unreadable}; ${way}`;
    return { kind: "failed", error };
  }
  return { kind: "saved", value: transaction.stateAt(job, key)?.value ?? null };
}

/** Sets a key, or forgets it, in the transaction that saves the step. */
export function setStep(
  transaction: JournalTransaction,
  { run, request }: { readonly run: Pick<RunRow, "id" | "job">; readonly request: Set },
  now: Instant,
): StepOutcome {
  const { id: runId, job } = run;
  const { key, value } = request;
  if (value === null) {
    transaction.removeState(job, key);
    return { kind: "saved", value };
  }
  const others = transaction.stateKeys(job).filter((other) => other !== key);
  if (others.length >= STATE_KEYS_MAX) {
    const many = `job ${job} keeps ${others.length} keys already, at most ${STATE_KEYS_MAX} fit`;
    const way = "put more into one value, or set a key to null to forget it";
    return { kind: "failed", error: `set "state.set ${key}" failed: ${many}; ${way}` };
  }
  transaction.setState({ job, key, value, runId, setAt: now });
  return { kind: "saved", value };
}
