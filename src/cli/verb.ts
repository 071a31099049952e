// Verb: what every command of the command line has in common.
import type { Terminal } from "../edge/terminal.ts";
import type { HostZone } from "../edge/timezone.ts";
import type { CommandLine, FlagSpec } from "./flags.ts";

export interface Call extends CommandLine {
  readonly terminal: Terminal;
  /** The value of -c. */
  readonly configPath: string;
  /** The time zone of this host, and where it was found. */
  readonly hostZone: HostZone;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /**
   * Who asks, where that is not the user of this process: a person at the page. Then the journal
   * is written, and what follows is left to the mig-runner of the directory.
   */
  readonly person?: string;
}

export interface Verb {
  /** One line, such as `JOB [--wait]`. */
  readonly usage: string;
  /** Its own flags; -c and --help are everybody's. */
  readonly flags: readonly FlagSpec[];
  /** A paragraph or two for --help. */
  readonly help: string;
  /** Resolves with the exit status. Throws UsageError and RunnerError. */
  run(call: Call): Promise<number>;
}

/** A line of the table of verbs. */
export interface VerbEntry {
  readonly name: string;
  readonly summary: string;
  /**
   * What its words are, for completion: of jobs, of verbs, a run that asks people and the name of
   * what it asks, or some of these. @default files
   */
  readonly words?: "jobs" | "commands" | "questions" | readonly string[];
  /** Of its words, those behind which the name of a host of the cluster follows. @default none */
  readonly ofHosts?: readonly string[];
  /** Whether names of jobs and files may follow words that are a list. @default false */
  readonly more?: boolean;
  readonly load: () => Promise<Verb>;
}

/** What `cluster` does to one host. */
export const HOST_DEEDS: readonly string[] = ["drain", "undrain", "forget"];

/** The config file when no -c is given, as in the original. */
export const CONFIG_PATH = "/etc/mig/runner.cfg";

export const CONFIG_FLAG: FlagSpec = {
  name: "c",
  kind: "text",
  value: "FILE",
  help: `Load configuration from file (default "${CONFIG_PATH}")`,
};

/** Parameters of a run. */
export const SET_FLAG: FlagSpec = {
  name: "set",
  kind: "list",
  value: "NAME=VALUE",
  help: "Set a parameter of the run; once for each",
};

/** Why a person has decided so. */
export const WHY_FLAG: FlagSpec = {
  name: "why",
  kind: "text",
  value: "TEXT",
  mayBeEmpty: true,
  help: "The reason, for the audit log",
};

export const JSON_FLAG: FlagSpec = { name: "json", kind: "switch", help: "Answer in JSON" };

/** The original's exit status when it cannot start. */
export const STATUS_CANNOT_START = 9;

/** The status of what cannot start now, and may a little later (EX_TEMPFAIL of sysexits.h). */
export const STATUS_TRY_AGAIN = 75;
