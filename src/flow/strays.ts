// Strays: removes results that no row names: of two hosts that have uploaded the same result one
// lost; a process died between an upload and its row, or in the middle of an upload; a result was
// collected again and became better.
//
// Only what is a day old, of actions that the journal knows: another runner directory may keep its
// results beside these. What is older than a week, of a time when no process ran, is left to
// [retention].
import { messageOf } from "../errors.ts";
import type { JournalReads } from "../journal/journal.ts";
import { formatUtcDate } from "../lib/go/time.ts";
import type { Strays } from "../ports.ts";
import { DAY_MS, type Instant, type Milliseconds } from "../time.ts";
import type { Edges } from "./edges.ts";

/** How long a write may take until its row is there. */
const YOUNG_MS: Milliseconds = DAY_MS;

/** Days that are looked through each time, and how often. */
const DAYS = 8;
const PERIOD_MS: Milliseconds = DAY_MS;

/** The most that one step removes. */
export const STRAYS_MAX = 200;

/** Looks through the last days, one a step. */
export class StrayUpkeep {
  readonly #edges: Pick<Edges, "clock" | "journal" | "log">;
  readonly #strays: Strays;
  #nextAt: Instant = Number.NEGATIVE_INFINITY;
  /** Days that are still to be looked through. */
  #days: readonly string[] = [];

  constructor(edges: Pick<Edges, "clock" | "journal" | "log">, strays: Strays) {
    this.#edges = edges;
    this.#strays = strays;
  }

  /**
   * Does some of the work.
   *
   * @returns Whether there is more of it now.
   * @throws {RunnerError} When something cannot be listed or removed; it is tried again later.
   */
  async step(): Promise<boolean> {
    const { clock, journal, log } = this.#edges;
    const now = clock.now();
    const before = now - YOUNG_MS;
    if (this.#days.length === 0) {
      // After a clock that was set back, the wait is never longer than the period.
      if (now < this.#nextAt && this.#nextAt - now <= PERIOD_MS) return false;
      this.#nextAt = now + PERIOD_MS;
      this.#days = Array.from({ length: DAYS }, (_, at) => formatUtcDate(before - at * DAY_MS));
      // Keys may have no right to that: the days are looked through all the same.
      const ended = await this.#strays.endWrites(before).catch((error: unknown) => {
        log.emit("warning", `results that were never whole are not removed: ${messageOf(error)}`);
        return 0;
      });
      if (ended > 0) log.emit("info", `removed ${ended} results that were never whole`);
    }
    const [day = ""] = this.#days;
    const removed = await this.#strays.remove(day, {
      before,
      limit: STRAYS_MAX,
      isStray: (found) => isStray(journal, found),
    });
    if (removed > 0) log.emit("info", `removed ${removed} results of ${day} that no row names`);
    if (removed < STRAYS_MAX) this.#days = this.#days.slice(1);
    return this.#days.length > 0;
  }
}

/** Whether the journal knows the action of a result, and names another one or none. */
export function isStray(
  journal: JournalReads,
  { actionId, place }: { readonly actionId: number; readonly place: string },
): boolean {
  const action = journal.actionById(actionId);
  if (action === null || action.resultPath === place) return false;
  const isDelivered = journal
    .deliveriesOf(action.id)
    .some(({ resultPath }) => resultPath === place);
  // A body reads what its step has saved, also when the action has a better result by now.
  return !isDelivered && !journal.stepsOf(action.runId).some(({ value }) => value?.includes(place));
}
