// File: a calendar as it travels: one JSON text, with one form only.
//
//   bytes ─▶ size ─▶ JSON ─▶ shape ─▶ the same bytes again? ─▶ Calendar
//
// Owns:     the format, its version, its bounds, and what is hashed and signed of it.
// Not here: whether signatures hold (judge.ts), whether a host may take it (fit.ts).
//
// Invariants:
//   K1. A calendar has one text. Whatever is written otherwise was changed on its way, so one
//       byte that differs is a refusal, wherever it stands.
//   K2. A manifest signature covers everything but the signatures of other signers: windows cannot
//       be added, taken away, reordered, or moved to another job, calendar or signer.
import * as v from "valibot";
import { nameFault } from "../jobs/name.ts";
import { createHash } from "../lib/late.ts";
import { visible } from "../text.ts";
import { DAY_MS, type Instant, type Milliseconds, SECOND_MS } from "../time.ts";

/** What the first member of every calendar says. */
const FORMAT = "mig-runner calendar";

/** The format that this program writes, and the only one that it reads. */
export const VERSION = 1;

/** Bytes of a calendar; a larger file is refused before it is read. */
export const CALENDAR_SIZE_MAX = 64 * 1024 * 1024;

/** Windows in one calendar. */
export const WINDOWS_MAX = 20_000;

/** The longest time for which actions are signed ahead. */
export const AHEAD_MAX_MS: Milliseconds = 90 * DAY_MS;

/** MIG's queue takes the life of an action as 32-bit milliseconds; longer ones are not delivered. */
const LIFE_MAX_MS: Milliseconds = 2 ** 32 - 1;

/** Characters of a schedule, and of a zone. */
const SCHEDULE_SIZE_MAX = 4_096;

/** Characters of the JSON of all signatures of one action: the API's database has no more room. */
const SIGNATURES_SIZE_MAX = 4_096;

/** A job may fire this much later than its fire time: its spread. */
const SPREAD_MAX_MS: Milliseconds = 7 * DAY_MS;

/** People whose signatures one window may carry; no more than ten fit. */
const SIGNERS_MAX = 10;

/** One fire time, and the life of the action that was signed for it. All in whole seconds. */
export interface Window {
  readonly firesAt: Instant;
  /** Agents refuse the action before this. */
  readonly validFrom: Instant;
  /** And after this. */
  readonly expireAfter: Instant;
  /** One a signer, in the order of the signers; shorter while the last of them is at work. */
  readonly signatures: readonly string[];
}

/** A person who has signed, or is signing. */
export interface CalendarSigner {
  /** Of the primary key: 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  /** The signature over the whole; null until every window is signed. */
  readonly manifest: string | null;
}

/** Actions of one job signed ahead, one window a fire time. */
export interface Calendar {
  readonly job: string;
  /** 1 for the first calendar of a job, one more for each that replaces it. */
  readonly sequence: number;
  /** Hash of the calendar before; null for the first. */
  readonly previous: string | null;
  /** Head of the host's audit log when this was requested; null where there is none. */
  readonly audit: string | null;
  readonly requestedAt: Instant;
  /** For people: when the job fires. */
  readonly schedule: string;
  /** The zone of the schedule, for people. */
  readonly timezone: string;
  /** Agents that the last run matched, as far as the request knows. */
  readonly agents: number | null;
  /** Signers that the job asks for. */
  readonly minSigners: number;
  /** Hash of the action as its template has it: see action.ts. */
  readonly template: string;
  /** The action as it is posted, compressed, without times and signatures. */
  readonly action: string;
  readonly windows: readonly Window[];
  readonly signers: readonly CalendarSigner[];
}

/** Why a calendar is refused. Its message is a state (`it is …`), for the caller to complete. */
export class CalendarProblem extends Error {
  override readonly name = "CalendarProblem";
  /** How to mend it, in one sentence without a period. */
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "a SHA-256 in 64 hexadecimal digits"));

const instant = v.pipe(
  v.string(),
  v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, "a time such as 2026-01-02T03:04:05Z"),
  v.transform((text) => Date.parse(text)),
  v.number("a time that there is"),
);

