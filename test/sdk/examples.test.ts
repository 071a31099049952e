import { describe, expect, test } from "bun:test";
import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type {
  CollectAction,
  CollectedResult,
  Command,
  NoParams,
  Run,
} from "../../src/sdk/index.ts";
import * as sdk from "../../src/sdk/index.ts";
import { isJobModule } from "../../src/sdk/job.ts";
import { isPluginModule } from "../../src/sdk/plugin.ts";
import { type Example, examplesOf, runExample } from "../support/examples.ts";

const root = resolve(import.meta.dirname, "../..");
const examples = globSync(["src/sdk/**/*.ts", "src/mig/{sql,target}.ts"], { cwd: root })
  .sort()
  .flatMap((path) => examplesOf(path, readFileSync(resolve(root, path), "utf8")));

/** The one example that has this text in it. */
function example(text: string): Example {
  const found = examples.filter(({ code }) => code.includes(text));
  expect(found.map(({ where }) => where)).toHaveLength(1);
  return found[0] as Example;
}

describe("the examples in doc comments", () => {
  test.each(examples.map(({ where, code }) => [where, code]))("runs %s", async (where, code) => {
    const exported = await runExample({ where, code }, sdk);
    expect(Object.keys(exported)).not.toEqual([]);
    if (!("default" in exported)) return;
    expect(isJobModule(exported.default) || isPluginModule(exported.default)).toBe(true);
  });

  test("quotes texts and lists", async () => {
    const quoted = await runExample(example("o'brien"), sdk);
    expect(quoted.target).toBe("name='o''brien.example.net'");
    const listed = await runExample(example("web2"), sdk);
    expect(listed.target).toBe(
      "mode='daemon' AND name IN ('web1.example.net', 'web2.example.net')",
    );
  });

  test("throws what it says", async () => {
    const { check: fatal } = await runExample(example("new FatalError"), sdk);
    expect(() => (fatal as (status: number) => void)(401)).toThrow(sdk.Fatal);
    const { check: retry } = await runExample(example("new RetryError"), sdk);
    const busy = new Response(null, { status: 429, headers: { "retry-after": "7" } });
    expect(() => (retry as (response: Response) => void)(busy)).toThrow(sdk.Retry);
  });

  test("goes deeper where something was found", async () => {
    const { default: hunt } = await runExample(example("suspects"), sdk);
    if (!isJobModule(hunt)) throw new Error("The example is no job");
    const calls: unknown[] = [];
    await hunt.body?.(fakeRun(calls));
    expect(calls).toEqual([
      ["collect", "base"],
      ["collect", "deep", [7]],
      ["step", "count", 3],
      ["deliver", "slack", "deep"],
    ]);
  });
});

/** A run over two agents, of which one is found, and one result with three hits. */
function fakeRun(calls: unknown[]): Run<NoParams> {
  const statistics = { processcount: 9, memoryread: 1, totalhits: 3, exectime: "1s" };
  const read = { foundanything: true, success: true, elements: {}, statistics, errors: null };
  const collected = (name: string) => ({
    name,
    agents: [
      { id: 7, found: true },
      { id: 8, found: false },
    ],
    commands: (async function* () {
      yield { results: [read] } as unknown as Command;
    })(),
  });
  const run = {
    async collect(name: string, action?: CollectAction) {
      const target = action?.target;
      const ids = typeof target === "object" ? [target.map(({ id }) => id)] : [];
      calls.push(["collect", name, ...ids]);
      return collected(name) as unknown as CollectedResult;
    },
    async step(name: string, _: unknown, work: () => Promise<unknown>) {
      calls.push(["step", name, await work()]);
    },
    async deliver(plugin: string, { name }: CollectedResult) {
      calls.push(["deliver", plugin, name]);
    },
  };
  return run as unknown as Run<NoParams>;
}
