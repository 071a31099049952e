import { describe, expect, test } from "bun:test";
import { describeError, RunnerError } from "../../../src/errors.ts";
import {
  damageError,
  isDamage,
  isSqlite,
  isSqliteError,
  isUnsynced,
  journalError,
} from "../../../src/journal/sqlite/problem.ts";

describe("journalError()", () => {
  test.each([
    ["database disk image is malformed", "it is damaged", "mig-runner journal salvage"],
    ["file is not a database", "it is damaged", "mig-runner journal salvage"],
    ["table missed has no column named at", "it is damaged", "mig-runner journal salvage"],
    ["database or disk is full", "the disk is full", "free some space"],
    ["database is locked", "another process holds it", "wait for the other"],
    ["attempt to write a readonly database", "readonly", "make the directory writable"],
    ["something else", "something else", "look at the disk"],
  ])("says of %p what it is, and the way out (I10)", (text, state, hint) => {
    const error = journalError(new Error(text), "/d/journal.db");
    expect(error.code).toBe("JOURNAL");
    expect(describeError(error)).toContain(state);
    expect(error.detail.hint).toContain(hint);
  });

  test.each([
    ["database or disk is full", true],
    ["database is locked", true],
    ["database disk image is malformed", undefined],
  ])("says of %p whether it passes by itself", (text, passing) => {
    expect(journalError(new Error(text), "/d/journal.db").detail.passing).toBe(passing);
  });

  test("leaves an error that is named already as it is", () => {
    const named = new RunnerError("JOURNAL", "Cannot");
    expect(journalError(named, "/d/journal.db")).toBe(named);
  });
});

describe("what is wrong", () => {
  test("is damage by SQLite's words, also in the cause of a named error", () => {
    expect(isDamage(damageError("/d/journal.db", "page 3"))).toBe(true);
    expect(isDamage(journalError(new Error("database is locked"), "/d/journal.db"))).toBe(false);
    expect(isDamage(new Error("malformed"))).toBe(false);
  });

  test("is the disk's, when an fsync failed", () => {
    const unsynced = Object.assign(new Error("disk I/O error"), { errcode: 1034 });
    expect([isUnsynced(unsynced), isUnsynced(new Error("x"))]).toEqual([true, false]);
    expect(journalError(unsynced, "/d").message).toContain("did not keep what was written");
  });

  test("is SQLite's, or that of the work in a transaction", () => {
    const code = "ERR_SQLITE_ERROR";
    expect(isSqlite(Object.assign(new Error("x"), { code }))).toBe(true);
    expect(isSqlite(new Error("x"))).toBe(false);
    expect(isSqliteError(new Error("database or disk is full"))).toBe(true);
    expect(isSqliteError(new Error("UNIQUE constraint failed: run.job"))).toBe(false);
  });
});
