// Binary: the program as a black box: a directory of its own, one command line, what came out.
//
//   await using scenario = await Scenario.create();
//   await scenario.job("nightly", { "entity.cfg": "…", "action.json": "…" });
//   const { exit, stderr } = await scenario.run(["-c", await scenario.write("runner.cfg", "…")]);
//
// MIG_RUNNER_UNDER_TEST says which form of the program is called: "binary" (the default), "bun" or
// "deno". Everything that a scenario starts or writes is gone when it is disposed of.
import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { patience } from "./patience.ts";

const root = resolve(import.meta.dirname, "../..");

/** The command line that every argument list is appended to. */
export type Program = readonly [string, ...string[]];

const PROGRAMS: Readonly<Record<string, Program>> = {
  binary: [join(root, "dist/mig-runner")],
  bun: [join(root, "node_modules/.bin/bun"), join(root, "src/main.ts")],
  deno: [join(root, "node_modules/.bin/deno"), "run", "-A", join(root, "src/main.ts")],
};

/** The form of the program under test: "binary", "bun" or "deno". */
export const underTest = process.env.MIG_RUNNER_UNDER_TEST ?? "binary";

/** The command line of the form under test. */
export function programUnderTest(): Program {
  const program = PROGRAMS[underTest];
  if (program === undefined) {
    const known = Object.keys(PROGRAMS).join(", ");
    throw new Error(`Cannot test "${underTest}": MIG_RUNNER_UNDER_TEST must be ${known}`);
  }
  return program;
}

/** How long a scenario waits for anything before the test fails. Far above what anything takes. */
const WAIT_MAX_MS = 200_000;

/** How a process ended, and all that it printed. */
export interface Outcome {
  /** Null when a signal ended it. */
  readonly exit: number | null;
  /** Null when it exited by itself. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  /** Given whole as standard input, which is then closed. @default "" */
  readonly stdin?: string;
  /** Added to the scenario's own environment; undefined takes a name out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** @default the scenario's directory */
  readonly cwd?: string;
  /** Runs it as another user: only where the tests run as root. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** How long its end is waited for, where a minute is not far above what it takes. */
  readonly patienceMs?: number;
}

/** The program while it runs, in a process group of its own. */
export class Running {
  readonly #child: ChildProcess;
  readonly #ended: Promise<Outcome>;
  readonly #listeners = new Set<() => void>();
  #stdout = "";
  #stderr = "";
  #outcome: Outcome | null = null;

