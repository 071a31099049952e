// Program: the executable as a user starts it, with what it took: time, processor, memory.
import { readFileSync } from "node:fs";
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

export type Daemon = Bun.Subprocess<"ignore", "pipe", "pipe">;

/** Starts mig-runner; `await using` ends it. */
export function startProgram(argv: readonly string[]): Daemon {
  return start([PROGRAM, ...argv]);
}

function start(argv: readonly string[]): Daemon {
  const pipes = { stdin: "ignore", stdout: "pipe", stderr: "pipe" } as const;
  return Bun.spawn([...argv], { ...pipes, env: ENVIRONMENT });
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

/** Processor time that a process has used so far, all threads: user and system. */
export function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  // Clock ticks of 10 ms; utime and stime are the 14th and 15th field, two of which are cut off.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
