// Seal: a journal whose file was put there beside the log of another one is never opened.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RunnerError } from "../../../src/errors.ts";
import type { Journal } from "../../../src/journal/journal.ts";
import { backupJournal, restoreJournal } from "../../../src/journal/sqlite/copies.ts";
import { openJournal } from "../../../src/journal/sqlite/journal.ts";
import { verifyJournal } from "../../../src/journal/sqlite/maintenance.ts";
import {
  assertSealed,
  readSeal,
  sealAsIs,
  sealPath,
  tokenOf,
} from "../../../src/journal/sqlite/seal.ts";

let folder: string;
let path: string;

beforeEach(() => {
  // A name that a URL would read otherwise.
  folder = mkdtempSync(join(tmpdir(), "mig-runner seal #1?%20-"));
  path = join(folder, "journal.db");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function addRun(journal: Journal, firesAt: number): Promise<void> {
  await journal.write((tables) =>
    tables.insertRun({ job: "nightly", firesAt, cause: "schedule" }, "done", firesAt),
  );
}

/** The files as they are when the process is killed: the journal itself is closed afterwards. */
async function kill(journal: Journal): Promise<void> {
  const ends = ["", "-wal", "-seal"];
  for (const end of ends) copyFileSync(`${path}${end}`, join(folder, `kept${end}`));
  await journal.close();
  for (const end of ends) renameSync(join(folder, `kept${end}`), `${path}${end}`);
  rmSync(`${path}-shm`, { force: true });
}

async function fireTimes(): Promise<readonly number[]> {
  const journal = openJournal({ path, readOnly: true });
  const runs = journal.runs("nightly", 100).map(({ firesAt }) => firesAt);
  await journal.close();
  return runs;
}

const copy = (): string => join(folder, "copy.db");

/** How an operator, or another program, makes a copy of a journal that holds run 1. */
const COPIES: Readonly<Record<string, () => Promise<void>>> = {
  "journal backup": async () => {
    await backupJournal(path, copy());
  },
  "VACUUM INTO": () => {
    const database = new DatabaseSync(path, { readOnly: true });
    database.prepare("VACUUM INTO ?").run(copy());
    database.close();
    return Promise.resolve();
  },
};

describe("a copy that is put back beside an old log", () => {
  for (const [how, make] of Object.entries(COPIES)) {
    test(`made by ${how} is a named error with the way out, for all who open it`, async () => {
      const journal = openJournal({ path, isOwned: () => true });
      await addRun(journal, 1);
      await make();
      for (let firesAt = 2; firesAt <= 9; firesAt++) await addRun(journal, firesAt);
      await kill(journal);
      copyFileSync(copy(), path);
      for (const options of [{ isOwned: () => true }, {}, { readOnly: true }]) {
        const open = () => openJournal({ path, ...options });
        expect(open).toThrow(RunnerError);
        expect(open).toThrow(`another file was put in its place, beside the log of the old one`);
      }
      expect(verifyJournal(path)).rejects.toThrow("another file was put in its place");
      // Nothing was played into it.
      expect(readFileSync(path).equals(readFileSync(copy()))).toBe(true);
      await restoreJournal(path, copy());
      expect(await fireTimes()).toEqual([1]);
    });
  }

  test("that is a plain copy of an earlier day is told from the file of today", async () => {
    const yesterday = openJournal({ path, isOwned: () => true });
    await addRun(yesterday, 1);
    await yesterday.close();
    copyFileSync(path, copy());
    const today = openJournal({ path, isOwned: () => true });
    await addRun(today, 2);
    await kill(today);
    copyFileSync(copy(), path);
    expect(() => openJournal({ path })).toThrow("another file was put in its place");
    // The backup is gone by now: what is there can be taken as it is.
    rmSync(copy());
    const { aside } = await restoreJournal(path, path);
    expect(await fireTimes()).toEqual([1]);
    expect(existsSync(`${aside}-wal`)).toBe(true);
  });

  test("counts when there is no log: that is how one is put back by hand", async () => {
    const journal = openJournal({ path, isOwned: () => true });
    await addRun(journal, 1);
    await backupJournal(path, copy());
    await addRun(journal, 2);
    await journal.close();
    copyFileSync(copy(), path);
    expect(await fireTimes()).toEqual([1]);
    const again = openJournal({ path, isOwned: () => true });
    await addRun(again, 3);
    await kill(again);
    expect(await fireTimes()).toEqual([3, 1]);
  });
});

describe("a process that was killed", () => {
  test("leaves a file and a log that belong together, at any moment", async () => {
    const journal = openJournal({ path, isOwned: () => true });
    for (let firesAt = 1; firesAt <= 30; firesAt++) {
      await addRun(journal, firesAt);
      if (firesAt % 10 !== 0) continue;
      // As other processes find it at this moment.
      assertSealed(path);
    }
    await kill(journal);
    expect((await fireTimes()).length).toBe(30);
    for (let life = 1; life <= 3; life++) {
      const next = openJournal({ path, isOwned: () => true });
      await addRun(next, 30 + life);
      await kill(next);
    }
    expect((await fireTimes()).length).toBe(33);
  });

  test("may be one of a version without a seal", async () => {
    const journal = openJournal({ path, isOwned: () => true });
    await addRun(journal, 1);
    await kill(journal);
    rmSync(sealPath(path));
    expect(await fireTimes()).toEqual([1]);
  });

  test("has left a checkpoint between any two of its steps", async () => {
    const journal = openJournal({ path, isOwned: () => true });
    await addRun(journal, 1);
    const [token = ""] = readSeal(path) ?? [];
    await kill(journal);
    // Both tokens are announced, and journal.db has the one or the other.
    for (const tokens of [`${token} next.9`, `before.9 ${token}`]) {
      writeFileSync(sealPath(path), `${tokens}\n`);
      assertSealed(path);
    }
    writeFileSync(sealPath(path), "before.9 next.9\n");
    expect(() => assertSealed(path)).toThrow("another file was put in its place");
  });
});

describe("a journal whose file is gone", () => {
  test("is not begun again over its log", async () => {
    const journal = openJournal({ path, isOwned: () => true });
    await addRun(journal, 1);
    await backupJournal(path, copy());
    await kill(journal);
    for (const lose of [() => rmSync(path), () => writeFileSync(path, "")]) {
      lose();
      expect(() => openJournal({ path, isOwned: () => true })).toThrow(
        "it is gone, and what was written",
      );
      expect(statSync(`${path}-wal`).size).toBeGreaterThan(0);
    }
    rmSync(path, { force: true });
    await restoreJournal(path, copy());
    expect(await fireTimes()).toEqual([1]);
  });

  test("is begun again where nothing of it is left", async () => {
    const journal = openJournal({ path, isOwned: () => true });
    await addRun(journal, 1);
    await journal.close();
    rmSync(path);
    await openJournal({ path, isOwned: () => true }).close();
    expect(await fireTimes()).toEqual([]);
  });
});

describe("sealAsIs()", () => {
  test("seals a journal of a version without a seal, and no other", async () => {
    const journal = openJournal({ path, isOwned: () => true });
    await addRun(journal, 1);
    await backupJournal(path, copy());
    await kill(journal);
    const sealed = readFileSync(sealPath(path));
    sealAsIs(path);
    expect(readFileSync(sealPath(path)).equals(sealed)).toBe(true);
    rmSync(sealPath(path));
    sealAsIs(path);
    assertSealed(path);
    // An exchange that is cut off leaves this.
    renameSync(copy(), path);
    expect(() => openJournal({ path })).toThrow("another file was put in its place");
    await restoreJournal(path, path);
    expect(await fireTimes()).toEqual([1]);
    expect(readSeal(path)).toEqual([tokenOf(path) as string]);
  });
});

describe("tokenOf()", () => {
  test("is null for what is no database, or is not there", () => {
    expect(tokenOf(path)).toBeNull();
    writeFileSync(path, "x".repeat(9_000));
    expect(tokenOf(path)).toBeNull();
    truncateSync(path, 0);
    expect(tokenOf(path)).toBe("none");
  });
});

describe("readSeal()", () => {
  test("is null for what nobody has sealed, and follows no link", () => {
    expect(readSeal(path)).toBeNull();
    writeFileSync(sealPath(path), "x".repeat(10_000));
    expect(readSeal(path)).toBeNull();
    // The disk was full when it was made.
    for (const half of ["", "0123456789ab"]) {
      writeFileSync(sealPath(path), half);
      expect(readSeal(path)).toBeNull();
    }
  });
});
