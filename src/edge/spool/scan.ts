// Scan: which jobs are there, and which of their files have changed.
//
// A daemon looks at every job every few seconds and almost always finds what it found before. So
// the names of a job's files are remembered and only their marks are looked at again. That shows
// every change of a known file at once. A file that is new in a directory shows at once too, save
// in a spool of more than `JOBS_LISTED_MAX` jobs: complete jobs are then listed in turns.
import { lstatSync, readdirSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { RunnerError } from "../../errors.ts";
import type { FileMark, JobDirectory } from "../../ports.ts";
import { errnoCode, errnoHint, errnoText } from "../errno.ts";

/** The files that make a job; whatever else is in its directory is not looked at. */
export const JOB_FILES: ReadonlySet<string> = new Set([
  "action.json",
  "entity.cfg",
  "entity.toml",
  "job.js",
  "job.mts",
  "job.ts",
]);

/** Up to this many jobs are all listed in every scan. */
export const JOBS_LISTED_MAX = 1_000;

/** In a larger spool a complete job is listed once in this many scans. */
export const LISTING_TURNS = 16;

/** The longest time in milliseconds that a scan holds up everything else. */
const SLICE_MS = 8;

/** Jobs between two looks at the time. */
const SLICE_JOBS = 16;

/** What the last scan knew of a job. */
interface Known {
  readonly found: JobDirectory;
  /** Whether no further file would change what the job is. */
  readonly complete: boolean;
}

/** Looks at the directories under runners/, remembering what it saw. */
export class JobScanner {
  readonly #path: string;
  #known = new Map<string, Known>();
  #scans = 0;

  constructor(path: string) {
    this.#path = path;
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
    let sliceEnd = performance.now() + SLICE_MS;
    for (const [index, job] of jobs.entries()) {
      if (index % SLICE_JOBS === 0 && performance.now() > sliceEnd) {
        await new Promise((resolve) => setImmediate(resolve));
        sliceEnd = performance.now() + SLICE_MS;
      }
      const last = before.get(job);
      const isListed = jobs.length <= JOBS_LISTED_MAX || index % LISTING_TURNS === turn;
      const remembered = last?.complete && !isListed ? lookAgain(last) : null;
      const now = remembered ?? list(this.#path, job, last);
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
 * @see mig-runner `runnerScan`; test/golden/spool/README.md
 */
export async function listDirectories(path: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    const names = entries
      .filter((entry) => entry.isDirectory() || (isUntyped(entry) && isDirectory(path, entry.name)))
      .map((entry) => entry.name);
    return sortByBytes(names);
  } catch (error) {
    const call = errnoCode(error) === "ENOTDIR" ? "readdirent" : "open";
    const message = `runnerScan() -> ${call} ${path}: ${errnoText(error)}`;
    const hint = errnoHint(error) ?? "Create it: each job is a directory in it";
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

/** The remembered files of a job with their marks of now; null when one of them is gone. */
function lookAgain(last: Known): Known | null {
  let changed = false;
  const files: FileMark[] = [];
  for (const file of last.found.files) {
    const mark = markOf(last.found.path, file.name);
    if (mark === null) return null;
    changed ||= !isSame(mark, file);
    files.push(mark);
  }
  return changed ? { ...last, found: { ...last.found, files } } : last;
}

/** What is in a job's directory now; null when it is no directory any more. */
function list(parent: string, job: string, last: Known | undefined): Known | null {
  const path = last?.found.path ?? join(parent, job);
  const files: FileMark[] = [];
  for (const name of listJobFiles(path)) {
    const mark = markOf(path, name);
    if (mark !== null) files.push(mark);
  }
  if (files.length === 0 && !isDirectory(parent, job)) return null;
  const same =
    last?.found.files.length === files.length &&
    last.found.files.every((file, index) => isSame(file, files[index]));
  return same ? last : { found: { job, path, files }, complete: isComplete(files) };
}

/** An unreadable directory is a job without files: its loader says so. */
function listJobFiles(path: string): readonly string[] {
  try {
    return readdirSync(path)
      .filter((name) => JOB_FILES.has(name))
      .sort();
  } catch {
    return [];
  }
}

/** The mark of a regular file; null for anything else, such as a symbolic link. */
function markOf(path: string, name: string): FileMark | null {
  try {
    const found = lstatSync(`${path}/${name}`, { throwIfNoEntry: false });
    if (found === undefined || !found.isFile()) return null;
    return { name, mtimeMs: found.mtimeMs, size: found.size, inode: found.ino };
  } catch {
    return null;
  }
}

function isSame(left: FileMark, right: FileMark | undefined): boolean {
  return (
    left.mtimeMs === right?.mtimeMs &&
    left.size === right.size &&
    left.inode === right.inode &&
    left.name === right.name
  );
}

function isComplete(files: readonly FileMark[]): boolean {
  const names = files.map(({ name }) => name);
  const hasTemplate = names.includes("action.json");
  return names.some((name) => name.startsWith("job.") || (hasTemplate && /^entity/.test(name)));
}

/** Some file systems do not say what an entry is. */
function isUntyped(entry: { isFile(): boolean; isSymbolicLink(): boolean }): boolean {
  return !entry.isFile() && !entry.isSymbolicLink();
}

function isDirectory(parent: string, name: string): boolean {
  try {
    return lstatSync(join(parent, name), { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
}
