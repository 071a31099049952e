// Upkeep: removes old results and rows of the journal, as [retention] of the configuration says.
//
// Never removed: what is in flight, undelivered, or part of a run that has not ended; the newest
// run of each job; the cursors, which keep a fire time from being run twice (I2).

import { messageOf } from "../errors.ts";
import { hasEnded, type RunRow } from "../journal/inflight.ts";
import type { JournalReads } from "../journal/journal.ts";
import { formatUtcDate } from "../lib/go/time.ts";
import { DAY_MS, type Instant, type Milliseconds } from "../time.ts";
import type { Edges, Retention } from "./edges.ts";
import { Pool } from "./pool.ts";
import { StrayUpkeep } from "./strays.ts";

/** The most that one step removes: steps are short, because they run between other work. */
export const STEP_MAX = 200;

/** How often old things are looked for, and the pause between two steps. */
const PERIOD_MS: Milliseconds = 3_600_000;
const PAUSE_MS: Milliseconds = 1_000;

/** Removes what is too old, a step at a time. */
export class Upkeep {
  readonly #edges: Edges;
  readonly #strays: StrayUpkeep | null;
  /** The name of the job after which `runs` of [retention] is applied next. */
  #after = "";
  readonly pool: Pool;
  /** When the next step is to be made; null where everything is kept. */
  nextAt: Instant | null;
  /** Steps that could not be made. */
  failures = 0;

  /** @param changed Called when a step has ended. */
  constructor(edges: Edges, changed: () => void) {
    this.#edges = edges;
    const strays = edges.retention?.shelf.strays;
    this.#strays = strays === undefined ? null : new StrayUpkeep(edges, strays);
    this.pool = new Pool(1, changed);
    this.nextAt = edges.retention === undefined ? null : edges.clock.now();
  }

  tick(now: Instant): void {
    const { retention } = this.#edges;
    if (retention === undefined || this.nextAt === null) return;
    // After a clock that was set back, the wait is never longer than the period.
    if (now < this.nextAt && this.nextAt - now <= PERIOD_MS) return;
    this.nextAt = now + PERIOD_MS;
    this.pool.start("step", () => this.#step(retention));
  }

  async #step(retention: Retention): Promise<void> {
    const { clock, log } = this.#edges;
    try {
      const isSurplus = await this.#surplus(retention);
      const isMore = await removeOld(this.#edges, retention);
      const isStray = (await this.#strays?.step()) ?? false;
      if (isSurplus || isMore || isStray) this.nextAt = clock.now() + PAUSE_MS;
    } catch (error) {
      this.failures++;
      log.emit("err", messageOf(error));
    }
  }

  /** @returns Whether there may be more to remove. */
  async #surplus({ runs = null }: Retention): Promise<boolean> {
    if (runs === null) return false;
    const next = await removeSurplus(this.#edges, { keep: runs, after: this.#after });
    this.#after = next ?? "";
    return next !== null;
  }
}

/**
 * Removes some of what is too old.
 *
 * @returns Whether there may be more.
 * @throws {RunnerError} SPOOL or JOURNAL, when something cannot be removed.
 */
export async function removeOld(
  edges: Pick<Edges, "clock" | "journal" | "spool" | "log">,
  { journalMs, resultsMs, shelf }: Retention,
): Promise<boolean> {
  const now = edges.clock.now();
  // The rows first: a store that cannot be reached keeps none of them.
  const rows = journalMs === null ? 0 : await removeRuns(edges, now - journalMs);
  let removed = 0;
  if (resultsMs !== null) {
    const date = formatUtcDate(now - resultsMs);
    const isKept = (actionId: number): boolean => isNeeded(edges.journal, actionId);
    removed = await shelf.removeBefore(date, { limit: STEP_MAX, isKept });
    if (removed > 0) edges.log.emit("info", `removed ${removed} results from before ${date}`);
  }
  return removed >= STEP_MAX || rows >= STEP_MAX;
}

/** Jobs that one step checks for more runs than are kept. */
const JOBS_MAX = 50;

/**
 * Removes runs beyond the number that is kept of a job, of some jobs in the order of their names.
 *
 * @param after The jobs with later names are looked at.
 * @returns The job after which to go on; null when all have been looked at.
 */
export async function removeSurplus(
  edges: Pick<Edges, "clock" | "journal" | "spool" | "log">,
  { keep, after }: { readonly keep: number; readonly after: string },
): Promise<string | null> {
  const { journal } = edges;
  const before = edges.clock.now() - DAY_MS;
  const jobs = journal.jobsWithRuns(after, JOBS_MAX);
  let looked = after;
  for (const job of jobs) {
    const find = (reads: JournalReads) => reads.surplusRuns(job, { keep, before }, STEP_MAX);
    const removed = await forget(edges, find);
    // The next step goes on with this job.
    if (removed >= STEP_MAX) return looked;
    looked = job;
    if (removed > 0) return looked;
  }
  return jobs.length < JOBS_MAX ? null : looked;
}

/** Whether something is still to be done with the result of an action. */
function isNeeded(journal: JournalReads, actionId: number): boolean {
  const action = journal.actionById(actionId);
  if (action === null) return false;
  if (!hasEnded(action) || action.state === "collected") return true;
  const run = journal.run(action.runId);
  if (run !== null && run.endedAt === null) return true;
  return journal
    .deliveriesOf(action.id)
    .some(({ state }) => state === "pending" || state === "dead");
}

async function removeRuns(
  edges: Pick<Edges, "journal" | "spool" | "log">,
  before: Instant,
): Promise<number> {
  const find = (reads: JournalReads) => reads.settledRuns(before, STEP_MAX);
  const runs = await forget(edges, find);
  const others = await edges.journal.write((tables) => [
    tables.removeMissed(before, STEP_MAX),
    tables.removeAlarms(before, STEP_MAX),
    tables.removePauses(before, STEP_MAX),
  ]);
  return Math.max(runs, ...others);
}

/** Removes the runs that are found, with all that belongs to them. @returns How many. */
async function forget(
  edges: Pick<Edges, "journal" | "spool" | "log">,
  find: (reads: JournalReads) => readonly RunRow[],
): Promise<number> {
  const runs = find(edges.journal);
  if (runs.length === 0) return 0;
  for (const { id } of runs) {
    for (const { job, actionId } of edges.journal.actionsOf(id)) {
      // A record that was left behind would be adopted, and its action collected again (I9).
      if (actionId !== null) await edges.spool.removeInflight(job, actionId);
    }
  }
  const removed = await edges.journal.write((transaction) => {
    // Another process may have asked for a delivery meanwhile.
    const still = new Set(find(transaction).map(({ id }) => id));
    const old = runs.filter(({ id }) => still.has(id));
    transaction.removeRuns(old.map(({ id }) => id));
    return old.length;
  });
  if (removed > 0) edges.log.emit("info", `removed ${removed} old runs from the journal`);
  return removed;
}
