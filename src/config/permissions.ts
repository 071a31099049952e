// Permissions: which files may not be open to everybody's pen.
import { type ErrorCode, RunnerError } from "../errors.ts";

/** A file or directory as the file system lists it. */
export interface FileMode {
  readonly path: string;
  /** `st_mode`; only its permission bits are looked at. */
  readonly mode: number;
  readonly kind: "config" | "key" | "plugin";
}

const CODES: Readonly<Record<FileMode["kind"], ErrorCode>> = {
  config: "CONFIG",
  key: "KEYRING",
  plugin: "PLUGIN",
};

const OTHERS_WRITE = 0o002;

/**
 * A mistake for each file that every user of the host can write to: whoever writes a job's files
 * decides what the investigator's key signs, and whoever writes a plugin runs as the runner.
 * Pure: the caller looks at the files.
 */
export function permissionMistakes(files: readonly FileMode[]): readonly RunnerError[] {
  return files
    .filter(({ mode }) => (mode & OTHERS_WRITE) !== 0)
    .map(({ path, mode, kind }) => {
      const bits = (mode & 0o7777).toString(8).padStart(4, "0");
      const message = `Cannot trust ${kind} "${path}": every user can write to it (mode ${bits})`;
      return new RunnerError(CODES[kind], message, { path, hint: `chmod o-w ${shellWord(path)}` });
    });
}

function shellWord(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
