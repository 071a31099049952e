import { describe, expect, test } from "bun:test";
import { audit } from "../../src/cli/audit.ts";
import { check } from "../../src/cli/check.ts";
import { completionOf } from "../../src/cli/completion.ts";
import { history } from "../../src/cli/history.ts";
import { run, stillOpen } from "../../src/cli/run.ts";
import { test as testVerb } from "../../src/cli/test.ts";
import { findVerb, VERBS } from "../../src/cli/verbs.ts";
import { Directory } from "../support/verb.ts";

const HUNT = `import { job } from "mig-runner";
import * as v from "valibot";

export default job(
  { params: v.object({ sha256: v.string(), days: v.optional(v.number(), 7) }) },
  async (run) => {
    await run.step("look", () => \`\${run.params.sha256} \${run.params.days}\`);
  },
);
`;

/** Steps with long values, and a question. */
const LONG = `
    await run.step("long", () => "x".repeat(900));
    await run.step("words", () => Array.from({ length: 300 }, (_, at) => at).join(" "));
    const show = { hosts: Array.from({ length: 99 }, (_, at) => "web" + at) };
    await run.approval("dig", { show, timeout: "1h" });
`;

async function withHunt(text = HUNT): Promise<Directory> {
  const directory = await Directory.create();
  await directory.write("runners/hunt/job.ts", text);
  return directory;
}

test("says of a run that goes on whose it is", () => {
  expect(stillOpen("2 steps", 4711)).toBe(
    "mig-runner (process 4711) has it, 2 steps so far; mig-runner status shows how it goes on",
  );
  expect(stillOpen("1 step", null)).toContain("not ended yet, 1 step so far; the daemon or --once");
});

test("history cuts long values to the width of a screen, and has them whole as JSON", async () => {
  await using directory = await withHunt(HUNT.replace("  },\n);", `${LONG}  },\n);`));
  const set = ["--set", `sha256=${"ab".repeat(80)}`];
  expect((await directory.call(run, ["hunt", ...set, "--wait"])).thrown).toBe("");
  const lines = (await directory.call(history, ["1"])).out.split("\n");
  expect(lines.filter((line) => line.length > 100)).toEqual([]);
  expect(lines.length).toBeLessThan(25);
  const { steps, params } = JSON.parse((await directory.call(history, ["1", "--json"])).out);
  expect(JSON.parse(params).sha256).toBe("ab".repeat(80));
  expect(steps.map(({ value }: { value: string | null }) => value?.length)).toEqual([
    164,
    902,
    1_091,
    undefined,
  ]);
});

describe("run --set", () => {
  test("gives a run its parameters, and keeps and shows them", async () => {
    await using directory = await withHunt();
    const words = ["hunt", "--set", "sha256=ab12", "--set=days=3", "--wait"];
    const ran = await directory.call(run, words);
    expect([ran.thrown, ran.exit, ran.out]).toEqual(["", 0, "run 1: done, 1 step\n"]);
    const told = await directory.call(history, ["1", "--json"]);
    const record = JSON.parse(told.out);
    expect(JSON.parse(record.params)).toEqual({ sha256: "ab12", days: 3 });
    expect(record.steps[0].value).toBe('"ab12 3"');
    expect((await directory.call(history, ["1"])).out).toContain("sha256=ab12 days=3");
    expect((await directory.call(audit, [])).out).toContain("run 1 sha256=ab12 days=3");
  });

  test.each([
    [[], "Parameter sha256 is not set, wanted string"],
    [["--set", "sha265=1"], "did you mean sha256?"],
    [["--set", "sha256=a", "--set", "days=x"], 'Cannot set parameter days to "x"'],
    [["--set", "sha256"], "NAME=VALUE is wanted"],
    [["--set", "sha256=a", "--set", "sha256=b"], "sets sha256 twice"],
  ])("queues nothing for %j", async (words, why) => {
    await using directory = await withHunt();
    const { exit, thrown } = await directory.call(run, ["hunt", ...words]);
    expect([exit, thrown]).toEqual([null, expect.stringContaining(why)]);
    expect((await directory.call(history, [])).out).toMatch(/^no runs/);
  });

  test("says of a name that no job can have that there is none", async () => {
    await using directory = await withHunt();
    for (const name of ["../hunt", ".", "a/b"]) {
      const { thrown } = await directory.call(run, [name]);
      expect(thrown).toContain(`Cannot run job "${name}": there is none`);
    }
  });

  test("is refused by a job that takes none", async () => {
    await using directory = await withHunt();
    await directory.job("nightly");
    const { thrown } = await directory.call(run, ["nightly", "--set", "a=b"]);
    expect(thrown).toContain("Cannot set parameters: the job takes none");
  });

  test("sets them for a test too, which asks for them by name", async () => {
    await using directory = await withHunt();
    const all = await directory.call(testVerb, ["--agents", "2"]);
    expect([all.exit, all.out]).toEqual([0, expect.stringContaining("not tested: Parameter")]);
    const one = await directory.call(testVerb, ["hunt", "--agents", "2", "--set", "sha256=ab"]);
    expect([one.exit, one.thrown]).toEqual([0, ""]);
    const wrong = await directory.call(testVerb, ["hunt", "--set", "sha257=ab"]);
    expect([wrong.exit, wrong.out]).toEqual([null, ""]);
    expect(wrong.thrown).toContain(
      "Cannot set parameter sha257: there is none of that name (did you mean sha256?)",
    );
    const unset = await directory.call(testVerb, ["hunt"]);
    expect([unset.exit, unset.out]).toEqual([null, ""]);
    expect(unset.thrown).toContain("Parameter sha256 is not set, wanted string");
  });

  test("is completed from the job", async () => {
    await using directory = await withHunt();
    const completion = completionOf(VERBS, await findVerb(""));
    const { out } = await directory.call(completion, ["params", "hunt"]);
    expect(out).toBe("sha256=\ndays=\n");
  });
});

test("check finds a schedule that fires a job whose parameters nobody sets", async () => {
  await using directory = await withHunt(HUNT.replace("{ params", '{ schedule: "@daily", params'));
  const { out } = await directory.call(check, ["hunt"]);
  expect(out).toContain("job.ts:5:25: Cannot fire the job by its schedule: Parameter sha256 is");
  expect(out).toContain("Give each parameter a default");
});

test("check finds parameters without a workflow", async () => {
  const text = HUNT.replace(/,\n {2}async[\s\S]*/, ");\n");
  await using directory = await withHunt(text);
  expect((await directory.call(check, ["hunt"])).out).toContain("only a workflow can read them");
});
