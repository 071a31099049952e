// Program: one call of gpg, which asks no questions and is killed at its time limit.
import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Milliseconds } from "../../time.ts";
import { noteChild } from "../os/family.ts";
import { joinBytes } from "./numbers.ts";
import { KeyProblem } from "./problem.ts";

/** Variables as a process has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How to reach a GnuPG home. */
export interface GnupgHome {
  readonly home: string;
  /** Only PATH, HOME, USER and TMPDIR of it reach gpg, and what a PIN is asked by. */
  readonly environment: Environment;
  /** After this gpg is killed. @default 30 seconds */
  readonly timeoutMs?: Milliseconds;
  /** Whether gpg-agent may ask a person. Then it is told of the terminal. @default false */
  readonly mayAsk?: boolean;
}

/** What one call of gpg gave. */
export interface GpgAnswer {
  /** The exit status, or null when it was killed. */
  readonly status: number | null;
  readonly output: Uint8Array;
  /** The last line of its messages, without the program's name. */
  readonly message: string;
}

const TIMEOUT_MS = 30_000;
const OUTPUT_MAX = 64 * 1024 * 1024;
const MESSAGES_MAX = 64 * 1024;

// The home's gpg.conf may ask for armor, other digests or a terminal: it does not apply here.
const ALWAYS = ["--no-options", "--batch", "--no-tty", "--no-auto-check-trustdb"];

/**
 * Runs gpg with `args`, its home and a minimal environment; `input` becomes its standard input.
 *
 * @throws {KeyProblem} If it cannot be started, or had to be killed at its time limit.
 */
export async function runGpg(
  gnupg: GnupgHome,
  { args, input }: { readonly args: readonly string[]; readonly input: Uint8Array },
): Promise<GpgAnswer> {
  const timeoutMs = gnupg.timeoutMs ?? TIMEOUT_MS;
  const child = spawn("gpg", ["--homedir", gnupg.home, ...ALWAYS, ...args], {
    env: minimal(gnupg),
    stdio: ["pipe", "pipe", "pipe"],
  });
  noteChild(child);
  if (!child.stdout) {
    // The system has no descriptors or processes left: there are no pipes, the reason comes later.
    return await new Promise((_, reject) => {
      child.on("error", (error) => reject(notStarted(error)));
    });
  }
  const output = collect(child.stdout, OUTPUT_MAX);
  const messages = collect(child.stderr, MESSAGES_MAX);
  // gpg may end without reading all: how it ended says more than the broken pipe.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const status = await new Promise<number | null>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      // What gpg started may hold the pipes open: nothing more is read from them.
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      child.unref();
      reject(tooLate(timeoutMs));
    }, timeoutMs);
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(notStarted(error));
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
  return { status, output: output(), message: lastLine(messages()) };
}

function tooLate(timeoutMs: Milliseconds): KeyProblem {
  return new KeyProblem(`gpg did not answer within ${timeoutMs / 1000} seconds`, {
    hint: "look at gpg-agent of that home; it may wait for a passphrase",
    passing: true,
  });
}

function notStarted(cause: Error): KeyProblem {
  return new KeyProblem("the program gpg cannot be started", {
    hint: "install GnuPG, or export the secret key to secring.gpg in that folder",
    cause,
  });
}

/** Where gpg-agent opens the window, or the lines, that a person types a PIN into. */
const ASKING = ["GPG_TTY", "TERM", "DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR"];

function minimal({ environment, mayAsk = false }: GnupgHome): Record<string, string> {
  const names = ["PATH", "HOME", "USER", "TMPDIR", ...(mayAsk ? ASKING : [])];
  const kept = names.map((name) => [name, environment[name]] as const);
  const known = kept.filter((pair): pair is [string, string] => pair[1] !== undefined);
  return { ...Object.fromEntries(known), LC_ALL: "C" };
}

/** Gathers a stream's bytes, and drops what comes after `max` of them. */
function collect(stream: Readable, max: number): () => Uint8Array {
  const chunks: Uint8Array[] = [];
  let size = 0;
  stream.on("data", (chunk: Uint8Array) => {
    if (size < max) chunks.push(chunk.subarray(0, max - size));
    size += chunk.length;
  });
  return () => joinBytes(...chunks);
}

function lastLine(bytes: Uint8Array): string {
  const lines = new TextDecoder().decode(bytes).split("\n");
  const last = lines.filter((line) => line.trim() !== "").at(-1) ?? "gpg said nothing";
  return last.replace(/^gpg: /, "").trim();
}
