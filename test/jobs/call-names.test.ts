import { describe, expect, test } from "bun:test";
import { repeatedNames } from "../../src/jobs/call-names.ts";

/** What is told of a workflow with these lines in it, the first of which is line 2. */
function told(...lines: readonly string[]): readonly string[] {
  const text = ["export default job({}, async (run) => {", ...lines, "});"].join("\n");
  return repeatedNames(text).map(({ name, call, line, before }) => {
    return `${call} "${name}" ${line}, ${before.call} ${before.line}`;
  });
}

describe("repeatedNames()", () => {
  test("tells calls of one block with one name, of whatever kind they are", () => {
    expect(
      told(
        'const deep = await run.approval("deep", { timeout: "1h" });',
        'await run.collect("deep", {',
        "  target: `x`,",
        "});",
        "await run.step('deep', () => 1);",
      ),
    ).toEqual(['collect "deep" 3, approval 2', 'step "deep" 6, approval 2']);
  });

  test("tells one inside of a block that comes behind it", () => {
    expect(told('await run.step("a b", f);', 'if (x) { await run.sleep(`a b`, "1s"); }')).toEqual([
      'sleep "a b" 3, step 2',
    ]);
  });

  test.each([
    ["other names", 'await run.step("a", f); await run.step("b", f);'],
    ["names that are made", "await run.step(`a ${n}`, f); await run.step(`a ${n}`, f);"],
    ["comments", '// run.step("a", f)\nawait run.step("a", f); /* run.step("a", f) */'],
    ["texts", "await run.step('a', f); run.log('run.step(\"a\", f)');"],
    ["blocks of which one is run", 'if (x) { await run.step("a", f); } else { run.step("a", f) }'],
    ["a block that is left", 'if (x) { await run.step("a", f); return; }\nrun.step("a", f);'],
    ["lines of which one is run", 'if (x) await run.step("a", f);\nelse await run.step("a", f);'],
    ["choices", 'const a = x ? await run.step("a", f) : await run.step("a", f);'],
    ["cases", 'switch (x) { case 1: g(); run.step("a", f); break; case 2: g(); run.step("a", f) }'],
    ["functions", 'const g = () => run.step("a", f); const h = () => run.step("a", f);'],
    ["branches", 'await run.step("a", f); run.parallel({ b: () => run.step("a", f) });'],
    ["items", 'run.map("m", l, async () => { run.step("a", f) }); run.step("a", f);'],
  ])("says nothing of %s", (_, line) => {
    expect(told(line)).toEqual([]);
  });
});
