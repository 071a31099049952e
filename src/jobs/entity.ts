// Entity: a job as loaded. Every job form (entity.cfg, entity.toml, job.ts) ends in this one type.
import type { EntityValues } from "./keys.ts";
import type { Schedule } from "./schedule.ts";

/** What to do with fire times that passed while nothing could fire them. */
export type OnMissed = EntityValues["onMissed"];

/** Where the action template comes from: re-read from a file at each launch, or given inline. */
export type TemplateSource =
  | { readonly kind: "file"; readonly name: string }
  | { readonly kind: "inline"; readonly json: string };

/** The parameters of a job's runs. */
export interface JobParams {
  /** Their names; null when the schema does not say. */
  readonly names: readonly string[] | null;
  /** JSON of what they are when nothing is set; null when something must be. */
  readonly unset: string | null;
  /** Why something must be set, a sentence each; empty when nothing must. */
  readonly faults: readonly string[];
}

/** A job as loaded, with what its plain keys (keys.ts) come to: `expiryMs`, `early`, `retries` … */
export interface Entity extends EntityValues {
  /** The name of its directory; also the tail of the action's name. */
  readonly job: string;
  /** The file that defines it, for messages. */
  readonly path: string;
  /** Null: fires only by `mig-runner run` (never true for entity.cfg, where it is required). */
  readonly schedule: Schedule | null;
  /** Names in plugins/, in the order of delivery. Empty: the result is only written. */
  readonly plugins: readonly string[];
  readonly template: TemplateSource;
  /** True when the job has a workflow function (job.ts). */
  readonly workflow: boolean;
  /** What its runs can be given; null: nothing. */
  readonly params: JobParams | null;
  /** Things worth saying once when the job is loaded, such as a zero-padded weekday. */
  readonly warnings: readonly string[];
}
