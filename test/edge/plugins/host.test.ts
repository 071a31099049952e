// Host: the thread of a plugin, played in this one.
import { describe, expect, test } from "bun:test";
import { type Shipped, startPlugin } from "../../../src/edge/plugins/host.ts";
import type { Delivery, Outcome, PluginWork } from "../../../src/edge/plugins/work.ts";
import { parseFromPlugin } from "../../../src/edge/plugins/work.ts";
import { type PluginDefinition, plugin } from "../../../src/sdk/plugin.ts";
import type { Schema } from "../../../src/sdk/standard.ts";
import { settle } from "../../support/clock.ts";
import { Scratch } from "../../support/edge.ts";
import { command, resultOf } from "../../support/results.ts";

type Deliver = PluginDefinition<Schema>["deliver"];

/** A line at which the test plays a daemon that ends the plugin. */
const STOP_ME = "stop me";

/** Runs a plugin that comes with the runner as its thread would; resolves with what it says. */
async function play(deliver: Deliver, changes: Partial<PluginWork> = {}) {
  using scratch = new Scratch();
  const resultPath = scratch.file("7.json", JSON.stringify(resultOf(command())));
  const delivery: Delivery = { job: "nightly", actionId: 7, resultPath, key: "k", attempt: 1 };
  const work: PluginWork = {
    plugin: "own",
    path: null,
    below: scratch.path,
    settings: null,
    place: "",
    environment: {},
    timeoutMs: 5_000,
    delivery,
    alarm: null,
    use: "result",
    ...changes,
  };
  const shipped: Shipped = { own: async () => ({ default: plugin({ deliver }) }) };
  const { log, info, debug, warn, error, trace } = console;
  const lines: string[] = [];
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  let hear: (message: unknown) => void = () => undefined;
  const worker = {
    data: work,
    evaluate: async () => ({}),
    send(message: unknown) {
      const said = parseFromPlugin(message);
      if (said?.kind === "log") lines.push(`${said.level}: ${said.message}`);
      if (said?.kind === "progress") hear({ saved: said.serial, problem: null });
      if (said?.kind === "log" && said.message === STOP_ME) hear({ reason: "its time is over" });
      if (said?.kind === "ended") resolve(said.outcome);
    },
    onMessage: (listener: (message: unknown) => void) => {
      hear = listener;
    },
    onUncaught() {},
  };
  try {
    startPlugin(worker, shipped);
    return { abort: (reason: string) => hear({ reason }), outcome: await promise, lines };
  } finally {
    Object.assign(console, { log, info, debug, warn, error, trace });
  }
}

describe("startPlugin()", () => {
  test("says how much was read", async () => {
    const { outcome } = await play(async ({ commands }) => {
      for await (const _ of commands);
    });
    expect(outcome).toEqual({ kind: "done", commands: 1 });
  });

  test("logs whatever is given to it, and does not throw", async () => {
    const circle: Record<string, unknown> = { toString: 1, valueOf: 2 };
    circle.self = circle;
    const { lines, outcome } = await play(async (_, context) => {
      for (const odd of [{ toString: 1, valueOf: 2 }, circle, 7n, undefined, Object.create(null)]) {
        console.log(odd);
        context.log("notice", odd as string);
      }
    });
    expect(outcome.kind).toBe("done");
    expect(lines.length).toBe(10);
    expect(lines[0]).toBe('info: {"toString":1,"valueOf":2}');
    expect(lines[5]).toBe("notice: 7");
  });

  test("logs an error with where it comes from", async () => {
    const { lines } = await play((_, { log }) => {
      console.error(new Error("boom"));
      log("notice", new TypeError("no list") as never);
    });
    expect(lines[0]).toBe("warning: Error: boom");
    expect(lines[1]).toMatch(/^warning: +at .*host\.test\.ts:\d+/);
    expect(lines).toContain("notice: TypeError: no list");
  });

  test("goes on when its progress is saved, and is ended by its signal alone", async () => {
    const { lines } = await play(async (_, { log, saveProgress, signal }) => {
      let isSaved = false;
      void saveProgress({ next: 500 }).then(() => {
        isSaved = true;
      });
      await settle();
      log(`saved ${isSaved}, ended ${signal.aborted}`);
      log(STOP_ME);
      log(`ended ${signal.aborted}: ${(signal.reason as Error).message}`);
    });
    const stopped = ["info: stop me", "info: ended true: its time is over"];
    expect(lines).toEqual(["info: saved true, ended false", ...stopped]);
  });

  test("shows the line of a mistake at a check, and says it in one line at work", async () => {
    using scratch = new Scratch();
    const path = scratch.file("own.ts", "const a = 1;\nexport default plugin({ deliver( };\n");
    const messageOf = async (changes: Partial<PluginWork>) => {
      const { outcome } = await play(() => undefined, { path, below: scratch.path, ...changes });
      return outcome.kind === "failed" ? outcome.message : "";
    };
    const line = "export default plugin({ deliver( };";
    const check = await messageOf({ delivery: null });
    expect([check.includes("\n"), check.includes(line)]).toEqual([true, true]);
    const alarm = { body: "{}", key: "k", attempt: 1 };
    for (const work of [await messageOf({}), await messageOf({ delivery: null, alarm })]) {
      expect(work).toContain(path);
      expect([work.includes("\n"), work.includes(line)]).toEqual([false, false]);
    }
  });

  test("looks without delivering when there is nothing to deliver", async () => {
    let delivered = false;
    const { outcome } = await play(
      () => {
        delivered = true;
      },
      { delivery: null },
    );
    expect({ outcome, delivered }).toEqual({
      outcome: { kind: "done", commands: 0 },
      delivered: false,
    });
  });

  test("refuses a name that it does not know", async () => {
    const { outcome } = await play(() => undefined, { plugin: "other" });
    expect(outcome).toMatchObject({
      kind: "failed",
      message: expect.stringContaining('Cannot load plugin "other": its default export is missing'),
    });
  });

  test("passes on what the plugin logs and prints, line by line", async () => {
    const { lines } = await play((_, { log }) => {
      log("one\ntwo");
      log("err", "three");
      console.warn("four", { five: [6] }, undefined, 7n);
      const circle: { self?: object } = {};
      circle.self = circle;
      console.log(circle);
    });
    expect(lines).toEqual([
      "info: one",
      "info: two",
      "err: three",
      'warning: four {"five":[6]} undefined 7',
      "info: something (object) that cannot be shown",
    ]);
  });

  test("tells an error without a message from none", async () => {
    const { outcome } = await play(() => {
      throw new Error("");
    });
    expect(outcome).toMatchObject({ message: "it threw an error without a message" });
  });

  test("keeps a message to one line of a bearable length", async () => {
    const { outcome } = await play(() => {
      throw new Error(`first\n  second ${"x".repeat(9_000)}`);
    });
    const { message } = outcome as { message: string };
    expect(message).toStartWith("first second xxx");
    expect(message.length).toBe(2_001);
  });
});

describe("parseFromPlugin()", () => {
  test.each([
    null,
    "done",
    { kind: "log", level: "emerg", message: "x" },
    { kind: "log", level: "info", message: "x".repeat(2_002) },
    { kind: "ended" },
    { kind: "ended", outcome: { kind: "failed", message: "x", final: 1, retryAfterMs: 0 } },
    { kind: "ended", outcome: { kind: "failed", message: "x", final: true, retryAfterMs: -1 } },
  ])("takes %j for nothing", (message) => {
    expect(parseFromPlugin(message)).toBeNull();
  });
});
