import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { guardGlobals } from "../../../src/edge/pure/globals.ts";
import { bodyScopes, whileLoading } from "../../../src/edge/pure/view.ts";
import { bodyView } from "../../../src/workflow/scope.ts";

const DAY = Date.UTC(2020, 1, 3);
const used: string[] = [];
const refused: string[] = [];
let races = 0;

function inBody<Value>(work: () => Value, seed = 7): Value {
  const view = bodyView(seed, {
    now: () => DAY,
    used: (what) => void used.push(what),
    refuse(what, fix) {
      refused.push(`${what}: ${fix}`);
      return new Error(what);
    },
    raced: () => void races++,
  });
  return bodyScopes.run({ prefix: "", step: null, view }, work);
}

function inStep<Value>(work: () => Value): Value {
  return bodyScopes.run({ prefix: "", step: "s", view: null }, work);
}

let guard: { close(): void };
beforeEach(() => {
  used.length = 0;
  refused.length = 0;
  guard = guardGlobals();
});
afterEach(() => guard.close());

describe("guardGlobals()", () => {
  test("shows a body the run's clock, in every form", () => {
    const seen = inBody(() => [
      Date.now(),
      new Date().toISOString(),
      new Date(5).getTime(),
      String(Date()).slice(0, 15),
      performance.now(),
      Temporal.Now.instant().epochMilliseconds,
      Temporal.Now.zonedDateTimeISO("UTC").toString().slice(0, 16),
      Temporal.Now.plainDateISO("UTC").toString(),
    ]);
    expect(seen).toEqual([
      DAY,
      "2020-02-03T00:00:00.000Z",
      5,
      new Date(DAY).toDateString(),
      DAY,
      DAY,
      "2020-02-03T00:00",
      "2020-02-03",
    ]);
    expect(used).toContain("Date.now()");
    expect(used).toContain("new Date()");
    expect(inStep(() => Date.now())).toBeGreaterThan(DAY);
    expect(new Date() > new Date(DAY)).toBe(true);
  });

  test("gives a body the same numbers each time, and others for another run", () => {
    const roll = () => [
      Math.random(),
      crypto.randomUUID(),
      [...crypto.getRandomValues(new Uint8Array(4))].join(),
    ];
    const first = inBody(roll);
    expect(inBody(roll)).toEqual(first);
    expect(inBody(roll, 8)).not.toEqual(first);
    expect(first[1]).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(inStep(roll)).not.toEqual(inStep(roll));
  });

  test("refuses what reads or changes the world, with the fix", async () => {
    const doings: readonly (() => unknown)[] = [
      () => fetch("http://127.0.0.1:1/"),
      () => setTimeout(() => undefined, 1),
      () => setInterval(() => undefined, 1),
      () => setImmediate(() => undefined),
      () => new WebSocket("ws://127.0.0.1:1/"),
      () => AbortSignal.timeout(5),
      () => process.env.HOME,
      () => Object.keys(process.env),
      () => Bun.file("/etc/hostname"),
      () => Bun.spawnSync(["true"]),
      () => process.hrtime(),
      () => process.getBuiltinModule("node:fs"),
      () => crypto.subtle.digest("SHA-256", new Uint8Array(1)),
      () => new MessageChannel(),
      () => navigator.hardwareConcurrency,
      () => crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt"]),
    ];
    for (const doing of doings) expect(() => inBody(doing)).toThrow();
    expect(refused[0]).toBe("fetch: put it into run.step");
    expect(refused[1]).toBe("setTimeout: use run.sleep");
    expect(refused[6]).toBe("process.env.HOME: put it into run.step");
    expect(refused).toHaveLength(doings.length);
    expect(inStep(() => process.env.PATH)).toBe(process.env.PATH ?? "");
    await inStep(() => new Promise((resolve) => setTimeout(resolve, 1)));
  });

  test("leaves alone what only reckons", () => {
    inBody(() => {
      new URL("https://a.example/");
      structuredClone({ a: 1 });
      new TextEncoder().encode("a");
      Bun.hash("a");
      process.env.NODE_ENV;
      queueMicrotask(() => undefined);
    });
    expect(refused).toEqual([]);
  });

  test("tells side by side branches and steps apart, through every await", async () => {
    const body = inBody(async () => {
      await Promise.resolve();
      return Date.now();
    });
    const step = inStep(async () => {
      await Promise.resolve();
      return Date.now();
    });
    expect(await body).toBe(DAY);
    expect(await step).toBeGreaterThan(DAY);
  });

  test("notes a race", async () => {
    races = 0;
    expect(await inBody(() => Promise.race([Promise.resolve(1), Promise.resolve(2)]))).toBe(1);
    await Promise.any([1]);
    expect(races).toBe(1);
  });

  test("shows the top level of a module the run's values, and refuses it nothing", async () => {
    const view = bodyView(1, {
      now: () => DAY,
      used() {},
      refuse: () => new Error("refused"),
      raced() {},
    });
    const seen = await whileLoading(view, async () => [Date.now(), typeof process.env.PATH]);
    expect(seen).toEqual([DAY, "string"]);
    expect(Date.now()).toBeGreaterThan(DAY);
  });

  test("puts back what was there, once nobody needs it", () => {
    const [date, random, ask] = [Date, Math.random, fetch];
    const second = guardGlobals();
    guard.close();
    expect(Date === date && Math.random === random && fetch === ask).toBe(true);
    second.close();
    expect(Date === date || Math.random === random || fetch === ask).toBe(false);
    guard = guardGlobals();
  });
});
