// Launcher: launches what is due, by the schedule and by request, in a bounded pool.
//
// Owns:     which jobs and requests are begun in this tick.
// Not here: when a job is due (timetable.ts), what a launch does (launch.ts).
import type { Catalog } from "../jobs/catalog.ts";
import type { Entity } from "../jobs/entity.ts";
import { launchHorizon } from "../jobs/fires.ts";
import { type ActionRow, type RunRow, wasTried } from "../journal/inflight.ts";
import { againText, HOUR_MS, type Instant, type Milliseconds } from "../time.ts";
import { Deferred } from "./defer.ts";
import { bound, type Edges, say } from "./edges.ts";
import {
  type Deferral,
  FUTURE_MS,
  type Lateness,
  type Launch,
  launchDue,
  launchRequested,
} from "./launch.ts";
import { Pool } from "./pool.ts";
import type { Timetable } from "./timetable.ts";

export interface LauncherOptions {
  readonly lateness: Lateness;
  /** Whether a requested run is for this process to begin. */
  isMine(run: RunRow): boolean;
  /** Actions were journaled that were never sent: they can be posted without a search. */
  planned(rows: readonly ActionRow[]): void;
  /** Called when a launch has ended; `isIdle` when no other is at work. */
  changed(isIdle: boolean): void;
  /** Does work and resolves with its value; null when it failed, after a pause (I7). */
  rested<Value>(work: () => Promise<Value>): Promise<Value | null>;
}

/** How long until a job is looked at again whose launch could not be journaled. */
const AGAIN_MS: Milliseconds = 5_000;

/** A job that is due while it is being launched is looked at again after this. */
const BUSY_MS: Milliseconds = 1_000;

/** Requests that are looked at in one tick. */
const REQUESTS_MAX = 1_000;

/** How long a run that is due waits for its job when that is missing or broken. */
const AWAIT_MS: Milliseconds = HOUR_MS;

/** How long a `--once` pass waits for a run that could not begin; the next pass goes on with it. */
const STAY_MS: Milliseconds = 60_000;

/** Begins runs. The runner ticks it. */
export class Launcher {
  readonly #edges: Edges;
  readonly #catalog: Catalog;
  readonly #timetable: Timetable;
  readonly #options: LauncherOptions;
  readonly pool: Pool;
  readonly #deferred = new Deferred();
  #failures = 0;

  constructor(edges: Edges, catalog: Catalog, timetable: Timetable, options: LauncherOptions) {
    this.#edges = edges;
    this.#catalog = catalog;
    this.#timetable = timetable;
    this.#options = options;
    this.pool = new Pool(
      () => edges.limits.dispatchesMax,
      (isIdle) => options.changed(isIdle),
    );
  }

  /** Fire times that could not be planned since the start, and deferred runs. */
  get failures(): number {
    return this.#failures + this.#deferred.size;
  }

  /** Begins what is due. */
  tick(now: Instant): void {
    for (const job of this.#timetable.takeDue(now)) this.#launch(job);
    this.#launchRequested(now);
  }

  /** When a run that could not begin is tried again; null when there is none. */
  nextAt(now: Instant): Instant | null {
    return this.#deferred.nextAt(now);
  }

  /** Whether a `--once` pass should wait for a run that could not begin. */
  isWorthStaying(now: Instant): boolean {
    return this.#deferred.isFresh(now, STAY_MS);
  }

  /** Whether an action is just being planned; only its launch knows that it was never sent. */
  isPlanning({ job, runId }: Pick<ActionRow, "job" | "runId">): boolean {
    return this.pool.has(job) || this.pool.has(runId);
  }

  #launch(job: string): void {
    const entity = this.#catalog.entity(job);
    if (entity === null) return;
    const started = this.pool.start(job, async () => {
      const launched = await this.#launchNow(() =>
        launchDue(
          bound(this.#edges, job),
          entity,
          this.#timetable.latenessOf(entity, this.#options.lateness),
        ),
      );
      if (launched !== null) this.#timetable.launched(entity, launched.waitUntil);
      else this.#timetable.again(job, AGAIN_MS);
    });
    if (!started) this.#timetable.again(job, BUSY_MS);
  }

  /** Runs that an operator asked for, or that waited for the run before them. */
  #launchRequested(now: Instant): void {
    const requested = this.#edges.journal.dueRequests(now, REQUESTS_MAX);
    const asked = new Set(requested.map(({ id }) => id));
    if (this.#deferred.size > 0) this.#deferred.retain((runId) => asked.has(runId));
    for (const run of requested) {
      if (this.#deferred.isWaiting(run.id, now)) continue;
      if (!this.#options.isMine(run)) continue;
      const entity = this.#catalog.entity(run.job);
      if (entity === null) {
        if (run.notBefore !== null && !wasTried(run)) this.#await(run, now);
        continue;
      }
      if (!this.#mayStart(run, entity)) continue;
      this.pool.start(run.id, () =>
        this.#launchNow(() => launchRequested(bound(this.#edges, run.job), entity, run)),
      );
    }
  }

  /** The job of a run that is due is missing or broken: waits for it, within AWAIT_MS. */
  #await({ id, job }: RunRow, now: Instant): void {
    const { journal } = this.#edges;
    const note = "its job is missing or broken";
    this.pool.start(id, async () => {
      const waits = await this.#options.rested(() =>
        journal.write((transaction) => {
          const run = transaction.run(id);
          if (run?.state !== "requested" || wasTried(run)) return false;
          transaction.saveRun({ ...run, note, begunAt: now, deadlineAt: now + AWAIT_MS });
          return true;
        }),
      );
      if (waits !== true) return;
      const text = `run ${id} cannot start: ${note}; the run waits an hour for it`;
      say(this.#edges, { job, runId: id }, "err", text);
    });
  }

  #mayStart(run: RunRow, entity: Entity): boolean {
    // Of a run that was tried, the turn had come then.
    if (run.cause === "manual" || wasTried(run)) return true;
    // As for a fire time: a run further ahead was begun while the clock was ahead, and nothing
    // waits for it.
    const until = launchHorizon(entity, this.#edges.clock.now()) + FUTURE_MS;
    const before = this.#edges.journal.unsettledRuns(run.job, until);
    return before.every(({ state }) => state !== "open");
  }

  async #launchNow(launch: () => Promise<Launch>): Promise<Launch | null> {
    const launched = await this.#options.rested(launch);
    if (launched === null) return null;
    this.#failures += launched.failed;
    for (const deferral of launched.deferred) this.#defer(deferral);
    this.#options.planned(launched.planned);
    return launched;
  }

  #defer({ runId, job, why }: Deferral): void {
    const { clock, random } = this.#edges;
    const waitMs = this.#deferred.add(runId, clock.now(), random.next());
    const again = againText(waitMs);
    say(this.#edges, { job, runId }, "warning", `launchAction() -> ${why}; ${again}`);
  }
}
