// Check: damage in the middle of a journal that is too large to be checked when it is opened.
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkBeside, start } from "../../src/edge/journal-check.ts";
import type { RunnerError } from "../../src/errors.ts";
import { isLarge, openJournal } from "../../src/journal/sqlite/journal.ts";
import { damagePage, writeLargeJournal } from "../support/large-journal.ts";

async function largeJournal(): Promise<{ path: string; [Symbol.dispose](): void }> {
  const directory = mkdtempSync(join(tmpdir(), "check-"));
  const path = join(directory, "journal.db");
  await writeLargeJournal(path);
  return { path, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

describe("checkBeside()", () => {
  test("finds in its thread what the start did not wait for (I10)", async () => {
    using journal = await largeJournal();
    damagePage(journal.path);
    expect(isLarge(journal.path)).toBe(true);
    await openJournal({ path: journal.path }).close();
    const { promise, resolve } = Promise.withResolvers<RunnerError>();
    const check = checkBeside(journal.path, resolve);
    const { code, message, detail } = await promise;
    await check.close();
    expect(code).toBe("JOURNAL");
    expect(message).toContain(`the journal "${journal.path}"`);
    expect(detail.hint).toContain("journal salvage");
  });
});

describe("start()", () => {
  test("sends nothing of a sound journal, nor of one that cannot be read now", async () => {
    using journal = await largeJournal();
    const sent: unknown[] = [];
    start({ data: journal.path, send: (finding) => sent.push(finding) });
    start({ data: `${journal.path}.gone`, send: (finding) => sent.push(finding) });
    expect(sent).toEqual([]);
  });
});
