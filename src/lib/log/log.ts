// Log: where the runner's messages go, chosen once at start.
//
// The three modes, their keys and their lines are the original's. New: facility is honoured, a
// syslog message has the severity of its level, and protocol "local" is this machine's syslog
// daemon. Once open, a log never fails its caller: lines wait in bounds and losses are counted.
import { hostname } from "node:os";
import { RunnerError } from "../../errors.ts";
import { type Instant, MINUTE_MS, type Milliseconds, SECOND_MS } from "../../time.ts";
import { zoneOffsetSeconds } from "../cron/zone.ts";
import { errnoCode, errnoHint, errnoText } from "../os/errno.ts";
import { type Clock, LOG_LEVELS, type Log, type LogLevel, type LogSubject } from "../ports.ts";
import {
  connectTcp,
  openLocal,
  openStderr,
  openUdp,
  type ServerAddress,
  SYSLOG_SOCKET,
  spawnLogger,
  tryStderr,
} from "./carriers.ts";
import { openFile } from "./file.ts";
import {
  facilityNumber,
  jsonText,
  localLine,
  networkLine,
  plainLine,
  priority,
  shownMessage,
} from "./line.ts";
import { CARRIER_MS_MAX, type Carrier, LineQueue } from "./queue.ts";

/** The section [logging]. Null stands for a key that is not set, and so does an empty text. */
export interface LogConfig {
  /** "stdout" (which is standard error, as in the original), "file" or "syslog". */
  readonly mode: string | null;
  /** The least severe level to log. Null logs nothing, as in the original. */
  readonly level: LogLevel | null;
  readonly file: string | null;
  readonly host: string | null;
  readonly port: number | null;
  /**
   * "tcp" or "udp", with "4" or "6" behind it or not; "local" or "unix" for the socket of this
   * machine's daemon, which is `file` or else /dev/log.
   */
  readonly protocol: string | null;
  /** Default "daemon", which the original always uses. */
  readonly facility: string | null;
  /** A file of this size or more is moved to FILE.1. Null and 0 for never. */
  readonly maxFileSizeBytes: number | null;
  /** What stands in a line: the original's text, or JSON. @default "text" */
  readonly format?: "text" | "json";
}

/** What a log asks of the machine it runs on. */
export interface LogContext {
  readonly clock: Clock;
  readonly hostname: string;
  readonly pid: number;
  /** How far local time is ahead of UTC. */
  offsetMs(at: Instant): Milliseconds;
}

/** A log that has to be closed, so that its last lines are not lost. */
export interface OpenLog extends Log {
  /** Opens the log file again, after somebody moved it, or the way to the syslog server. */
  reopen(): void;
  /** From now on only lines as severe as this or more are written. Null: none. */
  setLevel(level: LogLevel | null): void;
  /** Waits a moment for lines that are still under way; what is left is told on standard error. */
  close(): Promise<void>;
}

/** Makes the line of a message, and of one without level and dashes when `level` is null. */
type LineMaker = (level: LogLevel | null, message: string, subject?: LogSubject) => string;

/** An opened mode: its lines, its first carrier and how to get the next ones. */
interface Way {
  /** Where the lines go, as its failures are told. */
  readonly place: string;
  readonly line: LineMaker;
  readonly carrier: Carrier;
  connect(signal: AbortSignal): Promise<Carrier>;
}

/** This machine, for `openLog`. */
export function systemLogContext(clock: Clock): LogContext {
  return { clock, hostname: hostname(), pid: process.pid, offsetMs: quarterly(localOffsetMs) };
}

function localOffsetMs(at: Instant): Milliseconds {
  return zoneOffsetSeconds(null, at) * SECOND_MS;
}

/** Asks once for the lines of a quarter of an hour: no zone changes within one. */
function quarterly(offsetMs: (at: Instant) => Milliseconds): (at: Instant) => Milliseconds {
  let [last, known] = [Number.NaN, 0];
  return (at) => {
    const quarter = Math.floor(at / (15 * MINUTE_MS));
    if (quarter !== last) [last, known] = [quarter, offsetMs(at)];
    return known;
  };
}

/**
 * Opens the log.
 *
 * An unknown mode is stderr, and the first line says so, as in the original. An unknown facility
 * is "daemon", with a warning: the original ignores the key.
 *
 * @throws {RunnerError} CONFIG, when the file, the server or the socket cannot be reached now.
 */