function whole(least: number, most: number) {
  const what = `a whole number from ${least} to ${most}`;
  return v.pipe(v.number(what), v.integer(what), v.minValue(least, what), v.maxValue(most, what));
}

const line = v.pipe(v.string(), v.maxLength(SIGNATURES_SIZE_MAX, "a signature in one line"));

const WINDOW = v.strictObject({
  firesAt: instant,
  validFrom: instant,
  expireAfter: instant,
  signatures: v.array(line),
});

const SIGNER = v.strictObject({
  fingerprint: v.pipe(v.string(), v.regex(/^[0-9A-F]{40}$/, "40 upper-case hexadecimal digits")),
  manifest: v.nullable(line),
});

const JOB = "a name that a job can have";

const CALENDAR = v.strictObject({
  format: v.literal(FORMAT),
  version: v.literal(VERSION),
  job: v.pipe(
    v.string(),
    v.minLength(1, JOB),
    v.check((name) => nameFault(name) === null, JOB),
  ),
  sequence: whole(1, 1_000_000_000),
  previous: v.nullable(hash),
  audit: v.nullable(hash),
  requestedAt: instant,
  schedule: v.pipe(v.string(), v.maxLength(SCHEDULE_SIZE_MAX, "a schedule that can be read")),
  timezone: v.pipe(v.string(), v.maxLength(SCHEDULE_SIZE_MAX, "the name of a zone")),
  agents: v.nullable(whole(0, Number.MAX_SAFE_INTEGER)),
  minSigners: whole(1, SIGNERS_MAX),
  template: hash,
  action: v.string(),
  windows: v.array(WINDOW),
  signers: v.array(SIGNER),
});

/**
 * The calendar that a file holds.
 *
 * @throws {CalendarProblem} When it is too large, cut, of another version, not understood whole, or
 * not written as this program writes it (K1).
 */
export function decodeCalendar(bytes: Uint8Array): Calendar {
  if (bytes.length > CALENDAR_SIZE_MAX) throw tooLarge(bytes.length);
  if (bytes.length === 0) throw new CalendarProblem("the file is empty", AGAIN);
  const text = textOf(bytes);
  const value = jsonOf(text);
  const { format, version } = (value ?? {}) as { readonly format?: unknown; version?: unknown };
  if (format !== FORMAT) throw new CalendarProblem("it is no calendar of mig-runner", REQUEST);
  if (version !== VERSION) {
    const theirs = visible(JSON.stringify(version) ?? "none").slice(0, 40);
    const message = `its format is version ${theirs}, this mig-runner knows ${VERSION}`;
    throw new CalendarProblem(message, "use the mig-runner that made it, or a newer one");
  }
  const read = v.safeParse(CALENDAR, value, { abortEarly: true });
  if (!read.success) throw notUnderstood(read.issues[0]);
  const { format: _, version: __, ...calendar } = read.output;
  assertSound(calendar);
  const written = encodeCalendar(calendar);
  if (written !== text) throw changed(text, written);
  return calendar;
}

function tooLarge(size: number): CalendarProblem {
  const message = `it is too large: ${size} bytes, at most ${CALENDAR_SIZE_MAX} are read`;
  return new CalendarProblem(message, "sign fewer windows at a time");
}

const AGAIN = "copy the file again from where it was made";
const REQUEST = "make one with mig-runner calendar request JOB";

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CalendarProblem("it was changed: it is no UTF-8", AGAIN);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const isCut = text.startsWith("{") && !text.endsWith("\n]}\n");
    const state = isCut ? "it is cut: its end is missing" : "it was changed: it is no JSON";
    throw new CalendarProblem(state, AGAIN);
  }
}

