// Edges: the opened ports that the flow works with, and the limits it keeps.

import { messageOf, RunnerError } from "../errors.ts";
import type { Entity } from "../jobs/entity.ts";
import type { Blackout } from "../jobs/hold.ts";
import type { RunRow } from "../journal/inflight.ts";
import { JOURNAL_RETRY_MS, type Journal, type NewAction } from "../journal/journal.ts";
import type { Lease } from "../journal/lease.ts";
import type { Clock, Log, LogLevel, LogSubject, Random, Signer } from "../lib/ports.ts";
import type { MigApi } from "../mig/api.ts";
import type { Plugins, Results, Shelf, Spool } from "../ports.ts";
import type { Instant, Milliseconds } from "../time.ts";
import type { Condition } from "./alarm-rules.ts";
import type { RunOrder } from "./order.ts";

export interface Edges {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly api: MigApi;
  /** May open the key only when the first signature is asked for. */
  readonly signer: Pick<Signer, "sign">;
  /** The other keys of this host that sign each action, after `signer`. Absent: there are none. */
  readonly cosigners?: readonly Pick<Signer, "sign">[];
  readonly spool: Spool;
  readonly results: Results;
  readonly journal: Journal;
  /** Absent where this host works alone: nobody else acts. */
  readonly lease?: Lease;
  /** Absent where this host works alone. */
  readonly hosts?: ClusterHosts;
  /**
   * Of one piece of work on a job, where there are several hosts: asked in the turn in which
   * something is sent or kept. False: another host may have acted since it was begun.
   */
  readonly mayAct?: () => boolean;
  readonly plugins: Plugins;
  readonly limits: Limits;
  /** Targets by name, from the configuration. */
  readonly macros: ReadonlyMap<string, string>;
  /** Periods in which fire times are skipped or delayed. @default none */
  readonly blackouts?: readonly Blackout[];
  /** Absent when results and rows are kept for ever. */
  readonly retention?: Retention;
  /** Absent when no plugin is to tell people of alarms. */
  readonly notify?: Notify;
  /** Absent where nothing is signed before its fire time, as in `show`. */
  readonly presigned?: PresignedActions;
  /** Absent where no job has a workflow. */
  readonly launchWorkflow?: WorkflowLaunch;
}

/** The edges for one piece of work on a job, begun now: it ends with the lease (I12). */
export function leased(edges: Edges, job: string): Edges {
  const { lease } = edges;
  return lease === undefined ? edges : { ...edges, mayAct: lease.unbroken(job) };
}

/**
 * The same for work that decides by what it has read: what it writes ends with the lease, too. Else
 * it would be written behind rows that were loaded meanwhile, as if they said the same.
 */
export function bound(edges: Edges, job: string): Edges {
  const { journal, lease } = edges;
  if (lease === undefined) return edges;
  const mayAct = lease.unbroken(job);
  const write: Journal["write"] = (work) =>
    journal.write((transaction) => {
      if (!mayAct()) throw new RunnerError("JOURNAL", BROKEN_TEXT, { passing: true });
      return work(transaction);
    });
  return { ...edges, mayAct, journal: { ...journal, write } };
}

const BROKEN_TEXT = "Cannot write to the journal: another host may have had the job meanwhile";

/** An action that can be journaled with its run, and then posted. */
export type SignedAction = Omit<NewAction, "runId">;

/** The actions that were signed seconds before their launch: see presigned.ts. */
export interface PresignedActions {
  take(entity: Entity, launchAt: Instant): Promise<readonly SignedAction[] | null>;
}

/**
 * Begins a run of a job with a workflow; the flow knows no more of workflows. Resolves with false
 * when this fire time has a run already (I2).
 */
export type WorkflowLaunch = (order: RunOrder) => Promise<boolean>;

/** The hosts of a cluster, as one of them sees them. */
export interface ClusterHosts {
  /** What this one is called. */
  readonly name: string;
  /** Whether this one raises and tells the alarms that are about no job. */
  speaks(): boolean;
  /** What is wrong among them. @param isTold Whether an alarm about a subject is open. */
  conditions(now: Instant, isTold: (subject: string) => boolean): readonly Condition[];
}

/** Who is told of alarms, and of which. */
export interface Notify {
  /** The plugins that tell people. */
  readonly plugins: readonly string[];
  /** The events that are told. Null: all. */
  readonly on: readonly string[] | null;
  /** An alarm that lasts is told again after this. Null: never. */
  readonly repeatMs: Milliseconds | null;
}

/** How long things are kept, and how many. Null: for ever, all. */
export interface Retention {
  readonly journalMs: Milliseconds | null;
  /** Of each job; those that ended within a day are kept in any case. @default null */
  readonly runs?: number | null;
  readonly resultsMs: Milliseconds | null;
  readonly shelf: Shelf;
}

/** What bounds the flow. All of it has defaults in config/, and may change while the runner runs. */
export interface Limits {
  /** Commands asked for in one page. */
  readonly pageSize: number;
  /** Actions that are posted, collected and delivered at the same time. */
  readonly dispatchesMax: number;
  readonly collectsMax: number;
  readonly deliveriesMax: number;
  /** Added to an action's expireafter before it is collected. */
  readonly delayResultsMs: Milliseconds;
}

/** What a log line is about: the name of a job, or a row of the journal that names the job. */
type Told =
  | string
  | Pick<RunRow, "job" | "id" | "firesAt">
  | {
      readonly job: string;
      readonly runId?: number;
      readonly actionId?: number | null;
      readonly step?: string;
      readonly plugin?: string;
    };

/** Logs one line about a job, in the original's form `JOB: message`. */
export function say(edges: Pick<Edges, "log">, told: Told, level: LogLevel, message: string): void {
  const subject = subjectOf(told);
  edges.log.emit(level, `${subject.job}: ${message}`, subject);
}

/**
 * Logs why something could not be journaled, and rests a while: it is still due, and no loop must
 * spin on it (I7).
 */
export async function restAfter(
  { clock, log }: Pick<Edges, "clock" | "log">,
  error: unknown,
  { about = null, signal }: { readonly about?: Told | null; readonly signal: AbortSignal },
): Promise<void> {
  if (about === null) log.emit("err", messageOf(error));
  else say({ log }, about, "err", messageOf(error));
  await clock.sleep(JOURNAL_RETRY_MS, signal);
}

/** The fields of a log line about it. */
export function subjectOf(told: Told): LogSubject & { readonly job: string } {
  if (typeof told === "string") return { job: told };
  if ("firesAt" in told) return { job: told.job, run: told.id };
  const { job, runId, actionId, step, plugin } = told;
  return {
    job,
    ...(runId === undefined ? {} : { run: runId }),
    ...(actionId == null ? {} : { action: actionId }),
    ...(step === undefined || step === "" ? {} : { step }),
    ...(plugin === undefined ? {} : { plugin }),
  };
}
