// Shelf: result files by the day of their folder, for those that are kept for some time only.
// No link is followed but a trusted one named results: nothing outside of it is ever removed.
import { rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { fileError } from "../../lib/os/durable.ts";
import { errnoCode } from "../../lib/os/errno.ts";
import type { Shelf } from "../../ports.ts";
import { listDirectories } from "./scan.ts";
import { datesOf, namesIn, ownerOf } from "./stored.ts";

/** The results of a runner directory. */
export function openShelf({ directory }: { readonly directory: string }): Shelf {
  const runners = join(directory, "runners");
  return {
    async removeBefore(date, { limit, isKept }) {
      let removed = 0;
      for (const job of await listDirectories(runners)) {
        for (const day of await datesOf(join(runners, job))) {
          if (day >= date || removed >= limit) break;
          const folder = join(runners, job, "results", day);
          removed += await clear(folder, { limit: limit - removed, isKept });
        }
      }
      return removed;
    },
  };
}

/** Removes results of one folder, and the folder when nothing is left. */
async function clear(
  folder: string,
  { limit, isKept }: Parameters<Shelf["removeBefore"]>[1],
): Promise<number> {
  let removed = 0;
  for (const name of await namesIn(folder)) {
    const actionId = ownerOf(name);
    if (actionId === null || isKept(actionId)) continue;
    if (removed >= limit) return removed;
    const path = join(folder, name);
    try {
      await unlink(path);
      removed++;
    } catch (error) {
      throw fileError({ verb: "remove", thing: "result", path }, error);
    }
  }
  await rmdir(folder).catch((error: unknown) => {
    // What is not ours stays, and so does its folder.
    if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes(errnoCode(error) ?? "")) {
      throw fileError({ verb: "remove", thing: "results folder", path: folder }, error);
    }
  });
  return removed;
}
