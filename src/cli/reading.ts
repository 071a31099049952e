// Reading: the journal opened by a verb that only looks at it: that of this host, or what the verb
// needs of the cluster's, for which nothing is written there.
import { isThere } from "../edge/files.ts";
import type { Journal } from "../journal/journal.ts";
import type { Need } from "../journal/need.ts";
import type { Reading } from "../journal/reading.ts";
import { openJournal } from "../journal/sqlite/journal.ts";
import { openReading as openFile } from "../journal/sqlite/reading.ts";
import type { SpoolView } from "./open.ts";

/** A file with the journal, for those who read it. */
export interface JournalFile {
  readonly path: string;
  /**
   * Why it is not up to date, where it is kept so; null: it is.
   *
   * @param isAtWork Whether a process of this host works.
   */
  outage?(isAtWork: boolean): string | null;
  /** Which host of the cluster has a job now; null: none has; undefined: it is not known. */
  hostOf?(job: string): string | null | undefined;
  close(): Promise<void>;
}

/**
 * The journal to be read: its file, or of a cluster one with what is needed, as it is now.
 *
 * @throws {RunnerError} JOURNAL: the cluster cannot be reached.
 */
export async function journalFile(
  { config: { cluster, journalPath: path } }: Pick<SpoolView, "config">,
  need: Need,
): Promise<JournalFile> {
  if (cluster === null) return { path, close: async () => {} };
  return await (await import("./cluster-journal.ts")).excerptOf(cluster, need);
}

/** Where a message about the journal points to: its file, which a cluster has none of. */
export function journalPlace({ cluster, journalPath: path }: SpoolView["config"]): {
  readonly path?: string;
} {
  return cluster === null ? { path } : {};
}

/** The whole journal to be read for long: its file, or of a cluster a copy that is kept up to date. */
export async function journalFileKept({
  config: { cluster, journalPath: path },
  clock,
}: Pick<SpoolView, "config" | "clock">): Promise<JournalFile> {
  if (cluster === null) return { path, close: async () => {} };
  const { seeCluster } = await import("./cluster-journal.ts");
  return await seeCluster({ cluster, scope: { kind: "all" } }, clock);
}

/**
 * Looks at it as people do.
 *
 * @throws {RunnerError} JOURNAL: there is none yet, or it cannot be used.
 */
export async function withReading<Value>(
  view: Pick<SpoolView, "config">,
  need: Need,
  work: (reading: Reading) => Promise<Value>,
): Promise<Value> {
  const file = await journalFile(view, need);
  try {
    const reading = openFile(file.path);
    try {
      return await work(reading);
    } finally {
      await reading.close();
    }
  } finally {
    await file.close();
  }
}

/** A journal that is only read. */
export interface OpenedJournal {
  readonly journal: Journal;
  close(): Promise<void>;
}

/** Opens it. @throws {RunnerError} JOURNAL: there is none yet, or it cannot be used. */
export async function openReading(view: SpoolView, need: Need): Promise<OpenedJournal> {
  const file = await journalFile(view, need);
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
export async function openReadingIfThere(
  view: SpoolView,
  need: Need,
): Promise<OpenedJournal | null> {
  const { cluster, journalPath } = view.config;
  const isNone = cluster === null && !(await isThere(journalPath));
  return isNone ? null : await openReading(view, need);
}
