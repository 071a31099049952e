import { describe, expect, test } from "bun:test";
import {
  describeStatuses,
  knownStatus,
  OTHER_STATUS,
  StatusCounts,
} from "../../src/mig/statuses.ts";

function counted(statuses: Iterable<string>): Readonly<Record<string, number>> {
  const counts = new StatusCounts();
  for (const status of statuses) counts.add(status);
  return counts.record;
}

describe("StatusCounts", () => {
  test("counts each status", () => {
    expect(counted(["success", "timeout", "success", ""])).toEqual({
      success: 2,
      timeout: 1,
      "": 1,
    });
  });

  test("bounds the size of each, without half a character at its end", () => {
    const [name = ""] = Object.keys(counted([`${"x".repeat(62)}😀${"y".repeat(20_000_000)}`]));
    expect(name).toBe(`${"x".repeat(62)}…`);
  });

  test("bounds how many there are, and always knows those of MIG", () => {
    const many = Array.from({ length: 5_000 }, (_, index) => `made up ${index}`);
    const record = counted([...many, "success", "failed", "success"]);
    expect(Object.keys(record).length).toBeLessThan(30);
    expect(record).toMatchObject({ success: 2, failed: 1 });
    const all = Object.values(record).reduce((sum, count) => sum + count, 0);
    expect(all).toBe(5_003);
    expect(record[OTHER_STATUS]).toBeGreaterThan(4_900);
  });

  test("takes names of members of every object for what they are", () => {
    expect(Object.entries(counted(["__proto__", "toString"]))).toEqual([
      ["__proto__", 1],
      ["toString", 1],
    ]);
  });
});

describe("describeStatuses()", () => {
  test("names what has no name, and bounds what an old journal holds", () => {
    expect(describeStatuses({ success: 3, "": 1 })).toBe("3 success, 1 unknown");
    const old = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, index) => [`${index} ${"z".repeat(9_000)}`, 1]),
    );
    expect(describeStatuses(old).length).toBeLessThan(2_000);
  });
});

describe("knownStatus()", () => {
  test("knows those of MIG, and makes one of all others", () => {
    expect(["timeout", "cancelled"].map(knownStatus)).toEqual(["timeout", "cancelled"]);
    expect(["", "Success", "__proto__", "made up"].map(knownStatus)).toEqual(
      Array(4).fill("other"),
    );
  });
});
