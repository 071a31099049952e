// Store check: what `check` says of where results are kept: whether it is there, who can read its
// keys, and with --api whether a result can be written, read and removed.
import type { StoreConfig } from "../config/results.ts";
import { isDirectory, isWritable } from "../edge/files.ts";
import { RunnerError } from "../errors.ts";
import { errorsOf } from "./jobs.ts";
import { storeFileMistakes } from "./owners.ts";
import { mistakesOf } from "./secret-check.ts";
import type { StoreOptions } from "./store.ts";

/** What was asked of a store of objects. */
export interface StoreView {
  readonly place: string;
  /** Whether a small object could be written, read and removed. */
  readonly works: boolean;
}

/**
 * What is wrong with a store as far as this host shows it.
 *
 * @param jobs The folder of the jobs, in which each folder is taken for one.
 */
export async function storeMistakes(
  store: StoreConfig | null,
  jobs: string,
): Promise<readonly RunnerError[]> {
  if (store === null) return [];
  if (store.kind === "folder" && `${jobs}/`.startsWith(`${store.path}/`)) {
    const message = `Cannot keep results in "${store.path}": the jobs of this host are in it`;
    const hint = "Make a folder for results alone";
    return [new RunnerError("STORE", message, { ...store.place, hint })];
  }
  const distrusted = storeFileMistakes(store);
  if (distrusted.length > 0) return distrusted;
  if (store.kind === "folder") {
    const isFolder = await isDirectory(store.path);
    if (isFolder && (await isWritable(store.path))) return [];
    const state = isFolder ? "permission denied" : "there is no such folder";
    const message = `Cannot keep results in "${store.path}": ${state}`;
    const hint = "the folder must be mounted, and mig-runner's user may write to it";
    return [new RunnerError("STORE", message, { ...store.place, hint })];
  }
  const { readCredentials } = await import("./store.ts");
  const problems = await readCredentials(store).then(() => [], errorsOf);
  const path = store.credentialsFile;
  if (problems.length > 0 || path === null) return problems;
  return await mistakesOf("STORE", path, "the keys of the store in it");
}

/** Writes, reads and removes a small object. Null where there is no store that can be asked. */
export async function askStore(
  mistakes: RunnerError[],
  {
    config,
    ...options
  }: Omit<StoreOptions, "config"> & {
    readonly config: { readonly directory: string; readonly store: StoreConfig | null };
  },
): Promise<StoreView | null> {
  const { directory, store } = config;
  if (store?.kind !== "bucket") return null;
  const { openStore } = await import("./store.ts");
  const { bucket, close } = openStore({ ...options, config: { directory, store }, attemptsMax: 2 });
  const place = `s3://${store.bucket}/${store.prefix}`;
  try {
    await bucket.probe();
    return { place, works: true };
  } catch (error) {
    mistakes.push(...errorsOf(error));
    return { place, works: false };
  } finally {
    await close();
  }
}
