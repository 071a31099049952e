// Executable: one delivery to a program in plugins/, as the original makes it, with an end.
//
// The program runs without a shell and without arguments, in the runner's working directory, with
// the result file itself as its standard input. It leads a process group of its own, which is
// ended as a whole when its time is up. Its end is its exit, not the end of its output: a
// grandchild may hold that open.
//
// Not here: which program may run (plugins.ts), what is done about a failure (flow/).
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fstatSync } from "node:fs";
import { errnoCode, errnoText } from "../../lib/os/errno.ts";
import { noteChild } from "../../lib/os/family.ts";
import { openRegular } from "../../lib/os/read.ts";
import type { Log } from "../../lib/ports.ts";
import type { AlarmOrder, DeliveryAnswer, DeliveryOrder } from "../../ports.ts";
import { limitText, type Milliseconds } from "../../time.ts";
import { type Environment, passedEnvironment } from "../environment.ts";
import { openOutput, type PluginOutput } from "../output.ts";

/** A program and the bounds of its life. */
export interface ExecutableOptions {
  /** The program's path, which is also its argv[0]. */
  readonly path: string;
  /** How long it may run, when the order does not say. */
  readonly timeoutMs: Milliseconds;
  /** How long it may go on after SIGTERM, before SIGKILL. */
  readonly graceMs: Milliseconds;
  readonly log: Log;
  readonly environment: Environment;
}

/** Go's names of the signals that end a process. @see Go `syscall.Signal.String` on Linux */
const SIGNALS: Readonly<Record<string, string>> = {
  SIGABRT: "aborted",
  SIGALRM: "alarm clock",
  SIGBUS: "bus error",
  SIGFPE: "floating point exception",
  SIGHUP: "hangup",
  SIGILL: "illegal instruction",
  SIGINT: "interrupt",
  SIGKILL: "killed",
  SIGPIPE: "broken pipe",
  SIGQUIT: "quit",
  SIGSEGV: "segmentation fault",
  SIGSYS: "bad system call",
  SIGTERM: "terminated",
  SIGTRAP: "trace/breakpoint trap",
  SIGUSR1: "user defined signal 1",
  SIGUSR2: "user defined signal 2",
  SIGXCPU: "CPU time limit exceeded",
  SIGXFSZ: "file size limit exceeded",
};

/** How long a plugin may go on after SIGTERM when the runner itself is about to end. */
export const STOPPING_GRACE_MS: Milliseconds = 500;

/** Timers above this overflow. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** How a process ended. */
type Exit =
  | { readonly kind: "exit"; readonly code: number | null; readonly signal: string | null }
  | { readonly kind: "unstarted"; readonly error: unknown };

/** The environment of one delivery: what is passed on, and what the delivery is. */
export function pluginEnvironment(
  environment: Environment,
  order: Pick<DeliveryOrder, "job" | "actionId" | "key" | "attempt">,
): Record<string, string> {
  return {
    ...passedEnvironment(environment),
    MIG_RUNNER_JOB: order.job,
    MIG_RUNNER_ACTION_ID: String(order.actionId),
    MIG_RUNNER_DELIVERY_KEY: order.key,
    MIG_RUNNER_ATTEMPT: String(order.attempt),
  };
}

/**
 * Gives a result to a program. Never rejects.
 *
 * @returns "delivered" when it exits with 0, else "failed" with the original's text for how it
 *   ended: `exit status 3`, `signal: killed`, `fork/exec PATH: exec format error`.
 * @see Go `os.ProcessState.String`; test/golden/plugins/README.md
 */
export async function deliverToExecutable(
  order: DeliveryOrder,
  options: ExecutableOptions,
): Promise<DeliveryAnswer> {
  if (order.signal?.aborted) return failed("the runner is stopping");
  let input: number;
  try {
    input = openRegular(order.resultPath, { follow: false });
  } catch (error) {
    return failed(`open ${order.resultPath}: ${errnoText(error)}`);
  }
  try {
    const { size } = fstatSync(input);
    const env = pluginEnvironment(options.environment, order);
    return await run({ input, size, env, order, options });
  } finally {
    closeSync(input);
  }
}

/** Gives an alarm to a program, as one line of JSON on its standard input; else the same. */
export async function tellExecutable(
  order: AlarmOrder,
  options: ExecutableOptions,
): Promise<DeliveryAnswer> {
  if (order.signal?.aborted) return failed("the runner is stopping");
  const env = {
    ...passedEnvironment(options.environment),
    MIG_RUNNER_KIND: "alarm",
    MIG_RUNNER_DELIVERY_KEY: order.key,
    MIG_RUNNER_ATTEMPT: String(order.attempt),
  };
  const input = `${order.body}\n`;
  return await run({ input, size: Buffer.byteLength(input), env, order, options });
}

/** What a program gets, and its bounds. */
interface Work {
  /** An opened file, or the text itself. */
  readonly input: number | string;
  readonly size: number;
  readonly env: Readonly<Record<string, string>>;
  /** What an alarm is about is in its body. */
  readonly order: Pick<DeliveryOrder, "plugin" | "timeoutMs" | "signal"> &
    Partial<Pick<DeliveryOrder, "job" | "actionId">>;
  readonly options: ExecutableOptions;
}

