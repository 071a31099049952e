// Reaper: what the first process of a container owes to processes that have lost their parent.
//
// The kernel makes process 1 the parent of all of them; when they end, each stays in the list of
// processes until it is asked for its status. The runtime asks for its own children only.
import { readdirSync, readFileSync } from "node:fs";
import { isOwnChild } from "../lib/os/family.ts";
import { loadLibc } from "../lib/os/runtime.ts";
import type { Milliseconds } from "../time.ts";

/** How often ended orphans are looked for. */
const LOOK_MS: Milliseconds = 1_000;

const WNOHANG = 1;

/** Takes ended orphans off the list of processes, as long as this process is the first one. */
export function reapOrphans(pid = process.pid, everyMs = LOOK_MS): { close(): void } {
  const libc = loadLibc();
  if (pid !== 1 || libc === null) return { close() {} };
  const timer = setInterval(() => {
    for (const child of endedChildren(process.pid)) {
      // The runtime would take it for a fault if it could not ask for its own.
      if (!isOwnChild(child)) libc.waitpid(child, new Uint8Array(4), WNOHANG);
    }
  }, everyMs);
  timer.unref();
  return { close: () => clearInterval(timer) };
}

/** The children that have ended and were not asked for their status. @see proc_pid_stat(5) */
function endedChildren(parent: number): readonly number[] {
  return list("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const stat = read(`/proc/${name}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, ppid] = fields;
    return state === "Z" && Number(ppid) === parent ? [Number(name)] : [];
  });
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
