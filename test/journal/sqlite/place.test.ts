// Place: a journal that is removed, replaced or overwritten while it is open. Nothing more is
// written then, and so nothing more is posted (I1).
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunnerError } from "../../../src/errors.ts";
import type { Journal } from "../../../src/journal/journal.ts";
import { backupJournal, restoreJournal } from "../../../src/journal/sqlite/copies.ts";
import { openJournal } from "../../../src/journal/sqlite/journal.ts";
import { Place } from "../../../src/journal/sqlite/place.ts";

let folder: string;
let path: string;
let journal: Journal;
let replaced: RunnerError[];
let hasDirectory: boolean;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "mig-runner-place-"));
  path = join(folder, "journal.db");
  replaced = [];
  hasDirectory = true;
  const onReplaced = (error: RunnerError) => replaced.push(error);
  journal = openJournal({ path, isOwned: () => hasDirectory, onReplaced });
  await add(1);
  await backupJournal(path, join(folder, "copy.db"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function add(firesAt: number): Promise<unknown> {
  return journal.write((tables) =>
    tables.insertRun({ job: "nightly", firesAt, cause: "schedule" }, "done", firesAt),
  );
}

/** Where the copy is in the end. */
const HELD = { removed: null, "moved away": null, replaced: "", overwritten: ".overwritten" };

const copy = (): string => join(folder, "copy.db");

describe("an open journal", () => {
  for (const [what, does, says] of [
    ["removed", () => rmSync(path), "it was removed while mig-runner worked on it"],
    ["moved away", () => renameSync(path, `${path}.old`), "it was removed while"],
    [
      "replaced",
      () => renameSync(copy(), path),
      "another file was put in its place while mig-runner worked on it",
    ],
    ["overwritten", () => copyFileSync(copy(), path), "it was overwritten while"],
  ] as const) {
    test(`that is ${what} takes no write, says so once, and plays nothing into it`, async () => {
      const copied = readFileSync(copy());
      does();
      await expect(add(2)).rejects.toThrow(says);
      await expect(add(3)).rejects.toThrow(says);
      expect(replaced.map(({ code, detail }) => [code, detail.path])).toEqual([["JOURNAL", path]]);
      expect(replaced[0]?.detail.hint).toContain("journal restore FILE");
      await journal.close();
      const held = HELD[what];
      if (held !== null) expect(readFileSync(`${path}${held}`).equals(copied)).toBe(true);
    });
  }

  test("goes on beside another process that was given the directory, and when that has gone", async () => {
    hasDirectory = false;
    const other = openJournal({ path, isOwned: () => true });
    for (let at = 2; at < 1_200; at += 1) {
      await other.write((tables) =>
        tables.insertRun({ job: "hourly", firesAt: at, cause: "schedule" }, "done", at),
      );
    }
    await add(2);
    await other.close();
    await add(3);
    hasDirectory = true;
    await add(4);
    await journal.close();
    expect(replaced).toEqual([]);
    const reader = openJournal({ path, readOnly: true });
    expect([reader.runAt("nightly", 4)?.state, reader.runAt("hourly", 1_199)?.state]).toEqual([
      "done",
      "done",
    ]);
    await reader.close();
  });

  test("leaves its log, and what was put there, when the process ends", async () => {
    await journal.close();
    const script = `
      const { openJournal } = await import("${import.meta.dirname}/../../../src/journal/sqlite/journal.ts");
      const { copyFileSync, rmSync } = await import("node:fs");
      const [, , path, copy] = process.argv;
      const journal = openJournal({ path, isOwned: () => true });
      const run = { job: "nightly", firesAt: 5, cause: "schedule" };
      await journal.write((tables) => tables.insertRun(run, "done", 5));
      if (copy === "none") rmSync(path);
      else copyFileSync(copy, path);
      await journal.close();`;
    for (const [from, left] of [
      [copy(), `${path}.overwritten`],
      ["none", null],
    ] as const) {
      writeFileSync(join(folder, "script.ts"), script);
      const args = [join(folder, "script.ts"), path, from];
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
      expect([status, stderr]).toEqual([0, ""]);
      expect(statSync(`${path}-wal`).size).toBeGreaterThan(0);
      if (left !== null) expect(readFileSync(left).equals(readFileSync(copy()))).toBe(true);
      await restoreJournal(path, left ?? copy());
    }
  });

  test("is what it was after somebody has only read it, or made a checkpoint", async () => {
    readFileSync(path);
    await backupJournal(path, join(folder, "another.db"));
    await add(2);
    expect(replaced).toEqual([]);
    await journal.close();
  });
});

describe("Place", () => {
  test("looks from time to time, until it is closed", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const place = new Place(path, { checkpoints: () => null, look: resolve });
    expect(place.problem()).toBeNull();
    await promise;
    place.close();
    await journal.close();
  });

  test("looks into a file once for each time that it has changed", async () => {
    await journal.close();
    let looks = 0;
    const checkpoints = {
      get isOwn() {
        looks++;
        return true;
      },
    };
    const place = new Place(path, { checkpoints: () => checkpoints, look: () => undefined });
    const look = () => [place.problem(), place.problem(), looks];
    expect(look()).toEqual([null, null, 0]);
    utimesSync(path, 1, 1);
    expect(look()).toEqual([null, null, 1]);
    utimesSync(path, 2, 2);
    expect(look()).toEqual([null, null, 2]);
    place.close();
  });

  test("does not know what is in a file that is not its own", async () => {
    await journal.close();
    const place = new Place(path, { checkpoints: () => null, look: () => undefined });
    writeFileSync(path, "x");
    expect([place.problem(), place.isReplaced]).toEqual([null, false]);
    place.close();
  });
});
