// Order: which firing of a job is to begin.
import type { RunRow } from "../journal/inflight.ts";
import type { Cursor, NewRun } from "../journal/journal.ts";

/** Which firing an action belongs to: a new run, or one that the journal holds as requested. */
export type RunOrder =
  | { readonly kind: "new"; readonly run: NewRun; readonly cursor: Cursor }
  | { readonly kind: "requested"; readonly run: RunRow };
