// Entity: a job as loaded. Every job form (entity.cfg, entity.toml, job.ts) ends in this one type.
import type { Milliseconds } from "../time.ts";
import type { Schedule } from "./schedule.ts";

/** What to do with fire times that passed while nothing could fire them. @default "skip" */
export type OnMissed = "skip" | "last" | "all";

/** What to do when a fire time comes while a run of the job is open. @default "allow" */
export type Overlap = "skip" | "queue" | "allow";

/** Where the action template comes from: re-read from a file at each launch, or given inline. */
export type TemplateSource =
  | { readonly kind: "file"; readonly name: string }
  | { readonly kind: "inline"; readonly json: string };

export interface Entity {
  /** The name of its directory; also the tail of the action's name. */
  readonly job: string;
  /** The file that defines it, for messages. */
  readonly path: string;
  /** Null: fires only by `mig-runner run` (never true for entity.cfg, where it is required). */
  readonly schedule: Schedule | null;
  /** Names in plugins/, in the order of delivery. Empty: the result is only written. */
  readonly plugins: readonly string[];
  /** Life of the action beyond the two minutes of slack. Above 0, at most 49 days. */
  readonly expiryMs: Milliseconds;
  /** Dispatch only: no in-flight record, no result. */
  readonly sendOnly: boolean;
  /** Collected as soon as every agent has answered. @default false */
  readonly early: boolean;
  /** How long after its collect an incomplete result is read once more. 0: it is not. @default 0 */
  readonly lateMs: Milliseconds;
  readonly template: TemplateSource;
  /** Deterministic delay after each fire time, from 0 up to this, by the job's name. @default 0 */
  readonly spreadMs: Milliseconds;
  readonly onMissed: OnMissed;
  readonly overlap: Overlap;
  /** A run still open this long after it began is given up. Null: never. @default null */
  readonly deadlineMs: Milliseconds | null;
  /** Refuse to dispatch when the target matches more agents than this. Null: no limit. */
  readonly maxAgents: number | null;
  /** How often a refused dispatch is tried again before it is a recorded failure. @default 2 */
  readonly retries: number;
  /** True when the job has a workflow function (job.ts). */
  readonly workflow: boolean;
  /** Time limit of its plugins. Null: `[client] plugintimeout`. */
  readonly pluginTimeoutMs: Milliseconds | null;
  /** Things worth saying once when the job is loaded, such as a zero-padded weekday. */
  readonly warnings: readonly string[];
}
