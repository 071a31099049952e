// Program: the executable as a user starts it, with what it took: time, processor, memory.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

/** What is measured: what `npm run build` made. */
export const PROGRAM = resolve(import.meta.dirname, "../dist/mig-runner");

export interface Ended {
  readonly exit: number | null;
  /** From the call to the end. */
  readonly wallMs: number;
  /** Of all its threads, user and system. */
  readonly cpuMs: number;
  /** The most memory that it had, sampled each 10 ms; children are not counted. */
  readonly peakBytes: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Nothing of this machine's settings reaches the program. */
const ENVIRONMENT = { PATH: process.env.PATH ?? "", HOME: "/nonexistent" };

const SAMPLE_MS = 10;

/** Runs a command to its end. */
export async function runCommand(argv: readonly string[]): Promise<Ended> {
  const startedAt = performance.now();
  const child = start(argv);
  let peakBytes = 0;
  const sample = (): void => {
    peakBytes = Math.max(peakBytes, memoryOf(child.pid)?.peakBytes ?? 0);
  };
  const timer = setInterval(sample, SAMPLE_MS);
  const [exit, stdout, stderr] = await Promise.all([
    child.exited.then((status) => ({ status, at: performance.now() })),
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  clearInterval(timer);
  const cpuMs = Number(child.resourceUsage()?.cpuTime.total ?? 0n) / 1_000;
  const wallMs = exit.at - startedAt;
  return { exit: exit.status, wallMs, cpuMs, peakBytes, stdout, stderr };
}

/** Runs mig-runner to its end; anything but a success is an error with what it said. */
export async function runProgram(argv: readonly string[]): Promise<Ended> {
  const ended = await runCommand([PROGRAM, ...argv]);
  if (ended.exit === 0) return ended;
  throw new Error(`mig-runner ${argv.join(" ")} ended with ${ended.exit}: ${ended.stderr}`);
}

/** A program that runs until it is disposed of. */
export interface Daemon extends AsyncDisposable {
  readonly pid: number;
  /** Where a log of mode stdout goes, as the original's. */
  readonly stderr: ReadableStream<Uint8Array>;
  /** Null while it runs. */
  readonly exitCode: number | null;
  kill(signal: NodeJS.Signals): void;
}

/** Starts mig-runner. `more` is added to its environment. */
export function startProgram(
  argv: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Daemon {
  const child = start([PROGRAM, ...argv], more);
  return {
    pid: child.pid,
    stderr: child.stderr,
    get exitCode() {
      return child.exitCode;
    },
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

function start(
  argv: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Bun.Subprocess<"ignore", "pipe", "pipe"> {
  const pipes = { stdin: "ignore", stdout: "pipe", stderr: "pipe" } as const;
  return Bun.spawn([...argv], { ...pipes, env: { ...ENVIRONMENT, ...more } });
}

/** How long a bench waits for anything before it calls it wrong. */
const WAIT_MAX_MS = 120_000;

/** Looks each 10 ms until `holds`. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const startedAt = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedAt > WAIT_MAX_MS) {
      throw new Error(`Wrong: nothing came of it within ${WAIT_MAX_MS / 1_000} s: ${holds}`);
    }
    await Bun.sleep(10);
  }
}

export interface Memory {
  readonly residentBytes: number;
  readonly peakBytes: number;
}

/** What the kernel says of a process; null when it is gone. */
export function memoryOf(pid: number): Memory | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const bytes = (name: string): number =>
      Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1_024;
    return { residentBytes: bytes("VmRSS"), peakBytes: bytes("VmHWM") };
  } catch {
    return null;
  }
}

/** Processor time that a process has used so far, all threads, to the microsecond. */
export function cpuMsOf(pid: number): number {
  const times = threadTimes.get(pid) ?? new Map<string, number>();
  threadTimes.set(pid, times);
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${thread}/schedstat`;
    // One that ends between the two calls keeps what it had.
    if (!existsSync(path)) continue;
    times.set(thread, Number(readFileSync(path, "utf8").split(" ")[0]) / 1e6);
  }
  return times.values().reduce((sum, time) => sum + time, 0);
}

/** By process and thread: the kernel forgets a thread that has ended, and what it used. */
const threadTimes = new Map<number, Map<string, number>>();