function notUnderstood(issue: v.BaseIssue<unknown>): CalendarProblem {
  const keys = (issue.path ?? []).map(({ key }) => key);
  const place = keys.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`));
  const name = visible(place.join("").replace(/^\./, "")).slice(0, 80);
  const isStranger = issue.type === "strict_object" && issue.expected === "never";
  const state = isStranger
    ? "is a member that this mig-runner does not know"
    : `must be ${want(issue)}`;
  return new CalendarProblem(`it is not understood: ${name} ${state}`, AGAIN);
}

/** What a member should be: our own words where the schema has some, else its type. */
function want({ message, expected }: v.BaseIssue<unknown>): string {
  return message.startsWith("Invalid ") ? (expected ?? "there") : message;
}

function changed(text: string, written: string): CalendarProblem {
  let at = 0;
  while (at < written.length && text[at] === written[at]) at++;
  const line = text.slice(0, at).split("\n").length;
  const message = `it was changed: line ${line} is not as mig-runner writes it`;
  return new CalendarProblem(message, AGAIN);
}

/**
 * What the schema cannot say: how many, in which order, and how each window lies.
 *
 * @throws {CalendarProblem}
 */
export function assertSound({ windows, signers, requestedAt }: Calendar): void {
  if (windows.length === 0) throw new CalendarProblem("it has no window", REQUEST);
  if (windows.length > WINDOWS_MAX) {
    const message = `it is too large: ${windows.length} windows, at most ${WINDOWS_MAX} are signed`;
    throw new CalendarProblem(message, "sign fewer windows at a time");
  }
  if (signers.length > SIGNERS_MAX) {
    const message = `it has ${signers.length} signers, at most ${SIGNERS_MAX} have room`;
    throw new CalendarProblem(message, "let fewer people sign");
  }
  let before: Window | null = null;
  for (const [index, window] of windows.entries()) {
    assertWindow(window, before, `window ${index + 1}`);
    before = window;
  }
  assertNotTooFar(windows, requestedAt, "it was requested");
  for (const [index, { fingerprint, manifest }] of signers.entries()) {
    if (signers.slice(0, index).some((other) => other.fingerprint === fingerprint)) {
      throw new CalendarProblem(`it is signed twice by the key ${fingerprint}`, OTHER_SIGNER);
    }
    assertSigned({ windows, index, isLast: index === signers.length - 1, manifest });
  }
  const extra = windows.findIndex(({ signatures }) => signatures.length > signers.length);
  if (extra === -1) return;
  throw new CalendarProblem(`window ${extra + 1} has a signature of no signer`, AGAIN);
}

const OTHER_SIGNER = "MIG refuses two signatures of one key: let another person sign";

/** Only the last signer may still be signing, and signs from the first window on. */
function assertSigned(by: {
  readonly windows: readonly Window[];
  readonly index: number;
  readonly isLast: boolean;
  readonly manifest: string | null;
}): void {
  const { windows, index, isLast, manifest } = by;
  const unsigned = windows.findIndex(({ signatures }) => signatures.length <= index);
  if (manifest !== null && unsigned === -1) return;
  const isBegun = manifest === null && isLast;
  const after = isBegun && unsigned !== -1 ? windows.slice(unsigned) : [];
  if (isBegun && after.every(({ signatures }) => signatures.length <= index)) return;
  const what = unsigned === -1 ? "the whole" : `window ${unsigned + 1}`;
  throw new CalendarProblem(`the signature of signer ${index + 1} over ${what} is missing`, AGAIN);
}

function assertWindow(window: Window, before: Window | null, name: string): void {
  const { firesAt, validFrom, expireAfter, signatures } = window;
  const isLate = validFrom - firesAt > SPREAD_MAX_MS;
  if (isLate || expireAfter <= Math.max(firesAt, validFrom)) {
    const message = `${name} is not valid at its fire time ${timeText(firesAt)}`;
    throw new CalendarProblem(message, REQUEST);
  }
  if (expireAfter - validFrom > LIFE_MAX_MS) {
    const days = Math.floor(LIFE_MAX_MS / DAY_MS);
    const message = `${name} is valid for more than ${days} days, and MIG delivers no such action`;
    throw new CalendarProblem(message, "shorten expiry or --lead, and request it again");
  }
  const size = JSON.stringify(signatures).length;
  if (size > SIGNATURES_SIZE_MAX) {
    const message = `${name} has ${size} characters of signatures, the API has room for ${SIGNATURES_SIZE_MAX}`;
    throw new CalendarProblem(message, "let fewer people sign, or with shorter keys");
  }
  if (before === null) return;
  if (firesAt <= before.firesAt) {
    const message = `${name} at ${timeText(firesAt)} is not later than the one before it`;
    throw new CalendarProblem(message, REQUEST);
  }
  if (validFrom < before.expireAfter) {
    const times = `it is valid from ${timeText(validFrom)}, that one until ${timeText(before.expireAfter)}`;
    const message = `${name} overlaps the one before it: ${times}`;
    throw new CalendarProblem(message, "shorten expiry or --lead, and request it again");
  }
}

/**
 * @param since What happened at `from`, such as "it was requested".
 * @throws {CalendarProblem} When a window lies more than 90 days after.
 */
export function assertNotTooFar(windows: readonly Window[], from: Instant, since: string): void {
  const last = windows.at(-1);
  if (last === undefined || last.firesAt - from <= AHEAD_MAX_MS) return;
  const days = AHEAD_MAX_MS / DAY_MS;
  const message = `its last window, ${timeText(last.firesAt)}, is more than ${days} days after ${since}`;
  throw new CalendarProblem(message, `request at most ${days} days`);
}

/** A moment of a calendar as its file has it: in whole seconds, in UTC. */
export function timeText(at: Instant): string {
  return `${new Date(Math.floor(at / SECOND_MS) * SECOND_MS).toISOString().slice(0, 19)}Z`;
}

function windowText({ firesAt, validFrom, expireAfter }: Window): string {
  const times = { firesAt, validFrom, expireAfter };
  const members = Object.entries(times).map(([name, at]) => `"${name}":"${timeText(at)}"`);
  return members.join(",");
}

/** All but signers and signatures, which is what does not change any more once it is requested. */
function headText(calendar: Calendar): string {
  const { job, sequence, previous, audit, requestedAt, schedule, timezone } = calendar;
  const { agents, minSigners, template, action } = calendar;
  const members = {
    format: FORMAT,
    version: VERSION,
    job,
    sequence,
    previous,
    audit,
    requestedAt: timeText(requestedAt),
    schedule,
    timezone,
    agents,
    minSigners,
    template,
    action,
  };
  return Object.entries(members)
    .map(([name, value]) => `"${name}":${JSON.stringify(value)}`)
    .join(",\n");
}

/** The one text of a calendar (K1): a line a member, a line a window, a line a signer. */
export function encodeCalendar(calendar: Calendar): string {
  const windows = calendar.windows.map(
    (window) => `{${windowText(window)},"signatures":${JSON.stringify(window.signatures)}}`,
  );
  const signers = calendar.signers.map(({ fingerprint, manifest }) =>
    JSON.stringify({ fingerprint, manifest }),
  );
  const listed = [`"windows":${listText(windows)}`, `"signers":${listText(signers)}`];
  return `{${headText(calendar)},\n${listed.join(",\n")}}\n`;
}

function listText(lines: readonly string[]): string {
  return lines.length === 0 ? "[\n]" : `[\n${lines.join(",\n")}\n]`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The name of a calendar's content: the same before and after it is signed. */
export function hashOf(calendar: Calendar): string {
  return sha256(`${headText(calendar)}\n${calendar.windows.map(windowText).join("\n")}\n`);
}

/**
 * What the manifest signature of one signer covers (K2). No action and no token of the API begins
 * like this, so it can be used for neither.
 */
export function manifestText(calendar: Calendar, index: number): string {
  const signatures = calendar.windows.map((window) => window.signatures[index] ?? "");
  return [
    `${FORMAT} ${VERSION}`,
    `content ${hashOf(calendar)}`,
    `signer ${calendar.signers[index]?.fingerprint ?? ""}`,
    `signatures ${sha256(signatures.join("\n"))}`,
    "",
  ].join("\n");
}
