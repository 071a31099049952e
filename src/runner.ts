// Runner: the loop. Each tick asks the spool, the clock and the journal what there is to do, and
// starts it in bounded pools; when a task ends, or a time comes, the next tick asks again.
//
//   tick:  scan the spool → launch due jobs → post planned → collect expired → deliver
//
// Owns:    the order of work and its limits.
// Not its: what each piece of work is (flow/), any effect (ports.ts).
import { describeError, messageOf } from "./errors.ts";
import { adoptInflight } from "./flow/adopt.ts";
import { admits, afterRequest, type Breaker, CLOSED } from "./flow/breaker.ts";
import { collectAction } from "./flow/collect.ts";
import { deliverResult } from "./flow/deliver.ts";
import { postAction, type Reached } from "./flow/dispatch.ts";
import { type Edges, say } from "./flow/edges.ts";
import type { ActionRow, DeliveryRow, RunRow } from "./flow/inflight.ts";
import type { LaunchWindow } from "./flow/launch.ts";
import { cursorOf, isDecidedBy, type Launch, launchDue, launchRequested } from "./flow/launch.ts";
import { Pool } from "./flow/pool.ts";
import { formatDuration } from "./go/duration.ts";
import { formatGoTime } from "./go/time.ts";
import type { Catalog, Change } from "./jobs/catalog.ts";
import type { Entity } from "./jobs/entity.ts";
import { spreadOffsetMs } from "./jobs/fires.ts";
import { FireHeap } from "./jobs/heap.ts";
import { nextFire } from "./jobs/schedule.ts";
import { zoneAbbreviation, zoneOffsetSeconds } from "./jobs/zone.ts";
import type { Instant, Milliseconds } from "./time.ts";

export interface RunnerOptions {
  /** How often the spool is scanned. */
  readonly checkDirectoryMs: Milliseconds;
  readonly window: LaunchWindow;
  /** `--once`: every undelivered result is tried in this pass, whatever its backoff says. */
  readonly once: boolean;
  /** `run JOB`: only this run is worked on, no schedule is looked at. @default null */
  readonly runId?: number | null;
}

/** The longest sleep: how soon a request of another process is seen without a signal. */
const NAP_MAX_MS: Milliseconds = 5_000;

/** How long a scan waits for jobs to load. What takes longer (job.ts) goes on beside the others. */
const LOAD_PATIENCE_MS: Milliseconds = 2_000;

/** After the journal failed to write, how long until the job is looked at again. */
const JOURNAL_RETRY_MS: Milliseconds = 5_000;

/** Refusals of an action by the API until it is a failure, for actions of jobs that are gone. */
const RETRIES_DEFAULT = 2;

/** The loop over one runner directory. Build it, `start`, then `run` or `runOnce`; once each. */
export class Runner {
  readonly #edges: Edges;
  readonly #catalog: Catalog;
  readonly #options: RunnerOptions;
  readonly #runId: number | null;
  readonly #heap = new FireHeap();
  readonly #launches: Pool;
  readonly #posts: Pool;
  readonly #collects: Pool;
  readonly #deliveries: Pool;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #stopping = false;
  #scanAt: Instant = 0;
  #breaker: Breaker = CLOSED;
  /** Deliveries that were tried in this `--once` pass. */
  readonly #tried = new Set<number>();
  /** Since when jobs are known whose first cursor could not be written: the disk was full. */
  readonly #seenAt = new Map<string, Instant>();
  #failures = 0;

  constructor(edges: Edges, catalog: Catalog, options: RunnerOptions) {
    this.#edges = edges;
    this.#catalog = catalog;
    this.#options = options;
    this.#runId = options.runId ?? null;
    const { limits } = edges;
    const changed = () => this.poke();
    this.#launches = new Pool(limits.dispatchesMax, changed);
    this.#posts = new Pool(limits.dispatchesMax, changed);
    this.#collects = new Pool(limits.collectsMax, changed);
    this.#deliveries = new Pool(limits.deliveriesMax, changed);
  }

  /** Things that went wrong since the start, each journaled or logged: `--once` exits 1 by it. */
  get failures(): number {
    return this.#failures;
  }

