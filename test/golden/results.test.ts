// results: result files made of recorded pages, against those that the original made of them.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { PageError } from "../../src/lib/json/fault.ts";
import { PageSplitter } from "../../src/mig/page.ts";
import { parseInflight, resultHead, resultTail } from "../../src/mig/result.ts";
import { type Exchange, loadExchanges } from "../support/replay.ts";

interface Vector {
  readonly name: string;
  readonly job: string;
  readonly inflight: string;
  readonly pages: readonly string[];
  readonly out?: string;
  readonly error?: string;
  readonly carried: readonly string[];
  readonly strays: number;
}

interface Run {
  readonly scenario: string;
  readonly job: string;
  readonly actionId: number;
  readonly out: string;
}

function load<Line>(name: string): readonly Line[] {
  return readFileSync(new URL(`./results/${name}.jsonl`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

/** What the splitter hands out, the pages cut into chunks that no boundary of JSON knows. */
function split(pages: readonly string[]) {
  const commands: string[] = [];
  let strays = 0;
  let fault: string | null = null;
  for (const page of pages) {
    const onCommand = (bytes: Uint8Array) => commands.push(new TextDecoder().decode(bytes));
    const splitter = new PageSplitter({ itemSizeMax: 1 << 20, onCommand });
    const bytes = new TextEncoder().encode(page);
    try {
      for (let at = 0; at < bytes.length; at += 1_009) {
        splitter.push(bytes.subarray(at, at + 1_009));
      }
      strays += splitter.finish().strays;
    } catch (error) {
      if (!(error instanceof PageError)) throw error;
      fault = error.fault;
    }
  }
  return { commands, strays, fault };
}

function resultOf(actionBytes: Uint8Array, job: string, commands: readonly string[]): string {
  const head = Buffer.from(resultHead(actionBytes)).toString();
  return `${head}${commands.join(",")}${Buffer.from(resultTail(job, "")).toString()}`;
}

/** The text of the action in the API's answer to the POST that created it. */
function postedAction(exchanges: readonly Exchange[], actionId: number): string {
  const name = `"name":"action ID ${actionId}","value":`;
  const body =
    exchanges.find(({ response }) => response?.body.includes(name))?.response?.body ?? "";
  return body.slice(body.indexOf(name) + name.length, body.indexOf('}]}],"template"'));
}

function pagesOf(exchanges: readonly Exchange[], actionId: number): readonly string[] {
  return exchanges
    .filter(({ request }) => request.head.split("\r\n")[0]?.includes(`actionid=${actionId} `))
    .map(({ response }) => response?.body ?? "");
}

const faults: Readonly<Record<string, string>> = {
  "err-items-object": "shape",
  "err-syntax": "torn",
};

test("commands of recorded pages become the original's results", () => {
  const runs = load<Run>("runs");
  const wrongRuns = runs.filter(({ scenario, job, actionId, out }) => {
    const exchanges = loadExchanges(scenario);
    const { commands } = split(pagesOf(exchanges, actionId));
    const action = new TextEncoder().encode(postedAction(exchanges, actionId));
    const plugin = JSON.parse(out).plugin;
    const ours = resultOf(action, job, commands).replace('"plugin":""}', `"plugin":"${plugin}"}`);
    return ours !== out;
  });
  const vectors = load<Vector>("vectors");
  const wrongVectors = vectors.filter(({ name, pages, carried, strays }) => {
    const found = split(pages);
    const fault = faults[name] ?? null;
    return !Bun.deepEquals(found, { commands: carried, strays, fault });
  });
  const all = runs.length + vectors.length;
  const wrong = wrongRuns.length + wrongVectors.length;
  console.log(`golden results: ${all - wrong} of ${all}`);
  expect(wrongRuns).toEqual([]);
  expect(wrongVectors.map(({ name }) => name)).toEqual([]);
});

test("results differ from the original's only where the README says so", () => {
  const differing = load<Vector>("vectors").filter(({ name, job, inflight, pages, out, error }) => {
    if (error !== undefined) return faults[name] === undefined;
    const { actionBytes } = parseInflight(new TextEncoder().encode(inflight));
    return resultOf(actionBytes, job, split(pages).commands) !== out;
  });
  const readme = readFileSync(new URL("./results/README.md", import.meta.url), "utf8");
  const rows = [...readme.matchAll(/^\| ([a-z][\w-]+) \| (?!what)/gm)].map(
    ([, name]) => name ?? "",
  );
  expect(differing.map(({ name }) => name)).toEqual(rows);
});

test("a result is JSON that can be parsed, whatever the page", () => {
  for (const { job, inflight, pages } of load<Vector>("vectors")) {
    const { actionBytes } = parseInflight(new TextEncoder().encode(inflight));
    const result = JSON.parse(resultOf(actionBytes, job, split(pages).commands));
    expect(Object.keys(result)).toEqual(["action", "commands", "name", "plugin"]);
  }
});
