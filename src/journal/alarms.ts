// Alarms: what is wrong at a time, and the notices that tell people of it, as rows of the journal.
//
//   alarm    open ──────────────▶ ended          one row a state, from when it was seen to its end
//   notice   pending ──▶ delivered, dead         one row a plugin, when an alarm opens and ends
//
// Both are written in one transaction, so a state that changed is told at least once, and never
// before it is durable (I6).
import type { Instant, Milliseconds } from "../time.ts";
import { DELIVERY_STATES } from "./inflight.ts";

/** What can be wrong. */
export const ALARM_EVENTS = [
  "failed",
  "missed",
  "dead",
  "late",
  "coverage",
  "refused",
  "calendar",
  "api",
  "cluster",
] as const;

export type AlarmEvent = (typeof ALARM_EVENTS)[number];

/** The states of a notice. */
export const NOTICE_STATES = DELIVERY_STATES;

/** Something that is wrong, or was. Of one (event, job, subject) one is open. */
export interface AlarmRow {
  readonly id: number;
  readonly event: AlarmEvent;
  /** "" when it is not about a job. */
  readonly job: string;
  /** The part that is wrong, such as a plugin's name; "" for the job as a whole. */
  readonly subject: string;
  readonly runId: number | null;
  /** When it went wrong. */
  readonly since: Instant;
  readonly raisedAt: Instant;
  /** When people were last told of it. */
  readonly toldAt: Instant;
  /** How often it has happened. */
  readonly count: number;
  readonly message: string;
  /** What to do. */
  readonly hint: string;
  /** When it was right again; null while it is wrong. */
  readonly endedAt: Instant | null;
}

export type NewAlarm = Omit<AlarmRow, "id" | "endedAt">;

/** One notice on its way to one plugin. */
export interface NoticeRow {
  readonly id: number;
  readonly alarmId: number;
  readonly plugin: string;
  /** The JSON that the plugin gets. */
  readonly body: string;
  readonly state: (typeof NOTICE_STATES)[number];
  readonly attempts: number;
  readonly nextAt: Instant | null;
  readonly error: string | null;
  readonly updatedAt: Instant;
}

export type NewNotice = Pick<NoticeRow, "alarmId" | "plugin" | "body">;

/** How a try to tell ended. */
export type NoticeEvent =
  | { readonly kind: "begun"; readonly waitMs: Milliseconds }
  | { readonly kind: "delivered" }
  | { readonly kind: "failed"; readonly error: string; readonly nextAt: Instant | null };

/** The notice after `event`. Pure. */
export function advanceNotice(row: NoticeRow, event: NoticeEvent, now: Instant): NoticeRow {
  switch (event.kind) {
    case "begun":
      return { ...row, attempts: row.attempts + 1, nextAt: now + event.waitMs, updatedAt: now };
    case "delivered":
      return { ...row, state: "delivered", nextAt: null, error: null, updatedAt: now };
    case "failed": {
      const { error, nextAt } = event;
      const state = nextAt === null ? "dead" : "pending";
      return { ...row, state, error, nextAt, updatedAt: now };
    }
  }
}

/** The journal's reads of alarms. */
export interface AlarmReads {
  /** What is wrong now, by event, job and subject. */
  openAlarms(): readonly AlarmRow[];
  /** All alarms, the newest first. */
  alarms(limit: number): readonly AlarmRow[];
  /**
   * Notices that are to be told now, the most overdue first.
   *
   * @param without Plugins whose notices are left out. @default none
   */
  dueNotices(now: Instant, limit: number, without?: readonly string[]): readonly NoticeRow[];
  notice(id: number): NoticeRow | null;
  /** The plugins for which there is a notice of an alarm, whatever became of it. */
  toldOf(alarmId: number): readonly string[];
}

/** The journal's writes of alarms. */
export interface AlarmWrites {
  insertAlarm(alarm: NewAlarm): AlarmRow;
  saveAlarm(row: AlarmRow): void;
  insertNotice(notice: NewNotice, now: Instant): void;
  saveNotice(row: NoticeRow): void;
  /** Forgets alarms that ended before a time, with their notices. Answers how many. */
  removeAlarms(before: Instant, limit: number): number;
}
