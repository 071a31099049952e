import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Checkpoints, COMMITS_MAX, LOG_SIZE_MAX } from "../../../src/journal/sqlite/checkpoints.ts";
import { openJournal } from "../../../src/journal/sqlite/journal.ts";
import { readSeal, tokenOf } from "../../../src/journal/sqlite/seal.ts";

let folder: string;
let path: string;
let database: DatabaseSync;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "mig-runner-checkpoints-"));
  path = join(folder, "journal.db");
  await openJournal({ path }).close();
  database = new DatabaseSync(path);
  database.exec("PRAGMA synchronous = OFF");
});

afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true, force: true });
});

const logSize = (): number => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;

/** Writes some megabytes. */
function fill(megabytes: number): void {
  const insert = database.prepare("INSERT OR REPLACE INTO source VALUES (?, ?)");
  for (let number = 0; number < megabytes; number++) insert.run(`${number}`, "x".repeat(2 ** 20));
}

/** Another process that reads and does not come to an end. */
function reader(): Disposable {
  const other = new DatabaseSync(path, { readOnly: true });
  other.exec("BEGIN; SELECT count(*) FROM source");
  return { [Symbol.dispose]: () => other.close() };
}

describe("Checkpoints", () => {
  test("give the file a token of its own, which the seal knows, at each", () => {
    const checkpoints = new Checkpoints(database, path);
    checkpoints.begin();
    const first = readSeal(path);
    expect(first).toEqual([tokenOf(path) as string]);
    checkpoints.make();
    const second = readSeal(path);
    expect(second).toEqual([tokenOf(path) as string]);
    expect(second).not.toEqual(first);
    expect(checkpoints.isOwn).toBe(true);
  });

  test("are wanted after so many commits", () => {
    const checkpoints = new Checkpoints(database, path);
    checkpoints.begin();
    for (let commit = 1; commit < COMMITS_MAX; commit++) {
      expect(checkpoints.wrote()).toBe("little");
    }
    expect(checkpoints.wrote()).toBe("enough");
    checkpoints.make();
    expect(checkpoints.wrote()).toBe("little");
  });

  test("are wanted early where little was written that is large, and do not wait for ever", () => {
    const checkpoints = new Checkpoints(database, path);
    checkpoints.begin();
    fill(2);
    expect(checkpoints.wrote()).toBe("enough");
    fill(10);
    expect(checkpoints.wrote()).toBe("far more");
    checkpoints.make();
    expect(checkpoints.wrote()).toBe("little");
  });

  test("wait for no reader, and cut the log when it has gone", () => {
    const checkpoints = new Checkpoints(database, path);
    checkpoints.begin();
    {
      using _ = reader();
      fill(33);
      checkpoints.make();
      checkpoints.look();
      expect(logSize()).toBeGreaterThan(LOG_SIZE_MAX);
      // The file may have the old token, or the new one by now.
      expect(readSeal(path)).toContain(tokenOf(path) as string);
      expect(readSeal(path)).toHaveLength(2);
    }
    checkpoints.look();
    expect(logSize()).toBe(0);
    expect(readSeal(path)).toEqual([tokenOf(path) as string]);
  });

  test("know a file that somebody else has put there", () => {
    const checkpoints = new Checkpoints(database, path);
    checkpoints.begin();
    const other = new Checkpoints(database, path);
    other.begin();
    expect(checkpoints.isOwn).toBe(false);
    expect(other.isOwn).toBe(true);
  });
});
