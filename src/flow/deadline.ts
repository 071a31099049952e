// Deadline: gives up runs that are still open when their time is over. What they have posted is
// still collected and delivered.
import { type Edges, say } from "./edges.ts";

/** Runs that are given up in one go. */
const OVERDUE_MAX = 100;

/**
 * Ends all open runs whose deadline has passed, as failed.
 *
 * @returns How many.
 * @throws {RunnerError} JOURNAL, when that cannot be remembered.
 */
export async function endOverdue(edges: Pick<Edges, "clock" | "journal" | "log">): Promise<number> {
  const { clock, journal } = edges;
  const now = clock.now();
  let ended = 0;
  for (const { id, job } of journal.overdueRuns(now, OVERDUE_MAX)) {
    const note = "it was still open at its deadline";
    const isEnded = await journal.write((transaction) => {
      const run = transaction.run(id);
      if (run?.state !== "open") return false;
      transaction.saveRun({ ...run, state: "failed", note, endedAt: now });
      const body = transaction.body(id);
      if (body !== null) transaction.saveBody({ ...body, nextAt: null });
      return true;
    });
    if (!isEnded) continue;
    ended++;
    say(edges, job, "err", `run ${id} failed: ${note}`);
  }
  return ended;
}
