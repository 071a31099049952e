// Ports: what the program can do to the world, one interface an effect: Spool, Results and Plugins
// here; Clock, Random, Log, Http and Signer, which know no job, in lib/ports.ts.
//
// Words (one meaning each, everywhere):
//   job        a directory under runners/          entity     a job as loaded
//   action     what is signed and posted           template   action.json before dating
//   command    one agent's part of an action, with its results
//   dispatch   date, compress, sign, post          in flight  posted, not yet collected
//   expired    its expireafter has passed          due        its fire time has come
//   collect    fetch the commands, write the result
//   result     the RunnerResult document           deliver    give a result to a plugin
//   plugin     an executable or a module that takes a result
//   journal    the durable memory of what was decided and done
//   spool      the runner directory, the operator's view
//   run        one firing of a job, from its fire time to its last delivery
//   step       one named, journaled part of a workflow run
//   hold       keep what is due from going on: a fire time (by a pause or a blackout), an action
//              (by a guard)
//   tick       one turn of the loop
//   attempt    one beginning of a piece of work, counted from 1; those that fail are failures
//   tries      the log of the failures of an action or a delivery
//   calendar   actions of one job that were signed ahead, one window a fire time
//   window     what a calendar has for one fire time: when the action is valid, its signatures
//   signer     who signs: the key of this host, or each investigator of a window
//   guard      what may refuse or hold an action before it is posted
//   approval   a person's yes or no that a run waits for
//   alarm      something that went wrong, or is right again, told to people
//   cluster    hosts that share a journal          host     one process of a cluster
//   shard      a share of the jobs, by their names
//   lease      a host's right to a shard, for a time
//   epoch      counts the owners of a shard: who has an older one changes nothing
//
// The journal's interface is in journal/journal.ts, because it is made of the flow's own states.
import type { Instant, Milliseconds } from "./time.ts";

/** One file of a job as the scan saw it. Equal stamps mean an unchanged file. */
export interface FileStamp {
  /** File name without a folder, such as "entity.cfg". */
  readonly name: string;
  readonly mtimeMs: number;
  readonly size: number;
  readonly inode: number;
}

/** A real directory under runners/ and the job files in it (not links), sorted by name. */
export interface JobDirectory {
  readonly job: string;
  readonly path: string;
  readonly files: readonly FileStamp[];
}

/** One record in an inflight/ folder: its bytes, or why they could not be read. */
export type InflightFile = {
  readonly job: string;
  readonly name: string;
  readonly path: string;
} & (
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "unreadable"; readonly message: string }
);

