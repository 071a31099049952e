// Carriers: the ways on which log lines leave this process.
//
// Each opens one way or throws the system's error, sends a line at a time and says when it is of
// no more use. Limits, order and what to do about a failure are the queue's (queue.ts). What a way
// needs of the runtime is loaded when it is taken: most logs go to a file or to standard error.
import type { Socket as DatagramSocket } from "node:dgram";
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import { firstBytes } from "../../text.ts";
import { type Instant, MINUTE_MS, type Milliseconds, SECOND_MS } from "../../time.ts";
import { errnoCode } from "../os/errno.ts";
import { noteChild } from "../os/family.ts";
import { openUnixDatagram, socketWriter } from "../os/runtime.ts";
import type { Clock } from "../ports.ts";
import { LOG_TAG } from "./line.ts";
import { type Carrier, TooSlow } from "./queue.ts";

/** Where the syslog daemon of this machine listens. */
export const SYSLOG_SOCKET = "/dev/log";

/** Longest datagrams: by network a UDP packet's, by socket well below the kernel's buffer. */
const UDP_BYTES_MAX = 65_000;
const LOCAL_BYTES_MAX = 32_768;

/** How often the name of a server is looked up again: its address may have moved. */
const LOOK_UP_MS: Milliseconds = MINUTE_MS;

/** How long the answer that refuses a packet may take to arrive. */
const REFUSAL_MS: Milliseconds = SECOND_MS;

/** How long the kernel resends what is not acknowledged. @see tcp(7), tcp_retries2 */
const UNKNOWN_MS: Milliseconds = 20 * MINUTE_MS;

/** A full queue or pipe is tried again after this, this often before the carrier gives up. */
const FULL_MS = 10;
const FULL_ATTEMPTS_MAX = 100;

/** A syslog server by network. `family` is 4, 6 or 0 for either. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly family: 0 | 4 | 6;
}

/**
 * Standard error, as it was when the process started.
 *
 * A pipe, a socket or a terminal that nobody reads keeps lines waiting without holding up the
 * process. A closed standard error swallows them, as it does for every program.
 */
export function openStderr(clock: Clock): Carrier {
  const stderr = openWriter();
  return {
    isOnly: true,
    send(line) {
      const rest = stderr.writeSome(Buffer.from(line));
      return rest.length === 0 ? undefined : writeRest(stderr, rest, clock);
    },
    close: () => stderr.close(),
  };
}

/** Writes to standard error what fits there now, and says nothing if that fails. */
export function tryStderr(line: string): void {
  const stderr = openWriter();
  try {
    stderr.writeSome(Buffer.from(line));
  } catch {
    // It is the last place to say anything.
  } finally {
    stderr.close();
  }
}

/** Standard error, written to without waiting. */
interface Writer {
  /** Writes what fits now; the rest comes back. Throws unless "full" is all that is wrong. */
  writeSome(bytes: Uint8Array): Uint8Array;
  close(): void;
}

const CLOSED_WRITER: Writer = { writeSome: () => new Uint8Array(), close() {} };

function openWriter(): Writer {
  let found: Stats;
  try {
    found = fstatSync(2);
  } catch {
    return CLOSED_WRITER;
  }
  // systemd's journal gives its services a socket, which cannot be opened again by name.
  const send = found.isSocket() ? socketWriter(2) : null;
  if (send !== null) {
    let isOpen = true;
    return {
      writeSome: (bytes) => (isOpen ? bytes.subarray(send(bytes)) : new Uint8Array()),
      close: () => {
        isOpen = false;
      },
    };
  }
  // Not a file: opened twice it would have two places to write at.
  const fd = found.isFIFO() || found.isCharacterDevice() ? openAgain() : 2;
  return { writeSome: (bytes) => writeSome(fd, bytes), close: () => fd !== 2 && closeSync(fd) };
}

function openAgain(): number {
  try {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    return openSync("/proc/self/fd/2", flags);
  } catch {
    return 2;
  }
}

