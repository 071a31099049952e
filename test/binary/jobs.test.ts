// Jobs: those of jobs/, copied as people copy them, and tested by the program.
import { describe, expect, test } from "bun:test";
import { cp, readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { underTest } from "../support/binary.ts";
import { Host } from "../support/site.ts";

const jobs = resolve(import.meta.dirname, "../../jobs");

/** The examples; `sample` is a whole runner directory of its own. */
const EXAMPLES = (await readdir(jobs)).filter((name) => name !== "sample").sort();

/** Hundreds of runs of a job, which compete with other tests. */
const LIMIT_MS = 180_000;

/** Those whose runner dies at each write in their own tests too: test/jobs-examples/NAME.test.ts. */
const TESTED_BESIDE: readonly string[] = ["canary", "dig", "inventory"];

/** The executable tests all others; one shows that its sources do the same. */
const TESTED =
  underTest === "binary" ? EXAMPLES.filter((name) => !TESTED_BESIDE.includes(name)) : ["hunt"];

/** In the scenario in which nobody answers, one of them fails for that reason. */
const FAILS: readonly string[] = ["deadman"];

/** Parameters of those that need some. */
const SET: Readonly<Record<string, readonly string[]>> = {
  search: ["search", "--set", `sha256=${"0a".repeat(32)}`],
};

async function copyOf(...names: readonly string[]): Promise<Host> {
  const host = await Host.create({
    logging: [
      'mode = "stdout"',
      'level = "info"',
      ...["compliance", "scribe"].flatMap((name) => [
        `[plugin "mozdef-${name}"]`,
        'url = "https://mozdef.example.net/"',
      ]),
      '[plugin "slack"]',
      'url = "https://hooks.slack.example.net/"',
    ],
  });
  for (const name of names) {
    await cp(resolve(jobs, name), host.scenario.path(`runners/${name}`), { recursive: true });
  }
  return host;
}

describe("the examples", () => {
  test("are seven or more, without a mistake", async () => {
    expect(EXAMPLES.length).toBeGreaterThanOrEqual(7);
    await using host = await copyOf(...EXAMPLES);
    const { exit, stdout, stderr } = await host.run("check");
    expect([exit, stderr, stdout]).toEqual([0, "", `${EXAMPLES.length} jobs, no mistakes\n`]);
    const shown = await host.run("show", "--all", "--json");
    expect(shown.stdout.trimEnd().split("\n")).toHaveLength(EXAMPLES.length);
  });

  test.each(TESTED)(
    "go on wherever their runner dies, and leave no file behind: %s",
    async (name) => {
      await using host = await copyOf(name);
      const folder = host.scenario.path(`runners/${name}`);
      const before = (await readdir(folder)).sort();
      const options = { patienceMs: LIMIT_MS };
      const words = ["test", "--json", "--agents", "4", ...(SET[name] ?? [])];
      const { exit, stdout, stderr } = await host.runIn(options, ...words);
      expect([exit, stderr]).toEqual([0, ""]);
      const [tested, ...more] = JSON.parse(stdout).jobs;
      expect(more).toEqual([]);
      expect(tested).toMatchObject({ job: name, isBroken: false, problems: [] });
      const failed = tested.scenarios.filter(({ state }: { state: string }) => state !== "done");
      expect(failed.map(({ scenario }: { scenario: string }) => scenario)).toEqual(
        FAILS.includes(name) ? ["nobody answers"] : [],
      );
      for (const { actions, crashes } of tested.scenarios) {
        expect(actions).toBeGreaterThan(0);
        expect(crashes).toBeGreaterThan(actions);
      }
      expect((await readdir(folder)).sort()).toEqual(before);
    },
  );
});
