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
  /** JSON of the parameters when none is set; null when some have to be set. */
  readonly unset: string | null;
  /** Why parameters have to be set, a sentence each; empty when none has to be. */
  readonly faults: readonly string[];
}

/** A job as loaded, with the values of its plain keys (keys.ts): `expiryMs`, `early`, `retries` … */
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
  /** The parameters that its runs take; null: none. */
  readonly params: JobParams | null;
  /** Warnings that are logged when the job is loaded, such as about a zero-padded weekday. */
  readonly warnings: readonly string[];
}

/** Whether this job's actions come from calendars. */
export function isSignedAhead({ signing }: Pick<Entity, "signing">): boolean {
  return signing === "calendar";
}