function writeSome(fd: number, bytes: Uint8Array): Uint8Array {
  let rest = bytes;
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
  } catch (error) {
    if (errnoCode(error) !== "EAGAIN") throw error;
  }
  return rest;
}

async function writeRest(stderr: Writer, bytes: Uint8Array, clock: Clock): Promise<void> {
  for (let rest = bytes; rest.length > 0; rest = stderr.writeSome(rest)) await clock.sleep(FULL_MS);
}

/** Counts lines by when they were sent: the last of them may not have arrived. */
class SentLines {
  readonly #clock: Clock;
  /** How many in each second that had one. */
  readonly #counts = new Map<Instant, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(): void {
    const now = this.#clock.now();
    const second = now - (now % SECOND_MS);
    this.#counts.set(second, (this.#counts.get(second) ?? 0) + 1);
    for (const old of this.#counts.keys()) {
      if (old >= now - UNKNOWN_MS && old <= now) break;
      this.#counts.delete(old);
    }
  }

  /** How many were sent in the last `ms`, rounded up to whole seconds. */
  within(ms: Milliseconds): number {
    const since = this.#clock.now() - ms - SECOND_MS;
    return [...this.#counts].reduce((sum, [at, count]) => sum + (at > since ? count : 0), 0);
  }
}

/**
 * A syslog server by TCP.
 *
 * @throws The system's error when nobody answers, or when `signal` aborts meanwhile.
 */
export async function connectTcp(
  { host, port, family }: ServerAddress,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal },
): Promise<Carrier> {
  const { connect } = await import("node:net");
  const socket = connect({ host, port, family });
  const sent = new SentLines(clock);
  let lost: Error | null = null;
  let fail: ((error: Error) => void) | null = null;
  const end = (error: Error): void => {
    lost ??= error;
    fail?.(lost);
    socket.destroy();
  };
  socket.on("error", end);
  socket.on("close", () => end(new Error(CLOSED)));
  // Nothing is expected from the server, but its end of the connection is seen only by reading.
  socket.on("end", () => end(new Error(CLOSED)));
  socket.resume();
  const cancel = (): void => end(new Error("the connection is not wanted any more"));
  signal?.addEventListener("abort", cancel);
  await new Promise<void>((resolve, reject) => {
    fail = reject;
    if (signal?.aborted === true) cancel();
    socket.once("connect", resolve);
  }).finally(() => signal?.removeEventListener("abort", cancel));
  socket.setKeepAlive(true, MINUTE_MS);
  socket.setNoDelay(true);
  socket.unref();
  return {
    send(line) {
      if (lost !== null) throw lost;
      return new Promise((resolve, reject) => {
        fail = reject;
        socket.write(line, (error) => {
          if (error instanceof Error) return reject(error);
          sent.add();
          resolve();
        });
      });
    },
    doubtful(error) {
      // Closed in order, it has read what came before.
      if (error instanceof Error && error.message === CLOSED) return 0;
      const isSilent = error instanceof TooSlow || errnoCode(error) === "ETIMEDOUT";
      return sent.within(isSilent ? UNKNOWN_MS : REFUSAL_MS);
    },
    close: () => socket.destroy(),
  };
}

const CLOSED = "the syslog server closed the connection";

/** Where a name leads to. */
export type LookUp = (
  host: string,
  options: { readonly family: 0 | 4 | 6 },
) => Promise<{ readonly address: string; readonly family: number }>;

/**
 * A syslog server by UDP, which nobody needs to answer.
 *
 * Its name is looked up again now and then, while lines go on to where it led before. A server that
 * refuses a packet is of no more use, as for Go: the next carrier looks the name up at once.
 */
