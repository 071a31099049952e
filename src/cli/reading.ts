// Reading: the journal opened by a verb that only looks at it: that of this host, or a copy of the
// cluster's.
import { isThere } from "../edge/files.ts";
import type { Journal } from "../journal/journal.ts";
import { openJournal } from "../journal/sqlite/journal.ts";
import type { SpoolView } from "./open.ts";

/** A file with the journal, for those who read it. */
export interface JournalFile {
  readonly path: string;
  close(): Promise<void>;
}

/**
 * The journal to be read: its file, or of a cluster a copy of the whole, which is kept up to date.
 *
 * @throws {RunnerError} JOURNAL: the cluster cannot be reached.
 */
export async function journalFile({
  config: { cluster, journalPath: path },
  clock,
}: Pick<SpoolView, "config" | "clock">): Promise<JournalFile> {
  if (cluster === null) return { path, close: async () => {} };
  return await (await import("./cluster-journal.ts")).seeCluster({ cluster }, clock);
}

/** A journal that is only read. */
export interface Reading {
  readonly journal: Journal;
  close(): Promise<void>;
}

/** Opens it. @throws {RunnerError} JOURNAL: there is none yet, or it cannot be used. */
export async function openReading(view: SpoolView): Promise<Reading> {
  const file = await journalFile(view);
  try {
    const journal = openJournal({ path: file.path, readOnly: true });
    return {
      journal,
      async close() {
        await journal.close();
        await file.close();
      },
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The same; null where there is no journal yet. */
export async function openReadingIfThere(view: SpoolView): Promise<Reading | null> {
  const { cluster, journalPath } = view.config;
  return cluster === null && !(await isThere(journalPath)) ? null : await openReading(view);
}
