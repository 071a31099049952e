// Edge: what tests of the edges share: a directory of their own, a log that remembers, listeners.
import { dlopen, ptr } from "bun:ffi";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Log, LogLevel } from "../../src/lib/ports.ts";
import { eventually } from "./binary.ts";

const root = resolve(import.meta.dirname, "../..");

/** The other runtime that src/ has to run on. */
export const DENO: readonly [string, ...string[]] = [
  join(root, "node_modules/.bin/deno"),
  "run",
  "-A",
];

/** A path in src/, for scripts that run in a process of their own. */
export function source(path: string): string {
  return join(root, "src", path);
}

/** A directory that is gone at the end of the test: `using scratch = new Scratch()`. */
export class Scratch implements Disposable {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), "mig-runner-edge-")));

  /** A path in it. */
  in(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  /** Makes a directory in it, and those above. */
  folder(...names: readonly string[]): string {
    const path = this.in(...names);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** Writes a file in it, with the folders above. */
  file(name: string, text: string | Uint8Array = "", mode = 0o644): string {
    const path = this.in(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A log that keeps its lines as `level: message`. */
export class MemoryLog implements Log {
  readonly lines: string[] = [];

  emit(level: LogLevel, message: string): void {
    this.lines.push(`${level}: ${message}`);
  }
}

const libc = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
}).symbols;

/** A unix datagram socket that listens at a path, or at an abstract name that begins with "@". */
export class DatagramListener implements Disposable {
  readonly #fd = libc.socket(1, 2, 0);

  constructor(path: string) {
    const name = path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`;
    const address = Buffer.concat([Buffer.from([1, 0]), Buffer.from(name)]);
    if (libc.bind(this.#fd, ptr(address), address.length) !== 0) throw new Error(`bind ${path}`);
  }

  /** A message that has arrived, or null. */
  poll(): string | null {
    const buffer = Buffer.alloc(65_536);
    const length = libc.recv(this.#fd, ptr(buffer), buffer.length, 0x40);
    return length < 0 ? null : buffer.toString("utf8", 0, length);
  }

  /** The next message. */
  async next(): Promise<string> {
    return await eventually(() => this.poll());
  }

  [Symbol.dispose](): void {
    libc.close(this.#fd);
  }
}
