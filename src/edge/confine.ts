// Confine: the bounds of a worker, set by itself before it loads anything foreign, and the end of a
// worker whose daemon is gone.
//
// The daemon holds the writing end of one pipe, the lifeline, and each worker a reading end: when
// the daemon is gone, however it went, the kernel kills the worker's whole process group, also in
// the middle of an endless loop. @see fcntl(2), F_SETSIG
import { constants, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { type Libc, loadLibc, openPipe } from "../lib/os/runtime.ts";

/** The descriptors that a worker has of the daemon beside the usual three. */
const CHANNEL_FD = 3;
const LIFELINE_FD = 4;

/** Descriptors of a worker, and of each process that it starts. */
const DESCRIPTORS_MAX = 1_024;

/** Processes and threads of the worker's user, all taken together; not held against root. */
const PROCESSES_MAX = 4_096;

// Linux, the same numbers on x86-64 and arm64.
const F_SETFD = 2;
const F_SETFL = 4;
const F_SETOWN = 8;
const F_SETSIG = 10;
const FD_CLOEXEC = 1;
const O_ASYNC = 0o20000;
const SIGKILL = 9;
const PR_SET_PDEATHSIG = 1;
const RLIMIT_DATA = 2;
const RLIMIT_CORE = 4;
const RLIMIT_NPROC = 6;
const RLIMIT_NOFILE = 7;

/** What the end of a descriptor is told to others by. */
let lifelineFd: number | null = null;
let hasLifeline = false;

/** The reading end for a worker, of a pipe that is made once; null where none can be made. */
export function lifeline(): number | null {
  if (hasLifeline) return lifelineFd;
  const pipe = openPipe();
  // Tried again when it was for want of descriptors.
  hasLifeline = pipe !== null || loadLibc() === null;
  lifelineFd = pipe?.readFd ?? null;
  return lifelineFd;
}

/**
 * Ends this process and its group when the daemon is gone, now or later. To be called before
 * anything else.
 */
export function followDaemon(): void {
  const libc = loadLibc();
  if (libc === null) return;
  libc.fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC);
  libc.fcntl(LIFELINE_FD, F_SETFD, FD_CLOEXEC);
  // Not both: a signal for this process alone may come first, and takes away what the kernel would
  // have told the group by.
  if (!watchLifeline(libc)) libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

/** Lets the kernel kill this process group at the end of the lifeline; false where it cannot. */
function watchLifeline(libc: Libc): boolean {
  let fd: number;
  try {
    // Opened anew: who is told of the end belongs to what was opened, which others share.
    const flags = constants.O_RDONLY | constants.O_NONBLOCK;
    fd = openSync(`/proc/self/fd/${LIFELINE_FD}`, flags);
  } catch {
    return false;
  }
  const isWatched =
    libc.fcntl(fd, F_SETOWN, -process.pid) === 0 &&
    libc.fcntl(fd, F_SETSIG, SIGKILL) === 0 &&
    libc.fcntl(fd, F_SETFL, O_ASYNC | constants.O_NONBLOCK) === 0;
  try {
    // Nothing is ever written there: it is at its end, or says EAGAIN.
    if (readSync(fd, new Uint8Array(1)) === 0) process.exit(0);
  } catch {
    // The daemon lives.
  }
  return isWatched;
}

/** Confines this process, as far as the system can. @param memoryMax Bytes beyond what it has. */
export function confineProcess(memoryMax: number): void {
  // The executable was started by a path that says nothing.
  writeOwn("comm", "mig-runner");
  // When memory runs out, the kernel should take this process before all others.
  writeOwn("oom_score_adj", "1000");
  const libc = loadLibc();
  if (libc === null) return;
  lower(libc, RLIMIT_CORE, 0);
  lower(libc, RLIMIT_NOFILE, DESCRIPTORS_MAX);
  lower(libc, RLIMIT_NPROC, PROCESSES_MAX);
  const [, held] = /^VmData:\s+(\d+) kB$/m.exec(readOwn("status")) ?? [];
  if (held !== undefined) lower(libc, RLIMIT_DATA, Number(held) * 1024 + memoryMax);
}

/** Lowers a limit for good; one that is lower already stays as it is. @see setrlimit(2) */
function lower(libc: Libc, resource: number, value: number): void {
  const limit = new BigUint64Array(2);
  const bytes = new Uint8Array(limit.buffer);
  if (libc.getrlimit(resource, bytes) !== 0) return;
  const [soft = 0n, hard = 0n] = limit;
  const wanted = BigInt(value);
  limit.set([soft < wanted ? soft : wanted, hard < wanted ? hard : wanted]);
  libc.setrlimit(resource, bytes);
}

function readOwn(name: string): string {
  try {
    return readFileSync(`/proc/self/${name}`, "latin1");
  } catch {
    return "";
  }
}

function writeOwn(name: string, text: string): void {
  try {
    writeFileSync(`/proc/self/${name}`, text);
  } catch {
    // It stays as it is.
  }
}
