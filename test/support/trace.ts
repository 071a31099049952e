// Trace: system calls of a running program that fail, by strace, where the machine lets it trace.
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";

/** Whether tests may trace other processes. */
export const canTrace: boolean =
  spawnSync("strace", ["-o", "/dev/null", "true"], { stdio: "ignore" }).status === 0;

/** Lets every fsync of a process fail with EIO from now on; disposing of it ends that. */
export async function failSyncs(pid: number): Promise<Disposable> {
  const calls = "fsync,fdatasync";
  const argv = ["-f", "-o", "/dev/null", "-e", `trace=${calls}`, "-e", `inject=${calls}:error=EIO`];
  const tracer = spawn("strace", [...argv, "-p", String(pid)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  for await (const line of createInterface(tracer.stderr)) {
    if (line.includes("attached")) break;
  }
  return { [Symbol.dispose]: () => void tracer.kill() };
}
