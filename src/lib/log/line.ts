// Line: how one log message looks on a terminal, in a file and on the wire.
//
//   2006/01/02 15:04:05 - - - [info] message                    stderr and files, local time
//   <30>2006-01-02T15:04:05Z host mig-runner[7]: - - - [info] message        syslog by network
//   <30>Jan  2 15:04:05 mig-runner[7]: - - - [info] message                  syslog by socket
//
// The three dashes stand where MIG's other programs print the ids of an operation.

import { shownLine, visibleJson } from "../../text.ts";
import { HOUR_MS, type Instant, MINUTE_MS, type Milliseconds } from "../../time.ts";
import { LOG_LEVELS, type LogLevel, type LogSubject } from "../ports.ts";

/** The facilities by their syslog names. @see RFC 5424, 6.2.1 */
const FACILITIES: ReadonlyMap<string, number> = new Map([
  ["kern", 0],
  ["user", 1],
  ["mail", 2],
  ["daemon", 3],
  ["auth", 4],
  ["syslog", 5],
  ["lpr", 6],
  ["news", 7],
  ["uucp", 8],
  ["cron", 9],
  ["authpriv", 10],
  ["ftp", 11],
  ...Array.from({ length: 8 }, (_, index) => [`local${index}`, 16 + index] as const),
]);

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** The most characters of a message; longer ones are cut. */
const MESSAGE_SIZE_MAX = 16 * 1024;

/** The tag that syslog files the runner's lines under. */
export const LOG_TAG = "mig-runner";

/** What a line says of its sender, and how far local time is ahead of UTC at an instant. */
export interface LineContext {
  readonly hostname: string;
  readonly pid: number;
  readonly facility: number;
  offsetMs(at: Instant): Milliseconds;
}

/** The number of a facility's name in any case, with or without "LOG_", or null. */
export function facilityNumber(name: string): number | null {
  return FACILITIES.get(name.toLowerCase().replace(/^log_/, "")) ?? null;
}

/** A syslog priority. @see RFC 5424, 6.2.1 */
export function priority(facility: number, level: LogLevel): number {
  return facility * 8 + LOG_LEVELS.indexOf(level);
}

/**
 * A line as the original writes it to stderr and to files. A message with several lines becomes one
 * line; in the original it would break the line.
 *
 * @see Go `log.Logger.Output`; test/golden/log/runner.log
 */
export function plainLine(message: string, at: Instant, offsetMs: Milliseconds): string {
  const time = new Date(at + offsetMs).toISOString();
  const day = time.slice(0, 10).replaceAll("-", "/");
  return `${day} ${time.slice(11, 19)} ${shownMessage(message)}\n`;
}

/**
 * A line as the original sends it to a syslog server.
 *
 * @see Go `log/syslog` `(*netConn).writeString`; test/golden/log/syslog.txt
 */
export function networkLine(
  message: string,
  at: { at: Instant; level: LogLevel } & LineContext,
): string {
  const offsetMs = at.offsetMs(at.at);
  const time = new Date(at.at + offsetMs).toISOString().slice(0, 19) + zone(offsetMs);
  const head = `<${priority(at.facility, at.level)}>${time} ${at.hostname}`;
  return `${head} ${LOG_TAG}[${at.pid}]: ${shownMessage(message.trimEnd())}\n`;
}

/**
 * A line for the syslog daemon of this machine.
 *
 * @returns Without a newline: a datagram is a message.
 * @see Go `log/syslog` `(*netConn).writeString` with `local`
 */
export function localLine(
  message: string,
  at: { at: Instant; level: LogLevel } & LineContext,
): string {
  const time = new Date(at.at + at.offsetMs(at.at));
  const day = `${MONTHS[time.getUTCMonth()]} ${String(time.getUTCDate()).padStart(2)}`;
  const head = `<${priority(at.facility, at.level)}>${day} ${time.toISOString().slice(11, 19)}`;
  return `${head} ${LOG_TAG}[${at.pid}]: ${shownMessage(message.trimEnd())}`;
}

/** A message as every line carries it: one line whatever is in it, for people (text.ts). */
export function shownMessage(message: string): string {
  return shownLine(message, MESSAGE_SIZE_MAX);
}

/** Characters of a message in JSON: whatever has to be escaped, the line is not cut. */
const JSON_MESSAGE_MAX = 7_000;

/** What one line says, as JSON on one line. */
export function jsonText(
  message: string,
  { at, level, subject }: { at: Instant; level: LogLevel; subject: LogSubject },
): string {
  const { job, run, action, step, plugin, alarm, hosts } = subject;
  const about = { job, run, action, step, plugin, alarm, hosts };
  const time = new Date(at).toISOString();
  const shown = shownLine(message, JSON_MESSAGE_MAX);
  return visibleJson(JSON.stringify({ time, level, ...about, message: shown }));
}

/** The zone as RFC 3339 writes it. */
function zone(offsetMs: Milliseconds): string {
  if (offsetMs === 0) return "Z";
  const size = Math.abs(offsetMs);
  const hours = String(Math.floor(size / HOUR_MS)).padStart(2, "0");
  const minutes = String(Math.floor((size % HOUR_MS) / MINUTE_MS)).padStart(2, "0");
  return `${offsetMs < 0 ? "-" : "+"}${hours}:${minutes}`;
}
