// Family: the processes that a process has started, and theirs.
import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Children of this process whose end the runtime asks for. */
const own = new Set<number>();

/** Notes a child that was just started, until it has ended. Gives it back. */
export function noteChild<Child extends ChildProcess>(child: Child): Child {
  const { pid } = child;
  if (pid !== undefined) {
    own.add(pid);
    child.once("exit", () => own.delete(pid));
  }
  return child;
}

/** Whether a process is such a child, whose status nobody else may ask for. */
export function isOwnChild(pid: number): boolean {
  return own.has(pid);
}

/** Processes of one family: what forks without an end is ended in more than one go. */
const FAMILY_MAX = 10_000;

/**
 * Ends a process that leads a group, its group, and those of its descendants that have left it, as
 * far as the kernel still knows whose they are. What has ended already is no error.
 */
export function endTree(leader: number): void {
  const others = descendantsOf(leader);
  kill(-leader);
  for (const pid of others) kill(pid);
}

/** The numbers of all processes below one. Empty where the kernel does not tell. */
export function descendantsOf(pid: number): readonly number[] {
  const found: number[] = [];
  const waiting = [pid];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const child of childrenOf(next)) {
      if (found.length >= FAMILY_MAX) return found;
      found.push(child);
      waiting.push(child);
    }
  }
  return found;
}

/** The children of a process, each of which belongs to one of its threads. @see proc_pid_task(5) */
export function childrenOf(pid: number): readonly number[] {
  try {
    const threads = join("/proc", String(pid), "task");
    return readdirSync(threads).flatMap((thread) => {
      const text = readFileSync(join(threads, thread, "children"), "latin1");
      return text.split(" ").filter(Boolean).map(Number);
    });
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
