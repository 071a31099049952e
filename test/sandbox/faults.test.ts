import { describe, expect, test } from "bun:test";
import { RunnerError } from "../../src/errors.ts";
import {
  createFaultPlan,
  FAULT_NAMES,
  faultOf,
  parseFault,
  replacementOf,
  strike,
} from "../../src/sandbox/faults.ts";

describe("parseFault()", () => {
  test("reads name, time of effect, value, route and when", () => {
    expect(parseFault("drop")).toEqual({
      kind: "drop",
      isAfter: false,
      value: 0,
      route: "any",
      when: { kind: "always" },
    });
    expect(parseFault("503-after@create/every3")).toEqual({
      kind: "status",
      isAfter: true,
      value: 503,
      route: "create",
      when: { kind: "every", count: 3 },
    });
    expect(parseFault("hide-fresh=250@search/once")).toMatchObject({
      kind: "hide-fresh",
      value: 250,
      when: { kind: "first", count: 1 },
    });
    expect(parseFault("429/10%").when).toEqual({ kind: "chance", share: 0.1 });
    expect(parseFault("empty=500/first2")).toMatchObject({ value: 500, when: { count: 2 } });
  });

  test("takes every name that the help shows", () => {
    for (const name of FAULT_NAMES) expect(parseFault(name).route).toBe("any");
  });

  test.each([
    "gremlins",
    "status",
    "droop",
    "drop@agents",
    "drop/never",
    "drop/every0",
    "latency-after",
    "999",
    "",
    "constructor",
  ])("refuses %p and shows the form", (text) => {
    expect(() => parseFault(text)).toThrow(RunnerError);
    try {
      parseFault(text);
    } catch (error) {
      expect((error as RunnerError).detail.hint).toContain("NAME[-after]");
    }
  });
});

describe("strike()", () => {
  function pattern(fault: string, count = 6): string {
    const plan = createFaultPlan([fault], 1);
    return Array.from({ length: count }, () => strike(plan, "search").length).join("");
  }

  test("counts only the requests of its route", () => {
    const plan = createFaultPlan(["drop@create/once"], 1);
    expect(strike(plan, "search")).toHaveLength(0);
    expect(strike(plan, "create")).toHaveLength(1);
    expect(strike(plan, "create")).toHaveLength(0);
  });

  test("strikes once, first, every n-th, always, or by the seed", () => {
    expect(pattern("drop/once")).toBe("100000");
    expect(pattern("drop/first3")).toBe("111000");
    expect(pattern("drop/every2")).toBe("010101");
    expect(pattern("drop")).toBe("111111");
    expect(pattern("drop/0%")).toBe("000000");
    expect(pattern("drop/50%", 60)).toBe(pattern("drop/50%", 60));
    expect(pattern("drop/50%", 60)).toMatch(/01.*10/);
  });
});

describe("replacementOf()", () => {
  const replace = (fault: string, isAfter = false) =>
    replacementOf([parseFault(fault)], { isAfter, href: "http://h/x" });

  test("replaces before or after the effect, and not by other faults", () => {
    expect(replace("drop")).toBe("drop");
    expect(replace("drop", true)).toBeNull();
    expect(replace("drop-after", true)).toBe("drop");
    expect(replace("cut")).toBeNull();
  });

  test("says when to come again with status 429", () => {
    expect(replace("429")).toMatchObject({
      status: 429,
      headers: expect.arrayContaining([["Retry-After", "1"]]),
    });
  });
});

describe("faultOf()", () => {
  test("finds a kind among those that strike", () => {
    expect(faultOf([parseFault("slow=7")], "slow")?.value).toBe(7);
    expect(faultOf([], "slow")).toBeNull();
  });
});
