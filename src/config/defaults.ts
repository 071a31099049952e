// Defaults: what holds when a key is not set, in one table.

/** One key's default. */
export interface Default {
  readonly key: string;
  readonly unit: "s" | "ms" | "commands" | "at once" | "path" | "text";
  readonly value: number | string;
  /** What the original does instead, or does too. */
  readonly source: string;
}

/** Every default of the configuration. The limits of each key are where it is read. */
export const DEFAULTS = {
  configPath: {
    key: "-c",
    unit: "path",
    value: "/etc/mig/runner.cfg",
    source: "the same: main.go, flag c",
  },
  directory: {
    key: "[runner] directory",
    unit: "path",
    value: ".",
    source: "the same: path.Join of an empty directory",
  },
  checkDirectory: {
    key: "[runner] checkdirectory",
    unit: "s",
    value: 60,
    source: "none: the original scans without a pause",
  },
  journal: {
    key: "[journal] path, under [runner] directory",
    unit: "path",
    value: "journal.db",
    source: "ours: the original keeps no journal",
  },
  logMode: {
    key: "[logging] mode",
    unit: "text",
    value: "stdout",
    source: "the same: logging.go InitLogger",
  },
  logLevel: {
    key: "[logging] level",
    unit: "text",
    value: "info",
    source: "none: the original then logs nothing",
  },
  facility: {
    key: "[logging] facility",
    unit: "text",
    value: "daemon",
    source: "the original sends daemon whatever is set",
  },
  delayResults: {
    key: "[client] delayresults",
    unit: "ms",
    value: 0,
    source: "the same: results.go",
  },
  pageSize: {
    key: "[client] pagesize",
    unit: "commands",
    value: 1_000,
    source: "the original asks for 37 commands a page",
  },
  timeout: {
    key: "[client] timeout",
    unit: "ms",
    value: 60_000,
    source: "ours: the original waits for ever",
  },
  collects: {
    key: "[client] collects",
    unit: "at once",
    value: 16,
    source: "ours: the original collects one at a time",
  },
  dispatches: {
    key: "[client] dispatches",
    unit: "at once",
    value: 8,
    source: "ours: the original dispatches all jobs at once",
  },
  deliveries: {
    key: "[client] deliveries",
    unit: "at once",
    value: 4,
    source: "ours: the original delivers all at once",
  },
  pluginTimeout: {
    key: "[client] plugintimeout",
    unit: "ms",
    value: 600_000,
    source: "ours: the original waits for ever",
  },
  pluginGrace: {
    key: "[client] plugingrace",
    unit: "ms",
    value: 10_000,
    source: "ours: time between SIGTERM and SIGKILL",
  },
  gpgHome: {
    key: "[gpg] home, under $HOME",
    unit: "path",
    value: ".gnupg",
    source: "the same: client.go ReadConfiguration",
  },
} as const satisfies Record<string, Default>;
