// Alarms: tells people of what goes wrong, once when it does and once when it is right again.
//
//   facts from the journal ─▶ conditions (alarm-rules.ts) ─▶ changes ─▶ alarm and notice rows,
//   in one transaction ─▶ plugins, each until it has taken its notice, or is given up
//
// Owns:     when jobs are looked at, what is written, how notices reach plugins.
// Not here: what is wrong (alarm-rules.ts, alarm-facts.ts), how a plugin tells it (edge/plugins).
import type { Entity } from "../jobs/entity.ts";
import { type AlarmRow, advanceNotice, type NoticeRow } from "../journal/alarms.ts";
import type { JournalReads, JournalTransaction } from "../journal/journal.ts";
import type { LogSubject } from "../lib/ports.ts";
import type { DeliveryAnswer } from "../ports.ts";
import { againText, type Instant, MINUTE_MS, type Milliseconds } from "../time.ts";
import { endedAhead, factsOf } from "./alarm-facts.ts";
import {
  apiConditions,
  type Changes,
  type Condition,
  changesOf,
  deadConditions,
  jobConditions,
  noticeBody,
} from "./alarm-rules.ts";
import { backoffMs, DELIVERY_BACKOFF } from "./backoff.ts";
import { waitAfter } from "./deliver.ts";
import type { Edges, Notify } from "./edges.ts";
import { Pool } from "./pool.ts";

/** How often all jobs are looked at. */
const ROUND_MS: Milliseconds = 10_000;

/** A clock that is behind for a moment must not change when jobs have ended: it is waited out. */
const AHEAD_MS: Milliseconds = 10 * MINUTE_MS;

/** Jobs that are looked at in one tick, and the pause until the next ones. */
const JOBS_MAX = 100;
const BITE_MS: Milliseconds = 200;

/** Dead deliveries that are read in one look. */
const DEAD_MAX = 1_000;

/** Plugins that are told at the same time: each one notice at a time, so that none waits for another. */
const TELLERS = 16;

/** Notices that are read in one look. */
const NOTICES_MAX = 1_000;

export interface AlarmsOptions {
  /** Since when the API has not answered; null while it does, undefined before it was asked. */
  readonly downSince: (now: Instant) => Instant | null | undefined;
  readonly signal: AbortSignal;
  /** `--once`: all of it happens at the end of the pass, and nothing at the ticks. */
  readonly once: boolean;
  /** Does work and resolves with its value; null when it failed, after a pause (I7). */
  rested<Value>(work: () => Promise<Value>): Promise<Value | null>;
  changed(): void;
}

/** The loaded jobs, and all directories of jobs, those that are broken at the moment too. */
interface Jobs {
  entities(): Iterable<Entity>;
  states(): Iterable<{ readonly job: string }>;
  /** Null: all of them have been loaded, or found broken. */
  readonly loading: Promise<void> | null;
}

/** What is wrong, by the journal and the alarms that are open in it. */
type ConditionsOf = (reads: JournalReads, open: readonly AlarmRow[]) => readonly Condition[];

type AlarmEdges = Pick<Edges, "clock" | "random" | "log" | "journal" | "plugins" | "hosts">;

/** Watches all jobs and has plugins tell people. Does nothing without `[notify] plugins`. */
export class Alarms {
  readonly #edges: AlarmEdges;
  readonly #notify: Notify | null;
  readonly #catalog: Jobs;
  readonly #options: AlarmsOptions;
  /** By the clock of then, as far as that was not ahead. */
  #startedAt: Instant;
  /** Jobs whose last success ended in the future, and since when that is seen. */
  readonly #aheadSince = new WeakMap<Entity, Instant>();
  readonly pool: Pool;
  readonly #watch: Pool;
  /** Plugins that are being told something: the notices of the others are not behind theirs. */
  readonly #telling = new Set<string>();
  /** When jobs are looked at next. */
  #lookAt: Instant = 0;
  /** The jobs that this round has not looked at yet. */
  #left: readonly Entity[] = [];

  constructor(edges: AlarmEdges & Pick<Edges, "notify">, catalog: Jobs, options: AlarmsOptions) {
    this.#edges = edges;
    this.#notify = edges.notify ?? null;
    this.#catalog = catalog;
    this.#options = options;
    this.#startedAt = edges.clock.now();
    this.pool = new Pool(TELLERS, options.changed);
    this.#watch = new Pool(1, options.changed);
  }

