// Client: starts the load API and asks it what it has seen.
import { resolve } from "node:path";

export interface LoadOptions {
  /** Commands that every action has. @default 0 */
  readonly commands?: number;
  /** Of one command as JSON, about. @default 5000 */
  readonly commandBytes?: number;
  /** How long every answer is held back. @default 0 */
  readonly latencyMs?: number;
  /** Actions whose commands are never answered. @default none */
  readonly silent?: readonly number[];
}

/** An action that was posted. */
export interface PostSeen {
  /** When it arrived: milliseconds since the epoch, with their fraction. */
  readonly at: number;
  /** The action's. */
  readonly name: string;
}

export interface LoadStats {
  requests: number;
  /** When the first of them arrived; null when none has. */
  firstAt: number | null;
  /** Of the pages of commands that went out. */
  bytes: number;
  readonly posts: PostSeen[];
}

/** A running load API: `await using api = await LoadApi.start({ commands: 2_000 })`. */
export class LoadApi implements AsyncDisposable {
  readonly #process: Bun.Subprocess<"ignore", "pipe", "inherit">;
  /** As `[api] url` wants it. */
  readonly url: string;

  private constructor(child: Bun.Subprocess<"ignore", "pipe", "inherit">, url: string) {
    this.#process = child;
    this.url = url;
  }

  static async start(options: LoadOptions): Promise<LoadApi> {
    const script = resolve(import.meta.dirname, "server.ts");
    const child = Bun.spawn([process.execPath, script, JSON.stringify(options)], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      return new LoadApi(child, text.trim());
    }
    throw new Error("Cannot start the load API: it ended without its address");
  }

  /** What it has seen since it was asked last. */
  async stats(): Promise<LoadStats> {
    const answer = await fetch(new URL("/stats", this.url));
    return (await answer.json()) as LoadStats;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
  }
}
