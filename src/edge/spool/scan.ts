// Scan: which jobs are there, and which of their files have changed.
//
// A daemon looks at every job every few seconds and almost always finds what it found before. In a
// spool of up to `JOBS_LISTED_MAX` jobs each scan lists every job's directory. In a larger one it
// asks, for a job that is complete, only for the file that defines it (entity.cfg, job.ts, …), and
// lists the directories of a sixteenth of the jobs in turns: a change of action.json, which is read
// again at every dispatch anyway, shows a few scans later there.
import { lstatSync, readdirSync, type Stats } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { RunnerError } from "../../errors.ts";
import { isSameFiles } from "../../jobs/stamps.ts";
import { errnoCode, errnoHint, errnoText } from "../../lib/os/errno.ts";
import { isTrustedLink, statMeant } from "../../lib/os/links.ts";
import type { FileStamp, JobDirectory } from "../../ports.ts";
import type { Milliseconds } from "../../time.ts";
import { fromWhere } from "../files.ts";

/** The files that make a job, sorted; whatever else is in its directory is not looked at. */
const JOB_FILES: readonly string[] = [
  "action.json",
  "entity.cfg",
  "entity.toml",
  "job.js",
  "job.mts",
  "job.ts",
];

/** What the runner itself puts into a job's directory. */
const WRITTEN: ReadonlySet<string> = new Set(["inflight", "results"]);

/** Up to this many jobs are all listed in every scan. */
export const JOBS_LISTED_MAX = 1_000;

/** In a larger spool the directory of a complete job is listed once in this many scans. */
export const LISTING_TURNS = 16;

/** How long a loop over jobs may run before others have their turn. */
const SLICE_MS = 5;

/** What the last scan knew of a job. */
interface Known {
  readonly found: JobDirectory;
  /** The file that defines the job, when no further one would change what the job is. */
  readonly definition: FileStamp | null;
}

/**
 * Cuts a long loop into short slices: `if (slices.isOver()) await slices.next()`.
 *
 * Calls that wait for a local disk are several times as fast as promises of them, but nothing
 * else happens meanwhile.
 */
export class Slices {
  readonly #begun: () => void;
  readonly #elapsed: () => Milliseconds;
  #end: Milliseconds;

  /**
   * @param elapsed A clock that only goes forward.
   * @param begun Called when a further slice begins.
   */
  constructor(elapsed: () => Milliseconds = sinceStart, begun = () => {}) {
    this.#begun = begun;
    this.#elapsed = elapsed;
    this.#end = elapsed() + SLICE_MS;
  }

  isOver(): boolean {
    return this.#elapsed() > this.#end;
  }

  async next(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#begun();
    this.#end = this.#elapsed() + SLICE_MS;
  }
}

/** The clock of slices. */
export function sinceStart(): Milliseconds {
  return performance.now();
}

/** Looks at the directories under runners/, remembering what it saw. */
export class JobScanner {
  readonly #path: string;
  readonly #slices: Slices;
  #known = new Map<string, Known>();
  #scans = 0;

  constructor(path: string, slices = new Slices()) {
    this.#path = path;
    this.#slices = slices;
  }