  /** When there is something to do next; null where nobody is to be told, and in a pass. */
  get nextAt(): Instant | null {
    return this.#notify === null || this.#options.once ? null : this.#lookAt;
  }

  tick(now: Instant): void {
    const { once, rested } = this.#options;
    if (this.#notify === null || once) return;
    // After a clock that was set back, the wait is never longer than one round.
    if (now >= this.#lookAt || this.#lookAt - now > ROUND_MS) {
      this.#lookAt = now + ROUND_MS;
      this.#watch.start("look", () => rested(() => this.#look(now)));
    }
    this.#tellDue(now);
  }

  /** Looks at everything once and begins to hand out notices: for the end of a `--once` pass. */
  async pass(): Promise<void> {
    if (this.#notify === null) return;
    const { clock } = this.#edges;
    await this.#options.rested(() => this.#look(clock.now()));
    this.#tellDue(clock.now());
  }

  #tellDue(now: Instant): void {
    const { hosts, journal } = this.#edges;
    const due = journal.dueNotices(now, NOTICES_MAX, [...this.#telling]);
    // What is about no job every host has, and one of them tells.
    const isAnyones = hosts !== undefined && !hosts.speaks();
    const rows = isAnyones ? due.filter((row) => aboutOf(row).job !== null) : due;
    for (const [plugin, own] of Map.groupBy(rows, (row) => row.plugin)) {
      this.pool.start(plugin, () => this.#tellAll(plugin, own));
    }
  }

  /** One after the other; the rest of them when one was not told is due at the next look. */
  async #tellAll(plugin: string, rows: readonly NoticeRow[]): Promise<void> {
    this.#telling.add(plugin);
    try {
      for (const row of rows) {
        if ((await this.#options.rested(() => this.#tell(row))) !== true) return;
      }
    } finally {
      this.#telling.delete(plugin);
    }
  }

  async #look(now: Instant): Promise<void> {
    this.#startedAt = Math.min(this.#startedAt, now);
    if (this.#left.length === 0) {
      this.#left = [...this.#catalog.entities()];
      const { hosts } = this.#edges;
      const speaks = hosts?.speaks() !== false;
      const downSince = speaks ? this.#options.downSince(now) : undefined;
      const conditionsOf: ConditionsOf = (reads, open) => {
        const dead = reads.undelivered(DEAD_MAX).filter(({ state }) => state === "dead");
        const told = open.find(({ event }) => event === "api");
        const api = downSince === undefined ? [] : apiConditions(downSince, now, told);
        const isTold = (subject: string) =>
          open.some((alarm) => alarm.event === "cluster" && alarm.subject === subject);
        const among = speaks ? (hosts?.conditions(now, isTold) ?? []) : [];
        return [...deadConditions(dead), ...api, ...among];
      };
      // A job that is broken at the moment keeps its alarms.
      const known = new Set([...this.#catalog.states()].map(({ job }) => job));
      // One that takes long to load is not known yet.
      const isAll = this.#catalog.loading === null;
      const scope = ({ event, job }: AlarmRow) => {
        if (event === "dead") return true;
        if (event === "api") return downSince !== undefined;
        return event === "cluster" ? speaks : isAll && !known.has(job);
      };
      await this.#settle(conditionsOf, scope);
    }
    const count = this.#options.once ? this.#left.length : JOBS_MAX;
    const jobs = this.#left.slice(0, count);
    this.#left = this.#left.slice(count);
    await this.#mendEnds(jobs, now);
    const names = new Set(jobs.map(({ job }) => job));
    const startedAt = this.#startedAt;
    const conditionsOf: ConditionsOf = (reads, open) =>
      jobs.flatMap((entity) =>
        jobConditions(factsOf(reads, entity, { now, startedAt, open }), now),
      );
    const ofJobs = ({ event, job }: AlarmRow) => event !== "dead" && names.has(job);
    await this.#settle(conditionsOf, ofJobs);
    if (this.#left.length > 0) this.#lookAt = now + BITE_MS;
  }

  /** Ends that a clock far ahead has noted must not keep quiet that a job is late (I7). */
  async #mendEnds(jobs: readonly Entity[], now: Instant): Promise<void> {
    const { journal } = this.#edges;
    const ahead = jobs.filter(
      (entity) => entity.expectMs !== null && this.#isLongAhead(entity, now),
    );
    if (ahead.length === 0) return;
    await journal.write((tables) => {
      for (const run of ahead.flatMap((entity) => endedAhead(tables, entity, now) ?? [])) {
        tables.saveRun(run);
      }
    });
  }

  /** Whether the end of a job's last success has been ahead for so long that the clock is right. */
  #isLongAhead(entity: Entity, now: Instant): boolean {
    if (endedAhead(this.#edges.journal, entity, now) === null) {
      this.#aheadSince.delete(entity);
      return false;
    }
    const since = Math.min(this.#aheadSince.get(entity) ?? now, now);
    this.#aheadSince.set(entity, since);
    return now - since >= AHEAD_MS;
  }

  /** Writes what has changed among the alarms of a scope, by what is so in that moment. */
  async #settle(conditionsOf: ConditionsOf, scope: (alarm: AlarmRow) => boolean): Promise<void> {
    const { journal, log, clock, hosts } = this.#edges;
    const find = (reads: JournalReads) => {
      const open = reads.openAlarms();
      return changesOf(open.filter(scope), conditionsOf(reads, open));
    };
    const now = clock.now();
    const notify = this.#notify;
    if (notify === null || !isChange(find(journal), { now, notify })) return;
    const host = hosts?.name;
    const { raised, ended, untold } = await journal.write((transaction) =>
      writeChanges(transaction, find(transaction), { now, notify, host }),
    );
    for (const condition of raised) {
      const { event, job, message, hint } = condition;
      const text = `alarm ${event}${ofJob(job)}: ${message} (${hint})`;
      log.emit("warning", text, alarmSubject(condition));
    }
    for (const alarm of ended) {
      const { event, job } = alarm;
      log.emit("notice", `alarm ${event}${ofJob(job)} is over`, alarmSubject(alarm));
    }
    // The only plugin that could tell people of this alarm is the one that fails.
    for (const condition of untold) {
      const { event, job, message } = condition;
      const text = `alarm ${event}${ofJob(job)}: ${message}; no other plugin can tell it`;
      log.emit("alert", text, alarmSubject(condition));
    }
  }

  /** Whether the plugin can be told the next one: it took this one, or never will. */
  async #tell(queued: NoticeRow): Promise<boolean> {
    const { random, log } = this.#edges;
    const waitMs = backoffMs(DELIVERY_BACKOFF, queued.attempts + 1, random.next());
    const begun = { kind: "begun", waitMs: waitMs ?? DELIVERY_BACKOFF.capMs } as const;
    const row = await this.#record(queued, begun);
    if (row === null) return true;
    const { plugin, body, attempts } = row;
    const key = `alarm/${row.alarmId}/${row.id}`;
    const { signal } = this.#options;
    const answer = await tellPlugin(this.#edges, { plugin, body, key, attempt: attempts, signal });
    if (answer.kind === "delivered") {
      await this.#record(row, { kind: "delivered" });
      return true;
    }
    if (signal.aborted) return false;
    const wait = waitAfter(answer, attempts, random.next());
    const nextAt = wait === null ? null : this.#edges.clock.now() + wait;
    const next = wait === null ? "given up" : againText(wait);
    const text = `an alarm was not told by ${plugin}: ${answer.message}; ${next}`;
    log.emit("alert", text, noticeSubject(row));
    await this.#record(row, { kind: "failed", error: answer.message, nextAt });
    return nextAt === null;
  }

  /** Null when another process has the notice. Rejects when the journal cannot be written. */
  async #record(row: NoticeRow, event: Parameters<typeof advanceNotice>[1]) {
    const { journal, clock } = this.#edges;
    return await journal.write((transaction) => {
      const current = transaction.notice(row.id);
      if (current === null || current.updatedAt !== row.updatedAt) return null;
      if (current.state !== "pending" || current.attempts !== row.attempts) return null;
      const next = advanceNotice(current, event, clock.now());
      transaction.saveNotice(next);
      return next;
    });
  }

  /** Whether nothing is being looked at or told. */
  get idle(): boolean {
    return this.pool.idle && this.#watch.idle;
  }
}

/** Hands one notice to a plugin. Never rejects. */
export async function tellPlugin(
  { plugins }: Pick<Edges, "plugins">,
  order: Parameters<NonNullable<Edges["plugins"]["alarm"]>>[0],
): Promise<DeliveryAnswer> {
  if (plugins.alarm === undefined) return { kind: "missing", message: "no plugin here can tell" };
  return await plugins.alarm(order);
}

/** The fields of a log line about an alarm. */
function alarmSubject({ event, job, runId, subject }: Condition): LogSubject {
  return {
    ...(job === "" ? {} : { job }),
    ...(runId === null ? {} : { run: runId }),
    ...(event === "dead" ? { plugin: subject } : {}),
    alarm: event,
  };
}

/** The fields of a log line about who should tell it. */
function noticeSubject(row: NoticeRow): LogSubject {
  const { of, job } = aboutOf(row);
  const { plugin } = row;
  return { ...(job === null ? {} : { job }), plugin, alarm: of };
}

function aboutOf({ body }: Pick<NoticeRow, "body">) {
  return JSON.parse(body) as { readonly of: string; readonly job: string | null };
}

function ofJob(job: string): string {
  return job === "" ? "" : ` of ${job}`;
}

interface Telling {
  readonly now: Instant;
  readonly notify: Notify;
  /** Which of several hosts tells it. @default there is one alone */
  readonly host?: string | undefined;
}

function isChange({ raised, ended, lasting }: Changes, { now, notify }: Telling): boolean {
  if (raised.length + ended.length > 0) return true;
  return lasting.some(({ alarm, condition }) => {
    const isOther = alarm.message !== condition.message || alarm.count !== condition.count;
    return isOther || isRepeated(alarm, { now, notify });
  });
}

function isRepeated({ toldAt }: AlarmRow, { now, notify: { repeatMs } }: Telling): boolean {
  // Told by a clock that was ahead, it would not be told again for long.
  return repeatMs !== null && Math.abs(now - toldAt) >= repeatMs;
}

function writeChanges(
  transaction: JournalTransaction,
  { raised, ended, lasting }: Changes,
  telling: Telling,
): { raised: readonly Condition[]; ended: readonly AlarmRow[]; untold: readonly Condition[] } {
  const { now, host } = telling;
  const untold: Condition[] = [];
  const tell = (alarm: AlarmRow, condition: Condition, isEnd: boolean): void => {
    const { event, subject } = condition;
    if (!isWanted(telling.notify, isEnd ? "recovered" : event)) return;
    // That it is over is told to those who were told that it began.
    const knowing = isEnd ? transaction.toldOf(alarm.id) : telling.notify.plugins;
    const plugins = telling.notify.plugins.filter((plugin) => knowing.includes(plugin));
    // An alarm about a dead plugin goes to the other plugins, not to that one.
    const others = plugins.filter((plugin) => event !== "dead" || plugin !== subject);
    if (others.length === 0 && !isEnd) untold.push(condition);
    const body = noticeBody(condition, {
      at: now,
      ended: isEnd,
      ...(host === undefined ? {} : { host }),
    });
    for (const plugin of others) {
      transaction.insertNotice({ alarmId: alarm.id, plugin, body }, now);
    }
  };
  for (const condition of raised) {
    tell(transaction.insertAlarm({ ...condition, raisedAt: now, toldAt: now }), condition, false);
  }
  for (const alarm of ended) {
    transaction.saveAlarm({ ...alarm, endedAt: now });
    tell(alarm, alarm, true);
  }
  for (const { alarm, condition } of lasting) {
    const { runId, count, message, hint } = condition;
    const isTold = isRepeated(alarm, telling);
    const toldAt = isTold ? now : alarm.toldAt;
    const changed = { ...alarm, runId, count, message, hint, toldAt };
    transaction.saveAlarm(changed);
    if (isTold) tell(alarm, changed, false);
  }
  return { raised, ended, untold };
}

function isWanted({ on }: Notify, event: string): boolean {
  return on === null || on.includes(event);
}
