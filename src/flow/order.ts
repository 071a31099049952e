// Order: which firing of a job is to begin.
import type { RunRow } from "../journal/inflight.ts";
import type { Cursor, NewRun } from "../journal/journal.ts";

/** The run that is to begin: a new one, or one that the journal holds as requested. */
export type RunOrder =
  | { readonly kind: "new"; readonly run: NewRun; readonly cursor: Cursor }
  | { readonly kind: "requested"; readonly run: RunRow };
