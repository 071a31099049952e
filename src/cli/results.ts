// Results: where a configuration says that results are. Nothing of a store is loaded before it is
// needed, and nothing at all where there is none.
import type { StoreConfig } from "../config/results.ts";
import type { RunnerConfig } from "../config/runner.ts";
import { openFiles } from "../edge/results/files.ts";
import { openResults } from "../edge/results/results.ts";
import { type Depot, depotShelf, joinShelves } from "../edge/results/shelf.ts";
import { openShelf } from "../edge/spool/shelf.ts";
import type { DiskSpool } from "../edge/spool.ts";
import type { Edges } from "../flow/edges.ts";
import type { Lease } from "../journal/lease.ts";
import type { Clock, Random } from "../lib/ports.ts";
import type { Results } from "../ports.ts";
import type { OpenedStore } from "./store.ts";
import type { Call } from "./verb.ts";

/** What opening needs. */
export interface ResultsOptions extends Pick<Call, "environment"> {
  readonly config: { readonly directory: string; readonly store: StoreConfig | null };
  readonly spool: Pick<DiskSpool, "createResult">;
  readonly clock: Clock;
  readonly random: Random;
  /** How often a request to a store is tried at the most. @default as long as nobody waits for it */
  readonly triesMax?: number;
}

/** Results, and what holds connections and files for them. */
export interface OpenedResults {
  readonly results: Results;
  /** Where results are listed and removed; null: they lie in the runner directory. */
  readonly depot: (() => Promise<Depot>) | null;
  /** Rejects with RunnerError STORE when there are no keys for a store. Asks nobody. */
  prove(): Promise<void>;
  close(): Promise<void>;
}

/** The results of a configuration. Opens nothing yet. */
export function resultsOf(options: ResultsOptions): OpenedResults {
  const { directory, store } = options.config;
  if (store === null) {
    const { create } = openFiles(options.spool);
    return { ...openedWith(create), depot: null };
  }
  if (store.kind === "folder") {
    const open = async () => (await import("../edge/results/folder.ts")).openFolder(store.path);
    return {
      ...openedWith(async (...order) => await (await open()).create(...order)),
      depot: open,
    };
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
    close: async () => await (await opened)?.close(),
  };
}

function openedWith(create: Results["create"]): Omit<OpenedResults, "depot"> {
  const none = async (): Promise<void> => {};
  return { results: openResults({ create, store: null }), prove: none, close: none };
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
