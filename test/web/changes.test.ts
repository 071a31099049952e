import { describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { hostView } from "../../src/view/hosts.ts";
import { changedLines } from "../../src/web/changes.ts";
import { pageOf } from "../support/page.ts";
import { answer, command } from "../support/results.ts";
import { Directory } from "../support/verb.ts";

async function collected(
  directory: Directory,
  actionId: number,
  commands: readonly object[],
): Promise<void> {
  await directory.collected("nightly", actionId, []);
  const result = { action: { id: actionId }, commands, name: "nightly", plugin: "" };
  const path = `runners/nightly/results/20260102/${actionId}.json`;
  await directory.write(path, JSON.stringify(result));
}

function found(host: string, elements: unknown): object {
  return command({ host, results: [answer(elements)] });
}

describe("/results/ACTION/changes", () => {
  test("shows host by host what differs from the run before, and from any other", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    await collected(directory, 5, [found("web1", { file: "/a" })]);
    await directory.posted("nightly", 6);
    await collected(directory, 7, [
      found("web1", { file: "/a" }),
      found("web2", { file: "/a", size: 1 }),
      found("old", {}),
    ]);
    await collected(directory, 8, [
      found("web2", { file: "/a", size: 2 }),
      found("new<b>", {}),
      found("web1", { file: "/a" }),
    ]);
    const page = await pageOf(directory);
    const data = await page.json("/results/8/changes.json");
    expect(data).toMatchObject({
      after: { actionId: 8 },
      before: { actionId: 7 },
      counts: { appeared: 1, gone: 1, changed: 1 },
      same: 1,
      total: 3,
      problem: null,
      changes: [
        { kind: "appeared", host: "new<b>", before: null },
        { kind: "gone", host: "old", after: null },
        { kind: "changed", host: "web2", before: { elements: [{ size: 1 }] } },
      ],
    });
    const { text } = await page.get("/results/8/changes?kind=changed");
    expect(text).toContain('<span class="bad">−  &quot;size&quot;: 1</span>');
    expect(text).toContain('<span class="good">+  &quot;size&quot;: 2</span>');
    expect(text).not.toContain("old");
    // Run 2 has no result: the one before is that of run 1.
    expect(await page.json("/results/7/changes.json")).toMatchObject({ before: { actionId: 5 } });
    expect(await page.json("/results/8/changes.json?with=5")).toMatchObject({
      counts: { appeared: 2, gone: 0, changed: 0 },
    });
    expect((await page.get("/results/8")).text).toContain('href="/results/8/changes"');
  });

  test("says why there is nothing to compare", async () => {
    await using directory = await Directory.create();
    await collected(directory, 5, []);
    await directory.posted("nightly", 6);
    await collected(directory, 7, []);
    const page = await pageOf(directory);
    const problemOf = async (path: string) => (await page.json(path)).problem;
    expect(await problemOf("/results/5/changes.json")).toBe("No run before it has a result.");
    expect(await problemOf("/results/6/changes.json")).toBe("It has not been collected yet.");
    await directory.write("runners/nightly/results/20260102/5.json", "torn");
    expect(await problemOf("/results/7/changes.json")).toStartWith("A file cannot be read");
    await rm(directory.at("runners/nightly/results/20260102/5.json"));
    expect(await problemOf("/results/7/changes.json")).toStartWith("The file is gone");
    for (const path of ["/results/9/changes", "/results/7/changes?with=9", "/results/x/changes"]) {
      expect([path, (await page.get(path)).status]).toEqual([path, 404]);
    }
  });
});

describe("changedLines()", () => {
  test("gives what one of two has alone", () => {
    const viewOf = (elements: unknown) =>
      hostView(new TextEncoder().encode(JSON.stringify(found("a", elements))));
    expect(changedLines(viewOf({ a: 1, b: 2 }), viewOf({ a: 1, b: 3 }))).toEqual({
      gone: [' "b": 2'],
      come: [' "b": 3'],
    });
    expect(changedLines(null, viewOf([]))).toEqual({ gone: [], come: ["[]"] });
  });
});
