// Folder: results as files of a folder that hosts share:
//
//   FOLDER/<YYYYMMDD>/<job>/<actionid>.<16 hex digits>.json
//
// Each is written under a name of its own, as in a store: the row says which file counts. What
// cannot be found, and what is to be written, is only so in the folder that is meant (tag.ts).
import { rmdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  type Attempt,
  createTemporary,
  discard,
  fileError,
  lstatOrNull,
  makeDirectories,
} from "../../lib/os/durable.ts";
import { errnoCode } from "../../lib/os/errno.ts";
import type { ResultMark, Results } from "../../ports.ts";
import { openResult } from "../spool/result-writer.ts";
import { namesIn } from "../spool/stored.ts";
import { FILES } from "./files.ts";
import { keyOf } from "./names.ts";
import type { Depot, DepotItem } from "./shelf.ts";
import type { FolderTag } from "./tag.ts";

/** The newest days in which files may be that were never whole. */
const RECENT_DAYS = 10;

/** What `createTemporary` calls a file before it has its name. */
const TEMPORARY = /^\..*\.[0-9a-f]{16}\.tmp$/;

/**
 * The results of a shared folder, which must be there.
 *
 * @param tag Tells it from another one. Null: whatever is there is taken for it.
 */
export function openFolder(
  folder: string,
  tag: Pick<FolderTag, "assertHere" | "claim"> | null,
): Results & Depot {
  const find = async (place: string): Promise<ResultMark | null> => {
    const found = await FILES.find(place);
    if (found === null) await tag?.assertHere();
    return found;
  };
  return {
    find,
    has: async (place) => (await find(place)) !== null,
    async *stream(place) {
      await find(place);
      yield* FILES.stream(place);
    },
    async parts(place, parts) {
      await find(place);
      return await FILES.parts(place, parts);
    },
    async lend(place) {
      await find(place);
      return await FILES.lend(place);
    },
    async create(job, date, name) {
      const names = keyOf(job, date, name).split("/");
      const path = join(folder, ...names);
      const attempt: Attempt = { verb: "write", thing: "result", path };
      try {
        await tag?.claim();
        await makeDirectories(folder, names.slice(0, -1), attempt);
        const file = await createTemporary(path);
        // Where it was unmounted since, the file is in another folder; it has no name from here on
        // where it is mounted later.
        await tag?.claim().catch(async (error: unknown) => {
          await discard(file);
          throw error;
        });
        return openResult(file, attempt);
      } catch (error) {
        throw fileError(attempt, error);
      }
    },
    async *list(day) {
      for (const each of day === null ? await daysIn(folder) : [day]) yield* filesOf(folder, each);
    },
    remove: removeResult,
    async endWrites(before) {
      let removed = 0;
      for (const day of (await daysIn(folder)).slice(-RECENT_DAYS)) {
        for await (const { key, place, modifiedAt } of filesOf(folder, day)) {
          if (modifiedAt >= before || !TEMPORARY.test(key.split("/").at(-1) ?? "")) continue;
          await removeResult(place);
          removed++;
        }
      }
      return removed;
    },
  };
}

async function daysIn(folder: string): Promise<readonly string[]> {
  return (await namesIn(folder)).filter((name) => /^\d{8}$/.test(name));
}

/** The files of a day; no link is followed. */
async function* filesOf(folder: string, day: string): AsyncGenerator<DepotItem> {
  for (const job of await namesIn(join(folder, day))) {
    if (!(await lstatOrNull(join(folder, day, job)))?.isDirectory()) continue;
    for (const name of await namesIn(join(folder, day, job))) {
      const place = join(folder, day, job, name);
      const found = await lstatOrNull(place);
      if (found?.isFile()) yield { key: `${day}/${job}/${name}`, place, modifiedAt: found.mtimeMs };
    }
  }
}

/** Removes a file, and the folders above that are empty then. */
async function removeResult(place: string): Promise<void> {
  try {
    await unlink(place);
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return;
    throw fileError({ verb: "remove", thing: "result", path: place }, error);
  }
  // A folder with something in it stays.
  await rmdir(dirname(place))
    .then(() => rmdir(dirname(dirname(place))))
    .catch(() => {});
}
