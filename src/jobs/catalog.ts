// Catalog: the jobs of the spool as loaded, and what changed between two scans.
import { messageOf, RunnerError, RunnerErrors } from "../errors.ts";
import type { FileStamp, JobDirectory } from "../ports.ts";
import type { Entity } from "./entity.ts";
import { isModuleFile } from "./load.ts";
import { isSameFiles } from "./stamps.ts";

export type Change =
  | { readonly kind: "added" | "changed"; readonly job: string; readonly entity: Entity }
  | { readonly kind: "broken"; readonly job: string; readonly errors: readonly RunnerError[] }
  | { readonly kind: "removed"; readonly job: string };

/** One job directory: its entity, or why it is broken. */
export interface JobState {
  readonly job: string;
  readonly entity: Entity | null;
  readonly errors: readonly RunnerError[];
}

interface Loaded {
  /**
   * The stamps of the files when the job was loaded: other stamps mean a changed job. Null when the
   * files could not be read: the next scan tries again.
   */
  readonly files: readonly FileStamp[] | null;
  /** The stamps of files outside of the job's directory that it depends on, when it was loaded. */
  readonly dependencies: ReadonlyMap<string, string | null>;
  /** Null while the job is broken. */
  readonly entity: Entity | null;
  readonly errors: readonly RunnerError[];
}

/**
 * Loads one job; throws RunnerError or RunnerErrors when it is broken. In both cases it tells which
 * other files the job depends on, each with its stamp.
 */
export type LoadJob = (
  directory: JobDirectory,
  dependsOn: (path: string, stamp: string | null) => void,
) => Promise<Entity>;

export interface CatalogOptions {
  /** What a file looks like now: equal stamps mean an unchanged file. Null: there is none. */
  readonly stampOf?: (path: string) => string | null;
}

/** Shared by nearly all jobs: ten thousand empty maps would take a megabyte. */
const NO_DEPENDENCIES: ReadonlyMap<string, string | null> = new Map();
const NO_ERRORS: readonly RunnerError[] = [];

/** Jobs that are loaded at the same time. */
const LOADS_MAX = 64;

/** The loaded jobs of one spool. Give it each scan: `refresh` is the only thing that changes it. */
export class Catalog {
  readonly #jobs = new Map<string, Loaded>();
  readonly #load: LoadJob;
  readonly #stampOf: (path: string) => string | null;
  /** Jobs that are being loaded, or wait for it. */
  readonly #pending = new Map<string, Promise<void>>();
  /** Jobs that were loaded since the last refresh, which the next one reports as changed. */
  readonly #fresh = new Map<string, Loaded>();

  constructor(load: LoadJob, { stampOf = () => null }: CatalogOptions = {}) {
    this.#load = load;
    this.#stampOf = stampOf;
  }

  /** The loaded job, or null when it is unknown or broken. */
  entity(job: string): Entity | null {
    return this.#jobs.get(job)?.entity ?? null;
  }

