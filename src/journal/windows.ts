// Windows: installed calendars as rows of the journal: the calendar of each job, and which of its
// windows were used.
import { type Calendar, hashOf } from "../calendar/file.ts";
import type { Instant } from "../time.ts";

/** The states of an installed calendar. Only one of a job is `installed`. */
export const CALENDAR_STATES = ["installed", "replaced", "withdrawn"] as const;

export type CalendarState = (typeof CALENDAR_STATES)[number];

/** One calendar that was installed. Its windows are kept while it is. */
export interface CalendarRow {
  readonly id: number;
  readonly job: string;
  /** (job, sequence) is unique: no number is installed twice. */
  readonly sequence: number;
  /** Of its content: see calendar/file.ts. */
  readonly hash: string;
  readonly state: CalendarState;
  /** The action as it is posted, without times and signatures. */
  readonly action: string;
  readonly template: string;
  readonly minSigners: number;
  /** Fingerprints of those who signed. */
  readonly signers: readonly string[];
  readonly requestedAt: Instant;
  readonly installedAt: Instant;
  /** When it was replaced or withdrawn. */
  readonly endedAt: Instant | null;
}

/** One fire time of an installed calendar. */
export interface WindowRow {
  readonly id: number;
  readonly calendarId: number;
  readonly firesAt: Instant;
  readonly validFrom: Instant;
  readonly expireAfter: Instant;
  readonly signatures: readonly string[];
  /** The run that has used it; null: none yet. */
  readonly runId: number | null;
}

/** A calendar that is to be written. */
export type NewCalendar = Omit<CalendarRow, "id" | "state" | "installedAt" | "endedAt"> & {
  readonly windows: readonly Omit<WindowRow, "id" | "calendarId" | "runId">[];
};

/** What is written of a calendar when it is installed. */
export function newCalendar(calendar: Calendar): NewCalendar {
  const { job, sequence, action, template, minSigners, requestedAt, windows } = calendar;
  const signers = calendar.signers.map(({ fingerprint }) => fingerprint);
  const hash = hashOf(calendar);
  return { job, sequence, hash, action, template, minSigners, requestedAt, windows, signers };
}

/** How far the windows of a calendar reach. */
export interface Coverage {
  /** Windows whose fire times are still to come. */
  readonly left: number;
  /** All that it was installed with. */
  readonly all: number;
  readonly nextAt: Instant | null;
  readonly lastAt: Instant | null;
}

/** The journal's reads of calendars. */
export interface CalendarReads {
  /** The calendar that holds for a job now. */
  calendar(job: string): CalendarRow | null;
  /** The one with the highest number that was ever installed. */
  newestCalendar(job: string): CalendarRow | null;
  /** The installed calendars, by the names of their jobs. */
  calendars(limit: number): readonly CalendarRow[];
  window(calendarId: number, firesAt: Instant): WindowRow | null;
  /** The windows whose fire times come after a time, the first first. */
  windows(calendarId: number, after: Instant, limit: number): readonly WindowRow[];
  /** The window that a run has used. */
  windowOfRun(runId: number): WindowRow | null;
  /** The calendar of a window, whatever has become of it. */
  calendarById(id: number): CalendarRow | null;
  coverage(calendarId: number, now: Instant): Coverage;
}

/** The journal's writes of calendars. */
export interface CalendarWrites {
  /** Null when this number is there already. The one before is replaced. */
  insertCalendar(calendar: NewCalendar, now: Instant): CalendarRow | null;
  /** Withdraws a calendar: the job has no actions signed ahead any more. */
  withdrawCalendar(id: number, now: Instant): void;
  /** False when the window was used by another run. */
  useWindow(id: number, runId: number): boolean;
}