/** A result file whose action has no in-flight record any more. */
export interface FoundTrace {
  readonly kind: "result";
  readonly path: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/**
 * What there is of a posted action: its in-flight record, else its result, else nothing; `removed`
 * is also nothing, where the job has no directory any more.
 */
export type ActionTrace = { readonly kind: "recorded" | "gone" | "removed" } | FoundTrace;

/** The name of a result file: the id of its action, or the first and the last of several. */
export type ResultName = number | { readonly first: number; readonly last: number };

/** A result as it was written. */
export interface WrittenResult {
  /** Where it is: the path of a file, or the URL of an object in a store. Rows name it so. */
  readonly place: string;
  /** Its size in bytes. */
  readonly bytes: number;
  /** Of its bytes, in lower-case hexadecimal. */
  readonly sha256: string;
}

/** A result while it is written (I5): nothing is there under its name before `commit`. */
export interface ResultWriter {
  /**
   * Queues the parts, one behind the other. Undefined when there is room for more already, else a
   * promise that has to be waited for before the next call.
   */
  write(...parts: readonly Uint8Array[]): Promise<void> | undefined;
  /** Resolves once it is durable and can be read. @param signal Gives up what takes long. */
  commit(signal?: AbortSignal): Promise<WrittenResult>;
  /** Removes what was written. Never rejects. */
  abort(): Promise<void>;
}

/**
 * The runner directory. Methods that fail reject with a RunnerError (code SPOOL) whose cause keeps
 * the errno. Every file that is written has mode 0600, every directory 0700.
 */
export interface Spool {
  /** The jobs, sorted by name in byte order. Rejects when runners/ cannot be read. */
  scan(): Promise<readonly JobDirectory[]>;
  /** By the last scan, the jobs that lie here and that another host of the cluster has. */
  elsewhere?(): ReadonlySet<string>;
  /** A job's file, whole. `name` has no folder part. Rejects above `sizeMax` bytes. */
  read(job: string, name: string, sizeMax: number): Promise<Uint8Array>;
  /**
   * A text that is different after a job's file was written, replaced or given to another owner. It
   * means nothing by itself.
   */
  stamp(job: string, name: string): Promise<string>;
  /**
   * When the files of a job were changed last, or its folder, by the system's clock; null when it
   * is not known.
   */
  changedAt(job: string): Promise<Instant | null>;
  /**
   * All files in the inflight/ folders of all job directories, also of broken jobs.
   *
   * @param skip Asked with each name; those that it answers true for are not read. @default none
   */
  inflight(skip?: (name: string) => boolean): Promise<readonly InflightFile[]>;
  /** Writes `runners/JOB/inflight/ID.json` atomically; resolves with its path. */
  writeInflight(job: string, actionId: number, bytes: Uint8Array): Promise<string>;
  /** Removes that file; resolves with its path. A missing one is no error. */
  removeInflight(job: string, actionId: number): Promise<string>;
  /** Looks for an action's in-flight record, and without one for its result. */
  trace(job: string, actionId: number): Promise<ActionTrace>;
  /** Renames a broken inflight file to `NAME.bad` beside it; resolves with the new path. */
  setAside(file: InflightFile): Promise<string>;
}

/** What tells a result from another in its place, and its size. */
export interface ResultMark {
  readonly mark: string;
  readonly size: number;
}

/** A file of this host that is lent. */
export interface Loan {
  readonly path: string;
  /** It is not read any more. Never rejects. */
  release(): Promise<void>;
}

/**
 * Where results are: in files of this host, in a folder that hosts share, or in a store of objects.
 * What is in a place that was committed never changes, but a file of the spool by a sweep.
 */
export interface Results {
  /** Opens a result for writing; `date` is YYYYMMDD. */
  create(job: string, date: string, name: ResultName): Promise<ResultWriter>;
  /** Null: there is none. Rejects when that cannot be said, as of a store that does not answer. */
  find(place: string): Promise<ResultMark | null>;
  /**
   * Whether the result that was written with this hash is there; null: whether any is. A file may
   * be of an earlier collect of this host. Rejects when that cannot be said.
   */
  has(place: string, sha256: string | null): Promise<boolean>;
  /** All of it. Iterating throws a RunnerError when it cannot be read. */
  stream(place: string): AsyncIterable<Uint8Array>;
  /** Parts of it, each by where it begins and its size; shorter where it has ended. */
  parts(
    place: string,
    parts: readonly { readonly offset: number; readonly size: number }[],
  ): Promise<readonly Uint8Array[]>;
  /** A file with it, for programs that read files. */
  lend(place: string, signal?: AbortSignal): Promise<Loan>;
}

/** Results by their day, where they are not kept for ever. */
export interface Shelf {
  /**
   * Removes result files in folders of days before `date` (YYYYMMDD), and folders that are empty.
   *
   * @param isKept Asked with each action's id; files that it answers true for are not removed.
   * @returns How many were removed: at most `limit`.
   */
  removeBefore(
    date: string,
    options: { readonly limit: number; isKept(actionId: number): boolean },
  ): Promise<number>;
  /** Absent where a result has one name only: then nothing is written in vain. */
  readonly strays?: Strays;
}

/** What was written into a store or a shared folder and came to nothing. */
export interface Strays {
  /**
   * Removes results of a day (YYYYMMDD) that were written before then.
   *
   * @param isStray Asked with each of a job that this process may act on.
   * @returns How many were removed: at most `limit`.
   */
  remove(
    day: string,
    options: {
      readonly before: Instant;
      readonly limit: number;
      isStray(found: { readonly actionId: number; readonly place: string }): boolean;
    },
  ): Promise<number>;
  /** Removes what is left of writes that were begun before then. @returns How many. */
  endWrites(before: Instant): Promise<number>;
}

/** One delivery to make. */
export interface DeliveryOrder {
  readonly plugin: string;
  readonly job: string;
  readonly actionId: number;
  /** The result file; an executable gets it, opened for reading, as its standard input. */
  readonly resultPath: string;
  /** The same at every attempt of this delivery, different for any other. */
  readonly key: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** What an earlier attempt saved, as JSON. Null or missing: nothing. */
  readonly progress?: string | null;
  /** Saves what is done, as JSON, for the next attempt. Resolves when it is durable. */
  saveProgress?(progress: string | null): Promise<void>;
  /** How long the plugin may work on it. Null or missing: as long as any plugin may. */
  readonly timeoutMs?: Milliseconds | null;
  readonly signal?: AbortSignal;
}

/** Something that people are to be told. */
export interface AlarmOrder {
  readonly plugin: string;
  /** One line of JSON: see docs/operations.md. */
  readonly body: string;
  /** The same at every attempt, different for any other notice. */
  readonly key: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly signal?: AbortSignal;
}

/** How a delivery ended. What failed or is missing is tried again, unless it is `final`. */
export type DeliveryAnswer =
  | { readonly kind: "delivered"; readonly message: string }
  | {
      readonly kind: "failed";
      readonly message: string;
      /** The plugin says that no other try can succeed: an operator has to look. @default false */
      readonly final?: boolean;
      /** The plugin asks for at least this long until the next try. @default 0 */
      readonly retryAfterMs?: Milliseconds;
    }
  | { readonly kind: "missing"; readonly message: string };

/** What a plugin is to take. */
export type PluginUse = "result" | "alarm";

export interface Plugins {
  /** Names that can be delivered to now, sorted. */
  names(): Promise<readonly string[]>;
  /**
   * Why this plugin cannot be used, with the fix; null when it can. Whether a program can tell
   * alarms is not known before it has told one.
   *
   * @param use What it is to take. @default "result"
   */
  check(name: string, use?: PluginUse): Promise<string | null>;
  /** Never rejects; ended at the plugin's time limit. */
  deliver(order: DeliveryOrder): Promise<DeliveryAnswer>;
  /** Has a plugin tell people something; the same. Missing: no plugin here can. */
  alarm?(order: AlarmOrder): Promise<DeliveryAnswer>;
}
