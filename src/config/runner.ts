// Runner: runner.cfg or runner.toml as the part of the configuration that it holds.
import { posix } from "node:path";
import { messageOf, nearest } from "../errors.ts";
import { isZone } from "../lib/cron/zone.ts";
import { durationToMs, parseDuration } from "../lib/go/duration.ts";
import type { LogLevel } from "../lib/ports.ts";
import { type Milliseconds, SECOND_MS } from "../time.ts";
import { type BlackoutConfig, blackoutsOf } from "./blackout.ts";
import { type ClusterConfig, clusterOf } from "./cluster.ts";
import { RUNNER_KEYS } from "./keys.ts";
import { levelOf, logFormatOf } from "./logging.ts";
import { type NotifyConfig, notifyOf } from "./notify.ts";
import {
  durationOf,
  noteMistake,
  noteWarning,
  type PlaceInFile,
  placeOf,
  type Resolver,
  settingOf,
  textOf,
  wholeOf,
} from "./resolve.ts";
import { type StoreConfig, storeOf } from "./results.ts";
import { PASSPHRASE_VARIABLE, Secret } from "./secret.ts";
import { isList } from "./settings.ts";

/** The variables that the configuration looks at; the caller passes them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where log lines go. */
export type LoggingConfig =
  | {
      readonly mode: "stdout";
      readonly level: LogLevel;
      /** No known mode is set; the log's first line says so, as in the original. */
      readonly isAssumed: boolean;
    }
  | {
      readonly mode: "file";
      readonly level: LogLevel;
      readonly file: string;
      /** The file is put aside once it has this many bytes. Null: never. */
      readonly maxFileSizeBytes: number | null;
    }
  | {
      readonly mode: "syslog";
      readonly level: LogLevel;
      /** Null for this machine's own daemon. */
      readonly host: string | null;
      readonly port: number | null;
      readonly protocol: SyslogProtocol;
      /** The socket of this machine's daemon. Null: /dev/log. */
      readonly file: string | null;
      readonly facility: string;
    };

/** Limits of the work with the API and plugins, and the passphrase: the section [client]. */
export interface ClientLimits {
  /** For the private key: of the file, else MIGPGPPASSPHRASE. Null: there is none. */
  readonly passphrase: Secret | null;
  /** Where it is set or should be, for messages. */
  readonly passphrasePlace: PlaceInFile;
  /** The file that it was read from; null when it is not in one of its own. */
  readonly passphraseFile: string | null;
  /** From an action's expiry to its collect. */
  readonly delayResultsMs: Milliseconds;
  /** Commands in one page of a collect. */
  readonly pageSize: number;
  /** An HTTP exchange that stands still this long is cut. */
  readonly timeoutMs: Milliseconds;
  readonly collectsMax: number;
  readonly dispatchesMax: number;
  readonly deliveriesMax: number;
  /** A plugin is ended after this time. */
  readonly pluginTimeoutMs: Milliseconds;
  /** From SIGTERM to SIGKILL. */
  readonly pluginGraceMs: Milliseconds;
}

/** Free keys of one `[plugin "NAME"]` section: a lone key is true, a repeated one a list. */
export type PluginSettings = Readonly<Record<string, string | readonly string[] | boolean>>;

/** What runner.cfg says. */
export interface RunnerConfig {
  /** The file that it was read from. */
  readonly path: string;
  /** The runner directory as written; a relative one is meant from the working directory. */
  readonly directory: string;
  readonly runnersDirectory: string;
  readonly pluginsDirectory: string;
  readonly journalPath: string;
  /** From one scan of the jobs to the next. */
  readonly checkDirectoryMs: Milliseconds;
  /** Zone of schedules that name none. Null: the zone of the host. */
  readonly timezone: string | null;
  readonly logging: LoggingConfig;
  /** The format of log lines. */
  readonly logFormat: "text" | "json";
  readonly client: ClientLimits;
  /** The file with the public keys of who may sign calendars; null when it is not set. */
  readonly calendarKeyring: string | null;
  /** How long the journal's rows and the results are kept, and how many. Null: for ever, all. */
  readonly retention: {
    readonly journalMs: Milliseconds | null;
    readonly runs: number | null;
    readonly resultsMs: Milliseconds | null;
  };
  readonly notify: NotifyConfig;
  /** Null: this host works alone. */
  readonly cluster: ClusterConfig | null;
  /** Where results are kept. Null: in the runner directory. */
  readonly store: StoreConfig | null;
  /** Times in which the fire times of jobs are held. */
  readonly blackouts: readonly BlackoutConfig[];
  /** The file that the metrics are written to; null: they are not. */
  readonly metricsFile: string | null;
  readonly pluginConfig: ReadonlyMap<string, PluginSettings>;
  /** Where the keys of those sections begin, such as "/etc/mig/runner.cfg:12". */
  readonly pluginPlaces: ReadonlyMap<string, string>;
  /** `[client] clientconfpath` as written: "default", a path, or null when it is not set. */
  readonly clientConfPath: string | null;
}

