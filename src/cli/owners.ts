// Owners: which files a runner trusts before it looks at a single job, and what is wrong with them.
//
// Jobs and plugins are looked at when they are read or run, and cost only themselves (I8). What is
// here concerns everything: a start refuses it, and `check` and `status` tell of it.
import { dirname } from "node:path/posix";
import type { Config } from "../config/config.ts";
import type { StoreConfig } from "../config/results.ts";
import type { RunnerConfig } from "../config/runner.ts";
import { LOCK_FILE } from "../edge/lock.ts";
import type { RunnerError } from "../errors.ts";
import {
  distrust,
  findFlawIfThere,
  flawsIn,
  type Look,
  ownerOf,
  thisUser,
  type User,
} from "../lib/os/ownership.ts";

/** A file, as messages call it. */
type Trusted = Parameters<typeof distrust>[0] & Look;

/** The parts of a configuration that name files. */
export interface KeyFiles {
  readonly path: string;
  readonly clientPath: string;
  readonly gpg: Pick<Config["gpg"], "home" | "secringPath">;
}

/** What is wrong with the files of the configuration and of the key. Missing files are none. */
export function configMistakes({ path, clientPath, gpg }: KeyFiles): readonly RunnerError[] {
  return mistakesOf([
    { code: "CONFIG", thing: "config", path },
    { code: "CONFIG", thing: "config", path: clientPath },
    { code: "KEYRING", thing: "key", path: gpg.home },
    { code: "KEYRING", thing: "key", path: gpg.secringPath },
  ]);
}

/** What is wrong with a configuration file alone. */
export function fileMistakes(path: string): readonly RunnerError[] {
  return mistakesOf([{ code: "CONFIG", thing: "config", path }]);
}

/** What is wrong with the keys of a store, or with a folder that hosts share. */
export function storeFileMistakes(store: StoreConfig | null): readonly RunnerError[] {
  if (store === null) return [];
  if (store.kind === "folder") {
    return mistakesOf([{ code: "STORE", thing: "folder of results", path: store.path }]);
  }
  const { credentialsFile: path } = store;
  return path === null ? [] : mistakesOf([{ code: "STORE", thing: "keys of the store", path }]);
}

/** What is wrong with the runner directory and with what the runner itself keeps in it. */
export function directoryMistakes(config: DirectoryFiles): readonly RunnerError[] {
  const { directory: below, runnersDirectory, journalPath } = config;
  const journals = ["", "-wal", "-shm"].map((end) => `${journalPath}${end}`);
  const kept = [runnersDirectory, `${below}/${LOCK_FILE}`];
  return mistakesOf([
    { code: "SPOOL", thing: "runner directory", path: below, below },
    ...kept.map((path) => ({ code: "SPOOL", thing: "file", path, below }) as const),
    ...journals.map((path) => ({ code: "JOURNAL", thing: "journal", path, below }) as const),
  ]);
}

/** The parts of a configuration that say where the runner works. */
export type DirectoryFiles = Pick<RunnerConfig, "directory" | "runnersDirectory" | "journalPath">;

/** What is wrong with plugins/ and anything in it, also with what no job uses. */
export function pluginMistakes({
  directory,
  pluginsDirectory: path,
}: Pick<RunnerConfig, "directory" | "pluginsDirectory">): readonly RunnerError[] {
  const of = { code: "PLUGIN", thing: "plugins", path } as const;
  const flaw = findFlawIfThere(path, { below: directory });
  const flaws = flaw === null ? [...flawsIn(path)] : [flaw];
  return flaws.map((each) => distrust(of, each));
}

function mistakesOf(files: readonly Trusted[]): readonly RunnerError[] {
  return files.flatMap(({ code, thing, path, ...look }) => {
    const flaw = findFlawIfThere(path, look);
    return flaw === null ? [] : [distrust({ code, thing, path }, flaw)];
  });
}

/** The mistakes without those that are mended by what mends one before them. */
export function toldOnce(mistakes: readonly RunnerError[]): readonly RunnerError[] {
  const mends = new Set<string>();
  return mistakes.filter((error) => {
    const { hint = "" } = error.detail;
    if (!isDistrust(error)) return true;
    if (mends.has(hint)) return false;
    mends.add(hint);
    return true;
  });
}

/** Whether a file is refused because others can have written it. */
export function isDistrust({ message }: RunnerError): boolean {
  return message.startsWith("Cannot trust ");
}

/**
 * What is wrong above the runner directory: whoever may write there can put another one in its
 * place, with files that are refused. Only a warning: those folders are not the runner's.
 */
export function warningsAbove(directory: string): readonly string[] {
  const flaw = findFlawIfThere(dirname(directory));
  if (flaw === null) return [];
  return [`${flaw.path}: others can exchange the runner directory: ${flaw.state} (${flaw.mend})`];
}

/**
 * Whose files a verb that only looks takes for the runner's: root may look at the directory of the
 * user who runs mig-runner. Code of theirs is not run for that.
 */
export function viewerOf(directory: string): User | null {
  const user = thisUser();
  return user?.user === 0 ? (ownerOf(directory) ?? user) : user;
}
