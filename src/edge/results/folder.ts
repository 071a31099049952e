// Folder: results as files of a folder that hosts share:
//
//   FOLDER/<YYYYMMDD>/<job>/<actionid>.<16 hex digits>.json
//
// Each is written under a name of its own, as in a store: the row says which file counts.
import { join } from "node:path";
import { type Attempt, createTemporary, fileError, makeDirectories } from "../../lib/os/durable.ts";
import type { Results } from "../../ports.ts";
import { openResult } from "../spool/result-writer.ts";
import { FILES } from "./files.ts";
import { keyOf } from "./names.ts";

/** The results of a shared folder, which must be there. */
export function openFolder(folder: string): Results {
  return {
    ...FILES,
    async create(job, date, name) {
      const names = keyOf(job, date, name).split("/");
      const path = join(folder, ...names);
      const attempt: Attempt = { verb: "write", thing: "result", path };
      try {
        await makeDirectories(folder, names.slice(0, -1), attempt);
        return openResult(await createTemporary(path), attempt);
      } catch (error) {
        throw fileError(attempt, error);
      }
    },
  };
}
