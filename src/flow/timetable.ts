// Timetable: scans the spool for jobs, and knows when each is due next.
//
// For every job it keeps, in a heap, the first fire time that the journal's cursor has not decided.
import { errorLines, explain, isPassing, messageOf } from "../errors.ts";
import { scheduleAdvice } from "../jobs/advice.ts";
import type { Catalog, Change } from "../jobs/catalog.ts";
import type { Entity } from "../jobs/entity.ts";
import { fireText, launchHorizon, launchOffsetMs } from "../jobs/fires.ts";
import { type Entry, FireHeap } from "../jobs/heap.ts";
import { hasEnded, nextFire } from "../jobs/schedule.ts";
import type { Cursor } from "../journal/journal.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { CLOCK_SLACK_MS } from "./clock-watch.ts";
import { Comings } from "./comings.ts";
import { cursorOf, isDecidedBy } from "./cursor.ts";
import { bound, type Edges, say } from "./edges.ts";
import { holdOf } from "./holds.ts";
import type { Lateness } from "./launch.ts";
import { isAhead } from "./rewind.ts";

export interface TimetableOptions {
  /** How often the spool is scanned. */
  readonly checkDirectoryMs: Milliseconds;
  /** False: jobs are only loaded; none becomes due by its schedule. */
  readonly isScheduled: boolean;
  /** `--once`: each job that may have undecided fire times is due once. */
  readonly once: boolean;
  /** Called when a job that took long has been loaded. */
  loaded(): void;
}

/** How long a scan waits for jobs to load. Slower ones (job.ts) go on loading meanwhile. */
const LOAD_PATIENCE_MS: Milliseconds = 2_000;

/** For this long after a job was found broken the spool is scanned often, and how often. */
const UNSETTLED_MS: Milliseconds = 10_000;
const UNSETTLED_SCAN_MS: Milliseconds = 2_000;

/** Removed jobs that are remembered. */
const REMOVED_MAX = 10_000;

/** A job that is back within this time was only being replaced: its cursor is kept. */
const REPLACED_MS: Milliseconds = 60_000;

/** The most fire times with a run that are passed over in a search for the next one. */
const SKIPPED_MAX = 10_000;

/** When each job is due. */
export class Timetable {
  readonly #edges: Edges;
  readonly #catalog: Catalog;
  readonly #options: TimetableOptions;
  readonly #heap = new FireHeap();
  /** The latest time of the clock by which a job was put into the heap. */
  #seenAt: Instant = 0;
  /** First cursors that could not be written, such as on a full disk. */
  readonly #unwritten = new Map<string, Cursor>();
  /** First cursors of this scan that are being written. */
  readonly #firstCursors: Promise<void>[] = [];
  /** The cursors of jobs that were removed: they may be back in a moment. */
  readonly #removed = new Map<string, { readonly cursor: Cursor | null; readonly at: Instant }>();
  readonly #comings = new Comings();
  /** Jobs with a fire time that waits for the end of a hold. */
  readonly #waiting = new Set<string>();
  #unsettledUntil: Instant = 0;
  #scanAt: Instant = 0;
  /** Broken jobs and scans that failed, since the start. */
  failures = 0;

  constructor(edges: Edges, catalog: Catalog, options: TimetableOptions) {
    this.#edges = edges;
    this.#catalog = catalog;
    this.#options = options;
  }

