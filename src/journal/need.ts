// Need: what of the journal a verb is called for. On one host all of it is there; of that of a
// cluster no more than this is fetched.
import type { HistoryQuestion } from "./reading.ts";

/** What a verb that only reads looks at. */
export type Need =
  | { readonly kind: "all" }
  /** All rows of some tables; with a job those of it, and what belongs to all jobs or none. */
  | { readonly kind: "tables"; readonly tables: readonly string[]; readonly job?: string }
  /** One run, by its number or by that of an action. */
  | { readonly kind: "run"; readonly id: number }
  /** The runs that a history tells of. Its `limit` has no bound. */
  | ({ readonly kind: "history" } & Omit<HistoryQuestion, "behind">)
  /** What an overview tells: what has not ended, and the last run of each job. */
  | { readonly kind: "overview" };

/** The jobs on whose rows a verb works beside their owners, with what belongs to none. */
export type Scope =
  | { readonly kind: "all" }
  | { readonly kind: "none" }
  /** The one that a word means: by its name, by the number of a run, or by that of an action. */
  | { readonly kind: "named"; readonly word: string };
