// Deadline: ends runs that are still open at their deadline. Actions that they have posted are
// still collected and delivered.

import type { RunRow } from "../journal/inflight.ts";
import { type Edges, say } from "./edges.ts";

/** Runs that are ended in one tick. */
const OVERDUE_MAX = 100;

/** The note of a run that is ended at its deadline. */
function noteOf({ note, state }: RunRow): string {
  if (state === "open") return "it was still open at its deadline";
  return note === null ? "it did not begin in time" : `it did not begin in time: ${note}`;
}

/**
 * Ends all runs whose deadline has passed, as failed: those that are open, and those that could not
 * begin.
 *
 * @returns How many.
 * @throws {RunnerError} JOURNAL, when it cannot be written.
 */
export async function endOverdue(edges: Pick<Edges, "clock" | "journal" | "log">): Promise<number> {
  const { clock, journal } = edges;
  const now = clock.now();
  let ended = 0;
  for (const { id, job, state } of journal.overdueRuns(now, OVERDUE_MAX)) {
    const note = await journal.write((transaction) => {
      const run = transaction.run(id);
      if (run?.state !== state) return null;
      const why = noteOf(run);
      transaction.saveRun({ ...run, state: "failed", note: why, endedAt: now });
      const body = transaction.body(id);
      if (body !== null) transaction.saveBody({ ...body, nextAt: null });
      return why;
    });
    if (note === null) continue;
    ended++;
    say(edges, { job, runId: id }, "err", `run ${id} failed: ${note}`);
  }
  return ended;
}