  /** The jobs that are due, each once. */
  takeDue(now: Instant): readonly string[] {
    // The clock was set back: times that were set by the old clock must not delay a job (I7).
    const current = this.#edges.clock.now();
    if (current < this.#seenAt - CLOCK_SLACK_MS) this.#dueAll(current);
    this.#seenAt = current;
    return this.#heap.takeDue(now);
  }

  /** The jobs that will be due by then, in no order. */
  dueBy(at: Instant): readonly Entry[] {
    return this.#heap.dueBy(at);
  }

  /** When the next job is due, or the next scan. */
  nextAt(): Instant {
    return Math.min(this.#scanAt, this.#heap.next() ?? this.#scanAt);
  }

  /** When a job is due; null: never by its schedule, or it is being launched now. */
  fireAt(job: string): Instant | null {
    return this.#heap.at(job);
  }

  /** Scans at the next `refresh`. */
  rescan(): void {
    this.#scanAt = 0;
  }

  /** A launch of a job has ended: what was due is decided, or delayed until `waitUntil`. */
  launched(entity: Entity, waitUntil: Instant | null): void {
    if (this.#catalog.entity(entity.job) !== entity || this.#options.once) return;
    this.#fireNext(entity, this.#noteNow() - launchOffsetMs(entity));
    const { job } = entity;
    if (waitUntil === null) {
      this.#waiting.delete(job);
      return;
    }
    this.#waiting.add(job);
    this.#heap.set(job, Math.min(waitUntil, this.fireAt(job) ?? waitUntil));
  }

  /** Pauses or blackouts may have changed: jobs with delayed fire times are due again. */
  decideWaiting(): void {
    for (const job of this.#waiting) {
      if (this.#catalog.entity(job) !== null) this.#heap.set(job, this.#noteNow());
    }
  }

  /** How late the fire times of a job may be, and how far back they are looked for. */
  latenessOf(entity: Entity, lateness: Lateness): Lateness {
    const first = this.#unwritten.get(entity.job);
    if (first === undefined) return lateness;
    const now = this.#noteNow() - launchOffsetMs(entity);
    return { ...lateness, firstLookMs: Math.max(0, now - first.decidedAt) };
  }

  /** A job could not be launched: it is due again after a while. */
  again(job: string, waitMs: Milliseconds): void {
    if (this.#options.once) return;
    this.#heap.set(job, this.#noteNow() + waitMs);
  }

  /** Scans when it is time. A spool that cannot be read is tried again; jobs stay loaded (I8). */
  async refresh(now: Instant): Promise<void> {
    // Longer than any wait: the clock was set back, and the wait is over.
    const leftMs = this.#scanAt - now;
    if (leftMs > 0 && leftMs <= this.#options.checkDirectoryMs) return;
    try {
      await this.scan();
    } catch (error) {
      this.failures++;
      this.#edges.log.emit("err", explain(error));
      this.#scanAt = this.#nextScan(isPassing(error));
    }
  }

  /** Scans now. Rejects when runners/ cannot be read. */
  async scan(): Promise<void> {
    const { clock, spool } = this.#edges;
    const directories = await spool.scan();
    const jobs = directories.map(({ job }) => job);
    this.#comings.scanned(jobs, spool);
    const patience = (signal: AbortSignal) => clock.sleep(LOAD_PATIENCE_MS, signal);
    const changes = await this.#catalog.refresh(directories, this.#options.once ? null : patience);
    // Taken before the jobs are scheduled, so that one that is loaded meanwhile is not overlooked.
    const { loading } = this.#catalog;
    const gone = await this.#goneOf(changes);
    for (const change of changes) await this.#take(change, gone);
    // One transaction for all new jobs.
    await Promise.all(this.#firstCursors.splice(0));
    const isUnread = [...this.#catalog.states()].some(({ errors }) => errors.some(isPassing));
    this.#scanAt = this.#nextScan(isUnread || this.#noteNow() < this.#unsettledUntil);
    void loading?.then(() => this.#options.loaded());
  }

  /** When to scan next. @param isUnsettled Whether files may still be being written. */
  #nextScan(isUnsettled: boolean): Instant {
    const { checkDirectoryMs } = this.#options;
    const waitMs = isUnsettled ? Math.min(checkDirectoryMs, UNSETTLED_SCAN_MS) : checkDirectoryMs;
    return this.#noteNow() + waitMs;
  }

  /**
   * The jobs whose folders are gone, each with what is asked when that is written. A job that is
   * not seen any more may be another host's, or have been for a moment: of that nothing is removed.
   */
  async #goneOf(changes: readonly Change[]): Promise<ReadonlyMap<string, () => boolean>> {
    const { lease, spool } = this.#edges;
    const removed = changes.flatMap(({ kind, job }) => (kind === "removed" ? [job] : []));
    if (lease === undefined) return new Map(removed.map((job) => [job, () => true]));
    const gone = new Map(removed.map((job) => [job, lease.unbroken(job)]));
    for (const [job, isOurs] of gone) if (!isOurs()) gone.delete(job);
    if (gone.size === 0) return gone;
    // Of what cannot be read now the cursors stay.
    const there = await spool.scan().catch(() => null);
    if (there === null) return new Map();
    for (const { job } of there) gone.delete(job);
    return gone;
  }

  async #take(change: Change, gone: ReadonlyMap<string, () => boolean>): Promise<void> {
    const { journal, log } = this.#edges;
    const { job } = change;
    switch (change.kind) {
      case "removed":
        this.#heap.set(job, null);
        this.#unwritten.delete(job);
        this.#waiting.delete(job);
        if (this.#removed.size >= REMOVED_MAX) this.#removed.clear();
        this.#removed.set(job, { cursor: journal.cursor(job), at: this.#noteNow() });
        log.emit("info", this.#comings.removedText(job), { job });
        await this.#forget(job, gone.get(job));
        return;
      case "broken":
        this.#heap.set(job, null);
        this.failures++;
        // The job may be half written: it is looked at again soon.
        this.#unsettledUntil = this.#noteNow() + UNSETTLED_MS;
        for (const line of change.errors.flatMap(errorLines)) say(this.#edges, job, "err", line);
        return;
      case "changed":
        say(this.#edges, job, "info", "asked to terminate, stopping");
        break;
      case "added":
        break;
    }
    log.emit("info", this.#comings.addedText(job), { job });
    const { schedule, warnings } = change.entity;
    const advice = schedule === null ? [] : scheduleAdvice(schedule, this.#noteNow());
    for (const text of [...warnings, ...advice]) say(this.#edges, job, "warning", text);
    for (const plugin of change.entity.plugins) {
      const problem = await this.#edges.plugins.check(plugin);
      if (problem !== null) say(this.#edges, job, "warning", `plugin "${plugin}": ${problem}`);
    }
    await this.#schedule(change.entity);
  }

  /** Removes the cursor of a job that is gone. */
  async #forget(job: string, isGone: (() => boolean) | undefined): Promise<void> {
    if (isGone === undefined) return;
    await this.#remember(() =>
      this.#edges.journal.write((tables) => {
        if (isGone()) tables.removeCursor(job);
      }),
    );
  }

  /** Puts a loaded job into the heap, at the first fire time that is not decided yet. */
  async #schedule(entity: Entity): Promise<void> {
    const { job, schedule } = entity;
    const { journal } = bound(this.#edges, job);
    if (schedule === null || !this.#options.isScheduled) return this.#heap.set(job, null);
    const cursor = journal.cursor(job);
    if (this.#options.once) {
      const isOpen = cursor === null || mayDecide(entity, cursor, this.#noteNow());
      return this.#heap.set(job, isOpen ? this.#noteNow() : null);
    }
    if (cursor !== null && isDecidedBy(cursor, entity)) {
      if (isAhead(cursor, launchHorizon(entity, this.#noteNow())))
        return this.#heap.set(job, this.#noteNow());
      return this.#fireNext(entity, cursor.decidedAt);
    }
    const unwritten = this.#unwritten.get(job) ?? this.#justRemoved(job);
    const isKnown = unwritten !== null && isDecidedBy(unwritten, entity);
    const first = isKnown ? unwritten : cursorOf(entity, this.#noteNow());
    const written = this.#remember(() => journal.write((tables) => tables.setCursor(job, first)));
    this.#firstCursors.push(
      written.then((isWritten) => {
        if (isWritten) this.#unwritten.delete(job);
        else this.#unwritten.set(job, first);
      }),
    );
    this.#fireNext(entity, first.decidedAt);
  }

  /** The cursor of a job whose folder was only being replaced. */
  #justRemoved(job: string): Cursor | null {
    const removed = this.#removed.get(job);
    this.#removed.delete(job);
    const isOver = removed === undefined || this.#noteNow() - removed.at > REPLACED_MS;
    return isOver ? null : removed.cursor;
  }

  /** Reads the clock, and notes it in `#seenAt`: so `takeDue` notices when it was set back. */
  #noteNow(): Instant {
    const now = this.#edges.clock.now();
    this.#seenAt = Math.max(this.#seenAt, now);
    return now;
  }

  /** Makes every scheduled job due. */
  #dueAll(now: Instant): void {
    if (!this.#options.isScheduled) return;
    for (const { job, schedule } of this.#catalog.entities()) {
      if (schedule !== null) this.#heap.set(job, now);
    }
  }

  #fireNext(entity: Entity, after: Instant): void {
    const { job, schedule } = entity;
    const at = this.#openAfter(entity, after);
    const offset = launchOffsetMs(entity);
    this.#heap.set(job, at === null ? null : at + offset);
    if (schedule === null) return;
    if (at === null) {
      const { expression, until } = schedule;
      const text =
        until !== null && hasEnded(schedule, this.#noteNow())
          ? `its schedule has ended, at ${new Date(until).toISOString()}`
          : `will never run: "${expression}" has no future fire time`;
      say(this.#edges, job, "warning", text);
      return;
    }
    const when = { firesAt: at + offset, now: this.#noteNow(), timezone: schedule.timezone };
    // A fire time in the past is run or recorded as missed in this tick, which logs it.
    if (when.firesAt < when.now) return;
    const held = holdOf(this.#edges, job, at)(at);
    const text = fireText(when);
    const told = held === null ? text : `${text.replace("will", "would")}, but: ${held.reason}`;
    say(this.#edges, job, "info", told);
  }

  /** The next fire time without a run. Some may have one already, from a clock that was ahead. */
  #openAfter({ job, schedule }: Entity, after: Instant): Instant | null {
    if (schedule === null) return null;
    const { journal } = this.#edges;
    const isAhead = (journal.cursor(job)?.aheadAt ?? 0) > after;
    let at = nextFire(schedule, after);
    for (let skipped = 0; isAhead && skipped < SKIPPED_MAX; skipped++) {
      if (at === null || journal.runAt(job, at) === null) break;
      at = nextFire(schedule, at);
    }
    return at;
  }

  async #remember(write: () => Promise<unknown>): Promise<boolean> {
    try {
      await write();
      return true;
    } catch (error) {
      this.failures++;
      this.#edges.log.emit("err", messageOf(error));
      return false;
    }
  }
}

/** Whether a launch at `now` could find anything to decide beyond the cursor. */
function mayDecide(entity: Entity, cursor: Cursor, now: Instant): boolean {
  const { schedule } = entity;
  const until = now - launchOffsetMs(entity);
  // A cursor in the future was perhaps written by a wrong clock: the launch finds out (rewind.ts).
  if (schedule === null || !isDecidedBy(cursor, entity) || cursor.decidedAt > until) return true;
  const at = nextFire(schedule, cursor.decidedAt);
  return at !== null && at <= until;
}
