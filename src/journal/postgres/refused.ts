// Refused: why the journal of a cluster does not write, or does not go on with what is here.

/** The shard is not this process's any more. */
export const LOST_TEXT = "Cannot write to the journal: another host has this shard by now";
/** What was removed since may be erased. */
export const ASLEEP_TEXT =
  "Cannot go on with the journal as it is here: it has not been compared with PostgreSQL for days";
/** A version or an epoch fell. */
export const BACK_TEXT =
  "PostgreSQL has gone back to an earlier state (a standby or a backup took its place), " +
  "and what was written since is lost";
/** No version tells it, but no write of these rows succeeds. */
export const APART_TEXT = "Cannot write to the journal: the rows here are others than PostgreSQL's";
/** Others were faster each time. */
export const STALE_TEXT = "Cannot write to the journal: others change the same rows all the time";
/** The process ends. */
export const CLOSED_TEXT = "Cannot write to the journal: it is closed";
/** A lease may end. */
export const NO_ANSWER = "Cannot use the journal in PostgreSQL: a lease was not renewed";
/** What is to be done about a row that cannot be read. */
export const UNFIT_HINT =
  "nothing works on it: mend it or delete it in the table mig_row of PostgreSQL";
