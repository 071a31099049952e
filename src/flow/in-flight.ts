// In flight: whether something is still to be done, of a run, of jobs, or at all: what a pass waits
// for, and what a host ends before it hands a job on.
import { awaitsApproval } from "../journal/guards.ts";
import { hasEnded } from "../journal/inflight.ts";
import type { JournalReads } from "../journal/journal.ts";
import { asksPeople } from "../journal/steps.ts";
import type { Milliseconds } from "../time.ts";
import type { Edges } from "./edges.ts";

/** Rows that are looked through for one that waits for something else than people. */
const ROWS_MAX = 10_000;

/**
 * Whether something of a run, or with null of any, is still in flight. What only waits for people
 * is not: they may take days. A run that is asked for a time is, for who asks about it.
 */
export function isInFlight(journal: JournalReads, runId: number | null): boolean {
  if (runId === null) {
    // Asked at each turn of a pass that waits: the first row is nearly always the answer.
    const holds = (rowsMax: number): boolean =>
      journal.pendingActions(rowsMax).some((row) => !awaitsApproval(row));
    if (holds(1) || holds(ROWS_MAX)) return true;
    if (journal.counts().openBodies === 0) return false;
    const bodies = journal.runsIn("open", ROWS_MAX).filter(({ source }) => source !== null);
    return bodies.some(({ id }) => !waitsForPeople(journal, id));
  }
  const run = journal.run(runId);
  if (run?.state === "requested" && run.notBefore !== null) return true;
  if (run?.source != null && run.state === "open") return !waitsForPeople(journal, runId);
  return journal.actionsOf(runId).some((row) => !hasEnded(row) && !awaitsApproval(row));
}

/** Whether a run waits only for people (an answer, an approval), or for the end of their time. */
export function waitsForPeople(journal: JournalReads, runId: number): boolean {
  const pending = journal.actionsOf(runId).filter((action) => !hasEnded(action));
  if (!pending.every(awaitsApproval)) return false;
  const run = journal.run(runId);
  if (run?.source == null) return pending.length > 0;
  const begun = journal.stepsOf(runId).filter(({ state }) => state === "begun");
  const asks = begun.filter((step) => asksPeople(step) && step.answer === null);
  const isParked = journal.body(runId)?.nextAt === null;
  return isParked && asks.length > 0 && asks.length === begun.length;
}

/** What is due within this time does not change hands any more. */
const SOON_MS: Milliseconds = 2_000;

/** Whether something of jobs that `isOf` means is at the API or at a plugin now, or is due. */
export function isInHand(
  { clock, journal }: Pick<Edges, "clock" | "journal">,
  isOf: (job: string) => boolean,
): boolean {
  const soon = clock.now() + SOON_MS;
  const rows = [
    // One that waits for a person, or for an API that is down, can as well wait elsewhere.
    ...journal.dueActions("planned", soon, ROWS_MAX),
    ...journal.dueActions("posted", soon, ROWS_MAX),
    ...journal.dueActions("collected", soon, ROWS_MAX),
    ...journal.dueDeliveries(soon, ROWS_MAX),
  ];
  return rows.some(({ job }) => isOf(job));
}
