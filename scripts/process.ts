// Process: runs one of the project's own tools and hands over its output line by line.
import { spawn } from "node:child_process";
import { resolve } from "node:path";

/** The top folder of the checkout. */
export const root = resolve(import.meta.dirname, "..");

/** The path of a tool that `npm install` brought. */
export function tool(name: string): string {
  return resolve(root, "node_modules/.bin", name);
}

export interface ToolOrder {
  readonly argv: readonly [string, ...string[]];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * The tool is ended when it prints nothing for so long: a busy machine makes it slower, and only
   * one that hangs is silent. @default HANG_MS
   */
  readonly silenceMaxMs?: number;
  /** Called with each line of stdout and stderr as it comes, without its newline. */
  onLine?(line: string): void;
}

export interface ToolAnswer {
  /** Null when a signal ended it. */
  readonly exit: number | null;
  /** Both streams, in the order in which lines were completed. */
  readonly lines: readonly string[];
  readonly elapsedMs: number;
}

/** Longer than any tool, or any one test, is silent on a machine that is loaded tenfold. */
export const HANG_MS = 15 * 60_000;

/** How long a tool may take to end its own children before it is killed. */
const END_GRACE_MS = 3_000;

/** Runs a tool in the top folder, without a standard input. Rejects when it cannot be started. */
export function runTool(order: ToolOrder): Promise<ToolAnswer> {
  const startedAt = performance.now();
  const { argv, silenceMaxMs = HANG_MS } = order;
  const [command, ...rest] = argv;
  const lines: string[] = [];
  const keep = (line: string) => {
    end.refresh();
    lines.push(line);
    order.onLine?.(line);
  };
  const { promise, resolve: settle, reject } = Promise.withResolvers<ToolAnswer>();
  const child = spawn(command, rest, {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0", ...order.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const rests = [child.stdout, child.stderr].map((stream) => readLines(stream, keep));
  const end = setTimeout(() => {
    lines.push(`${command}: ended, it had printed nothing for ${silenceMaxMs / 1_000} s`);
    child.kill("SIGTERM");
    setTimeout(() => {
      child.kill("SIGKILL");
      // A grandchild that holds the output open must not hold us up.
      child.stdout.destroy();
      child.stderr.destroy();
    }, END_GRACE_MS).unref();
  }, silenceMaxMs);
  child.on("error", (error) => {
    clearTimeout(end);
    reject(error);
  });
  child.on("close", (exit) => {
    clearTimeout(end);
    for (const flush of rests) flush();
    settle({ exit, lines, elapsedMs: performance.now() - startedAt });
  });
  return promise;
}

/** Cuts a stream into lines. The answer hands over a last line without a newline. */
function readLines(stream: NodeJS.ReadableStream, keep: (line: string) => void): () => void {
  let partial = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const parts = (partial + text).split("\n");
    partial = parts.pop() ?? "";
    for (const line of parts) keep(line);
  });
  return () => {
    if (partial !== "") keep(partial);
  };
}
