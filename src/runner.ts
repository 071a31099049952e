// Runner: the loop. Each tick asks the spool, the clock and the journal what there is to do, and
// starts it in bounded pools; when a piece of work ends, or a time comes, the next tick asks.
//
//   tick:  scan the spool → launch due jobs → workflows → post planned → collect expired → deliver
//
// Owns:     the order of work and its limits.
// Not here: what each piece of work is (flow/), any effect (ports.ts).
import { messageOf } from "./errors.ts";
import { Adoption } from "./flow/adoption.ts";
import { Alarms } from "./flow/alarms.ts";
import { ApiHealth } from "./flow/api-health.ts";
import { ClockWatch, WatchedClock } from "./flow/clock-watch.ts";
import { collectAction } from "./flow/collect.ts";
import { type CollectTimes, WHEN_EXPIRED } from "./flow/collect-times.ts";
import { Collects } from "./flow/collects.ts";
import { endOverdue } from "./flow/deadline.ts";
import { bound, leased, restAfter } from "./flow/edges.ts";
import { isInFlight, isInHand } from "./flow/in-flight.ts";
import type { Lateness } from "./flow/launch.ts";
import { Launcher } from "./flow/launcher.ts";
import { NAP_MAX_MS, nap, Wake } from "./flow/nap.ts";
import { Outbox } from "./flow/outbox.ts";
import type { Pool } from "./flow/pool.ts";
import { postAction, type Reached, sentBefore } from "./flow/post.ts";
import { Posts } from "./flow/posts.ts";
import { Presigned } from "./flow/presigned.ts";
import { Timetable } from "./flow/timetable.ts";
import { endStranded } from "./flow/unreadable.ts";
import { Upkeep } from "./flow/upkeep.ts";
import type { Catalog } from "./jobs/catalog.ts";
import { JOB_KEYS } from "./jobs/keys.ts";
import type { ActionRow, RunRow } from "./journal/inflight.ts";
import type { ActiveState } from "./journal/journal.ts";
import type { Instant, Milliseconds } from "./time.ts";
import type { EngineEdges } from "./workflow/edges.ts";
import { Engine } from "./workflow/engine.ts";
import { launchWorkflow } from "./workflow/launch.ts";

export interface RunnerOptions {
  /** How often the spool is scanned. */
  readonly checkDirectoryMs: Milliseconds;
  readonly lateness: Lateness;
  /** `--once`: every undelivered result is tried in this pass, whatever its backoff says. */
  readonly once: boolean;
  /** `run JOB`: only this run, and what operators ask for meanwhile. @default null */
  readonly runId?: number | null;
  /** Called after each turn of `run`: while the loop is alive, at least each NAP_MAX_MS. */
  readonly ticked?: () => void;
}

/** The loop over one runner directory. Build it, `start`, then `run` or `runOnce`; once each. */
export class Runner {
  readonly api: ApiHealth;
  readonly #edges: EngineEdges;
  readonly #watch: ClockWatch;
  readonly #startedAt: Instant;
  readonly #catalog: Catalog;
  readonly #options: RunnerOptions;
  readonly #runId: number | null;
  /** With `runId`: that run, and those that operators have asked for since. */
  readonly #mine = new Set<number>();
  readonly #timetable: Timetable;
  readonly #launcher: Launcher;
  readonly #presigned: Presigned;
  readonly #posts: Posts;
  readonly #collects: Collects;
  readonly #outbox: Outbox;
  readonly #upkeep: Upkeep;
  readonly #engine: Engine;
  readonly #alarms: Alarms;
  readonly #stop = new AbortController();
  readonly #wake: Wake;
  #stopping = false;
  /** The journal's version at the last tick: it changes when another process writes. */
  #version: number | null = null;
  #failures = 0;
  readonly #adoption: Adoption;