  constructor(child: ChildProcess) {
    this.#child = child;
    const { promise, resolve: settle, reject } = Promise.withResolvers<Outcome>();
    this.#ended = promise;
    // A test may look only at the lines: an end that nobody waits for is no unhandled rejection.
    promise.catch(() => undefined);
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
      this.#wake();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
      this.#wake();
    });
    child.on("error", reject);
    child.on("close", (exit, signal) => {
      this.#outcome = { exit, signal, stdout: this.#stdout, stderr: this.#stderr };
      settle(this.#outcome);
      this.#wake();
    });
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error("Cannot name the process: it was never started");
    return pid;
  }

  /** All lines printed up to now, those of stdout first. */
  get lines(): readonly string[] {
    return `${this.#stdout}\n${this.#stderr}`.split("\n").filter((line) => line !== "");
  }

  /** The first line that matches, printed before or after the call. Rejects when it cannot come. */
  async prints(pattern: RegExp): Promise<string> {
    const deadline = AbortSignal.timeout(patience(WAIT_MAX_MS));
    for (;;) {
      const line = this.lines.find((text) => pattern.test(text));
      if (line !== undefined) return line;
      if (this.#outcome !== null || deadline.aborted) {
        const state = this.#outcome === null ? "it still runs" : `exit ${this.#outcome.exit}`;
        throw new Error(`No line matched ${pattern} (${state}):\n${this.lines.join("\n")}`);
      }
      await this.#nextOutput(deadline);
    }
  }

  /** Resolves at the end of the process and of its output. Rejects when it does not come. */
  async ended(patienceMs = WAIT_MAX_MS): Promise<Outcome> {
    const deadline = AbortSignal.timeout(patience(patienceMs));
    while (this.#outcome === null && !deadline.aborted) await this.#nextOutput(deadline);
    if (this.#outcome === null) {
      throw new Error(`The program still runs:\n${this.lines.join("\n")}`);
    }
    return this.#ended;
  }

  /** Sends a signal to the program alone. A process that is gone is no error. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Ends the program and all that it started, as a power cut would, and waits for the end. */
  async kill(): Promise<Outcome> {
    if (this.#outcome === null) {
      try {
        process.kill(-this.pid, "SIGKILL");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
    return this.ended();
  }

  #wake(): void {
    for (const listener of this.#listeners) listener();
  }

  #nextOutput(deadline: AbortSignal): Promise<void> {
    const { promise, resolve: settle } = Promise.withResolvers<void>();
    const listener = () => {
      this.#listeners.delete(listener);
      deadline.removeEventListener("abort", listener);
      settle();
    };
    this.#listeners.add(listener);
    deadline.addEventListener("abort", listener);
    return promise;
  }
}

/** Scenarios at a time in one test process: more would only wait for each other's processors. */
const SCENARIOS_MAX = 5;
let scenarios = 0;
const waiting: (() => void)[] = [];

async function takePlace(): Promise<void> {
  if (scenarios < SCENARIOS_MAX) scenarios++;
  else await new Promise<void>((resolve) => waiting.push(resolve));
}

function leavePlace(): void {
  const next = waiting.shift();
  if (next === undefined) scenarios--;
  else next();
}

/** One test's directory and the programs that run in it. */
export class Scenario {
  /** An absolute path with an empty `runners/`, `plugins/` and `home/` in it. */
  readonly directory: string;
  readonly #program: Program;
  readonly #running: Running[] = [];
  #left = false;

  private constructor(directory: string, program: Program) {
    this.directory = directory;
    this.#program = program;
  }

  /** @param program What to call instead of the form under test. */
  static async create(program: Program = programUnderTest()): Promise<Scenario> {
    await takePlace();
    const scenario = new Scenario(await mkdtemp(join(tmpdir(), "mig-runner-test-")), program);
    for (const folder of ["runners", "plugins", "home"]) await mkdir(scenario.path(folder));
    return scenario;
  }

  /** The absolute path of a name in the scenario's directory. */
  path(name: string): string {
    return resolve(this.directory, name);
  }

  /** Writes a file, and the folders above it. Resolves with its absolute path. */
  async write(name: string, content: string | Uint8Array): Promise<string> {
    const path = this.path(name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    return path;
  }

  /** A file's text. */
  read(name: string): Promise<string> {
    return readFile(this.path(name), "utf8");
  }

  /** Writes the files of `runners/JOB/`. */
  async job(job: string, files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      await this.write(`runners/${job}/${name}`, text);
    }
  }

  /** Writes an executable plugin: a shell script with the result on its standard input. */
  async plugin(name: string, script: string): Promise<void> {
    await chmod(await this.write(`plugins/${name}`, `#!/bin/sh\n${script}\n`), 0o755);
  }

  /** Starts the program and leaves it running. */
  start(
    argv: readonly string[],
    {
      stdin = "",
      env = {},
      cwd,
      user = {} as NonNullable<StartOptions["user"]>,
    }: StartOptions = {},
  ): Running {
    const [command, ...rest] = this.#program;
    const child = spawn(command, [...rest, ...argv], {
      cwd: cwd ?? this.directory,
      env: { ...this.#environment(), ...env } as NodeJS.ProcessEnv,
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
      ...user,
    });
    // A program that does not read its input may be gone before the input is written.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    const running = new Running(child);
    this.#running.push(running);
    return running;
  }

  /** Runs the program to its end. */
  run(argv: readonly string[], options: StartOptions = {}): Promise<Outcome> {
    return this.start(argv, options).ended(options.patienceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#running) await running.kill();
    await rm(this.directory, { recursive: true, force: true });
    if (!this.#left) leavePlace();
    this.#left = true;
  }

  /** Nothing of the machine's settings reaches the program: no proxy, no keyring, no time zone. */
  #environment(): Readonly<Record<string, string>> {
    return {
      PATH: process.env.PATH ?? "",
      HOME: this.path("home"),
      TMPDIR: tmpdir(),
      TZ: "UTC",
      LANG: "C.UTF-8",
      NO_COLOR: "1",
      // Under the scenario's HOME, Deno would compile every module again in each test.
      DENO_DIR: join(root, ".cache/deno"),
      DENO_NO_UPDATE_CHECK: "1",
    };
  }
}

const POLL_MS = 20;

/**
 * Asks until the answer is neither null nor an error, for what only the file system can tell.
 * Rejects with the last error after `limitMs`, a minute on a quiet machine.
 */
export async function eventually<T>(
  ask: () => T | null | Promise<T | null>,
  limitMs = WAIT_MAX_MS,
): Promise<T> {
  const deadline = AbortSignal.timeout(patience(limitMs));
  for (;;) {
    let failure: unknown = new Error("The answer stayed null");
    try {
      const answer = await ask();
      if (answer !== null) return answer;
    } catch (error) {
      failure = error;
    }
    if (deadline.aborted) throw failure;
    await new Promise((settle) => setTimeout(settle, POLL_MS));
  }
}
