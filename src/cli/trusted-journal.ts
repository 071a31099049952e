// TrustedJournal: the journal of a process that works, and word when it cannot be trusted any more.
import type { RunnerConfig } from "../config/runner.ts";
import type { RunnerError } from "../errors.ts";
import type { Journal } from "../journal/journal.ts";
import { isLarge, openJournal } from "../journal/sqlite/journal.ts";
import type { DirectoryLock } from "./directory-lock.ts";

/** Why a process that runs must end. */
export interface Broken {
  readonly error: RunnerError;
  /** Whether what is in hand may be ended first. @default false: nothing can be journaled */
  readonly isInOrder?: boolean;
  /** Whether a new process may find it in order: a disk that failed once, as against damage. */
  readonly mayHeal: boolean;
}

/** An open journal, and the check that may still run beside it. */
export interface TrustedJournal {
  readonly journal: Journal;
  /** The check of a large file; null: it was checked when it was opened. */
  readonly check: Closed | null;
  /** Resolves when the journal cannot be trusted any more: the process must end. */
  readonly broken: Promise<Broken>;
}

interface Closed {
  close(): Promise<void>;
}

/**
 * Opens the journal of a directory.
 *
 * @param lock Whether this process has the directory: only then it puts the file in order.
 * @throws {RunnerError} JOURNAL: not a journal, damaged, newer than this program, or no access.
 */
export async function openTrusted(
  { journalPath: path }: RunnerConfig,
  lock: DirectoryLock,
): Promise<TrustedJournal> {
  const broken = Promise.withResolvers<Broken>();
  const onFailure = (error: RunnerError): void => broken.resolve({ error, mayHeal: true });
  const onDamage = (error: RunnerError): void => broken.resolve({ error, mayHeal: false });
  const journal = openJournal({
    path,
    isOwned: () => lock.isOurs,
    onFailure,
    onReplaced: onDamage,
  });
  const check = isLarge(path) ? await beginCheck(path, onDamage) : null;
  return { journal, check, broken: broken.promise };
}

/** Loaded only for a journal that is too large to be checked while everything waits. */
async function beginCheck(
  ...order: readonly [path: string, onDamage: (error: RunnerError) => void]
): Promise<Closed> {
  return (await import("../edge/journal-check.ts")).checkBeside(...order);
}