async function run(what: Work): Promise<DeliveryAnswer> {
  const { order, options } = what;
  const { plugin, job, actionId } = order;
  const subject = {
    ...(job === undefined ? {} : { job }),
    ...(actionId === undefined ? {} : { action: actionId }),
    plugin,
  };
  const outputs = [
    openOutput((line) => options.log.emit("info", `${plugin}: ${line}`, subject)),
    openOutput((line) => options.log.emit("warning", `${plugin}: ${line}`, subject)),
  ];
  const end = await runWith({ ...what, outputs });
  // What the program printed is in the pipes by now.
  for (const output of outputs) output?.drain();
  for (const output of outputs) output?.close(options.graceMs);
  return end;
}

async function runWith(
  what: Work & { readonly outputs: readonly (PluginOutput | null)[] },
): Promise<DeliveryAnswer> {
  const { input, env, order, options, outputs } = what;
  const [output, problems] = outputs;
  let child: ChildProcess;
  try {
    child = spawn(options.path, [], {
      stdio: [
        typeof input === "string" ? "pipe" : input,
        output?.writeFd ?? "ignore",
        problems?.writeFd ?? "ignore",
      ],
      env,
      detached: true,
    });
  } catch (error) {
    return failed(unstartedText(options.path, error));
  } finally {
    for (const each of outputs) if (each) closeSync(each.writeFd);
  }
  noteChild(child);
  // A program need not read what it is told.
  child.stdin?.on("error", () => {});
  if (typeof input === "string") child.stdin?.end(input);
  const ended = exitOf(child);
  const limit = limitOf(child, { ended, order, options });
  const exit = await Promise.race([ended, limit.passed]);
  limit.clear();
  if (exit === "stuck") return failed(`${limit.reason()}, and it did not end`);
  if (exit.kind === "unstarted") return failed(unstartedText(options.path, exit.error));
  const reason = limit.reason();
  if (reason !== null) return failed(`${exitText(exit)} (${reason})`);
  if (exit.code !== 0) return failed(exitText(exit));
  return { kind: "delivered", message: `wrote ${what.size} bytes to plugin` };
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve({ kind: "exit", code, signal }));
    child.on("error", (error) => {
      // Also raised when a signal cannot be sent: only a child without a number never started.
      if (child.pid === undefined) resolve({ kind: "unstarted", error });
    });
  });
}

/** Ends the child's group at its time limit, or when the runner stops: first asking, then not. */
function limitOf(
  child: ChildProcess,
  what: { ended: Promise<Exit> } & Pick<Work, "order" | "options">,
) {
  const { order, options } = what;
  const { graceMs } = options;
  const timeoutMs = order.timeoutMs ?? options.timeoutMs;
  const timers: ReturnType<typeof setTimeout>[] = [];
  let reason: string | null = null;
  let giveUp = (_: "stuck"): void => {};
  const passed = new Promise<"stuck">((resolve) => {
    giveUp = resolve;
  });
  const stop = (why: string, waitMs: Milliseconds): void => {
    // Once more when the runner stops: that does not wait for as long.
    timers.push(setTimeout(() => killGroup(child, "SIGKILL"), cap(waitMs)));
    // A process in an uninterruptible wait ends later, or never: that is not worth waiting for.
    timers.push(setTimeout(() => giveUp("stuck"), cap(2 * waitMs + 1_000)));
    if (reason !== null) return;
    reason = why;
    killGroup(child, "SIGTERM");
  };
  const onAbort = (): void => stop("the runner is stopping", Math.min(graceMs, STOPPING_GRACE_MS));
  const late = (): void => stop(`its time limit of ${limitText(timeoutMs)} passed`, graceMs);
  timers.push(setTimeout(late, cap(timeoutMs)));
  order.signal?.addEventListener("abort", onAbort);
  return {
    passed,
    reason: () => reason,
    clear() {
      for (const timer of timers) clearTimeout(timer);
      order.signal?.removeEventListener("abort", onAbort);
      // What is left of its group was asked to end as well. An empty group is no error.
      if (reason !== null) killGroup(child, "SIGKILL");
    },
  };
}

function cap(ms: Milliseconds): Milliseconds {
  return Math.min(ms, TIMER_MS_MAX);
}

function killGroup(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The whole group has ended.
  }
}

function exitText({ code, signal }: { code: number | null; signal: string | null }): string {
  if (signal === null) return `exit status ${code}`;
  return `signal: ${SIGNALS[signal] ?? signal}`;
}

/** @see Go `os.StartProcess`, whose words the message begins with */
function unstartedText(path: string, error: unknown): string {
  const text = `fork/exec ${path}: ${errnoText(error)}`;
  switch (errnoCode(error)) {
    case "ENOEXEC":
      return `${text} (begin it with a "#!" line that names its interpreter)`;
    case "ENOENT":
      return `${text} (the interpreter in its "#!" line is not there)`;
    default:
      return text;
  }
}

function failed(message: string): DeliveryAnswer {
  return { kind: "failed", message };
}
