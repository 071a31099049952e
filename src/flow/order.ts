// Order: which firing of a job is to begin.
import type { Entity } from "../jobs/entity.ts";
import type { RunRow } from "../journal/inflight.ts";
import type { Cursor, NewRun } from "../journal/journal.ts";

/** A run that is to begin: a new one, or one that the journal holds as requested. */
export type Firing =
  | { readonly kind: "new"; readonly run: NewRun; readonly cursor: Cursor }
  | { readonly kind: "requested"; readonly run: RunRow };

/** A run that is to begin, with its job as it is now. */
export interface RunOrder {
  readonly entity: Entity;
  readonly firing: Firing;
}
