import { describe, expect, test } from "bun:test";
import { makeEntity } from "../../src/jobs/definition.ts";
import { guardsOf, parseGuard } from "../../src/jobs/guards.ts";

const source = { job: "hunt", path: "/r/hunt/job.ts", defaults: { timezone: null } };
const all = ["share", "count", "always"] as const;

describe("a guard", () => {
  test("is a share, a number of agents, or true", () => {
    expect(parseGuard("20%", all)).toEqual({ kind: "share", percent: 20 });
    expect(parseGuard("0.5%", all)).toEqual({ kind: "share", percent: 0.5 });
    expect(parseGuard(" 50 ", all)).toEqual({ kind: "count", count: 50 });
    expect(parseGuard("true", all)).toEqual({ kind: "always" });
  });

  test("is nothing else, and nothing that its key does not take", () => {
    for (const text of [
      "",
      "0",
      "-1",
      "1.5",
      "20 %",
      "%",
      "1e3",
      "yes",
      "99999%",
      "9".repeat(12),
    ]) {
      expect([text, parseGuard(text, all)]).toEqual([text, null]);
    }
    expect(parseGuard("true", ["share"])).toBeNull();
    expect(parseGuard("20%", ["count", "always"])).toBeNull();
  });

  test("is read from a definition, and off when it is false or empty", () => {
    const job = makeEntity({ growth: "20%", approve: 200, canary: "1%" }, source);
    expect(guardsOf(job)).toEqual({
      growth: { kind: "share", percent: 20 },
      approve: { kind: "count", count: 200 },
      canary: { kind: "share", percent: 1 },
    });
    const none = makeEntity({ approve: false, canary: "" }, source);
    expect(guardsOf(none)).toEqual({ growth: null, approve: null, canary: null });
  });

  test("says what is wanted, and where it cannot be", () => {
    const made =
      (definition: Parameters<typeof makeEntity>[0], workflow = false) =>
      () =>
        makeEntity(definition, { ...source, workflow });
    expect(made({ growth: "much" })).toThrow(
      'Cannot set growth to "much": a share such as "20%" is wanted',
    );
    expect(made({ approve: "20%" })).toThrow(/true or a number of agents is wanted/);
    expect(made({ canary: "1%", schedule: "@daily", signing: "calendar" })).toThrow(
      "Cannot use canary: the job is signed ahead",
    );
    expect(made({ canary: "1%", sendOnly: true })).toThrow(/no result is collected/);
    expect(made({ growth: "1%" }, true)).toThrow(/the job has a workflow/);
  });
});
