// Problem: what SQLite says of a journal, as an error that tells the operator the way out (I10).
import { messageOf, RunnerError } from "../../errors.ts";
import { UnfitFile } from "../../lib/os/read.ts";

/** The error of a journal that is damaged: it names the way out (I10). */
export function damageError(path: string, finding: string): RunnerError {
  return journalError(new Error(`malformed: ${finding}`), path);
}

/** An error of the disk or the file, as opposed to a broken rule such as a unique index. */
export function isSqliteError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const text = error instanceof RunnerError ? messageOf(error.cause) : error.message;
  return DAMAGE.test(text) || /disk|I\/O|full|readonly|locked/i.test(text);
}

/** Whether an error is SQLite's own. */
export function isSqlite(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "ERR_SQLITE_ERROR";
}

/** SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE: the values, not the disk. */
const UNFIT = [18, 19, 20, 25];

/** Whether an error says that a row's values are not such as its table can have. */
export function isUnfit(error: unknown): boolean {
  if (!isSqlite(error)) return error instanceof TypeError || error instanceof SyntaxError;
  return UNFIT.includes(((error as { errcode?: number }).errcode ?? 0) & 0xff);
}

/** SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC: it is not known what the disk has kept. */
const UNSYNCED = [1034, 1290];

/** Whether an error says that. */
export function isUnsynced(error: unknown): boolean {
  return UNSYNCED.includes((error as { errcode?: number }).errcode ?? 0);
}

/** SQLite's words for a file that cannot be right, also for a table that is not as we made it. */
export const DAMAGE =
  /not a database|malformed|corrupt|unsupported file format|too big|no such (table|column)|no column named/i;

/** Whether this is the error of a journal that is damaged: salvage is its way out. */
export function isDamage(error: unknown): boolean {
  if (!(error instanceof RunnerError)) return false;
  return DAMAGE.test(messageOf(error.cause));
}

/** SQLite's error as one that tells the operator the way out (I10). */
export function journalError(error: unknown, path: string): RunnerError {
  if (error instanceof RunnerError) return error;
  const text = messageOf(error);
  const isDamage = DAMAGE.test(text);
  const [state, hint] = isUnsynced(error)
    ? ["the disk did not keep what was written", "look at the disk, then start mig-runner again"]
    : error instanceof UnfitFile
      ? [text, "move it away"]
      : isDamage
        ? ["it is damaged", "run `mig-runner journal verify`, then `mig-runner journal salvage`"]
        : /full/i.test(text)
          ? ["the disk is full", "free some space; nothing is dispatched until then"]
          : /locked|busy/i.test(text)
            ? ["another process holds it", "wait for the other mig-runner command to end"]
            : /readonly|unable to open|permission|denied/i.test(text)
              ? [text, "make the directory writable for this user"]
              : [text, "look at the disk and the file's permissions"];
  return new RunnerError(
    "JOURNAL",
    `Cannot use the journal "${path}": ${state}`,
    { path, hint, ...(PASSES.test(text) ? { passing: true } : {}) },
    { cause: error },
  );
}

/** What an error is called that came up with a journal: of SQLite's own, see above. */
export function namedIn(path: string, error: unknown): unknown {
  return isSqlite(error) ? journalError(error, path) : error;
}

/** SQLite's words for what passes by itself: another process that writes, a disk that is full. */
const PASSES = /full|locked|busy/i;
