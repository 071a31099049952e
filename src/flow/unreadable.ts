// Unreadable: what is done about rows of the journal that cannot be read, because they were damaged
// or changed by hand. The runner works on none of them, ends the runs that wait for one, and lets
// an operator take them out.

import type { JournalTransaction, RemovedRow } from "../journal/journal.ts";
import type { Instant } from "../time.ts";
import { DROPPED } from "./drop.ts";
import type { Edges } from "./edges.ts";

/** Unreadable rows that are logged at the start; `journal verify` lists all. */
const TOLD_MAX = 20;

/** Runs that are ended at one start. */
const STRANDED_MAX = 1_000;

/** The note of a run that ends because all it waits for cannot be read. */
const STRANDED = "what it waited for cannot be read in the journal";

/**
 * Says which rows of the journal cannot be read, and ends the runs that wait for nothing else: an
 * open run may keep the next one of its job waiting.
 *
 * @returns How many rows it has told of.
 * @throws {RunnerError} JOURNAL, when it cannot be written.
 */
export async function endStranded({
  clock,
  journal,
  log,
}: Pick<Edges, "clock" | "journal" | "log">): Promise<number> {
  const rows = journal.unreadable(TOLD_MAX);
  if (rows.length === 0) return 0;
  for (const row of rows) {
    const hint = "nothing works on it, `mig-runner journal verify` says what can be done";
    log.emit("err", `the journal has a row that cannot be read: ${row} (${hint})`);
  }
  const ended = await journal.write((transaction) => {
    const runs = transaction.strandedRuns(STRANDED_MAX);
    const endedAt = clock.now();
    for (const run of runs) {
      transaction.saveRun({ ...run, state: "failed", note: STRANDED, endedAt });
    }
    return runs;
  });
  for (const { id, job } of ended) {
    log.emit("err", `${job}: run ${id} failed: ${STRANDED}`, { job, run: id });
  }
  return rows.length;
}

/** The note of a run that ended because one of its rows was taken out. */
const TAKEN_OUT = `${DROPPED}, a row of it could not be read`;

/**
 * Takes out the unreadable rows that a word means: the name of a job, a run's id, or the API's id
 * of an action. Ends the runs that they were a part of.
 */
export function dropUnreadable(
  transaction: JournalTransaction,
  word: string,
  now: Instant,
): readonly RemovedRow[] {
  const removed = transaction.removeUnreadable(word);
  for (const runId of new Set(removed.flatMap((row) => row.runId ?? []))) {
    const run = transaction.run(runId);
    if (run === null || run.endedAt !== null) continue;
    transaction.saveRun({ ...run, state: "failed", note: TAKEN_OUT, endedAt: now });
    const body = transaction.body(runId);
    if (body !== null) transaction.saveBody({ ...body, nextAt: null });
  }
  return removed;
}