export async function openLog(config: LogConfig, context: LogContext): Promise<OpenLog> {
  const facility = facilityNumber(config.facility || "daemon");
  const lines = { ...context, facility: facility ?? 3, isJson: config.format === "json" };
  const way = await openWay(config, lines);
  // To standard error itself, what cannot be written there cannot be told either.
  const isElsewhere = config.mode === "file" || config.mode === "syslog";
  const queue = new LineQueue(way.carrier, {
    clock: context.clock,
    connect: way.connect,
    onFailure: (error) => {
      if (isElsewhere) complain(`${way.place}: ${errnoText(error)}`, context);
    },
    lossLine: (lost, doubtful) => way.line("warning", lossText(lost, doubtful)),
    onLeft(count) {
      const what = `${plural(count, "line")} had not gone out at the end, and are lost`;
      if (isElsewhere) complain(`${way.place}: ${what}`, context);
    },
  });
  const limitOf = (level: LogLevel | null): number =>
    level === null ? -1 : LOG_LEVELS.indexOf(level);
  let limit = limitOf(config.level);
  const log: OpenLog = {
    emit(level, message, subject) {
      if (LOG_LEVELS.indexOf(level) <= limit) queue.write(way.line(level, message, subject));
    },
    reopen() {
      if (isElsewhere) queue.reopen();
    },
    setLevel(level) {
      limit = limitOf(level);
    },
    close: () => queue.close(),
  };
  if (config.mode !== "stdout" && config.mode !== "file" && config.mode !== "syslog") {
    queue.write(way.line(null, "Logging mode is missing. Assuming stdout."));
  }
  if (facility === null) {
    log.emit("warning", `logging facility "${config.facility}" is unknown, using "daemon"`);
  }
  return log;
}

