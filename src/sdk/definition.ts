// Definition: the declarative part of a job, as job.ts writes it.
//
// Types only. The same keys, in lower case, are those of entity.cfg and entity.toml. The bounds are
// checked in jobs/definition.ts, for all forms of a job.
import type { ActionDescription, Operation, Threat } from "./action.ts";

/** A number with its unit. */
type Part = `${number}${"ns" | "us" | "µs" | "ms" | "s" | "m" | "h"}`;

/**
 * A length of time as Go writes it: decimal numbers with the units ns, us, ms, s, m and h, such as
 * "90s", "10m" or "1h30m". There is no unit of days, and no number without a unit but 0. A text
 * that is known only when it runs is one by a look, `isDuration(text)`, or by a cast,
 * `text as Duration`.
 */
export type Duration = "0" | Part | `${Part}${Part}` | `${Part}${Part}${Part}`;

/**
 * The name of a plugin. In the types that `mig-runner init` writes beside your jobs it is one of
 * those that there are. A text that is known only when it runs is one by a cast.
 */
export type PluginName = string;

/** When a job fires. */
export interface JobSchedule {
  /**
   * A cron expression: five fields (minute, hour, day, month, weekday), or six or seven with
   * seconds first and a year last, or a word such as "@daily".
   */
  readonly cron: string;
  /** An IANA name such as "Europe/Berlin". @default the configuration's, else the host's */
  readonly timezone?: string | undefined;
  /** No fire time before this, in RFC 3339 with its offset, "2026-12-01T00:00:00Z". @default always */
  readonly from?: string | undefined;
  /** No fire time at this or after it. @default for ever */
  readonly until?: string | undefined;
  /**
   * Each firing is delayed by a part of this that depends on the job's name only, so that many
   * jobs of one time do not meet. Up to 168h. @default "0s"
   */
  readonly spread?: Duration | undefined;
  /** What to do with fire times that passed while the runner was down. @default "skip" */
  readonly onMissed?: "skip" | "last" | "all" | undefined;
  /** What to do when a fire time comes while a run of the job is open. @default "allow" */
  readonly overlap?: "skip" | "queue" | "allow" | undefined;
}

/** The action that a job dispatches. Its name and its times are set by the runner. */
export interface JobAction {
  /**
   * An SQL condition over the table of agents, such as `status='online'`, or the name of a macro
   * of the configuration. At most 2,048 characters. Values from outside belong into `sql`.
   */
  readonly target: string;
  /** What each agent does, in order; made by `modules`. At least one. */
  readonly operations: readonly Operation[];
  readonly description?: ActionDescription | undefined;
  readonly threat?: Threat | undefined;
}

/** The declarative part of a job. Every member has a default. */
export interface JobDefinition {
  /** A text is the cron expression alone. @default none: fires only by `mig-runner run` */
  readonly schedule?: string | JobSchedule | undefined;
  /** Life of the action: agents that answer later are not heard. Up to 1176h. @default "5m" */
  readonly expiry?: Duration | undefined;
  /** The action, or the name of a file in the job's directory. @default "./action.json" */
  readonly action?: string | JobAction | undefined;
  /**
   * Names in plugins/, which get each result in this order; with a workflow, those results that
   * `run.deliver` gives them. @default none
   */
  readonly plugin?: PluginName | readonly PluginName[] | undefined;
  /** Dispatch only: nothing is collected, nothing delivered. @default false */
  readonly sendOnly?: boolean | undefined;
  /**
   * Collect as soon as every agent has answered, not only when the action has expired. The result
   * is read once more then, and delivered again should more have come. @default false
   */
  readonly early?: boolean | undefined;
  /**
   * Read a result that lacks answers once more, this long after it was collected, and deliver it
   * again if it has become better. Up to 168h; not for steps of a workflow. @default "0s"
   */
  readonly late?: Duration | undefined;
  /** A run that is still open this long after it began is given up. @default never */
  readonly deadline?: Duration | undefined;
  /** Refuse to dispatch when the target matches more agents than this. @default no limit */
  readonly maxAgents?: number | undefined;
  /** Refuse to dispatch when the target matches this much more than at the last run, as "20%". */
  readonly growth?: string | number | boolean | undefined;
  /**
   * Wait for `mig-runner approve` before dispatching: always with true, else when the target
   * matches more agents than this number. @default never
   */
  readonly approve?: string | number | boolean | undefined;
  /**
   * Dispatch to this share of the agents first, such as "1%" or a number, always the same ones; to
   * the rest when they have answered. Only for jobs without a workflow. @default none
   */
  readonly canary?: string | number | boolean | undefined;
  /** Life of the action that goes to the canary. @default that of `expiry` */
  readonly canaryWait?: Duration | undefined;
  /** How many agents of the canary may fail or not answer. @default 0 */
  readonly canaryFailures?: number | undefined;
  /**
   * Who signs the action: this host when it is dispatched, or people ahead of it, by
   * `mig-runner calendar`. Then the host needs no private key. @default "live"
   */
  readonly signing?: "live" | "calendar" | undefined;
  /** How many people must have signed a calendar of the job, 1 to 10. @default 1 */
  readonly minSigners?: number | undefined;
  /**
   * With `signing: "calendar"`: post this long before the fire time. MIG holds the action until its
   * window opens, so an API that is down at the fire time costs nothing. Up to 24h. @default "0s"
   */
  readonly postAhead?: Duration | undefined;
  /** How often a refused dispatch is tried again, 0 to 100. @default 2 */
  readonly retries?: number | undefined;
  /** Raise an alarm when no run has succeeded for this long, such as "26h". @default no limit */
  readonly expect?: Duration | undefined;
  /**
   * Raise an alarm when fewer agents than this have answered; 0: none need be there.
   * @default one must have been asked
   */
  readonly expectAgents?: number | undefined;
  /** How long a plugin may take for one result, up to 24h. @default the configuration's */
  readonly pluginTimeout?: Duration | undefined;
}
