// Shelf: results of a store or of a shared folder by the day of their names, for those who remove
// them. Of several hosts each removes only what belongs to its own jobs.
import type { Shelf } from "../../ports.ts";
import type { Instant } from "../../time.ts";
import { readKey } from "./names.ts";

/** A home whose results can be listed and removed. */
export interface Depot {
  /** Those of a day, or all, the oldest day first. What is no result may be among them. */
  list(day: string | null): AsyncIterable<DepotItem>;
  remove(place: string): Promise<void>;
  /** Removes what is left of writes that were begun before then. @returns How many. */
  endWrites(before: Instant): Promise<number>;
}

export interface DepotItem {
  /** As `keyOf` has made it, or anything. */
  readonly key: string;
  readonly place: string;
  readonly modifiedAt: Instant;
}

/**
 * @param open Opens the home.
 * @param owns Whether this process may act on a job now.
 */
export function depotShelf(
  open: () => Promise<Depot>,
  owns: (job: string) => boolean,
): Shelf & Required<Pick<Shelf, "strays">> {
  return {
    async removeBefore(date, { limit, isKept }) {
      const depot = await open();
      let removed = 0;
      for await (const { key, place } of depot.list(null)) {
        const named = readKey(key);
        if (named === null) continue;
        if (named.date >= date || removed >= limit) break;
        if (isKept(named.actionId) || !owns(named.job)) continue;
        await depot.remove(place);
        removed++;
      }
      return removed;
    },
    strays: {
      async remove(day, { before, limit, isStray }) {
        const depot = await open();
        let removed = 0;
        for await (const { key, place, modifiedAt } of depot.list(day)) {
          const named = readKey(key);
          if (named === null || modifiedAt >= before) continue;
          const { actionId, job } = named;
          if (!isStray({ actionId, place }) || !owns(job)) continue;
          if (removed >= limit) break;
          await depot.remove(place);
          removed++;
        }
        return removed;
      },
      endWrites: async (before) => await (await open()).endWrites(before),
    },
  };
}

/** Both: what one leaves of the limit is the other's. */
export function joinShelves(one: Shelf, other: Shelf): Shelf {
  return {
    async removeBefore(date, { limit, isKept }) {
      const removed = await one.removeBefore(date, { limit, isKept });
      if (removed >= limit) return removed;
      return removed + (await other.removeBefore(date, { limit: limit - removed, isKept }));
    },
    ...(other.strays === undefined ? {} : { strays: other.strays }),
  };
}
