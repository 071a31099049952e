// Secrecy: keeps what this process knows from the others of its user, as far as the system can.
//
// Plugins run as the same user. What they could read without it: /proc/PID/environ, which holds the
// environment as it was at the start, and this process's memory.
import { readFileSync } from "node:fs";
import { loadLibc } from "../lib/os/runtime.ts";

/** From linux/prctl.h. */
const PR_SET_DUMPABLE = 4;

/** The field of /proc/PID/stat that says where the environment begins, counted from 1. */
const ENV_START = 50;

/** The first field after the name of the program, which may have spaces and brackets in it. */
const FIRST_FIELD = 3;

/** Takes a variable out of this process's environment, and out of what the system shows of it. */
export function forgetVariable(name: string): void {
  const isSet = process.env[name] !== undefined;
  delete process.env[name];
  if (isSet) overwrite(name);
}

/** Keeps other processes of this user from reading this one's memory, and from dumping it. */
export function sealProcess(): void {
  loadLibc()?.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/** Where the kernel has put the variable, the value becomes nothing. @see proc_pid_stat(5) */
function overwrite(name: string): void {
  const libc = loadLibc();
  if (libc === null) return;
  try {
    const stat = readFileSync("/proc/self/stat", "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const start = Number(fields[ENV_START - FIRST_FIELD]);
    const block = readFileSync("/proc/self/environ", "latin1");
    const at = `\0${block}`.indexOf(`\0${name}=`);
    if (at < 0 || !Number.isSafeInteger(start) || start <= 0) return;
    const from = at + name.length + 1;
    const end = block.indexOf("\0", from);
    libc.memset(start + from, 0, (end < 0 ? block.length : end) - from);
  } catch {
    // Without /proc nobody reads it there.
  }
}
