// Alarms: what people are told in a simulated world, against the oracle's own reading of what is
// wrong: nothing that is right, nothing twice, and at rest all that is wrong. Shares no rule with
// the runner: it asks the journal's rows by SQL of its own.
import type { NewNotice } from "../../src/journal/alarms.ts";
import type { SimulatedJob } from "./profile.ts";
import { type Asked, Reach } from "./reach.ts";
import type { World } from "./world.ts";

/** The plugin that tells people. */
export const PAGER = "pager";

/** What an alarm is about, as its row says. */
export interface AboutAlarm {
  readonly event: string;
  readonly job: string;
  readonly subject: string;
}

/** Runs that count: one that was given up before its time never began. */
const BEGUN = "(not_before IS NULL OR begun_at IS NOT NULL)";

/**
 * Runs of a job with the last first. One whose fire time is still to come was run by a clock that
 * was ahead: it is older than all that have begun after it.
 */
const lastOf = (states: string): string =>
  "SELECT id, state, fires_at, coalesce(ended_at, fires_at) AS at FROM run AS mine " +
  `WHERE job = ?1 AND state IN (${states}) AND ${BEGUN} AND NOT (fires_at > ?2 AND EXISTS ` +
  `(SELECT 1 FROM run WHERE job = ?1 AND state IN (${states}) AND ${BEGUN} AND fires_at <= ?2 ` +
  "AND id > mine.id)) ORDER BY fires_at > ?2 DESC, " +
  "CASE WHEN fires_at > ?2 THEN id ELSE fires_at END DESC LIMIT 1";

const LAST_ENDED = lastOf("'done', 'failed', 'paused'");

const LAST_DONE = lastOf("'done'");

/** The first that can be known of a job that has never had a success. */
const FIRST_KNOWN =
  "SELECT min((SELECT coalesce(min(fires_at), ?2) FROM run WHERE job = ?1), " +
  "(SELECT coalesce(min(first_at), ?2) FROM missed WHERE job = ?1), ?2) AS at";

const INSTALLED = "SELECT id, requested_at FROM calendar WHERE job = ? AND state = 'installed'";

const WINDOWS_LEFT =
  "SELECT count(*) AS left, max(fires_at) AS last_at FROM calendar_window " +
  "WHERE calendar_id = ? AND fires_at > ?";

/** As docs/trust.md has it: fewer windows, or less time than this or a quarter of the whole. */
const WINDOWS_FEW = 3;
const WEEK_MS = 7 * 86_400_000;

/** Every schedule that is counted has a fire time within this, if it has one at all. */
const NEXT_FIRE_MS = 3 * 3_600_000;

const LAST_MISSED =
  "SELECT last_at FROM missed WHERE job = ? AND kind = 'missed' AND first_at <= ? " +
  "AND id = (SELECT max(id) FROM missed AS newer WHERE newer.job = missed.job AND kind = 'missed')";

const DEAD = "SELECT DISTINCT job, plugin FROM delivery WHERE state = 'dead'";

/** Commands that a run was about; null where it collected nothing. */
const MATCHED =
  "SELECT sum(max(completeness ->> 'fetched', coalesce(completeness ->> 'sent', 0))) AS count " +
  "FROM action WHERE completeness IS NOT NULL AND run_id = ?";

/** In peace the runner has looked at all jobs, and told, within this. */
const LASTING_MS = 30_000;

/** What was decided is in the journal within this: a write is late by a tenth of it at the most. */
const WRITING_MS = 400;

/** What the alarms of a world have to be. */
export class AlarmOracle {
  /** Bodies that a pager took, by their keys. */
  readonly #told = new Map<string, string>();
  readonly reach = new Reach();
  readonly #uncounted: ReadonlySet<string>;
  #last: { readonly problem: string | null; readonly at: number } = { problem: null, at: 0 };

  /** @param uncounted Jobs whose schedule is not the profile's any more. */
  constructor(uncounted: ReadonlySet<string>) {
    this.#uncounted = uncounted;
  }

  /** The API is about to answer again: what had to be told of it was. */
  outageEnds(world: Asked): void {
    const { ledger, life, profile } = world;
    if (!profile.alarms || !life.alive || life.stopping) return;
    if (this.reach.isDown(world) !== true) return;
    const sql = "SELECT 1 FROM alarm WHERE event = 'api' AND ended_at IS NULL";
    if (ledger.rows(sql).length === 0) world.violate("I6: nobody was told that the API is down");
  }