  /** All loaded jobs that are not broken. */
  *entities(): Generator<Entity> {
    for (const { entity } of this.#jobs.values()) if (entity !== null) yield entity;
  }

  /** All job directories with what is wrong in each; empty lists for the sound ones. */
  *states(): Generator<JobState> {
    for (const [job, { entity, errors }] of this.#jobs) yield { job, entity, errors };
  }

  /** Resolves when what the last refresh did not wait for is loaded; null when there is nothing. */
  get loading(): Promise<void> | null {
    if (this.#pending.size === 0) return null;
    return Promise.all(this.#pending.values()).then(() => undefined);
  }

  /**
   * Takes a scan and loads what is new or changed. One broken job never stops another (I8).
   *
   * @param patience Resolves when to wait no longer. Jobs that take longer stay as they were, and
   *   a later refresh reports them. Not called when there is nothing to wait for. @default forever
   */
  async refresh(
    directories: readonly JobDirectory[],
    patience: ((signal: AbortSignal) => Promise<unknown>) | null = null,
  ): Promise<readonly Change[]> {
    this.#loadChanged(directories);
    await this.#wait(patience);
    const changes: Change[] = [];
    const present = new Set(directories.map(({ job }) => job));
    for (const job of present) {
      const loaded = this.#fresh.get(job);
      if (loaded === undefined) continue;
      const before = this.#jobs.get(job) ?? null;
      this.#jobs.set(job, loaded);
      if (!isToldAgain(before, loaded)) changes.push(changeOf(job, before, loaded));
    }
    this.#fresh.clear();
    for (const job of this.#jobs.keys()) {
      if (present.has(job)) continue;
      this.#jobs.delete(job);
      changes.push({ kind: "removed", job });
    }
    return changes;
  }

  async #wait(patience: ((signal: AbortSignal) => Promise<unknown>) | null): Promise<void> {
    const { loading } = this;
    if (loading === null) return;
    const loaded = new AbortController();
    await (patience === null ? loading : Promise.race([loading, patience(loaded.signal)]));
    loaded.abort();
  }

  #loadChanged(directories: readonly JobDirectory[]): void {
    const seen = new Map<string, string | null>();
    const waiting = directories.filter((directory) => this.#isChanged(directory, seen));
    // Modules last: they may take their time.
    waiting.sort((left, right) => Number(isModule(left)) - Number(isModule(right)));
    const lanes: Promise<void>[] = [];
    for (const [index, directory] of waiting.entries()) {
      const lane = index % LOADS_MAX;
      const loaded = (lanes[lane] ?? Promise.resolve()).then(() => this.#loadOne(directory));
      lanes[lane] = loaded;
      this.#pending.set(directory.job, loaded);
    }
  }

  /** Whether a job is to be loaded now. @param seen The stamps that were looked up before. */
  #isChanged(directory: JobDirectory, seen: Map<string, string | null>): boolean {
    const { job } = directory;
    if (this.#pending.has(job)) return false;
    const before = this.#fresh.get(job) ?? this.#jobs.get(job);
    if (before === undefined || before.files === null) return true;
    if (!isSameFiles(before.files, directory.files)) return true;
    for (const [path, stamp] of before.dependencies) {
      if (!seen.has(path)) seen.set(path, this.#stampOf(path));
      if (seen.get(path) !== stamp) return true;
    }
    return false;
  }

  async #loadOne(directory: JobDirectory): Promise<void> {
    const { files } = directory;
    const named = new Map<string, string | null>();
    let [entity, errors]: [Entity | null, readonly RunnerError[]] = [null, NO_ERRORS];
    try {
      entity = await this.#load(directory, (path, stamp) => named.set(path, stamp));
    } catch (error) {
      errors = errorsOf(error, directory);
    }
    const isUnread = errors.some(({ code }) => code === "SPOOL");
    const dependencies = named.size === 0 ? NO_DEPENDENCIES : named;
    const loaded: Loaded = { files: isUnread ? null : files, dependencies, entity, errors };
    this.#fresh.set(directory.job, loaded);
    this.#pending.delete(directory.job);
  }
}

function isModule({ files }: JobDirectory): boolean {
  return files.some(({ name }) => isModuleFile(name));
}

/** Whether a job whose files cannot be read fails for the same reason as at the last try. */
function isToldAgain(before: Loaded | null, { files, errors }: Loaded): boolean {
  const messages = (told: readonly RunnerError[]): string => told.map(messageOf).join("\n");
  return files === null && before !== null && messages(before.errors) === messages(errors);
}

function changeOf(job: string, before: Loaded | null, loaded: Loaded): Change {
  if (loaded.entity === null) return { kind: "broken", job, errors: loaded.errors };
  const kind = before?.entity == null ? "added" : "changed";
  return { kind, job, entity: loaded.entity };
}

function errorsOf(error: unknown, directory: JobDirectory): readonly RunnerError[] {
  if (error instanceof RunnerErrors) return error.errors;
  if (error instanceof RunnerError) return [error];
  const detail = { job: directory.job, path: directory.path };
  return [new RunnerError("ENTITY", messageOf(error), detail, { cause: error })];
}
