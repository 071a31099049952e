// Results: where a configuration says that results are. Nothing of a store is loaded before it is
// needed, and nothing at all where there is none.
import type { RunnerConfig } from "../config/runner.ts";
import { hostName } from "../edge/files.ts";
import { openResults } from "../edge/results/results.ts";
import { type Depot, depotShelf, joinShelves } from "../edge/results/shelf.ts";
import type { FolderTag, Tag, TagMemory } from "../edge/results/tag.ts";
import { openShelf } from "../edge/spool/shelf.ts";
import type { DiskSpool } from "../edge/spool.ts";
import { describeError } from "../errors.ts";
import type { Edges } from "../flow/edges.ts";
import type { Journal } from "../journal/journal.ts";
import type { Lease } from "../journal/lease.ts";
import type { StateRow } from "../journal/state.ts";
import type { Clock, Log, Random } from "../lib/ports.ts";
import type { Results } from "../ports.ts";
import type { OpenedStore } from "./store.ts";
import type { Call } from "./verb.ts";

/** What opening needs. */
export interface ResultsOptions extends Pick<Call, "environment"> {
  readonly config: Pick<RunnerConfig, "directory" | "store" | "cluster">;
  readonly spool: Pick<DiskSpool, "createResult">;
  readonly clock: Clock;
  readonly random: Random;
  /** How often a request to a store is tried at the most. @default as long as nobody waits for it */
  readonly attemptsMax?: number;
}

/** Results, and what holds connections and files for them. */
export interface OpenedResults {
  readonly results: Results;
  /** Where results are listed and removed; null: they lie in the runner directory. */
  readonly depot: (() => Promise<Depot>) | null;
  /** Rejects with RunnerError STORE when there are no keys for a store. Asks nobody. */
  prove(): Promise<void>;
  /**
   * Who knows which folder hosts share. Until then whatever is in its place is taken for it.
   *
   * @param log Is told when that is another one. Missing: nothing is going to be written.
   */
  know(journal: Journal, log?: Pick<Log, "emit">): Promise<void>;
  /** Why nothing can be written to a folder that hosts share now; null when it can, or there is none. */
  problem(): Promise<string | null>;
  close(): Promise<void>;
}

/** The results of a configuration. Opens nothing yet. */
export function resultsOf(options: ResultsOptions): OpenedResults {
  const { directory, store } = options.config;
  if (store === null) {
    const { spool } = options;
    return { ...openedWith((...order) => spool.createResult(...order)), depot: null };
  }
  if (store.kind === "folder") {
    return folderResults(options, store.path);
  }
  let opened: Promise<OpenedStore> | null = null;
  const open = async () => {
    const config = { directory, store };
    opened ??= import("./store.ts").then(({ openStore }) => openStore({ ...options, config }));
    return (await opened).bucket;
  };
  const create: Results["create"] = async (...order) => await (await open()).create(...order);
  return {
    results: openResults({ create, store: open }),
    depot: open,
    prove: async () => void (await (await import("./store.ts")).readCredentials(store)),
    ...UNTAGGED,
    close: async () => await (await opened)?.close(),
  };
}

/** What is none that may be mounted or not. */
const UNTAGGED = { know: async () => {}, problem: async () => null } as const;

function openedWith(create: Results["create"]): Omit<OpenedResults, "depot"> {
  const close = async (): Promise<void> => {};
  const results = openResults({ create, store: null });
  return { results, prove: close, ...UNTAGGED, close };
}

function folderResults(options: ResultsOptions, path: string): OpenedResults {
  let journal: Journal | null = null;
  const tagOf = async (): Promise<FolderTag | null> => {
    if (journal === null) return null;
    const { FolderTag } = await import("../edge/results/tag.ts");
    return new FolderTag(path, tagMemory(options, { path, journal }));
  };
  const open = async () => {
    const { openFolder } = await import("../edge/results/folder.ts");
    return openFolder(path, await tagOf());
  };
  const create: Results["create"] = async (...order) => await (await open()).create(...order);
  const problem = async (): Promise<string | null> => {
    const tag = await tagOf();
    return tag === null ? null : await tag.claim().then(() => null, describeError);
  };
  return {
    ...openedWith(create),
    results: openResults({ create, store: null, folder: { path, open } }),
    depot: open,
    async know(opened, log) {
      journal = opened;
      const found = log === undefined ? null : await problem();
      if (found !== null) log?.emit("err", `${found}; results wait until then`);
    },
    problem,
  };
}

/** What the journal knows of a folder that hosts share: a state that is no job's. */
function tagMemory(
  { clock, config: { cluster } }: ResultsOptions,
  { path, journal }: { readonly path: string; readonly journal: Journal },
): TagMemory {
  const key = `results in ${path}`;
  const tagIn = (row: StateRow | null): Tag | null =>
    row === null ? null : (JSON.parse(row.value) as Tag);
  return {
    known: () => tagIn(journal.stateAt("", key)),
    async keep(file) {
      const tag: Tag = { file, host: cluster?.name ?? hostName(), at: clock.now() };
      return await journal.write((tables) => {
        const known = tagIn(tables.stateAt("", key));
        const row = { job: "", key, value: JSON.stringify(tag), runId: null, setAt: tag.at };
        if (known === null) tables.setState(row);
        return known ?? tag;
      });
    },
  };
}

/**
 * How long things are kept; nothing where that is for ever.
 *
 * @param lease Of a cluster: which jobs are this host's. Null: all.
 */
export function retentionOf(
  { directory, retention }: Pick<RunnerConfig, "directory" | "retention">,
  { depot }: Pick<OpenedResults, "depot">,
  lease: Pick<Lease, "unbroken"> | null,
): Pick<Edges, "retention"> {
  const shelf = openShelf({ directory });
  if (depot !== null) {
    const owns = (job: string): boolean => lease === null || lease.unbroken(job)();
    return { retention: { ...retention, shelf: joinShelves(shelf, depotShelf(depot, owns)) } };
  }
  if (Object.values(retention).every((value) => value === null)) return {};
  return { retention: { ...retention, shelf } };
}

/** Removes what a process has left that died at work. Only for the holder of the directory. */
export async function removeLeftovers(
  { directory, store }: ResultsOptions["config"],
  spool: Pick<DiskSpool, "removeLeftovers">,
): Promise<void> {
  await spool.removeLeftovers();
  if (store?.kind !== "bucket") return;
  await (await import("../edge/results/copies.ts")).removeOldCopies(directory);
}
