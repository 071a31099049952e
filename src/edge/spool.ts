// Spool: the runner directory on disk, as the original lays it out.
//
//   <directory>/runners/<job>/{entity.cfg, action.json, …}
//   <directory>/runners/<job>/inflight/<actionid>.json
//   <directory>/runners/<job>/results/<YYYYMMDD>/<actionid>.json
//
// Names and ids become paths only here, after a check that they stay in their directory. A job's
// directory that is a symbolic link is not there, as in the original; links in it: see links.ts.
import { type FSWatcher, lstatSync, readdirSync, type Stats, unlinkSync, watch } from "node:fs";
import { readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { RunnerError } from "../errors.ts";
import {
  type Attempt,
  createTemporary,
  fileError,
  isTemporaryName,
  lstatOrNull,
  makeDirectories,
  pathError,
  syncDirectory,
  writeWhole,
} from "../lib/os/durable.ts";
import { errnoCode, errnoText } from "../lib/os/errno.ts";
import { statMeant } from "../lib/os/links.ts";
import {
  distrust,
  findFlaw,
  findFlawIfThere,
  type Look,
  thisUser,
  type User,
} from "../lib/os/ownership.ts";
import { readRegular, UnfitFile } from "../lib/os/read.ts";
import { isActionId } from "../mig/ids.ts";
import type {
  ActionTrace,
  InflightFile,
  JobDirectory,
  ResultName,
  ResultWriter,
  Spool,
} from "../ports.ts";
import type { Instant } from "../time.ts";
import { openResult } from "./spool/result-writer.ts";
import { JobScanner, listDirectories, Slices, sinceStart, sortByBytes } from "./spool/scan.ts";
import { resultOf } from "./spool/stored.ts";

/** The largest inflight record that is read. The original writes some kilobytes. */
const INFLIGHT_BYTES_MAX = 16 * 1024 * 1024;

/** How long after a change `watchSpool` tells of it, so that many changes are one. */
const SETTLE_MS = 200;

/** How many broken files of one name are kept. */
const ASIDE_MAX = 1_000;

/** The newest result folders of a job that can hold what a crash left behind. */
const RECENT_DATES = 2;

/** The spool on a disk, with its results, and what cleans up after a process that was killed. */
export interface DiskSpool extends Spool {
  /**
   * Removes the temporary files of a process that died while it wrote; resolves with their number.
   * Only for the holder of the directory's lock: another process may be writing its own.
   */
  removeLeftovers(): Promise<number>;
  /** Opens `runners/JOB/results/DATE/NAME.json` for writing; `date` is YYYYMMDD. */
  createResult(job: string, date: string, name: ResultName): Promise<ResultWriter>;
  /** The path that `createResult` would commit to. Pure. */
  resultPath(job: string, date: string, name: ResultName): string;
}

export interface SpoolOptions {
  readonly directory: string;
  /** Whose files are read, beside root's. @default the user of this process */
  readonly user?: User | null;
}

/** The spool in a runner directory. Opens nothing: the first scan shows whether it is there. */
export function openSpool({ directory, user = thisUser() }: SpoolOptions): DiskSpool {
  return new DirectorySpool(join(directory, "runners"), { below: directory, user });
}

/**
 * Calls `onChange` shortly after jobs came or went. Only a hint to scan early: where watching is
 * not possible, nothing happens.
 */
export function watchSpool(directory: string, onChange: () => void): { close(): void } {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let watcher: FSWatcher | null = null;
  const close = (): void => {
    if (timer !== null) clearTimeout(timer);
    watcher?.close();
    watcher = null;
  };
  try {
    watcher = watch(join(directory, "runners"), { persistent: false }, () => {
      timer ??= setTimeout(() => {
        timer = null;
        onChange();
      }, SETTLE_MS);
    });
    watcher.on("error", close);
  } catch {
    // The scans by the clock go on.
  }
  return { close };
}

class DirectorySpool implements DiskSpool {
  readonly #path: string;
  readonly #owned: Look;
  /** What `#owned` remembers of folders, for one slice. */
  readonly #right = new Set<string>();
  readonly #scanner: JobScanner;
  readonly #reads = new Slices(sinceStart, () => this.#right.clear());

  constructor(path: string, owned: Look) {
    this.#path = path;
    this.#owned = { ...owned, right: this.#right };
    this.#scanner = new JobScanner(path);
  }

  async scan(): Promise<readonly JobDirectory[]> {
    const path = this.#path;
    this.#right.clear();
    const flaw = findFlawIfThere(path, this.#owned);
    if (flaw !== null) throw distrust({ code: "SPOOL", thing: "directory of jobs", path }, flaw);
    return await this.#scanner.scan();
  }

  async read(job: string, name: string, sizeMax: number): Promise<Uint8Array> {
    const path = join(this.#jobPath(job), nameChecked(name));
    const attempt: Attempt = { verb: "read", thing: "job file", path };
    if (this.#reads.isOver()) await this.#reads.next();
    try {
      const folder = this.#jobPath(job);
      const isReal = this.#right.has(folder);
      if (!isReal && lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink()) {
        throw pathError(attempt, "its directory is a symbolic link");
      }
      return readRegular(path, { sizeMax, owned: this.#owned });
    } catch (error) {
      throw fileError(attempt, error);
    }
  }

  async stamp(job: string, name: string): Promise<string> {
    const path = join(this.#jobPath(job), nameChecked(name));
    try {
      const found = statMeant(path);
      if (found === null) throw pathError({ verb: "find", thing: "job file", path }, "it is gone");
      return [found.size, found.mtimeMs, found.ctimeMs, found.ino, found.dev].join(" ");
    } catch (error) {
      throw fileError({ verb: "look at", thing: "job file", path }, error);
    }
  }

  changedAt(job: string): Promise<Instant | null> {
    const folder = this.#jobPath(job);
    const times = [folder, ...names(folder).map((name) => join(folder, name))].flatMap((path) => {
      const found = statOrNull(path);
      // The results and records of the runner in its folders are no change of the job.
      const counts = found !== null && (path === folder || found.isFile());
      return counts ? [found.mtimeMs] : [];
    });
    return Promise.resolve(times.length === 0 ? null : Math.max(...times));
  }

  async inflight(skip: (name: string) => boolean = () => false): Promise<readonly InflightFile[]> {
    const found: InflightFile[] = [];
    this.#right.clear();
    const slices = new Slices(sinceStart, () => this.#right.clear());
    for (const job of await listDirectories(this.#path)) {
      if (slices.isOver()) await slices.next();
      const folder = join(this.#path, job, "inflight");
      if (isAbsent(folder)) continue;
      found.push(...(await inflightOf(job, folder, { skip, slices, owned: this.#owned })));
    }
    return found;
  }

  async writeInflight(job: string, actionId: number, bytes: Uint8Array): Promise<string> {
    const path = join(this.#jobPath(job), "inflight", fileName(actionId));
    const attempt: Attempt = { verb: "write", thing: "inflight file", path };
    try {
      await makeDirectories(this.#path, [job, "inflight"], attempt);
      await writeWhole(path, bytes);
      return path;
    } catch (error) {
      throw fileError(attempt, error);
    }
  }

  async removeInflight(job: string, actionId: number): Promise<string> {
    const path = join(this.#jobPath(job), "inflight", fileName(actionId));
    try {
      // Not waited for: one that a power loss brings back is removed when it is adopted.
      await unlink(path);
    } catch (error) {
      if (errnoCode(error) !== "ENOENT") {
        throw fileError({ verb: "remove", thing: "inflight file", path }, error);
      }
    }
    return path;
  }

  async trace(job: string, actionId: number): Promise<ActionTrace> {
    const directory = this.#jobPath(job);
    const path = join(directory, "inflight", fileName(actionId));
    try {
      if (!isAbsent(path)) return { kind: "recorded" };
      if (isAbsent(directory)) return { kind: "removed" };
      const result = await resultOf(directory, actionId);
      return result === null ? { kind: "gone" } : { kind: "result", ...result };
    } catch (error) {
      throw fileError({ verb: "look for", thing: "inflight file", path }, error);
    }
  }

  async setAside(file: InflightFile): Promise<string> {
    const directory = this.#jobPath(file.job);
    const isFolder = file.path === join(directory, "inflight");
    const parent = isFolder ? directory : join(directory, "inflight");
    const path = join(parent, isFolder ? "inflight" : nameChecked(file.name));
    const attempt: Attempt = { verb: "set aside", thing: "inflight file", path };
    try {
      const aside = await freeName(path, attempt);
      await rename(path, aside);
      await syncDirectory(parent);
      return aside;
    } catch (error) {
      throw fileError(attempt, error);
    }
  }

  async createResult(job: string, date: string, name: ResultName): Promise<ResultWriter> {
    const path = this.resultPath(job, date, name);
    const attempt: Attempt = { verb: "write", thing: "result", path };
    try {
      await makeDirectories(this.#path, [job, "results", date], attempt);
      return openResult(await createTemporary(path), attempt);
    } catch (error) {
      throw fileError(attempt, error);
    }
  }

  resultPath(job: string, date: string, name: ResultName): string {
    if (!/^\d{8}$/.test(date)) {
      throw new RunnerError("SPOOL", `Cannot name result date "${date}": not of the form YYYYMMDD`);
    }
    return join(this.#jobPath(job), "results", date, resultName(name));
  }

  async removeLeftovers(): Promise<number> {
    let removed = 0;
    const slices = new Slices();
    for (const job of await listDirectories(this.#path)) {
      if (slices.isOver()) await slices.next();
      removed += removeTemporaries(join(this.#path, job, "inflight"));
      const results = join(this.#path, job, "results");
      const dates = names(results).filter((name) => /^\d{8}$/.test(name));
      for (const date of dates.slice(-RECENT_DATES)) {
        removed += removeTemporaries(join(results, date));
      }
    }
    return removed;
  }

  #jobPath(job: string): string {
    return join(this.#path, nameChecked(job));
  }
}

/** A name that stays in its directory. */
function nameChecked(name: string): string {
  if (name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name)) return name;
  const shown = JSON.stringify(name);
  throw new RunnerError("SPOOL", `Cannot use file name ${shown}: it leaves its directory`);
}

function resultName(name: ResultName): string {
  if (typeof name === "number") return fileName(name);
  const [first] = fileName(name.first).split(".");
  return `${first}-${fileName(name.last)}`;
}

function fileName(actionId: number): string {
  if (isActionId(actionId)) return `${actionId}.json`;
  throw new RunnerError("SPOOL", `Cannot name action "${actionId}": its id is not a whole number`);
}

async function inflightOf(
  job: string,
  folder: string,
  {
    skip,
    slices,
    owned,
  }: {
    readonly skip: (name: string) => boolean;
    readonly slices: Slices;
    readonly owned: Look;
  },
): Promise<readonly InflightFile[]> {
  try {
    const found = statMeant(folder);
    if (found === null) return [];
    if (!found.isDirectory()) {
      const message = found.isSymbolicLink()
        ? "it is a symbolic link that is not followed"
        : "it is not a directory";
      return [{ job, name: "inflight", path: folder, kind: "unreadable", message }];
    }
    const flaw = findFlaw(folder, owned);
    if (flaw !== null) throw new UnfitFile(flaw.state, { flaw });
    const files: InflightFile[] = [];
    for (const name of sortByBytes(await readdir(folder))) {
      if (slices.isOver()) await slices.next();
      if (isTemporaryName(name) || /\.bad(\.\d+)?$/.test(name) || skip(name)) continue;
      const file = await inflightFile(job, join(folder, name), owned);
      if (file !== null) files.push({ ...file, name });
    }
    return files;
  } catch (error) {
    const message = unreadableText(error);
    return [{ job, name: "inflight", path: folder, kind: "unreadable", message }];
  }
}

/** One record; null for a symbolic link, and for a file that has gone since it was listed. */
async function inflightFile(job: string, path: string, owned: Look): Promise<InflightFile | null> {
  const file = { job, name: "", path };
  try {
    const found = await lstatOrNull(path);
    if (found === null || found.isSymbolicLink()) return null;
    const bytes = readRegular(path, { sizeMax: INFLIGHT_BYTES_MAX, follow: false, owned });
    return { ...file, kind: "bytes", bytes };
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return null;
    return { ...file, kind: "unreadable", message: unreadableText(error) };
  }
}

/** Why a record is not read, with what mends it where that is known. */
function unreadableText(error: unknown): string {
  const text = errnoText(error);
  return error instanceof UnfitFile && error.hint !== undefined ? `${text} (${error.hint})` : text;
}

/** The first of NAME.bad, NAME.bad.2, … that is not taken. */
async function freeName(path: string, attempt: Attempt): Promise<string> {
  for (let number = 1; number <= ASIDE_MAX; number++) {
    const aside = number === 1 ? `${path}.bad` : `${path}.bad.${number}`;
    if ((await lstatOrNull(aside)) === null) return aside;
  }
  throw pathError(attempt, `there are ${ASIDE_MAX} of its name already`, "Remove the old ones");
}

/** Whether there is nothing under this name. */
function isAbsent(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

/** What there is under a name, links followed; null when it cannot be looked at. */
function statOrNull(path: string): Stats | null {
  try {
    return statMeant(path) ?? null;
  } catch {
    return null;
  }
}

/** The sorted names in a directory; none when it is not there or cannot be read. */
function names(directory: string, isWanted = (_name: string) => true): readonly string[] {
  try {
    if (statMeant(directory)?.isDirectory() !== true) return [];
    return sortByBytes(readdirSync(directory).filter(isWanted));
  } catch {
    return [];
  }
}

function removeTemporaries(directory: string): number {
  let removed = 0;
  for (const name of names(directory, isTemporaryName)) {
    try {
      unlinkSync(join(directory, name));
      removed++;
    } catch {
      // It stays for the next start.
    }
  }
  return removed;
}
