import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepAside } from "../../../src/journal/sqlite/aside.ts";

describe("keepAside()", () => {
  test("adds a line a row, for this user alone", () => {
    const folder = mkdtempSync(join(tmpdir(), "mig-runner-aside-"));
    try {
      const row = (text: string) => ({ table: "run", text, runId: 1, json: '{"id":1}' });
      const path = keepAside(join(folder, "journal.db"), [row("one\ntwo")]);
      keepAside(join(folder, "journal.db"), [row("three"), row("four")]);
      const lines = readFileSync(path, "utf8").trimEnd().split("\n");
      expect(lines.map((line) => JSON.parse(line))).toEqual([
        { table: "run", why: "one\ntwo", row: { id: 1 } },
        { table: "run", why: "three", row: { id: 1 } },
        { table: "run", why: "four", row: { id: 1 } },
      ]);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(() => keepAside(join(folder, "nowhere/journal.db"), [])).toThrow("Cannot write copy");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