/** As Go's dial takes them; "local" is ours. */
type SyslogProtocol = "tcp" | "tcp4" | "tcp6" | "udp" | "udp4" | "udp6" | "local";

const PROTOCOLS: readonly SyslogProtocol[] = [
  "tcp",
  "udp",
  "local",
  "tcp4",
  "tcp6",
  "udp4",
  "udp6",
];

/** What a configuration depends on besides its file. */
export interface RunnerSurroundings {
  readonly environment: Environment;
  /** What relative paths are relative to, for messages. */
  readonly workingDirectory?: string;
}

/** The configuration that a read runner.cfg makes. Pure; mistakes are noted in the resolver. */
export function resolveRunner(
  resolver: Resolver,
  { environment, workingDirectory }: RunnerSurroundings,
): RunnerConfig {
  const directory = directoryOf(resolver, workingDirectory ?? "");
  return {
    path: resolver.file.path,
    directory,
    runnersDirectory: posix.join(directory, "runners"),
    pluginsDirectory: posix.join(directory, "plugins"),
    journalPath:
      textOf(resolver, ["journal", "path"]) ??
      posix.join(directory, RUNNER_KEYS.journal.path.default),
    checkDirectoryMs: checkDirectoryOf(resolver),
    timezone: timezoneOf(resolver),
    logging: loggingOf(resolver),
    logFormat: logFormatOf(resolver),
    client: clientLimitsOf(resolver, environment),
    calendarKeyring: textOf(resolver, ["calendar", "keyring"]),
    retention: {
      journalMs: keptOf(resolver, "journal"),
      runs: wholeOf(resolver, ["retention", "runs"], RUNNER_KEYS.retention.runs),
      resultsMs: keptOf(resolver, "results"),
    },
    notify: notifyOf(resolver),
    cluster: clusterOf(resolver),
    store: storeOf(resolver, environment),
    blackouts: blackoutsOf(resolver),
    metricsFile: metricsFileOf(resolver, directory),
    pluginConfig: pluginConfigOf(resolver),
    pluginPlaces: pluginPlacesOf(resolver),
    clientConfPath: textOf(resolver, ["client", "clientconfpath"]),
  };
}

function directoryOf(resolver: Resolver, workingDirectory: string): string {
  const directory = textOf(resolver, ["runner", "directory"]);
  const now =
    workingDirectory === "" ? "" : `, now ${posix.resolve(workingDirectory, directory ?? "")}`;
  if (directory === null) {
    const text = `[runner] directory is not set: the working directory is used${now}`;
    noteWarning(resolver, ["runner", "directory"], text);
  } else if (directory.startsWith("~")) {
    const text = `[runner] directory "${directory}" is taken literally: ~ has no meaning here`;
    noteWarning(resolver, ["runner", "directory"], text);
  } else if (!posix.isAbsolute(directory)) {
    const text = `[runner] directory "${directory}" is relative to where mig-runner is started${now}`;
    noteWarning(resolver, ["runner", "directory"], text);
  }
  return directory ?? RUNNER_KEYS.runner.directory.default;
}

/** A relative one is in the runner directory. node_exporter passes by what is not named *.prom. */
function metricsFileOf(resolver: Resolver, directory: string): string | null {
  const path = ["metrics", "textfile"] as const;
  const file = textOf(resolver, path);
  if (file === null) return null;
  if (!file.endsWith(".prom")) {
    const text = `[metrics] textfile "${file}" does not end in .prom: node_exporter does not read it`;
    noteWarning(resolver, path, text);
  }
  return posix.isAbsolute(file) ? file : posix.join(directory, file);
}

