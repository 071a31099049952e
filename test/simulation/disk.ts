// Disk: the runner directory as a page cache over a disk, so that a power loss can lose what was
// not made durable, and a killed process what it had not written.
import type { Dice } from "./random.ts";

/** A file as the operator left it. */
export interface OperatorFile {
  readonly text: string;
  /** Grows with every change: what a scan sees of it. */
  readonly mark: number;
}

export class SimulatedDisk {
  /** What every process sees. */
  readonly visible = new Map<string, Uint8Array>();
  /** What survives a power loss. */
  readonly #durable = new Map<string, Uint8Array>();
  /** The operator's files of each job. */
  readonly jobs = new Map<string, Map<string, OperatorFile>>();
  /** Temporary files that were created and neither published nor removed. */
  temporaries = 0;
  /** Whether several hosts have it. */
  isShared = false;
  /** Results that were begun on it. */
  stored = 0;
  readonly #dice: Dice;
  #marks = 1;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** Which change of the operator's files comes next. */
  get revision(): number {
    return this.#marks;
  }

  writeJob(job: string, files: Readonly<Record<string, string>>): void {
    const known = this.jobs.get(job) ?? new Map<string, OperatorFile>();
    this.jobs.set(job, known);
    for (const [name, text] of Object.entries(files)) {
      known.set(name, { text, mark: this.#marks++ });
    }
  }

  /** Renames `bytes` to `path`: visible at once, durable after `sync`. */
  rename(path: string, bytes: Uint8Array): void {
    this.visible.set(path, bytes);
  }

  /** Makes the name of `path` durable, or its absence. */
  sync(path: string): void {
    const bytes = this.visible.get(path);
    if (bytes === undefined) this.#durable.delete(path);
    else this.#durable.set(path, bytes);
  }

  remove(path: string): void {
    this.visible.delete(path);
  }

  isDurable(path: string): boolean {
    return this.#durable.has(path);
  }

  /** Names that were not made durable may be there afterwards, or what was there before. */
  losePower(): void {
    const paths = new Set([...this.visible.keys(), ...this.#durable.keys()]);
    for (const path of paths) {
      const durable = this.#durable.get(path);
      if (this.visible.get(path) === durable) continue;
      if (this.#dice.chance(0.5)) this.sync(path);
      else if (durable === undefined) this.visible.delete(path);
      else this.visible.set(path, durable);
    }
  }
}
