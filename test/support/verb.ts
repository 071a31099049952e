// Verb: a command of the command line, called in this process: words in, what it printed out.
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseFlags } from "../../src/cli/flags.ts";
import { CONFIG_FLAG, type Verb } from "../../src/cli/verb.ts";
import { findHostZone, type HostZone } from "../../src/edge/timezone.ts";
import { describeError, RunnerError, RunnerErrors } from "../../src/errors.ts";
import { queueDeliveries } from "../../src/flow/deliver.ts";
import { closeRun } from "../../src/flow/runs.ts";
import { type ActionRow, advance } from "../../src/journal/inflight.ts";
import type { JournalTransaction } from "../../src/journal/journal.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { shownLines } from "../../src/text.ts";
import { keyFile, RUNNER_KEY } from "./keys.ts";

/** When everything was remembered: long ago, so that all of it is due. */
export const THEN = Date.UTC(2026, 0, 2, 3, 4, 5);

/** How a verb ended, and all that it printed. */
export interface VerbOutcome {
  /** Null when it threw. */
  readonly exit: number | null;
  readonly out: string;
  /** The same, in the parts in which it was printed. */
  readonly parts: readonly string[];
  readonly error: string;
  /** What it threw, a line a mistake; a usage mistake by its message. */
  readonly thrown: string;
}

export interface VerbOptions {
  readonly hostZone?: HostZone;
  readonly stdin?: Iterable<string>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Calls a verb as main.ts does, with what it prints kept. */
export async function callVerb(
  verb: Verb,
  argv: readonly string[],
  { stdin = [], environment = {}, hostZone = findHostZone("UTC") }: VerbOptions = {},
): Promise<VerbOutcome> {
  const printed = { out: "", error: "", parts: [] as string[] };
  const terminal = {
    out(lines: readonly string[]) {
      printed.out += shownLines(lines);
      printed.parts.push(shownLines(lines));
    },
    error(lines: readonly string[]) {
      printed.error += shownLines(lines);
    },
    json(line: string) {
      printed.out += `${line}\n`;
    },
    file(text: string) {
      printed.out += text;
    },
    progress() {},
    lines: () => stdin,
  };
  try {
    const { flags, positionals } = parseFlags(argv, [CONFIG_FLAG, ...verb.flags]);
    const configPath = flags.text("c") ?? "/nowhere/runner.cfg";
    const call = { flags, positionals, terminal, configPath, hostZone };
    const exit = await verb.run({ ...call, environment: { HOME: "/nowhere", ...environment } });
    return { exit, ...printed, thrown: "" };
  } catch (error) {
    return { exit: null, ...printed, thrown: describeThrown(error) };
  }
}

function describeThrown(error: unknown): string {
  if (error instanceof RunnerErrors) return error.errors.map(describeError).join("\n");
  if (error instanceof RunnerError) return describeError(error);
  if (error instanceof Error && error.name === "UsageError") return error.message;
  throw error;
}

/** A runner directory on disk, with its configuration and the recorded key. */
export class Directory {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<Directory> {
    const directory = new Directory(await mkdtemp(join(tmpdir(), "mig-runner-verb-")));
    for (const folder of ["runners", "plugins"]) await mkdir(directory.at(folder));
    await directory.write("keys/secring.gpg", keyFile("keys/secring.gpg"));
    await directory.config();
    await directory.client();
    return directory;
  }

  /** The path of runner.cfg. */
  get runnerConfig(): string {
    return this.at("runner.cfg");
  }

  at(name: string): string {
    return join(this.path, name);
  }