export async function openUdp(
  { host, port, family }: ServerAddress,
  { clock, lookUp }: { readonly clock: Clock; readonly lookUp?: LookUp },
): Promise<Carrier> {
  const find = lookUp ?? (await import("node:dns/promises")).lookup;
  const sent = new SentLines(clock);
  let lost: Error | null = null;
  const onError = (error: Error): void => {
    lost ??= error;
  };
  let server = await find(host, { family });
  let socket: DatagramSocket | null = null;
  try {
    socket = await connectUdp(server, { port, onError });
  } catch (error) {
    // No way there now, such as before the network is up: told with the first line.
    lost = error as Error;
  }
  let lookAt = clock.now() + LOOK_UP_MS;

  async function follow(): Promise<void> {
    lookAt = clock.now() + LOOK_UP_MS;
    try {
      const found = await find(host, { family });
      if (found.address === server.address) return;
      const next = await connectUdp(found, { port, onError });
      socket?.close();
      [server, socket] = [found, next];
    } catch {
      // What it led to may still be right; a name server is away.
    }
  }

  return {
    send(line) {
      if (lost !== null || socket === null) throw lost;
      const through = socket;
      // A clock that was set back must not put it off.
      const isDue = clock.now() >= lookAt || clock.now() < lookAt - LOOK_UP_MS;
      if (isDue) void follow();
      return new Promise((resolve, reject) => {
        through.send(firstBytes(line, UDP_BYTES_MAX), (error) => {
          if (error != null) return reject(error);
          sent.add();
          resolve();
        });
      });
    },
    doubtful: () => sent.within(REFUSAL_MS),
    close: () => socket?.close(),
  };
}

/** Connected, so that the kernel tells who refuses a packet. Deno does not pass that on. */
async function connectUdp(
  { address, family }: { readonly address: string; readonly family: number },
  { port, onError }: { readonly port: number; readonly onError: (error: Error) => void },
): Promise<DatagramSocket> {
  const { createSocket } = await import("node:dgram");
  const socket = createSocket(family === 6 ? "udp6" : "udp4");
  socket.on("error", onError);
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.connect(port, address, () => {
      socket.off("error", reject);
      resolve();
    });
  });
  socket.unref();
  return socket;
}

/**
 * The syslog daemon of this machine by its socket, or null where this process cannot make one.
 *
 * @throws The system's error when the socket is not there.
 */
export async function openLocal(path: string, clock: Clock): Promise<Carrier | null> {
  statSync(path);
  const socket = await openUnixDatagram(path);
  if (socket === null) return null;
  return {
    send(line) {
      const bytes = firstBytes(line, LOCAL_BYTES_MAX);
      return socket.send(bytes) ? undefined : sendLater(bytes);
    },
    close: () => socket.close(),
  };

  async function sendLater(bytes: Uint8Array): Promise<void> {
    for (let attempt = 0; attempt < FULL_ATTEMPTS_MAX; attempt++) {
      await clock.sleep(FULL_MS);
      if (socket?.send(bytes)) return;
    }
    throw new Error(`nobody reads ${path}`);
  }
}

/** One `logger` process for as long as it lives: lines of `<priority>message`. */
export async function spawnLogger(socketPath: string, pid: number): Promise<Carrier> {
  const { spawn } = await import("node:child_process");
  const child = spawn(
    "logger",
    ["--socket", socketPath, "--tag", LOG_TAG, `--id=${pid}`, "--prio-prefix"],
    // A group of its own: a Ctrl-C is for the runner, which may have more to say.
    { stdio: ["pipe", "ignore", "ignore"], detached: true },
  );
  noteChild(child);
  let lost: Error | null = null;
  let fail: ((error: Error) => void) | null = null;
  const end = (error: Error): void => {
    lost ??= error;
    fail?.(lost);
  };
  child.on("error", end);
  child.stdin.on("error", end);
  child.on("exit", (code) => end(new Error(`logger ended with status ${code}`)));
  await new Promise<void>((resolve, reject) => {
    fail = reject;
    child.on("spawn", resolve);
  });
  child.unref();
  return {
    send(line) {
      if (lost !== null) throw lost;
      return new Promise((resolve, reject) => {
        fail = reject;
        child.stdin.write(`${line}\n`, (error) => (error ? reject(error) : resolve()));
      });
    },
    close(isStuck) {
      child.stdin.end();
      // One that takes nothing would stay when this process has ended.
      if (isStuck) child.kill("SIGKILL");
    },
  };
}
