// Directory lock: who may work on the directory, in the hands of one call of the command line.
import {
  type Holder,
  isWanted,
  type Lock,
  lockDirectory,
  lockHolder,
  nameHolder,
  tryLockDirectory,
} from "../edge/lock.ts";
import type { Log } from "../lib/ports.ts";
import type { Milliseconds } from "../time.ts";

/** What the processes that do all the work of a directory say that they do. */
export const DAEMON = "daemon";
export const PASS = "--once";

/**
 * How long a start waits for another process to let go: `run` lets go as soon as it can, a pass is
 * short, and a daemon that was told to stop ends within five seconds.
 */
export const LOCK_WAIT_MS: Milliseconds = 15_000;

/** How a call waits for a directory. */
export interface WaitOptions {
  readonly log: Pick<Log, "emit">;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** Who does what was written to the journal: the process that serves the directory, or the next. */
export function serverText(holder: number | null): string {
  return holder === null ? "the next mig-runner" : `mig-runner (process ${holder})`;
}

/** The lock of a directory, taken and given back by one call. */
export class DirectoryLock {
  readonly #directory: string;
  readonly #work: string;
  #lock: Lock | null = null;

  /** @param work What the call does, for those who find the directory taken. */
  constructor(directory: string, work: string) {
    this.#directory = directory;
    this.#work = work;
  }

  get isOurs(): boolean {
    return this.#lock !== null;
  }

  /** Who works on the directory; null when nobody does. */
  get holder(): Holder | null {
    return lockHolder(this.#directory);
  }

  /** Whether somebody waits for this call to let go. */
  get isWanted(): boolean {
    return isWanted(this.#directory);
  }

  /** Takes the directory when nobody has it. Resolves with whether this call has it now. */
  async take(): Promise<boolean> {
    this.#lock ??= await tryLockDirectory(this.#directory, this.#work);
    return this.isOurs;
  }

  /**
   * Takes the directory, after a while if need be.
   *
   * @throws {RunnerError} BUSY, when the other process has it still.
   */
  async wait({ log, ...options }: WaitOptions): Promise<void> {
    this.#lock ??= await lockDirectory(this.#directory, {
      ...options,
      work: this.#work,
      waitMs: LOCK_WAIT_MS,
      onWait: (holder) => log.emit("notice", waitText(this.#directory, holder)),
    });
  }

  release(): void {
    this.#lock?.release();
    this.#lock = null;
  }
}

function waitText(directory: string, holder: Holder | null): string {
  const who = holder === null ? "another mig-runner" : `another mig-runner (${nameHolder(holder)})`;
  return `waiting up to ${LOCK_WAIT_MS / 1_000} s for ${who}, which works on "${directory}"`;
}

/** The process that does all there is to do in a directory; null when none does. */
export function servingHolder(directory: string): Holder | null {
  const holder = lockHolder(directory);
  // Versions before this one did not say what they do.
  const serves = holder !== null && ["", DAEMON, PASS].includes(holder.work);
  return serves ? holder : null;
}
