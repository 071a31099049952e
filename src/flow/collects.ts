// Collects: the actions whose results are being fetched, as many at a time as are allowed.
//
// As many again may wait in line, so that a place that is given away when the API has answered has
// its next action at once, and not at the next tick. What waited is looked at again before it
// begins: it may have been dropped meanwhile, or the API may be down.
import type { ActionRow } from "../journal/inflight.ts";
import type { Edges } from "./edges.ts";
import { Pool, type Work } from "./pool.ts";

/** A pool of collects, in which some wait. */
export class Collects extends Pool {
  readonly #edges: Pick<Edges, "journal" | "limits">;
  readonly #mayAsk: () => boolean;

  /** @param mayAsk Whether the API may be asked now. @param changed As for a pool. */
  constructor(
    edges: Pick<Edges, "journal" | "limits">,
    mayAsk: () => boolean,
    changed: (isIdle: boolean) => void,
  ) {
    super(() => edges.limits.collectsMax, changed);
    this.#edges = edges;
    this.#mayAsk = mayAsk;
  }

  /** How many more it takes, at work and in line. */
  override get room(): number {
    return Math.max(0, this.free + this.#edges.limits.collectsMax - this.waiting);
  }

  /** Begins a collect, now or later; false when the action has work already. */
  collect(row: ActionRow, work: Work): boolean {
    return this.start(row.id, work, () => this.#isStillDue(row));
  }

  #isStillDue({ id, state, nextAt }: ActionRow): boolean {
    if (!this.#mayAsk()) return false;
    const now = this.#edges.journal.action(id);
    return now?.state === state && now.nextAt === nextAt;
  }
}