  /**
   * The jobs, sorted by name in byte order. An unchanged job is the same object as before.
   *
   * @throws {RunnerError} SPOOL, in the original's words, when the directory cannot be read.
   */
  async scan(): Promise<readonly JobDirectory[]> {
    const jobs = await listDirectories(this.#path);
    const turn = this.#scans++ % LISTING_TURNS;
    const before = this.#known;
    const known = new Map<string, Known>();
    const found: JobDirectory[] = [];
    for (const [index, job] of jobs.entries()) {
      if (this.#slices.isOver()) await this.#slices.next();
      const last = before.get(job);
      const isListed = jobs.length <= JOBS_LISTED_MAX || index % LISTING_TURNS === turn;
      const now = !isListed && isStillDefined(last) ? last : list(this.#path, job, last);
      if (now === null) continue;
      known.set(job, now);
      found.push(now.found);
    }
    this.#known = known;
    return found;
  }
}

/**
 * The real directories in a directory, sorted by name in byte order.
 *
 * @throws {RunnerError} SPOOL: `runnerScan() -> open PATH: no such file or directory`.
 * @see mig-runner `runnerScan`
 */
export async function listDirectories(path: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    const names = entries
      .filter(
        (entry) => entry.isDirectory() || (isUntyped(entry) && isDirectory(join(path, entry.name))),
      )
      .map((entry) => entry.name);
    return sortByBytes(names);
  } catch (error) {
    const call = errnoCode(error) === "ENOTDIR" ? "readdirent" : "open";
    const message = `runnerScan() -> ${call} ${path}: ${errnoText(error)}`;
    const create = `Create it: each job is a directory in it${fromWhere(path)}`;
    const hint = errnoHint(error) ?? create;
    throw new RunnerError("SPOOL", message, { path, hint }, { cause: error });
  }
}

/** The names in the order of their UTF-8 bytes, as Go sorts them. Sorts in place. */
export function sortByBytes(names: string[]): string[] {
  names.sort();
  // The order of UTF-16 differs only where surrogates meet what stands above them.
  if (names.some((name) => /[\ud800-\uffff]/.test(name))) {
    names.sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
  }
  return names;
}

/** Whether the file that defines a complete job is as it was. */
function isStillDefined(last: Known | undefined): last is Known {
  if (last === undefined || last.definition === null) return false;
  const { name, mtimeMs, size, inode } = last.definition;
  const found = statFile(`${last.found.path}/${name}`);
  return found !== null && found.mtimeMs === mtimeMs && found.size === size && found.ino === inode;
}

/** What is in a job's directory now; null when there is no job any more. */
function list(parent: string, job: string, last: Known | undefined): Known | null {
  const path = last?.found.path ?? join(parent, job);
  const files: FileStamp[] = [];
  const names = namesIn(path);
  // A job that was removed while in flight: its result came later, and is no broken job.
  if (names.length > 0 && names.every((name) => WRITTEN.has(name))) return null;
  // Our own names: those of the listing would be two more strings a job, for as long as it lives.
  for (const name of JOB_FILES) {
    if (!names.includes(name)) continue;
    const found = statFile(`${path}/${name}`);
    if (found === null) continue;
    files.push({ name, mtimeMs: found.mtimeMs, size: found.size, inode: found.ino });
  }
  // A name that is no UTF-8 cannot be opened by its text: a job without files, which is told.
  if (files.length === 0 && !isDirectory(path) && !job.includes("\ufffd")) return null;
  if (last !== undefined && isSameFiles(last.found.files, files)) return last;
  return { found: { job, path, files }, definition: definitionOf(files) };
}

/** An unreadable directory is a job without files: its loader says so. */
function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** What is there, also by a trusted link. What is no regular file is told when it is read. */
function statFile(path: string): Stats | null {
  try {
    const found = statMeant(path);
    // A trusted link that is not followed leads nowhere.
    return found === null || found.isDirectory() || isTrustedLink(found) ? null : found;
  } catch {
    return null;
  }
}

/** The file that makes a job of these files; null while one is missing. */
function definitionOf(files: readonly FileStamp[]): FileStamp | null {
  const hasTemplate = files.some(({ name }) => name === "action.json");
  const defines = ({ name }: FileStamp): boolean =>
    name.startsWith("job.") || (hasTemplate && name.startsWith("entity."));
  return files.find(defines) ?? null;
}

/** Some file systems do not say what an entry is. */
function isUntyped(entry: { isFile(): boolean; isSymbolicLink(): boolean }): boolean {
  return !entry.isFile() && !entry.isSymbolicLink();
}

function isDirectory(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
}