  async write(name: string, text: string | Uint8Array, mode = 0o600): Promise<string> {
    const path = this.at(name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    await chmod(path, mode);
    return path;
  }

  /** runner.cfg with these lines after those that it needs. */
  async config(...lines: readonly string[]): Promise<void> {
    const text = [
      "[runner]",
      `directory = "${this.path}"`,
      "checkdirectory = 60",
      "[logging]",
      'mode = "file"',
      `file = "${this.at("runner.log")}"`,
      'level = "debug"',
      "[client]",
      `clientconfpath = "${this.at(".migrc")}"`,
      ...lines,
    ];
    await this.write("runner.cfg", `${text.join("\n")}\n`);
  }

  /** .migrc with the recorded key, or another. */
  async client({ keyId = RUNNER_KEY, home = this.at("keys") } = {}): Promise<void> {
    const gpg = `[gpg]\nhome = "${home}"\nkeyid = "${keyId}"\n`;
    await this.write(".migrc", `[api]\nurl = "http://127.0.0.1:1/api/v1/"\n${gpg}`);
  }

  /** A job with these lines in entity.cfg after its schedule, and an action that asks the time. */
  async job(job: string, lines: readonly string[] = [], action: string = ACTION): Promise<void> {
    const text = ["[configuration]", 'schedule = "0 3 * * *"', ...lines].join("\n");
    await this.write(`runners/${job}/entity.cfg`, `${text}\n`);
    await this.write(`runners/${job}/action.json`, action);
  }

  /** An executable plugin: a shell script. */
  async plugin(name: string, script: string): Promise<void> {
    await this.write(`plugins/${name}`, `#!/bin/sh\n${script}\n`, 0o755);
  }

  /** Writes to the journal, which is made if it is not there. */
  async remember<Value>(work: (transaction: JournalTransaction) => Value): Promise<Value> {
    const journal = openJournal({ path: this.at("journal.db") });
    try {
      return await journal.write(work);
    } finally {
      await journal.close();
    }
  }

  /** Changes the journal past all rules, as sqlite3 does in a shell. */
  meddle(sql: string): void {
    const database = new DatabaseSync(this.at("journal.db"));
    database.exec(sql);
    database.close();
  }

  /** A posted action of a run of its own, as the runner leaves it. */
  posted(job: string, actionId: number, plugins: readonly string[] = []): Promise<ActionRow> {
    return this.remember((transaction) => {
      const run = transaction.insertRun({ job, firesAt: actionId, cause: "manual" }, "open", THEN);
      if (run === null) throw new Error(`There is a run ${actionId} of ${job} already`);
      const name = `mig-runner: ${job}`;
      const action = { runId: run.id, job, step: "", name, body: "{}", signature: "sig", plugins };
      const planned = transaction.insertAction(
        { ...action, expireAt: THEN, sendOnly: false },
        THEN,
      );
      const reply = new TextEncoder().encode(`{"id":${actionId}}`);
      const event = { kind: "posted", actionId, reply, expireAt: THEN, collectAt: THEN } as const;
      const posted = advance(planned, event, THEN);
      transaction.saveAction(posted);
      return posted;
    });
  }

  /** The same, collected: its result file lies where the journal says, its deliveries wait. */
  async collected(job: string, actionId: number, plugins: readonly string[]): Promise<ActionRow> {
    const posted = await this.posted(job, actionId, plugins);
    const resultPath = await this.result(job, actionId);
    return await this.remember((transaction) => {
      const completeness = {
        fetched: 1,
        sent: 2,
        counters: null,
        statuses: { success: 1 },
        strays: 0,
      };
      const event = { kind: "collected", resultPath, completeness, sweepAt: null } as const;
      const row = advance(posted, event, THEN);
      transaction.saveAction(row);
      queueDeliveries(transaction, row, THEN);
      closeRun(transaction, row.runId, THEN);
      return row;
    });
  }

  /** A result file as the runner and the original write it. Resolves with its path. */
  async result(job: string, actionId: number, plugin = ""): Promise<string> {
    const action = {
      id: actionId,
      name: `mig-runner: ${job}`,
      expireafter: "2026-01-02T03:04:05Z",
    };
    const commands = [
      { id: 1, status: "success" },
      { id: 2, status: "timeout" },
    ];
    const text = JSON.stringify({ action, commands, name: job, plugin });
    return await this.write(`runners/${job}/results/20260102/${actionId}.json`, text);
  }

  /** Calls a verb with -c. */
  call(verb: Verb, argv: readonly string[], options?: VerbOptions): Promise<VerbOutcome> {
    return callVerb(verb, ["-c", this.runnerConfig, ...argv], options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** An action that asks every online agent how far its clock is off. */
export const ACTION = JSON.stringify({
  name: "time",
  target: "status='online'",
  operations: [{ module: "timedrift", parameters: { drift: "5s" } }],
});
