// Place: notices when journal.db was removed or replaced. SQLite itself would go on writing, into
// the removed file, or through its log into the new one.
import { existsSync, renameSync, type Stats, statSync } from "node:fs";
import { RunnerError } from "../../errors.ts";
import type { Checkpoints } from "./checkpoints.ts";

/** How often somebody looks while nothing is written. */
const LOOK_MS = 2_000;

/** What the journal tells and hears. */
export interface PlaceHooks {
  /** Null while another process has the directory: only its owner knows the file's token. */
  checkpoints(): Pick<Checkpoints, "isOwn"> | null;
  /** Called from time to time. */
  look(): void;
}

/** The file of an open journal, by its name. */
export class Place {
  readonly #path: string;
  readonly #opened: Stats;
  readonly #checkpoints: PlaceHooks["checkpoints"];
  readonly #timer: ReturnType<typeof setInterval>;
  #changed: string;
  #isReplaced = false;

  constructor(path: string, { checkpoints, look }: PlaceHooks) {
    this.#path = path;
    this.#opened = statSync(path);
    this.#changed = stampOf(this.#opened);
    this.#checkpoints = checkpoints;
    this.#timer = setInterval(look, LOOK_MS);
    this.#timer.unref();
  }

  /** Whether `problem` has found one. */
  get isReplaced(): boolean {
    return this.#isReplaced;
  }

  /**
   * What is wrong with the file under the journal's name; null while it is the right one.
   *
   * A file that replaced the journal is moved away: else SQLite would write its log into it when
   * the process ends.
   */
  problem(): RunnerError | null {
    const found = this.#find();
    if (found === null) return null;
    this.#isReplaced = true;
    const path = this.#path;
    const aside = found.isOverwritten ? moveAside(path) : null;
    const moved = aside === null ? "" : `, and what is in it now is in "${aside}"`;
    const hint = "`mig-runner journal restore FILE` puts a backup back";
    const text = `Cannot use the journal "${path}": ${found.state} while mig-runner worked on it`;
    return new RunnerError("JOURNAL", `${text}${moved}`, { path, hint });
  }

  /** @throws {RunnerError} JOURNAL: what `problem` finds. */
  assertSame(): void {
    const problem = this.problem();
    if (problem !== null) throw problem;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #find(): { readonly state: string; readonly isOverwritten: boolean } | null {
    const found = statSync(this.#path, { throwIfNoEntry: false });
    if (found === undefined) return { state: "it was removed", isOverwritten: false };
    const isSame = found.ino === this.#opened.ino && found.dev === this.#opened.dev;
    if (!isSame) return { state: "another file was put in its place", isOverwritten: false };
    const stamp = stampOf(found);
    // Only a checkpoint changes the file, or somebody who overwrites it.
    if (stamp === this.#changed) return null;
    const checkpoints = this.#checkpoints();
    if (checkpoints === null) return null;
    if (!checkpoints.isOwn) return { state: "it was overwritten", isOverwritten: true };
    this.#changed = stamp;
    return null;
  }
}

/** @returns Where the file is now; null when it cannot be moved. */
function moveAside(path: string): string | null {
  let aside = `${path}.overwritten`;
  for (let number = 2; existsSync(aside); number++) aside = `${path}.overwritten.${number}`;
  try {
    renameSync(path, aside);
    return aside;
  } catch {
    return null;
  }
}

function stampOf({ mtimeMs, size }: Stats): string {
  return `${mtimeMs} ${size}`;
}
