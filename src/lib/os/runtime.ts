// Runtime: the only file that knows Bun from Deno.
//
// Both run everything else as it is, by the modules of Node. What those lack is here: unix
// datagram sockets (syslog, systemd) and real pipes, by calls into the C library. Without one that
// can be called (another system, a static build), each of them answers null. Then what only Bun
// has: a bundler, an executable that holds modules, and a collector that can be asked.
import { closeSync, constants, createReadStream, openSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { NetConnectOpts } from "node:net";
import { resolve } from "node:path";
import { platform } from "node:process";
import type { Readable } from "node:stream";

/** What runs this program. */
export type RuntimeName = "bun" | "deno" | "node";

/** A socket that sends whole messages to one listener of this machine. */
export interface UnixDatagram {
  /** False when the listener is away or its queue is full. Never waits, never throws. */
  send(message: Uint8Array): boolean;
  close(): void;
}

/** Both ends of a pipe of the kernel, opened by the runtime. Children do not inherit them. */
export interface Pipe {
  /** Does not wait: an empty pipe reads as EAGAIN, and as 0 bytes once every writer is gone. */
  readonly readFd: number;
  readonly writeFd: number;
}

/** The functions of the C library that are used, with numbers and buffers only. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  // Six arguments, in the order of the C library.
  sendto: (
    ...call: [
      fd: number,
      message: Uint8Array,
      length: number,
      flags: number,
      address: Uint8Array,
      addressLength: number,
    ]
  ) => number;
  pipe2(pair: Int32Array, flags: number): number;
  madvise(address: number, length: number, advice: number): number;
  close(fd: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  prctl(option: number, argument: number, ...none: readonly [0, 0, 0]): number;
  getrlimit(resource: number, limit: Uint8Array): number;
  setrlimit(resource: number, limit: Uint8Array): number;
  waitpid(pid: number, status: Uint8Array, options: number): number;
  memset(address: number, byte: number, length: number): void;
}

interface Ffi {
  dlopen(name: string, symbols: unknown): { symbols: Libc };
}

// Linux, the same numbers on x86-64 and arm64.
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MADV_DONTNEED = 4;

/** sizeof sun_path, with its NUL. */
const SOCKET_PATH_MAX = 108;

/** Bun's names of types by Deno's. */
const BUN_TYPES = {
  i32: "i32",
  u32: "u32",
  i64: "i64",
  usize: "usize",
  buffer: "ptr",
  void: "void",
} as const;

/** What each function takes and gives, in Deno's names of types. */
const LIBC = {
  socket: [["i32", "i32", "i32"], "i32"],
  sendto: [["i32", "buffer", "usize", "i32", "buffer", "u32"], "i32"],
  pipe2: [["buffer", "i32"], "i32"],
  madvise: [["usize", "usize", "i32"], "i32"],
  close: [["i32"], "i32"],
  fcntl: [["i32", "i32", "i64"], "i32"],
  prctl: [["i32", "i64", "i64", "i64", "i64"], "i32"],
  getrlimit: [["i32", "buffer"], "i32"],
  setrlimit: [["i32", "buffer"], "i32"],
  waitpid: [["i32", "buffer", "i32"], "i32"],
  memset: [["usize", "i32", "usize"], "void"],
} as const satisfies Record<keyof Libc, readonly [readonly (keyof typeof BUN_TYPES)[], string]>;

const LIBC_NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/** An order to the bundler. @see https://bun.com/docs/bundler */
export interface BuildOrder {
  readonly entrypoints: readonly string[];
  /** Texts to be taken instead of what is on the disk, by path. */
  readonly files: Readonly<Record<string, string>>;
  readonly target: "bun";
  readonly format: "esm";
  readonly external: readonly string[];
  readonly minify: Readonly<Record<"whitespace" | "syntax" | "identifiers", boolean>>;
  readonly sourcemap: "external";
  readonly root: string;
  readonly naming: string;
  readonly macros: boolean;
  readonly metafile: true;
  readonly throw: false;
}

/** What went into one thing that was made. Paths are from the working directory. */
interface BuildFacts {
  readonly entryPoint?: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** One thing that the bundler made. */
export interface BuildArtifact {
  readonly kind: string;
  readonly path: string;
  text(): Promise<string>;
}

/** One thing that the bundler has to say. */
export interface BuildLog {
  readonly level: string;
  readonly message: string;
  readonly position: {
    readonly file: string;
    readonly line: number;
    readonly column: number;
  } | null;
  /** The import that was not found, when it is about that. */
  readonly specifier?: string;
}

/** What Bun has for modules beyond Node. */
export interface ModuleTools {
  build(order: BuildOrder): Promise<{
    readonly outputs: readonly BuildArtifact[];
    readonly logs: readonly BuildLog[];
    readonly metafile?: { readonly outputs: Readonly<Record<string, BuildFacts>> };
  }>;
  /** Lets a name be imported in this thread, as a module with these exports. */
  provide(name: string, exports: object): void;
}

interface BunGlobal {
  build: ModuleTools["build"];
  gc(wait: boolean): void;
  readonly unsafe: { setJITPolicy?(scale: number): void };
  plugin(plugin: { name: string; setup(build: BunPluginBuild): void }): void;
}

interface BunPluginBuild {
  module(name: string, load: () => { exports: object; loader: "object" }): void;
}

/** What runs this program. */
export function runtimeName(): RuntimeName {
  if (process.versions.bun !== undefined) return "bun";
  return denoFfi() === undefined ? "node" : "deno";
}

/** The bundler and what goes with it; null where there is none (Deno). */
export function moduleTools(): ModuleTools | null {
  const bun = bunGlobal();
  if (bun === undefined) return null;
  return {
    build: (order) => bun.build(order),
    provide(name, exports) {
      bun.plugin({
        name,
        setup: (build) => build.module(name, () => ({ exports, loader: "object" })),
      });
    },
  };
}

/** How a process of this program is started that is not its main one. */
export interface WorkerCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** What its environment must have beside what it is given. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The argument by which the executable knows that it is to be a worker. */
export const WORKER_ARGUMENT = "__worker";

/**
 * Starts src/worker.ts: in the executable by its first argument, from source as a program.
 *
 * The executable is named by what runs now, not by its path: that may hold another version since.
 */
export function workerCommand(): WorkerCommand {
  if (/\/(?:\$bunfs|~BUN)\//.test(import.meta.url)) {
    const file = platform === "linux" ? "/proc/self/exe" : process.execPath;
    return { file, args: [WORKER_ARGUMENT], environment: {} };
  }
  const source = resolve(import.meta.dirname ?? "", "../../worker.ts");
  if (denoFfi() === undefined) {
    return { file: process.execPath, args: [source, WORKER_ARGUMENT], environment: {} };
  }
  // Where Deno keeps what it has compiled.
  const { DENO_DIR } = process.env;
  const environment: Record<string, string> = DENO_DIR === undefined ? {} : { DENO_DIR };
  const args = ["run", "--quiet", "--allow-all", source, WORKER_ARGUMENT];
  return { file: process.execPath, args, environment };
}

/**
 * A socket for messages to `path`, which may begin with "@" for an abstract name.
 *
 * The listener need not be there yet, and may come and go: every message names its address.
 *
 * @returns Null where no such socket can be made.
 * @see unix(7); syslog(3) is not used, because it waits for a full queue
 */
export function openUnixDatagram(path: string): UnixDatagram | null {
  const libc = loadLibc();
  const address = socketAddress(path);
  if (libc === null || address === null) return null;
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return null;
  let open = true;
  return {
    send(message) {
      if (!open) return false;
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      const sent = libc.sendto(fd, message, message.length, flags, address, address.length);
      return sent === message.length;
    },
    close() {
      if (open) libc.close(fd);
      open = false;
    },
  };
}

/**
 * Writes to a connected stream socket of this process without ever waiting.
 *
 * @returns Tells how many bytes it took: none when it is full, or when nobody is there any more.
 *   Null where that cannot be done.
 */
export function socketWriter(fd: number): ((bytes: Uint8Array) => number) | null {
  const libc = loadLibc();
  if (libc === null) return null;
  // To whom it is connected: of an address no byte is looked at.
  const nobody = new Uint8Array(2);
  return (bytes) =>
    Math.max(0, libc.sendto(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, nobody, 0));
}

/**
 * A pipe to hand to a child.
 *
 * Bun and Node give their children socket pairs instead, which a child cannot open again by name
 * as shell scripts do (`echo text > /dev/stderr`).
 *
 * @returns Null where no pipe can be made.
 */
export function openPipe(): Pipe | null {
  const libc = loadLibc();
  const pair = new Int32Array(2);
  if (libc === null || libc.pipe2(pair, SOCK_CLOEXEC) !== 0) return null;
  const [readEnd, writeEnd] = pair as unknown as readonly [number, number];
  let readFd: number | null = null;
  try {
    // Opened again, because Deno only works with descriptors of its own, and to read without
    // waiting while the child's end still waits as usual.
    readFd = openSync(`/proc/self/fd/${readEnd}`, constants.O_RDONLY | constants.O_NONBLOCK);
    return { readFd, writeFd: openSync(`/proc/self/fd/${writeEnd}`, constants.O_WRONLY) };
  } catch {
    if (readFd !== null) closeSync(readFd);
    return null;
  } finally {
    libc.close(readEnd);
    libc.close(writeEnd);
  }
}

/**
 * Reads a descriptor that this process was started with, a socket or a pipe, as it comes.
 *
 * Bun waits for a socket among all its other events, which takes half the time of a thread that
 * reads it; Deno knows such a descriptor as a file only.
 */
export function readDescriptor(fd: number): Readable {
  if (runtimeName() !== "bun") return createReadStream("", { fd });
  // Only workers need it: loaded then.
  return process.getBuiltinModule("node:net").connect({ fd } as unknown as NetConnectOpts);
}

/**
 * Lets the compiler of the runtime work as usual in this thread. An executable begins with one that
 * waits longer until it takes code for worth compiling: most of what a start runs, runs once.
 */
export function compileAsUsual(): void {
  bunGlobal()?.unsafe.setJITPolicy?.(1);
}

/** Collects garbage now, where the runtime can be asked to. Holds the thread for milliseconds. */
export function collectGarbage(): void {
  bunGlobal()?.gc(true);
}

/**
 * Gives back the memory that a start took and nothing needs any more: garbage, and the pages of
 * the program's own code, most of which ran once. What runs again comes from the page cache.
 *
 * Under Bun on Linux; elsewhere nothing happens. Holds the thread for some milliseconds.
 */
export function releaseMemory(): void {
  const bun = bunGlobal();
  if (bun === undefined) return;
  bun.gc(true);
  const libc = loadLibc();
  if (libc === null) return;
  for (const { address, length } of codeMappings()) libc.madvise(address, length, MADV_DONTNEED);
}

/**
 * Code that is mapped from files, as it is in them. A mapping in which anything was changed, such
 * as by a debugger, would lose that, and is left alone. @see proc_pid_smaps(5)
 */
function codeMappings(): readonly { readonly address: number; readonly length: number }[] {
  let text: string;
  try {
    text = readFileSync("/proc/self/smaps", "utf8");
  } catch {
    return [];
  }
  const code = /^([0-9a-f]+)-([0-9a-f]+) r-xp .* \/.*\n(?:[A-Z]\w+:.*\n)*?Anonymous: +0 kB$/gm;
  return [...text.matchAll(code)].map(([, from = "", to = ""]) => {
    const address = Number.parseInt(from, 16);
    return { address, length: Number.parseInt(to, 16) - address };
  });
}

/** struct sockaddr_un; null for a path that does not fit. */
function socketAddress(path: string): Uint8Array | null {
  const abstract = path.startsWith("@");
  const name = new TextEncoder().encode(abstract ? `\0${path.slice(1)}` : `${path}\0`);
  if (path === "" || name.length > SOCKET_PATH_MAX) return null;
  const address = new Uint8Array(2 + name.length);
  address[0] = AF_UNIX;
  address.set(name, 2);
  return address;
}

let libc: Libc | null | undefined;

/** The C library; null where none can be called. Opened at the first call. */
export function loadLibc(): Libc | null {
  libc ??= openLibc();
  return libc;
}

function openLibc(): Libc | null {
  if (platform !== "linux") return null;
  for (const name of LIBC_NAMES) {
    try {
      const library = runtimeName() === "bun" ? openByBun(name) : openByDeno(name);
      if (library !== null) return library;
    } catch {
      // Not this library.
    }
  }
  return null;
}

function openByBun(name: string): Libc {
  // Deno refuses an import that it does not know when it reads the file.
  const { dlopen } = createRequire(import.meta.url)("bun:ffi") as Ffi;
  const symbols = Object.entries(LIBC).map(([symbol, [args, returns]]) => {
    return [symbol, { args: args.map((type) => BUN_TYPES[type]), returns: BUN_TYPES[returns] }];
  });
  return dlopen(name, Object.fromEntries(symbols)).symbols;
}

function openByDeno(name: string): Libc | null {
  const symbols = Object.entries(LIBC).map(([symbol, [parameters, result]]) => {
    return [symbol, { parameters, result }];
  });
  return denoFfi()?.dlopen(name, Object.fromEntries(symbols)).symbols ?? null;
}

function bunGlobal(): BunGlobal | undefined {
  return (globalThis as unknown as { Bun?: BunGlobal }).Bun;
}

function denoFfi(): Ffi | undefined {
  return (globalThis as unknown as { Deno?: Ffi }).Deno;
}