function checkDirectoryOf(resolver: Resolver): Milliseconds {
  const path = ["runner", "checkdirectory"] as const;
  const seconds = settingOf(resolver, path)?.value;
  const { default: fallback, max } = RUNNER_KEYS.runner.checkdirectory;
  if (typeof seconds !== "bigint" || seconds <= 0n) {
    const state = seconds === undefined ? "is not set" : `is ${seconds}`;
    noteWarning(resolver, path, `[runner] checkdirectory ${state}: ${fallback} seconds are used`);
    return fallback * SECOND_MS;
  }
  return Math.min(Number(seconds), max) * SECOND_MS;
}

function timezoneOf(resolver: Resolver): string | null {
  const path = ["runner", "timezone"] as const;
  const timezone = textOf(resolver, path);
  if (timezone === null || isZone(timezone)) return timezone;
  const message = `Cannot set [runner] timezone to "${timezone}": there is no such time zone`;
  noteMistake(resolver, path, { message, hint: "Use a name such as UTC or Europe/Berlin" });
  return null;
}

function loggingOf(resolver: Resolver): LoggingConfig {
  const level = levelOf(resolver);
  const mode = textOf(resolver, ["logging", "mode"]);
  if (mode === "file") return fileLoggingOf(resolver, level);
  if (mode === "syslog") return syslogOf(resolver, level);
  const isAssumed = mode !== "stdout";
  if (isAssumed && mode !== null) {
    const near = nearest(mode, ["stdout", "file", "syslog"]);
    const meant = near === null ? "" : ` (did you mean ${near}?)`;
    const text = `[logging] mode "${mode}" is none of stdout, file, syslog${meant}`;
    noteWarning(resolver, ["logging", "mode"], text);
  }
  return { mode: "stdout", level, isAssumed };
}

function fileLoggingOf(resolver: Resolver, level: LogLevel): LoggingConfig {
  const file = textOf(resolver, ["logging", "file"]);
  if (file === null) {
    noteMistake(resolver, ["logging", "mode"], {
      message: 'Cannot log to file "": open : no such file or directory',
      hint: "Set [logging] file",
      absence: true,
    });
  }
  const size = settingOf(resolver, ["logging", "maxfilesize"])?.value;
  const maxFileSizeBytes = typeof size === "bigint" && size > 0n ? Number(size) : null;
  return { mode: "file", level, file: file ?? "", maxFileSizeBytes };
}

function syslogOf(resolver: Resolver, level: LogLevel): LoggingConfig {
  const facility =
    textOf(resolver, ["logging", "facility"]) ?? RUNNER_KEYS.logging.facility.default;
  const text = textOf(resolver, ["logging", "protocol"]);
  const protocol = PROTOCOLS.find((known) => known === text) ?? null;
  if (protocol === "local") {
    const file = textOf(resolver, ["logging", "file"]);
    return { mode: "syslog", level, host: null, port: null, protocol, file, facility };
  }
  const host = textOf(resolver, ["logging", "host"]);
  if (host === null) noteMissing(resolver, "host");
  const written = settingOf(resolver, ["logging", "port"])?.value;
  const isSet = written !== undefined && written !== 0n;
  if (!isSet) noteMissing(resolver, "port");
  const rule = RUNNER_KEYS.logging.port;
  const port = isSet ? wholeOf(resolver, ["logging", "port"], rule) : rule.default;
  if (text === null) noteMissing(resolver, "protocol");
  else if (protocol === null) {
    const known = "tcp, udp or local is wanted";
    noteMistake(resolver, ["logging", "protocol"], {
      message: `Cannot log over "${text}": unknown network ${text}, ${known}`,
    });
  }
  const file = null;
  return { mode: "syslog", level, host, port, protocol: protocol ?? "udp", file, facility };
}

function noteMissing(resolver: Resolver, key: "host" | "port" | "protocol"): void {
  const local = key === "host" ? ', or protocol = "local" for the daemon of this machine' : "";
  noteMistake(resolver, ["logging", "mode"], {
    message: `Syslog ${key} is missing`,
    hint: `Set [logging] ${key}${local}`,
    absence: true,
  });
}

