// Textfile: a file that another program reads at any time, and what the system tells of this
// process.
import {
  closeSync,
  fchmodSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { cpuUsage, memoryUsage, pid } from "node:process";
import { RunnerError } from "../errors.ts";
import { errnoHint, errnoText } from "../lib/os/errno.ts";

/** Everybody may read it: who collects it is another user. */
const MODE = 0o644;

/**
 * Writes a file so that its name is always a whole one. It does not wait for the disk.
 *
 * @throws {RunnerError} SPOOL.
 */
export function writeTextfile(path: string, text: string): void {
  // Of this process alone, and with no name that a collector looks for.
  const temporary = join(dirname(path), `.${basename(path)}.${pid}.tmp`);
  try {
    rmSync(temporary, { force: true });
    writeNew(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    const message = `Cannot write the metrics to "${path}": ${errnoText(error)}`;
    const hint = errnoHint(error) ?? "the directory must be there and mig-runner's user may write";
    throw new RunnerError("SPOOL", message, { path, hint }, { cause: error });
  }
}

/**
 * The directory may be another user's: nothing that somebody has put there is followed ("wx"), and
 * the mode goes to what was opened, which nobody can exchange for a link in between.
 */
function writeNew(path: string, text: string): void {
  const file = openSync(path, "wx", MODE);
  try {
    writeFileSync(file, text);
    fchmodSync(file, MODE);
  } finally {
    closeSync(file);
  }
}

/** What this process takes. */
export interface ProcessUsage {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  /** Null where the system does not tell. */
  readonly openFiles: number | null;
}

/** What this process takes now. */
export function processUsage(): ProcessUsage {
  const { user, system } = cpuUsage();
  return {
    residentBytes: memoryUsage().rss,
    cpuSeconds: (user + system) / 1_000_000,
    openFiles: openFiles(),
  };
}

function openFiles(): number | null {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return null;
  }
}