function lossText(lost: number, doubtful: number): string {
  const sure = lost === 0 ? [] : [`${plural(lost, "log line")} could not be kept, and are lost`];
  const maybe = `up to ${plural(doubtful, "log line")} sent before the last failure may be lost`;
  return [...sure, ...(doubtful === 0 ? [] : [maybe])].join("; ");
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

type Lines = LogContext & { readonly facility: number; readonly isJson: boolean };

function openWay(config: LogConfig, lines: Lines): Promise<Way> {
  switch (config.mode) {
    case "file":
      return fileWay(config, lines);
    case "syslog":
      return isLocal(config) ? localWay(config, lines) : networkWay(config, lines);
    default:
      return stderrWay(lines);
  }
}

async function stderrWay(lines: Lines): Promise<Way> {
  const connect = async (): Promise<Carrier> => openStderr(lines.clock);
  return { place: "standard error", line: plain(lines), carrier: await connect(), connect };
}

async function fileWay(config: LogConfig, lines: Lines): Promise<Way> {
  const path = config.file ?? "";
  const bytesMax = config.maxFileSizeBytes || null;
  const onStuck = (error: unknown): void => complain(`${path}: ${errnoText(error)}`, lines);
  const connect = async (): Promise<Carrier> => openFile(path, { bytesMax, onStuck });
  try {
    return { place: path, line: plain(lines), carrier: await connect(), connect };
  } catch (error) {
    const hint = path === "" ? "Set file in [logging]" : errnoHint(error);
    throw new RunnerError(
      "CONFIG",
      `Cannot log to file "${path}": open ${path}: ${errnoText(error)}`,
      hint === null ? { path } : { path, hint },
      { cause: error },
    );
  }
}

async function networkWay(config: LogConfig, lines: Lines): Promise<Way> {
  const { host, port, protocol } = config;
  if (!host) throw missing("host");
  if (!port || port < 0) throw missing("port");
  if (!protocol) throw missing("protocol");
  const [, name, digit] = /^(tcp|udp)([46]?)$/.exec(protocol) ?? [];
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (name === undefined) {
    throw new RunnerError(
      "CONFIG",
      `Cannot log to syslog "${address}": dial ${protocol}: unknown network ${protocol}`,
      { hint: 'Set protocol in [logging] to "udp", "tcp" or "local"' },
    );
  }
  const family = digit === "4" ? 4 : digit === "6" ? 6 : 0;
  const server: ServerAddress = { host, port, family };
  const { clock } = lines;
  const connect = (signal?: AbortSignal): Promise<Carrier> => {
    if (name === "udp") return openUdp(server, { clock });
    return connectTcp(server, signal === undefined ? { clock } : { clock, signal });
  };
  try {
    const carrier = await firstInTime(clock, connect);
    return { place: `syslog ${address}`, line: forNetwork(lines), carrier, connect };
  } catch (error) {
    throw new RunnerError(
      "CONFIG",
      `Cannot log to syslog "${address}": ${dialText(error, protocol, { host, address })}`,
      { hint: "Start the syslog server first, or use protocol udp, which needs no answer" },
      { cause: error },
    );
  }
}

/** The first carrier: a server that says nothing keeps nobody from starting. */
async function firstInTime(
  clock: Clock,
  connect: (signal: AbortSignal) => Promise<Carrier>,
): Promise<Carrier> {
  const [opening, ended] = [new AbortController(), new AbortController()];
  void clock.sleep(CARRIER_MS_MAX, ended.signal).then(() => opening.abort());
  try {
    return await connect(opening.signal);
  } catch (error) {
    const late = Object.assign(new Error("i/o timeout"), { code: "ETIMEDOUT" });
    throw opening.signal.aborted ? late : error;
  } finally {
    ended.abort();
  }
}

async function localWay(config: LogConfig, lines: Lines): Promise<Way> {
  const path = config.file || SYSLOG_SOCKET;
  try {
    const carrier = await openLocal(path, lines.clock);
    if (carrier !== null) {
      const connect = async (): Promise<Carrier> => {
        const next = await openLocal(path, lines.clock);
        if (next === null) throw new Error("no socket can be made");
        return next;
      };
      return { place: `syslog ${path}`, line: forSocket(lines), carrier, connect };
    }
    const connect = (): Promise<Carrier> => spawnLogger(path, lines.pid);
    const place = `syslog ${path}`;
    return { place, line: forLogger(lines), carrier: await connect(), connect };
  } catch (error) {
    throw new RunnerError(
      "CONFIG",
      `Cannot log to syslog "${path}": dial unixgram ${path}: ${errnoText(error)}`,
      { path, hint: "Start the syslog daemon first, or log to stdout" },
      { cause: error },
    );
  }
}

/** No server is named, and the protocol or the file says that none is meant. */
function isLocal({ host, protocol, file }: LogConfig): boolean {
  return !host && (/^(local|unix)$/.test(protocol ?? "") || file === SYSLOG_SOCKET);
}

/** @see mig `logging_posix.go` `initSyslog`, whose words the message ends in */
function missing(key: string): RunnerError {
  return new RunnerError("CONFIG", `Cannot log to syslog: Syslog ${key} is missing`, {
    hint: 'Set host, port and protocol in [logging], or protocol = "local" for /dev/log',
  });
}

/** @see Go `net.OpError.Error` */
function dialText(
  error: unknown,
  protocol: string,
  { host, address }: { host: string; address: string },
): string {
  const code = errnoCode(error);
  if (code === "ENOTFOUND" || code?.startsWith("EAI_")) {
    return `dial ${protocol}: lookup ${host}: no such host`;
  }
  return `dial ${protocol} ${address}: connect: ${errnoText(error)}`;
}

/** The message as every line of text carries it. */
function bracketed(level: LogLevel | null, message: string): string {
  return level === null ? message : `- - - [${level}] ${message}`;
}

interface Said {
  readonly at: Instant;
  readonly level: LogLevel;
  readonly text: string;
}

/** What is said: in the original's form, or in JSON. */
function said(lines: Lines, ...[level, message, subject = {}]: Parameters<LineMaker>): Said {
  const at = lines.clock.now();
  const known = level ?? "warning";
  const text = lines.isJson
    ? jsonText(message, { at, level: known, subject })
    : bracketed(level, message);
  return { at, level: known, text };
}

/** A line of JSON says when; one of text needs its date before it. */
function plain(lines: Lines): LineMaker {
  return (...order) => {
    const { at, text } = said(lines, ...order);
    return lines.isJson ? `${text}\n` : plainLine(text, at, lines.offsetMs(at));
  };
}

function forNetwork(lines: Lines): LineMaker {
  return (...order) => {
    const { text, ...when } = said(lines, ...order);
    return networkLine(text, { ...lines, ...when });
  };
}

function forSocket(lines: Lines): LineMaker {
  return (...order) => {
    const { text, ...when } = said(lines, ...order);
    return localLine(text, { ...lines, ...when });
  };
}

function forLogger(lines: Lines): LineMaker {
  return (...order) => {
    const { level, text } = said(lines, ...order);
    return `<${priority(lines.facility, level)}>${shownMessage(text.trimEnd())}`;
  };
}

/** Says on stderr that the log itself fails: it is the only place left. */
function complain(text: string, { clock, offsetMs }: LogContext): void {
  const at = clock.now();
  tryStderr(plainLine(bracketed("err", `log: ${text}`), at, offsetMs(at)));
}
