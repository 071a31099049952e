// Catalog: the jobs of the spool as loaded, and what changed between two scans.
import { messageOf, RunnerError, RunnerErrors } from "../errors.ts";
import type { JobDirectory } from "../ports.ts";
import type { Entity } from "./entity.ts";

export type Change =
  | { readonly kind: "added" | "changed"; readonly job: string; readonly entity: Entity }
  | { readonly kind: "broken"; readonly job: string; readonly errors: readonly RunnerError[] }
  | { readonly kind: "removed"; readonly job: string };

interface Loaded {
  /** The files as they were when loaded: other marks mean a changed job. */
  readonly marks: string;
  /** Null while the job is broken. */
  readonly entity: Entity | null;
  readonly errors: readonly RunnerError[];
}

/** Loads one job; throws RunnerError or RunnerErrors when it is broken. */
export type LoadJob = (directory: JobDirectory) => Promise<Entity>;

export class Catalog {
  readonly #jobs = new Map<string, Loaded>();
  readonly #load: LoadJob;

  constructor(load: LoadJob) {
    this.#load = load;
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
  *states(): Generator<{ job: string; entity: Entity | null; errors: readonly RunnerError[] }> {
    for (const [job, { entity, errors }] of this.#jobs) yield { job, entity, errors };
  }

  /** Takes a scan and loads what is new or changed. One broken job never stops another (I8). */
  async refresh(directories: readonly JobDirectory[]): Promise<readonly Change[]> {
    const changes: Change[] = [];
    const present = new Set<string>();
    for (const directory of directories) {
      present.add(directory.job);
      const marks = marksOf(directory);
      const before = this.#jobs.get(directory.job);
      if (before?.marks === marks) continue;
      const loaded = await this.#loadOne(directory, marks);
      this.#jobs.set(directory.job, loaded);
      changes.push(changeOf(directory.job, before ?? null, loaded));
    }
    for (const job of this.#jobs.keys()) {
      if (present.has(job)) continue;
      this.#jobs.delete(job);
      changes.push({ kind: "removed", job });
    }
    return changes;
  }

  async #loadOne(directory: JobDirectory, marks: string): Promise<Loaded> {
    try {
      return { marks, entity: await this.#load(directory), errors: [] };
    } catch (error) {
      return { marks, entity: null, errors: errorsOf(error, directory) };
    }
  }
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

function marksOf(directory: JobDirectory): string {
  return directory.files
    .map(({ name, mtimeMs, size, inode }) => `${name}:${mtimeMs}:${size}:${inode}`)
    .join("|");
}