  constructor(opened: EngineEdges, catalog: Catalog, options: RunnerOptions) {
    const clock = new WatchedClock(opened.clock);
    const edges: EngineEdges = {
      ...opened,
      clock,
      launchWorkflow: (order) => launchWorkflow(bound(edges, order.entity.job), order),
      presigned: { take: (...launch) => this.#presigned.take(...launch) },
    };
    this.#edges = edges;
    this.api = new ApiHealth(edges.journal, edges.lease !== undefined);
    this.#watch = new ClockWatch({ ...edges, clock });
    this.#startedAt = edges.clock.now();
    this.#catalog = catalog;
    this.#options = options;
    this.#runId = options.runId ?? null;
    if (this.#runId !== null) this.#mine.add(this.#runId);
    this.#wake = new Wake(clock);
    const changed = () => this.poke();
    const ended = (isIdle: boolean) => (isIdle ? this.#wake.now() : this.#wake.soon());
    const isQuiet = () => this.#launcher.pool.idle && this.#posts.idle && !this.#stopping;
    this.#presigned = new Presigned(edges, catalog, isQuiet);
    this.#posts = new Posts(clock, () => edges.limits.dispatchesMax, ended);
    this.#collects = new Collects(edges, () => this.#mayAsk(), ended);
    this.#upkeep = new Upkeep(edges, changed);
    this.#alarms = new Alarms(edges, catalog, {
      downSince: this.api.downSince,
      signal: this.#stop.signal,
      once: options.once,
      rested: (work) => this.#rested(work),
      changed,
    });
    this.#timetable = new Timetable(edges, catalog, {
      checkDirectoryMs: options.checkDirectoryMs,
      isScheduled: this.#runId === null,
      once: options.once,
      loaded: () => this.rescan(),
    });
    const isMine = (runId: number) => this.#isMine(runId);
    this.#adoption = new Adoption(edges, catalog, {
      once: options.once,
      changed,
      attempt: (work) => this.#tryWork(work),
      lookedFirst: async () => {
        if ((await endStranded(edges)) !== 0) this.#failures++;
      },
    });
    this.#outbox = new Outbox(edges, {
      once: options.once,
      isAll: this.#runId === null,
      isMine,
      signal: this.#stop.signal,
      timeoutOf: (job) => catalog.entity(job)?.pluginTimeoutMs ?? null,
      rested: (work, job) => this.#rested(work, job),
      changed,
    });
    const planned = (rows: readonly ActionRow[]) => {
      for (const row of rows) this.#post(row, true);
    };
    this.#engine = new Engine(edges, { isMine, planned, changed });
    this.#launcher = new Launcher(edges, catalog, this.#timetable, {
      lateness: options.lateness,
      planned,
      changed: ended,
      isMine: (run) => this.#takeOn(run),
      rested: (work) => this.#rested(work),
    });
  }

  /** Things that went wrong since the start, each journaled or logged: `--once` exits 1 by it. */
  get failures(): number {
    const parts = [this.#timetable, this.#engine, this.#launcher, this.#outbox, this.#upkeep];
    return parts.reduce((sum, { failures }) => sum + failures, this.#failures);
  }

  /** When a job is looked at next by its schedule; null: never. */
  fireAt(job: string): Instant | null {
    return this.#timetable.fireAt(job);
  }

  /** Whether work on a job that `isOf` means is in hand: then it is not to change hands. */
  isAtWork(isOf: (job: string) => boolean): boolean {
    const parts = [this.#outbox, this.#engine];
    return isInHand(this.#edges, isOf) || parts.some((part) => part.isAtWork(isOf));
  }

  /** Ends the current wait: there may be something to do. */
  poke(): void {
    this.#wake.now();
  }

  /** The configuration was read again: what was decided by the old one is decided again. */
  reloaded(): void {
    this.#presigned.clear();
    this.#timetable.decideWaiting();
    this.poke();
  }

  /**
   * Scans at the next tick: the jobs may be others, or others' (I12).
   *
   * @param hasMore Whether there are jobs that another host has had: what the original has left of
   * them here is looked at, too.
   */
  rescan(hasMore = false): void {
    if (hasMore && this.#runId === null) this.#adoption.want();
    if (this.#edges.lease !== undefined) this.#engine.abortMoved();
    this.#timetable.rescan();
    this.poke();
  }

  /** Begins no new work from now on; work in hand may finish. */
  stop(): void {
    this.#stopping = true;
    this.#adoption.stop();
    for (const pool of this.#pools()) pool.clear();
    this.#engine.stop();
    this.poke();
  }

  /** Aborts work in hand. The next process goes on from the journal. */
  abort(): void {
    this.#stop.abort();
    this.#engine.abort();
  }

  /**
   * The first scan, the original's in-flight records (I9), and rows that cannot be read. When there
   * are very many of them, the rest is looked at beside the first ticks.
   */
  async start(): Promise<void> {
    await this.#timetable.scan();
    if (this.#runId !== null) return;
    await this.#adoption.start();
  }

  /** Ticks until `stop`, then waits for what runs. */
  async run(): Promise<void> {
    while (!this.#stopping) {
      await this.tick();
      this.#options.ticked?.();
      if (!this.#stopping) await this.#nap();
    }
    await this.#drain();
  }

  /** Ticks until nothing is left to do: with `wait`, until nothing is in flight. */
  async runOnce(wait: boolean, progress: () => void): Promise<void> {
    while (!this.#stopping) {
      await this.tick();
      progress();
      const isRetrying = this.#launcher.isWorthStaying(this.#edges.clock.now());
      const idle = this.#isIdle() && !this.#wake.signal.aborted && !isRetrying;
      const isPending = wait && isInFlight(this.#edges.journal, this.#runId);
      if (idle && !isPending && this.#outbox.untried().length === 0) break;
      await this.#nap();
    }
    // Last, so that alarms tell also of what went wrong in this pass.
    if (this.#runId === null && !this.#stopping) await this.#alarms.pass();
    await this.#drain();
  }

  async #nap(): Promise<void> {
    const until = { at: this.#nextAt(), version: this.#version, signal: this.#wake.signal };
    await nap(this.#edges, until);
  }

  /** One turn. Never rejects for what one job, plugin or answer did (I8). */
  async tick(): Promise<void> {
    this.#wake.renew();
    this.#version = this.#edges.journal.version();
    const isBusy = (id: number): boolean => this.#outbox.pool.has(id);
    await this.#tryWork(() => this.#watch.tick(isBusy, () => this.#stopping));
    const now = this.#edges.clock.now();
    await this.#timetable.refresh(now);
    this.#adoption.tick();
    this.#launcher.tick(now);
    await this.#tryWork(() => endOverdue(this.#edges));
    this.#engine.tick(now);
    this.#work(now);
    this.#outbox.tick(now);
    if (!this.#options.once) this.#presigned.tick(now, (at) => this.#timetable.dueBy(at));
    if (this.#runId !== null) return;
    this.#upkeep.tick(now);
    this.#alarms.tick(now);
  }

  /**
   * Does `work` and resolves with its value. Null when it failed, after a pause: nothing was
   * journaled, so it is still due, and the loop must not spin on it (I7).
   */
  async #rested<Value>(work: () => Promise<Value>, job: string | null = null) {
    try {
      return await work();
    } catch (error) {
      this.#failures++;
      await restAfter(this.#edges, error, { about: job, signal: this.#stop.signal });
      return null;
    }
  }

  #mayAsk(): boolean {
    return this.api.admits(this.#edges.clock.now()) !== "none";
  }

  #work(now: Instant): void {
    const admitted = this.api.admits(now);
    if (admitted === "none") return;
    if (admitted === "one" && this.#posts.running + this.#collects.running > 0) return;
    let room = admitted === "one" ? 1 : Number.MAX_SAFE_INTEGER;
    for (const row of this.#due("planned", this.#posts, now)) {
      // A launch posts its own actions: only it knows that they were never sent.
      if (this.#launcher.isPlanning(row) || this.#engine.isPlanning(row.runId)) continue;
      if (room > 0 && this.#post(row, false)) room--;
    }
    // The sweeps first: they are few, and would wait behind all that is to be collected.
    for (const state of ["collected", "posted"] as const) {
      for (const row of this.#due(state, this.#collects, now)) {
        if (room > 0 && this.#collect(row)) room--;
      }
    }
  }

  /** As many due actions as the pool has room for, besides those that it has already. */
  #due(state: ActiveState, pool: Pool, now: Instant): readonly ActionRow[] {
    const { journal } = this.#edges;
    if (this.#runId === null) return journal.dueActions(state, now, pool.room, pool.keys);
    // Other overdue actions must not delay the one run that was asked for.
    return [...this.#mine]
      .flatMap((runId) => journal.actionsOf(runId))
      .filter((row) => row.state === state && row.nextAt !== null && row.nextAt <= now);
  }

  #post(row: ActionRow, fresh: boolean): boolean {
    // The job may be gone.
    const retries = this.#catalog.entity(row.job)?.retries ?? JOB_KEYS.retries.default;
    const edges = leased(this.#edges, row.job);
    const sent = sentBefore(edges, row, { fresh, startedAt: this.#startedAt });
    const options = { ...this.#optionsOf(row), ...sent, retries };
    return this.#posts.post(
      row.id,
      (answered) => this.#reach(() => postAction(edges, row, { ...options, answered }), row),
      // The API may have gone down while it waited for its place.
      () => fresh || this.#mayAsk(),
    );
  }

  #collect(row: ActionRow): boolean {
    const edges = leased(this.#edges, row.job);
    return this.#collects.collect(row, (answered) =>
      this.#reach(() => collectAction(edges, row, { ...this.#optionsOf(row), answered }), row),
    );
  }

  #optionsOf({ job }: ActionRow): CollectTimes & { readonly signal: AbortSignal } {
    return { ...(this.#catalog.entity(job) ?? WHEN_EXPIRED), signal: this.#stop.signal };
  }

  /** Runs one piece of work at the API and tells the circuit breaker how it went. */
  async #reach(work: () => Promise<Reached | null>, row: ActionRow): Promise<Reached | null> {
    const { clock, journal } = this.#edges;
    const done = await this.#rested(async () => ({ reached: await work() }), row.job);
    if (done === null || this.#stop.signal.aborted) return null;
    const { reached } = done;
    // An action that has expired unposted says nothing of an API that may still be down.
    if (reached !== null) this.api.asked(reached !== "unreachable", clock.now());
    const after = journal.action(row.id);
    if (after?.state === "failed" || (after?.failures ?? 0) > row.failures) this.#failures++;
    return reached;
  }

  #isMine(runId: number): boolean {
    return this.#runId === null || this.#mine.has(runId);
  }

  /** With `run JOB`, takes on runs that others ask for while this process has the directory. */
  #takeOn({ id, cause }: RunRow): boolean {
    if (this.#runId !== null && cause === "manual" && id > this.#runId) this.#mine.add(id);
    return this.#isMine(id);
  }

  /** When there is something to do next. */
  #nextAt(): Instant {
    const now = this.#edges.clock.now();
    const times = [this.#timetable.nextAt(), now + NAP_MAX_MS];
    const due = [this.#edges.journal, this.#engine, this.#launcher, this.api];
    times.push(...due.map((part) => part.nextAt(now)).filter((at) => at !== null));
    const looks = [this.#upkeep.nextAt, this.#alarms.nextAt].filter((at) => at !== null);
    if (this.#runId === null) times.push(...looks);
    return Math.max(Math.min(...times), now + 1);
  }

  /** Does work whose failure is logged and ends nothing else. Resolves with whether it was done. */
  async #tryWork(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#failures++;
      this.#edges.log.emit("err", messageOf(error));
      return false;
    }
  }

  #isIdle(): boolean {
    const isIdle = this.#pools().every((pool) => pool.idle);
    return isIdle && this.#engine.isIdle && this.#alarms.idle && this.#adoption.idle;
  }

  #pools(): readonly Pool[] {
    const parts = [this.#launcher, this.#outbox, this.#upkeep, this.#alarms];
    return [...parts.map(({ pool }) => pool), this.#posts, this.#collects];
  }

  async #drain(): Promise<void> {
    while (!this.#isIdle()) {
      this.#wake.renew();
      await this.#edges.clock.sleep(1_000, this.#wake.signal);
    }
  }
}
