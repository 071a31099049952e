// Shipped: runs a shipped plugin in this thread against a listener of its own.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { openFetch } from "../../src/edge/plugins/fetch.ts";
import { openResult } from "../../src/edge/plugins/result-reader.ts";
import { readSettings, type Settings } from "../../src/edge/plugins/settings.ts";
import { messageOf } from "../../src/errors.ts";
import { openHttp } from "../../src/lib/http/client.ts";
import { isFatal, retryAfterMs } from "../../src/sdk/failure.ts";
import type { AlarmEvent, PluginContext, PluginModule } from "../../src/sdk/plugin.ts";
import { decodeProgress, encodeProgress } from "../../src/sdk/progress.ts";
import { Scratch } from "./edge.ts";

/** A request as it came. */
export interface Heard {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** What to answer: an answer, a cut connection, or nothing at all. */
export type Reply =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>> | undefined;
      readonly body?: string | undefined;
    }
  | { readonly action: "close" | "hang" };

/** The time limit of a request that gets this: short where the time passes for certain. */
export function limitOf(reply: Reply): { readonly timeout: string } {
  return { timeout: "action" in reply && reply.action === "hang" ? "50ms" : "60s" };
}

/** A server on loopback that remembers what it heard. */
export class Listener implements AsyncDisposable {
  readonly heard: Heard[] = [];
  readonly #server = createServer((request, response) => void this.#hear(request, response));
  readonly #reply: (heard: Heard, index: number) => Reply;

  private constructor(reply: (heard: Heard, index: number) => Reply) {
    this.#reply = reply;
  }

  /** @param replies What to answer in turn, the last one from then on; or how to answer. */
  static async open(
    replies: readonly Reply[] | ((heard: Heard, index: number) => Reply),
  ): Promise<Listener> {
    const inTurn = (_: Heard, index: number): Reply =>
      (typeof replies === "function" ? undefined : (replies[index] ?? replies.at(-1))) ?? {
        status: 200,
      };
    const listener = new Listener(typeof replies === "function" ? replies : inTurn);
    const { promise, resolve } = Promise.withResolvers<void>();
    listener.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return listener;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The bodies that came, as JSON. */
  get bodies(): readonly unknown[] {
    return this.heard.filter(({ body }) => body !== "").map(({ body }) => JSON.parse(body));
  }

  async #hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { headers, method = "", url = "" } = request;
    const heard = { method, path: url, headers, body: Buffer.concat(chunks).toString() };
    const reply = this.#reply(heard, this.heard.push(heard) - 1);
    if ("status" in reply) response.writeHead(reply.status, reply.headers).end(reply.body ?? "");
    else if (reply.action === "close") request.socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }
}

export interface TryOptions {
  readonly settings: Settings;
  /** A result document, or the text of a file. @default none: an alarm is told */
  readonly result?: unknown;
  readonly alarm?: AlarmEvent;
  /** For proxies. @default none */
  readonly environment?: Readonly<Record<string, string>>;
  readonly key?: string;
  readonly attempt?: number;
  /** What an earlier attempt has saved. */
  readonly progress?: unknown;
  readonly signal?: AbortSignal;
}

/** How a delivery ended, and what it wrote to the log as `level: message`. */
export interface Tried {
  readonly kind: "delivered" | "failed" | "unset";
  /** Of the error; "" when it was delivered. */
  readonly message: string;
  readonly final: boolean;
  readonly retryAfterMs: number;
  readonly log: readonly string[];
  /** What it has saved last of its progress; what it was given if nothing. */
  readonly progress: unknown;
}

/** Delivers once. `unset` is the answer to settings that the plugin refuses. */
export async function tryPlugin(module: PluginModule, options: TryOptions): Promise<Tried> {
  using scratch = new Scratch();
  const log: string[] = [];
  let saved: unknown = options.progress ?? null;
  const ended = (kind: Tried["kind"], error?: unknown): Tried => ({
    kind,
    message: error === undefined ? "" : messageOf(error),
    final: isFatal(error),
    retryAfterMs: retryAfterMs(error) ?? 0,
    log,
    progress: saved,
  });
  const read = await readSettings(module.config, options.settings);
  if (read.kind === "broken") return ended("unset", read.problems.join("; "));
  const { attempt = 1, environment = {}, key = "nightly/7/shipped", result = {} } = options;
  const text = typeof result === "string" ? result : JSON.stringify(result);
  const resultPath = scratch.file("7.json", text);
  const delivery = { job: "nightly", actionId: 7, resultPath, key, attempt };
  const signal = options.signal ?? new AbortController().signal;
  const limits = { connectTimeoutMs: 5_000, headersTimeoutMs: 5_000, idleTimeoutMs: 5_000 };
  const fetch = openFetch(
    ({ direct }) =>
      openHttp({
        ...limits,
        skipVerifyCert: false,
        environment: direct ? {} : environment,
        exchangeTimeoutMs: 5_000,
        connectionsMax: 64,
      }),
    signal,
  );
  const { job, actionId } = delivery;
  const context: PluginContext<unknown> = {
    config: read.config,
    job,
    actionId,
    key,
    attempt,
    signal,
    fetch,
    progress: saved,
    saveProgress: async (value) => {
      saved = decodeProgress(encodeProgress(value));
    },
    log: (...line: readonly [string] | readonly [string, string]) =>
      void log.push(line.length === 1 ? `info: ${line[0]}` : `${line[0]}: ${line[1]}`),
  };
  try {
    if (options.alarm !== undefined) {
      if (module.alarm === null) throw new Error("it cannot tell alarms");
      await module.alarm(options.alarm, context as PluginContext<never>);
      return ended("delivered");
    }
    await module.deliver((await openResult(delivery)).result, context as PluginContext<never>);
    return ended("delivered");
  } catch (error) {
    return ended("failed", error);
  }
}