function clientLimitsOf(resolver: Resolver, environment: Environment): ClientLimits {
  const passphrase =
    textOf(resolver, ["client", "passphrase"]) ?? environment[PASSPHRASE_VARIABLE] ?? "";
  const { client } = RUNNER_KEYS;
  const whole = (key: "collects" | "dispatches" | "deliveries" | "pagesize"): number =>
    wholeOf(resolver, ["client", key], client[key]);
  const time = (key: "timeout" | "plugintimeout" | "plugingrace"): Milliseconds =>
    durationOf(resolver, ["client", key], client[key]);
  return {
    passphrase: passphrase === "" ? null : new Secret(passphrase),
    passphrasePlace: placeOf(resolver, passphraseKey(resolver)),
    passphraseFile: passphraseFileOf(resolver, environment),
    delayResultsMs: delayResultsOf(resolver),
    pageSize: whole("pagesize"),
    timeoutMs: time("timeout"),
    collectsMax: whole("collects"),
    dispatchesMax: whole("dispatches"),
    deliveriesMax: whole("deliveries"),
    pluginTimeoutMs: time("plugintimeout"),
    pluginGraceMs: time("plugingrace"),
  };
}

/** The key that names the file. */
export const PASSPHRASE_FILE = ["client", "passphrasefile"] as const;

/**
 * The file that holds the passphrase, where there is one. A name without a path is a credential of
 * the service manager. @see systemd.exec(5), LoadCredential=
 */
export function passphraseFileOf(resolver: Resolver, environment: Environment): string | null {
  const file = textOf(resolver, PASSPHRASE_FILE);
  if (file === null || textOf(resolver, ["client", "passphrase"]) !== null) return null;
  if (posix.isAbsolute(file)) return file;
  const folder = environment.CREDENTIALS_DIRECTORY ?? "";
  return folder === "" ? null : posix.join(folder, file);
}

function passphraseKey(resolver: Resolver): readonly ["client", string] {
  const isInFile = textOf(resolver, PASSPHRASE_FILE) !== null;
  return isInFile ? PASSPHRASE_FILE : ["client", "passphrase"];
}

/** The original logs a bad delay at each collect and goes on without one; so does this. */
function delayResultsOf(resolver: Resolver): Milliseconds {
  const path = ["client", "delayresults"] as const;
  const text = textOf(resolver, path);
  if (text === null) return RUNNER_KEYS.client.delayresults.default;
  const ignore = (why: string): Milliseconds => {
    noteWarning(resolver, path, `ignoring specified results delay: ${why}`);
    return RUNNER_KEYS.client.delayresults.default;
  };
  try {
    const ms = durationToMs(parseDuration(text));
    // Before an action has expired there is nothing to collect (I3).
    return ms < 0 ? ignore(`"${text}" is negative`) : ms;
  } catch (error) {
    return ignore(messageOf(error));
  }
}

/** A key of [retention]; at least a day, because younger rows show what was done already (I2). */
function keptOf(resolver: Resolver, key: "journal" | "results"): Milliseconds | null {
  return durationOf(resolver, ["retention", key], RUNNER_KEYS.retention[key]);
}

function pluginPlacesOf({ file }: Resolver): ReadonlyMap<string, string> {
  const sections = [...(file.subsections.get("plugin") ?? [])].filter(([, { size }]) => size > 0);
  return new Map(
    sections.map(([name, keys]) => {
      const line = Math.min(...[...keys.values()].map((setting) => setting.line));
      return [name, `${file.path}:${line}`] as const;
    }),
  );
}

function pluginConfigOf({ file }: Resolver): ReadonlyMap<string, PluginSettings> {
  const plugins = new Map<string, PluginSettings>();
  for (const [name, section] of file.subsections.get("plugin") ?? []) {
    const keys = [...section].flatMap(([key, { value }]) => {
      if (typeof value === "bigint") return [];
      return [[key, isList(value) ? [...value] : value] as const];
    });
    plugins.set(name, Object.fromEntries(keys));
  }
  return plugins;
}
