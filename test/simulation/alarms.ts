// Alarms: what people are told in a simulated world, against the oracle's own reading of what is
// wrong: nothing that is right, nothing twice, and at rest all that is wrong. Shares no rule with
// the runner: it asks the journal's rows by SQL of its own.
import type { NewNotice } from "../../src/journal/alarms.ts";
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

const LAST_ENDED =
  "SELECT state FROM run WHERE job = ? AND state IN ('done', 'failed', 'paused') " +
  `AND ${BEGUN} ORDER BY fires_at DESC LIMIT 1`;

const LAST_MISSED =
  "SELECT last_at, EXISTS (SELECT 1 FROM run WHERE run.job = missed.job AND state = 'done' AND " +
  "fires_at > last_at) AS over FROM missed WHERE job = ? AND kind = 'missed' AND first_at <= ? " +
  "AND id = (SELECT max(id) FROM missed AS newer WHERE newer.job = missed.job AND kind = 'missed')";

const DEAD = "SELECT DISTINCT job, plugin FROM delivery WHERE state = 'dead'";

/** Commands that the last run which is done was about; null where it collected nothing. */
const LAST_MATCHED =
  "SELECT sum(max(completeness ->> 'fetched', coalesce(completeness ->> 'sent', 0))) AS count " +
  "FROM action WHERE completeness IS NOT NULL AND run_id = (SELECT id FROM run WHERE job = ? " +
  "AND state = 'done' ORDER BY fires_at DESC LIMIT 1)";

/** In peace the runner has looked at all jobs, and told, within this. */
const LASTING_MS = 30_000;

/** What the alarms of a world have to be. */
export class AlarmOracle {
  /** Bodies that a pager took, by their keys. */
  readonly #told = new Map<string, string>();
  #last: { readonly problem: string | null; readonly at: number } = { problem: null, at: 0 };

  /** An alarm is being raised, in a transaction. */
  raised(world: World, { event, job, subject }: AboutAlarm): void {
    if (this.#isSo(world, { event, job, subject }) !== false) return;
    world.violate(`I6: people are to be told ${event} of ${job} ${subject}, which is right`);
  }

  /** Somebody is to be told, in a transaction: of no alarm twice that it begins, or has ended. */
  noticed(world: World, { alarmId, plugin, body }: NewNotice): void {
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
  state(world: World): { readonly problem: string | null; readonly isLasting: boolean } {
    const problem = this.#problem(world);
    const { now } = world.timeline;
    if (problem !== this.#last.problem) this.#last = { problem, at: now };
    return { problem, isLasting: problem !== null && now - this.#last.at >= LASTING_MS };
  }

  /** What is wrong at rest and not known, known and not wrong, or not told as it should be. */
  #problem(world: World): string | null {
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
      const wrong = [["failed", "refused"], ["missed"], ["coverage"]].find(
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
  #untold({ ledger }: World): string | null {
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
  #isSo({ ledger, wall }: World, { event, job, subject }: AboutAlarm): boolean | null {
    switch (event) {
      case "failed":
      case "refused": {
        const [last] = ledger.rows(LAST_ENDED, job);
        return last !== undefined && last.state !== "done";
      }
      case "missed": {
        const [last] = ledger.rows(LAST_MISSED, job, wall);
        return last !== undefined && last.over === 0;
      }
      case "coverage": {
        const count = ledger.rows(LAST_MATCHED, job)[0]?.count ?? null;
        return count === 0;
      }
      case "dead":
        return ledger.rows(DEAD).some((row) => row.job === job && row.plugin === subject);
      default:
        return null;
    }
  }
}
