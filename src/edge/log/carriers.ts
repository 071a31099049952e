// Carriers: the ways on which log lines leave this process.
//
// Each opens one way or throws the system's error, sends a line at a time and says when it is of
// no more use. Waiting, order and what to do about a failure are the queue's (queue.ts). What a way
// needs of the runtime is loaded when it is taken: most logs go to a file or to standard error.
import { closeSync, constants, fstatSync, openSync, statSync, writeSync } from "node:fs";
import type { Socket } from "node:net";
import type { Clock } from "../../ports.ts";
import { MINUTE_MS, SECOND_MS } from "../../time.ts";
import { errnoCode } from "../errno.ts";
import { openUnixDatagram } from "../runtime.ts";
import { LOG_TAG } from "./line.ts";
import type { Carrier } from "./queue.ts";

/** Where the syslog daemon of this machine listens. */
export const SYSLOG_SOCKET = "/dev/log";

/** Longest datagrams: by network a UDP packet's, by socket well below the kernel's buffer. */
const UDP_BYTES_MAX = 65_000;
const LOCAL_BYTES_MAX = 32_768;

/** How long a TCP connection may take to open, and to take a line. */
const TCP_MS_MAX = 10 * SECOND_MS;

/** A full queue or pipe is tried again after this, this often before the carrier gives up. */
const FULL_MS = 10;
const FULL_TRIES_MAX = 100;

/** A syslog server by network. `family` is 4, 6 or 0 for either. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly family: 0 | 4 | 6;
}

/**
 * Standard error, as it was when the process started.
 *
 * A pipe that nobody reads keeps lines waiting without holding up the process. A closed standard
 * error swallows them, as it does for every program.
 */
export function openStderr(clock: Clock): Carrier {
  const fd = stderrDescriptor();
  return {
    send(line) {
      if (fd === null) return undefined;
      const rest = writeSome(fd, Buffer.from(line));
      return rest.length === 0 ? undefined : writeRest(fd, rest, clock);
    },
    close() {
      if (fd !== null && fd !== 2) closeSync(fd);
    },
  };
}

/** Writes to standard error what fits there now, and says nothing if that fails. */
export function tryStderr(line: string): void {
  const fd = stderrDescriptor();
  if (fd === null) return;
  try {
    writeSome(fd, Buffer.from(line));
  } catch {
    // It is the last place to say anything.
  } finally {
    if (fd !== 2) closeSync(fd);
  }
}

function stderrDescriptor(): number | null {
  try {
    // Only for a pipe: a file opened twice would have two places to write at.
    if (!fstatSync(2).isFIFO()) return 2;
  } catch {
    return null;
  }
  try {
    return openSync("/proc/self/fd/2", constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return 2;
  }
}

/** Writes what fits now; the rest comes back. Throws unless "full" is all that is wrong. */
function writeSome(fd: number, bytes: Uint8Array): Uint8Array {
  let rest = bytes;
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
  } catch (error) {
    if (errnoCode(error) !== "EAGAIN") throw error;
  }
  return rest;
}

async function writeRest(fd: number, bytes: Uint8Array, clock: Clock): Promise<void> {
  for (let rest = bytes; rest.length > 0; rest = writeSome(fd, rest)) await clock.sleep(FULL_MS);
}

/** A syslog server by TCP. @throws The system's error when nobody answers. */
export async function connectTcp({ host, port, family }: ServerAddress): Promise<Carrier> {
  const { connect } = await import("node:net");
  const socket = connect({ host, port, family });
  let lost: Error | null = null;
  let fail: ((error: Error) => void) | null = null;
  const end = (error: Error): void => {
    lost ??= error;
    fail?.(lost);
    socket.destroy();
  };
  socket.on("error", end);
  socket.on("close", () => end(new Error("the syslog server closed the connection")));
  // Nothing is expected from the server, but its end of the connection is seen only by reading.
  socket.on("end", () => end(new Error("the syslog server closed the connection")));
  socket.resume();
  await connected(socket, (reject) => {
    fail = reject;
  });
  socket.setKeepAlive(true, MINUTE_MS);
  socket.setNoDelay(true);
  socket.unref();
  return {
    send(line) {
      if (lost !== null) throw lost;
      return new Promise((resolve, reject) => {
        fail = reject;
        socket.write(line, (error) => {
          if (error instanceof Error) reject(error);
          else resolve();
        });
      });
    },
    close: () => socket.destroy(),
  };
}

function connected(socket: Socket, onFailure: (fail: (error: Error) => void) => void) {
  return new Promise<void>((resolve, reject) => {
    onFailure(reject);
    socket.setTimeout(TCP_MS_MAX, () => {
      socket.destroy(Object.assign(new Error("i/o timeout"), { code: "ETIMEDOUT" }));
    });
    socket.once("connect", () => {
      socket.setTimeout(0);
      resolve();
    });
  });
}

/** A syslog server by UDP, which nobody needs to answer. The name is looked up once. */
export async function openUdp({ host, port, family }: ServerAddress): Promise<Carrier> {
  const [{ createSocket }, { lookup }] = await Promise.all([
    import("node:dgram"),
    import("node:dns/promises"),
  ]);
  const server = await lookup(host, { family });
  const socket = createSocket(server.family === 6 ? "udp6" : "udp4");
  let lost: Error | null = null;
  socket.on("error", (error) => {
    if (!isRefused(error)) lost = error;
  });
  socket.unref();
  const send = (bytes: Uint8Array): Promise<Error | null> =>
    new Promise((resolve) => socket.send(bytes, port, server.address, resolve));

  async function sendTwice(bytes: Uint8Array): Promise<void> {
    let error = await send(bytes);
    // Refused was the packet before, and this one was not sent for it.
    if (error !== null && isRefused(error)) error = await send(bytes);
    if (error !== null && !isRefused(error)) throw error;
  }

  return {
    send(line) {
      if (lost !== null) throw lost;
      return sendTwice(clip(line, UDP_BYTES_MAX));
    },
    close: () => socket.close(),
  };
}

function isRefused(error: Error): boolean {
  return errnoCode(error) === "ECONNREFUSED";
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
      const bytes = clip(line, LOCAL_BYTES_MAX);
      return socket.send(bytes) ? undefined : sendLater(bytes);
    },
    close: () => socket.close(),
  };

  async function sendLater(bytes: Uint8Array): Promise<void> {
    for (let tries = 0; tries < FULL_TRIES_MAX; tries++) {
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
    close: () => child.stdin.end(),
  };
}

/** The line's bytes, cut to what one datagram carries. */
function clip(line: string, bytesMax: number): Uint8Array {
  const bytes = Buffer.from(line);
  return bytes.length <= bytesMax ? bytes : bytes.subarray(0, bytesMax);
}