  /** Ends the current wait: there may be something to do. */
  poke(): void {
    this.#wake.abort();
  }

  /** Scans at the next tick. */
  rescan(): void {
    this.#scanAt = 0;
    this.poke();
  }

  /** No new work from now on; what runs may finish. */
  stop(): void {
    this.#stopping = true;
    for (const pool of this.#pools()) pool.clear();
    this.poke();
  }

  /** Aborts what still runs. The journal knows how to go on. */
  abort(): void {
    this.#stop.abort();
  }

  /** The first scan, and the original's in-flight records (I9). */
  async start(): Promise<void> {
    await this.#scan();
    if (this.#runId === null) {
      await adoptInflight(this.#edges, (job) => this.#catalog.entity(job));
    }
  }

  /** Ticks until `stop`, then waits for what runs. */
  async run(): Promise<void> {
    while (!this.#stopping) {
      this.#wake = new AbortController();
      await this.tick();
      if (!this.#stopping) await this.#edges.clock.until(this.#nextAt(), this.#wake.signal);
    }
    await this.#drain();
  }

  /** Ticks until nothing is left to do: with `wait`, until nothing is in flight. */
  async runOnce(wait: boolean, progress: () => void): Promise<void> {
    while (!this.#stopping) {
      this.#wake = new AbortController();
      await this.tick();
      progress();
      const idle = this.#pools().every((pool) => pool.idle);
      if (idle && !(wait && this.#isPending()) && this.#untried().length === 0) break;
      const at = idle ? this.#nextAt() : this.#edges.clock.now() + NAP_MAX_MS;
      await this.#edges.clock.until(at, this.#wake.signal);
    }
    await this.#drain();
  }

  /** Whether something that this pass works on is still in flight. */
  #isPending(): boolean {
    const { journal } = this.#edges;
    if (this.#runId === null) return journal.counts().pendingActions > 0;
    return journal.actionsOf(this.#runId).some(({ nextAt }) => nextAt !== null);
  }

  /** One turn. Never rejects for what one job, plugin or answer did (I8). */
  async tick(): Promise<void> {
    const now = this.#edges.clock.now();
    if (now >= this.#scanAt) await this.#scanAgain();
    for (const job of this.#heap.takeDue(now)) this.#launch(job);
    this.#launchRequested();
    this.#work(now);
    this.#deliver(now);
  }

  /** A spool that cannot be read is read again later; the jobs stay as they were (I8). */
  async #scanAgain(): Promise<void> {
    try {
      await this.#scan();
    } catch (error) {
      this.#failures++;
      this.#edges.log.emit("err", messageOf(error));
      this.#scanAt = this.#edges.clock.now() + this.#options.checkDirectoryMs;
    }
  }

  async #scan(): Promise<void> {
    const { clock, spool } = this.#edges;
    const directories = await spool.scan();
    const patience = (signal: AbortSignal) => clock.sleep(LOAD_PATIENCE_MS, signal);
    const changes = await this.#catalog.refresh(directories, this.#options.once ? null : patience);
    for (const change of changes) await this.#take(change);
    void this.#catalog.loading?.then(() => this.rescan());
    this.#scanAt = clock.now() + this.#options.checkDirectoryMs;
  }

  async #take(change: Change): Promise<void> {
    const { journal, log } = this.#edges;
    const { job } = change;
    switch (change.kind) {
      case "removed":
        this.#heap.set(job, null);
        log.emit("info", `removed entity ${job}`);
        await this.#remember(() => journal.write((tables) => tables.removeCursor(job)));
        return;
      case "broken":
        this.#heap.set(job, null);
        this.#failures++;
        for (const error of change.errors) say(this.#edges, job, "err", describeError(error));
        return;
      case "changed":
        say(this.#edges, job, "info", "asked to terminate, stopping");
        break;
      case "added":
        break;
    }
    log.emit("info", `added entity ${job}`);
    for (const warning of change.entity.warnings) say(this.#edges, job, "warning", warning);
    for (const plugin of change.entity.plugins) {
      const problem = await this.#edges.plugins.check(plugin);
      if (problem !== null) say(this.#edges, job, "warning", `plugin "${plugin}": ${problem}`);
    }
    await this.#schedule(change.entity);
  }

  /** Puts a loaded job into the heap, at the first fire time that is not decided yet. */
  async #schedule(entity: Entity): Promise<void> {
    const { clock, journal } = this.#edges;
    const { job, schedule } = entity;
    if (schedule === null || this.#runId !== null) return this.#heap.set(job, null);
    const cursor = journal.cursor(job);
    if (this.#options.once) return this.#heap.set(job, clock.now());
    if (cursor !== null && isDecidedBy(cursor, entity)) {
      return this.#fireNext(entity, cursor.decidedAt);
    }
    const now = clock.now();
    const first = cursorOf(entity, now);
    if (await this.#remember(() => journal.write((tables) => tables.setCursor(job, first)))) {
      this.#seenAt.delete(job);
    } else {
      this.#seenAt.set(job, now);
    }
    this.#fireNext(entity, now);
  }

  #fireNext(entity: Entity, after: Instant): void {
    const { clock } = this.#edges;
    const { job, schedule } = entity;
    const at = schedule === null ? null : nextFire(schedule, after);
    const offset = spreadOffsetMs(job, entity.spreadMs);
    this.#heap.set(job, at === null ? null : at + offset);
    if (schedule === null) return;
    if (at === null) {
      const text = `will never run: "${schedule.expression}" has no time to come`;
      say(this.#edges, job, "warning", text);
      return;
    }
    const firesAt = at + offset;
    const zone = schedule.timezone;
    const when = formatGoTime(
      firesAt,
      zoneOffsetSeconds(zone, firesAt),
      zoneAbbreviation(zone, firesAt),
    );
    const wait = formatDuration(BigInt(firesAt - clock.now()) * 1_000_000n);
    say(this.#edges, job, "info", `will run at ${when} (in ${wait})`);
  }

  #launch(job: string): void {
    const entity = this.#catalog.entity(job);
    if (entity === null) return;
    const started = this.#launches.start(job, async () => {
      const launched = await this.#launchNow(() =>
        launchDue(this.#edges, entity, this.#windowOf(entity)),
      );
      const now = this.#edges.clock.now();
      if (this.#catalog.entity(job) !== entity || this.#options.once) return;
      if (launched) this.#fireNext(entity, now - spreadOffsetMs(job, entity.spreadMs));
      else this.#heap.set(job, now + JOURNAL_RETRY_MS);
    });
    if (!started) this.#heap.set(job, this.#edges.clock.now() + 1_000);
  }

  #windowOf({ job, spreadMs }: Entity): LaunchWindow {
    const { window } = this.#options;
    const seenAt = this.#seenAt.get(job);
    if (seenAt === undefined) return window;
    const now = this.#edges.clock.now() - spreadOffsetMs(job, spreadMs);
    return { ...window, firstLookMs: Math.max(0, now - seenAt) };
  }

  /** Runs that an operator asked for, or that waited for the run before them. */
  #launchRequested(): void {
    for (const run of this.#edges.journal.runsIn("requested", 100)) {
      const entity = this.#catalog.entity(run.job);
      if (entity === null || !this.#isMine(run.id) || !this.#mayStart(run)) continue;
      this.#launches.start(run.id, () =>
        this.#launchNow(() => launchRequested(this.#edges, entity, run)),
      );
    }
  }

  #mayStart(run: RunRow): boolean {
    if (run.cause === "manual") return true;
    return this.#edges.journal.runs(run.job, 100).every(({ state }) => state !== "open");
  }

  async #launchNow(launch: () => Promise<Launch>): Promise<boolean> {
    try {
      const { planned, failed } = await launch();
      this.#failures += failed;
      for (const row of planned) this.#post(row, true);
      return true;
    } catch (error) {
      this.#failures++;
      this.#edges.log.emit("err", messageOf(error));
      return false;
    }
  }

  #work(now: Instant): void {
    const { journal } = this.#edges;
    const admitted = admits(this.#breaker, now);
    if (admitted === "none") return;
    const probing = this.#posts.running + this.#collects.running > 0;
    if (admitted === "one" && probing) return;
    let room = admitted === "one" ? 1 : Number.MAX_SAFE_INTEGER;
    const posts = journal.dueActions("planned", now, this.#posts.running + this.#posts.free);
    for (const row of posts) {
      // A launch posts what it has planned itself: it alone knows that it was never sent.
      if (this.#launches.has(row.job) || this.#launches.has(row.runId)) continue;
      if (room > 0 && this.#isMine(row.runId) && this.#post(row, false)) room--;
    }
    const collects = journal.dueActions(
      "posted",
      now,
      this.#collects.running + this.#collects.free,
    );
    for (const row of collects) {
      if (room > 0 && this.#isMine(row.runId) && this.#collect(row)) room--;
    }
  }

  #post(row: ActionRow, fresh: boolean): boolean {
    const retries = this.#catalog.entity(row.job)?.retries ?? RETRIES_DEFAULT;
    const signal = this.#stop.signal;
    return this.#posts.start(row.id, () =>
      this.#reach(() => postAction(this.#edges, row, { fresh, retries, signal }), row),
    );
  }

  #collect(row: ActionRow): boolean {
    return this.#collects.start(row.id, () =>
      this.#reach(() => collectAction(this.#edges, row, this.#stop.signal), row),
    );
  }

  /** Runs one piece of work at the API and tells the breaker how it went. */
  async #reach(work: () => Promise<Reached>, row: ActionRow): Promise<void> {
    const { clock, journal, log } = this.#edges;
    try {
      const reached = await work();
      if (this.#stop.signal.aborted) return;
      this.#breaker = afterRequest(this.#breaker, reached === "answered", clock.now());
      const after = journal.action(row.id);
      if (after?.state === "failed" || (after?.attempts ?? 0) > row.attempts) this.#failures++;
    } catch (error) {
      this.#failures++;
      log.emit("err", `${row.job}: ${messageOf(error)}`);
      // Nothing was remembered, so the row is still due: do not spin on it.
      await clock.sleep(JOURNAL_RETRY_MS, this.#stop.signal);
    }
  }

  #deliver(now: Instant): void {
    const { journal } = this.#edges;
    const due = this.#options.once
      ? this.#untried()
      : journal.dueDeliveries(now, this.#deliveries.running + this.#deliveries.free);
    for (const row of due) {
      this.#deliveries.start(row.id, async () => {
        this.#tried.add(row.id);
        const timeoutMs = this.#catalog.entity(row.job)?.pluginTimeoutMs ?? null;
        const { signal } = this.#stop;
        if (!(await deliverResult(this.#edges, row, { signal, timeoutMs }))) this.#failures++;
      });
    }
  }

  #untried(): DeliveryRow[] {
    if (!this.#options.once) return [];
    const { journal } = this.#edges;
    return journal.undelivered(1_000).filter(({ id, state, actionRow }) => {
      if (state !== "pending" || this.#tried.has(id)) return false;
      return this.#runId === null || journal.action(actionRow)?.runId === this.#runId;
    });
  }

  #isMine(runId: number): boolean {
    return this.#runId === null || this.#runId === runId;
  }

  /** When the next tick is worth it. */
  #nextAt(): Instant {
    const now = this.#edges.clock.now();
    const times = [this.#scanAt, now + NAP_MAX_MS];
    const fire = this.#heap.next();
    if (fire !== null) times.push(fire);
    const due = this.#edges.journal.nextAt(now);
    if (due !== null) times.push(due);
    const { probeAt } = this.#breaker;
    // A probe whose time has come waits for work, not for time (I7).
    if (probeAt !== null && probeAt > now) times.push(probeAt);
    return Math.max(Math.min(...times), now + 1);
  }

  /** Resolves with whether it could be written. */
  async #remember(write: () => Promise<unknown>): Promise<boolean> {
    try {
      await write();
      return true;
    } catch (error) {
      this.#failures++;
      this.#edges.log.emit("err", messageOf(error));
      return false;
    }
  }

  #pools(): readonly Pool[] {
    return [this.#launches, this.#posts, this.#collects, this.#deliveries];
  }

  async #drain(): Promise<void> {
    while (this.#pools().some((pool) => !pool.idle)) {
      this.#wake = new AbortController();
      await this.#edges.clock.sleep(1_000, this.#wake.signal);
    }
  }
}
