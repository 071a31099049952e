// Stamps: any difference between two looks at a job's files is seen.
import { describe, expect, test } from "bun:test";
import { isSameFiles } from "../../src/jobs/stamps.ts";

const file = { name: "entity.cfg", mtimeMs: 1, size: 2, inode: 3 };

describe("isSameFiles()", () => {
  test("is true for files of which nothing differs", () => {
    expect(isSameFiles([file], [{ ...file }])).toBe(true);
    expect(isSameFiles([], [])).toBe(true);
  });

  test("is false when one came, went or changed", () => {
    expect(isSameFiles([file], [])).toBe(false);
    expect(isSameFiles([], [file])).toBe(false);
    for (const change of [{ name: "job.ts" }, { mtimeMs: 9 }, { size: 9 }, { inode: 9 }]) {
      expect(isSameFiles([file], [{ ...file, ...change }])).toBe(false);
    }
  });
});
