// Post: the request that three of the jobs make, in a file that each of them has.
import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { post } from "../../jobs/hunt/post.ts";
import type { StepContext } from "../../src/sdk/index.ts";
import { Fatal, Retry } from "../../src/sdk/index.ts";

describe("post.ts", () => {
  const context: StepContext = { key: "k", attempt: 1, signal: new AbortController().signal };

  async function answered(status: number, headers: Record<string, string> = {}): Promise<unknown> {
    const before = globalThis.fetch;
    globalThis.fetch = (async () => {
      return new Response("taken", { status, headers });
    }) as unknown as typeof fetch;
    try {
      return await post("http://a.example/", {}, context);
    } catch (error) {
      return error;
    } finally {
      globalThis.fetch = before;
    }
  }

  test("tells the runner what may be tried again, and when", async () => {
    expect(await answered(201)).toBe("taken");
    expect(await answered(404)).toBeInstanceOf(Fatal);
    const busy = await answered(429, { "retry-after": "7" });
    expect(busy instanceof Retry && busy.afterMs).toBe(7_000);
    const past = await answered(429, { "retry-after": "Sun, 29 Nov 2015 12:00:00 GMT" });
    expect(past instanceof Retry && past.afterMs).toBe(0);
    const untold = await answered(429);
    expect(untold instanceof Retry && untold.afterMs).toBe(60_000);
    const endless = await answered(429, { "retry-after": "99999999999" });
    expect(endless).toMatchObject({ message: "too many requests", afterMs: 86_400_000 });
    const down = await answered(503);
    expect(down instanceof Error && down.message).toBe("http://a.example/ answers HTTP 503");
    expect(down instanceof Fatal || down instanceof Retry).toBe(false);
  });

  test("is the same in each job that has it", async () => {
    const texts = ["hunt", "inventory", "deadman"].map((job) =>
      Bun.file(resolve(import.meta.dirname, `../../jobs/${job}/post.ts`)).text(),
    );
    expect(new Set(await Promise.all(texts)).size).toBe(1);
  });
});