  /** An alarm is being raised, in a transaction. */
  raised(world: Asked & Pick<World, "setBackAt">, { event, job, subject }: AboutAlarm): void {
    if (this.#isSo(world, { event, job, subject }) !== false) return;
    // It was so by the clock by which it was decided, before that was set back.
    if (world.timeline.now - world.setBackAt < WRITING_MS) return;
    world.violate(`I6: people are to be told ${event} of ${job} ${subject}, which is right`);
  }

  /** Somebody is to be told, in a transaction: of no alarm twice that it begins, or has ended. */
  noticed(world: Asked, { alarmId, plugin, body }: NewNotice): void {
    const sql =
      "SELECT 1 FROM notice WHERE alarm_id = ? AND plugin = ? AND " +
      "(body ->> 'event' = 'recovered') = (? ->> 'event' = 'recovered')";
    if (world.ledger.rows(sql, alarmId, plugin, body).length === 0) return;
    world.violate(`I6: alarm ${alarmId} is to be told twice: ${body}`);
  }

  /** A pager took a notice. */
  told(key: string, body: string): void {
    this.#told.set(key, body);
  }

  /**
   * The same, and whether it has lasted for so long that nothing is about to mend it: the runner
   * looks every ten seconds.
   */
  state(world: Asked): { readonly problem: string | null; readonly isLasting: boolean } {
    const problem = this.#problem(world);
    const { now } = world.timeline;
    if (problem !== this.#last.problem) this.#last = { problem, at: now };
    return { problem, isLasting: problem !== null && now - this.#last.at >= LASTING_MS };
  }

  /** What is wrong at rest and not known, known and not wrong, or not told as it should be. */
  #problem(world: Asked): string | null {
    if (!world.profile.alarms) return null;
    const { disk, ledger, profile } = world;
    const open = ledger.rows("SELECT event, job, subject FROM alarm WHERE ended_at IS NULL");
    for (const { event, job, subject } of open) {
      const about = { event: String(event), job: String(job), subject: String(subject) };
      if (event !== "dead" && job !== "" && !disk.jobs.has(about.job)) {
        return `I6: ${job} is gone, and people still hear of ${event}`;
      }
      if (this.#isSo(world, about) === false) return `I6: ${event} of ${job} was not withdrawn`;
    }
    const isOpen = (events: readonly string[], job: string, subject = ""): boolean =>
      open.some((row) => {
        return events.includes(String(row.event)) && row.job === job && row.subject === subject;
      });
    for (const { job } of profile.jobs) {
      if (!disk.jobs.has(job)) continue;
      const kinds = [["failed", "refused"], ["missed"], ["coverage"], ["late"], ["calendar"]];
      const wrong = kinds.find(
        ([event = "", ...more]) =>
          this.#isSo(world, { event, job, subject: "" }) === true && !isOpen([event, ...more], job),
      );
      if (wrong !== undefined) return `I6: nobody was told of ${wrong[0]} of ${job}`;
    }
    for (const { job, plugin } of ledger.rows(DEAD)) {
      if (!isOpen(["dead"], String(job), String(plugin))) {
        return `I6: nobody was told that ${plugin} did not take results of ${job}`;
      }
    }
    return this.#untold(world);
  }

  /** Each alarm is told once when it begins, and once when it has ended. */
  #untold({ ledger }: Asked): string | null {
    const notices = ledger.rows(
      "SELECT notice.id, alarm_id, notice.event = 'recovered' AS is_end, state, ended_at FROM " +
        "(SELECT *, body ->> 'event' AS event FROM notice) AS notice " +
        "JOIN alarm ON alarm.id = alarm_id",
    );
    for (const { id, alarm_id, state } of notices) {
      const key = `alarm/${alarm_id}/${id}`;
      if (state !== "delivered") return `I6: the notice ${key} is ${state}`;
      if (!this.#told.has(key)) return `I6: the notice ${key} came to no pager`;
    }
    for (const { id, ended_at, event, job } of ledger.rows("SELECT * FROM alarm")) {
      const own = notices.filter(({ alarm_id }) => alarm_id === id);
      const ends = own.filter(({ is_end }) => is_end === 1).length;
      const begins = own.length - ends;
      if (begins !== 1) return `I6: ${event} of ${job} was told ${begins} times`;
      if (ends !== (ended_at === null ? 0 : 1)) {
        return `I6: that ${event} of ${job} is over was told ${ends} times`;
      }
    }
    return null;
  }

  /** Whether something is so now; null where the oracle has no opinion. */
  #isSo(world: Asked, { event, job, subject }: AboutAlarm): boolean | null {
    const { ledger, profile, wall } = world;
    const own = profile.jobs.find((one) => one.job === job);
    const bound = wall + (own?.calendar?.postAheadSeconds ?? 0) * 1_000;
    switch (event) {
      case "failed":
      case "refused": {
        const [last] = ledger.rows(LAST_ENDED, job, bound);
        return last !== undefined && last.state !== "done";
      }
      case "missed": {
        const [last] = ledger.rows(LAST_MISSED, job, wall);
        const [done] = ledger.rows(LAST_DONE, job, bound);
        return last !== undefined && !(Number(done?.fires_at ?? 0) > Number(last.last_at));
      }
      case "coverage": {
        const [last] = ledger.rows(LAST_DONE, job, bound);
        return last !== undefined && ledger.rows(MATCHED, Number(last.id))[0]?.count === 0;
      }
      case "dead":
        return ledger.rows(DEAD).some((row) => row.job === job && row.plugin === subject);
      case "late":
        return own === undefined ? null : isLate(world, own, bound);
      case "calendar":
        return own === undefined || this.#uncounted.has(job) ? null : isShort(world, own);
      case "api":
        return this.reach.isDown(world);
      default:
        return null;
    }
  }
}

/** Whether the clock tells what the time is. */
function isRight({ calm, profile }: Asked): boolean {
  return calm || !profile.happenings.some(({ what }) => ["jump", "glitch"].includes(what.kind));
}

/** Whether a job has had no success for longer than it says; null where that is not certain. */
function isLate(world: Asked, own: SimulatedJob, bound: number): boolean | null {
  const { ledger, life, profile, timeline, wall } = world;
  const { expectSeconds, job, schedule } = own;
  if (expectSeconds === null) return false;
  if (!isRight(world)) return null;
  if (schedule.until !== undefined && wall >= schedule.until) return false;
  const isOver = (from: number): boolean =>
    wall > Math.max(from, schedule.from ?? from) + expectSeconds * 1_000;
  const [last] = ledger.rows(LAST_DONE, job, bound);
  if (last !== undefined) return isOver(Number(last.at));
  // Of one without a success it is certain once this process has known it for so long.
  const calmAt = profile.beginsAt + profile.chaosMs;
  const isOdd = profile.happenings.some(({ what }) => ["jump", "glitch"].includes(what.kind));
  const bornAt = isOdd ? Math.max(life.bornAt, calmAt) : life.bornAt;
  const seenAt = Math.min(timeline.now, bornAt + profile.checkDirectoryMs);
  if (life.alive && isOver(seenAt)) return true;
  // A clock that was behind makes the time since the start longer than it was.
  if (isOdd) return null;
  const [first] = ledger.rows(FIRST_KNOWN, job, profile.beginsAt);
  return isOver(Number(first?.at)) ? null : false;
}

/** Whether a job that is signed ahead needs its next calendar. */
function isShort(world: Asked, { calendar, job, schedule }: SimulatedJob): boolean | null {
  const { fires } = schedule;
  if (calendar === null) return false;
  if (fires === null || !isRight(world)) return null;
  const { ledger, wall } = world;
  const goesOn = (after: number): boolean => fires(after, after + NEXT_FIRE_MS).length > 0;
  const [installed] = ledger.rows(INSTALLED, job);
  if (installed === undefined) return goesOn(wall);
  const [found] = ledger.rows(WINDOWS_LEFT, Number(installed.id), wall);
  const left = Number(found?.left);
  const lastAt = left === 0 ? wall : Number(found?.last_at);
  if (!goesOn(lastAt)) return false;
  const early = Math.max(WEEK_MS, (lastAt - Number(installed.requested_at)) / 4);
  return left < WINDOWS_FEW || lastAt - wall < early;
}
