import { describe, expect, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import {
  COUNT,
  FLAG,
  ID,
  INSTANT,
  NAMES,
  optional,
  since,
  TEXT,
} from "../../../src/journal/sqlite/columns.ts";
import { viewOf } from "../../../src/journal/sqlite/readable.ts";
import { Statements } from "../../../src/journal/sqlite/statements.ts";
import { creationOf, tableOf } from "../../../src/journal/sqlite/table.ts";

interface Visit {
  readonly id: number;
  readonly guest: string;
  readonly firstAt: number;
  readonly isOver: boolean;
  readonly friends: readonly string[];
  readonly note: string | null;
  readonly tips: number;
}

const VISIT = tableOf<Visit>({
  name: "visit",
  called: "'visit ' || id",
  columns: {
    id: ID,
    guest: TEXT,
    firstAt: INSTANT,
    isOver: FLAG,
    friends: NAMES,
    note: optional(TEXT),
    tips: since(2, COUNT, "0"),
  },
  unique: "guest, first_at",
  indexes: { 1: ["CREATE INDEX visit_note ON visit (note)"] },
  saved: ["isOver", "friends", "note"],
});

function open(): { readonly rows: Statements; readonly database: DatabaseSync } {
  const database = new DatabaseSync(":memory:");
  database.exec([...creationOf(VISIT), viewOf(VISIT)].join(";\n"));
  return { rows: new Statements(database), database };
}

const ann = { guest: "ann", firstAt: 7, isOver: false, friends: ["bob"], note: null, tips: 0 };

describe("creationOf()", () => {
  test("declares each column by its kind, then what is unique, and the indexes", () => {
    const [create, ...indexes] = creationOf(VISIT);
    expect(create?.replaceAll(/\s+/g, " ")).toBe(
      "CREATE TABLE visit ( id INTEGER PRIMARY KEY, guest TEXT NOT NULL, " +
        "first_at INTEGER NOT NULL, is_over INTEGER NOT NULL, friends TEXT NOT NULL, note TEXT, " +
        "tips INTEGER NOT NULL DEFAULT 0, UNIQUE (guest, first_at) ) STRICT",
    );
    expect(indexes).toEqual(["CREATE INDEX visit_note ON visit (note)"]);
  });
});

describe("tableOf()", () => {
  test("writes rows and reads the same, with the next id", () => {
    const { rows } = open();
    expect(rows.insert(VISIT, ann)).toEqual({ id: 1, ...ann });
    expect(rows.insert(VISIT, { ...ann, firstAt: 8, isOver: true }).id).toBe(2);
    expect(rows.all(VISIT, "WHERE is_over = ? ORDER BY id", 0)).toEqual([{ id: 1, ...ann }]);
  });

  test("inserts once what is unique", () => {
    const { rows } = open();
    expect(rows.insertOnce(VISIT, ann)).toEqual({ id: 1, ...ann });
    expect(rows.insertOnce(VISIT, { ...ann, note: "again" })).toBeNull();
    expect(rows.one(VISIT, "WHERE id = ?", 1)).toEqual({ id: 1, ...ann });
  });

  test("saves the members that can change, and no other", () => {
    const { rows } = open();
    const row = rows.insert(VISIT, ann);
    rows.save(VISIT, { ...row, guest: "eve", tips: 9, friends: ["bob", "cy"], note: "left" });
    const saved = { id: 1, ...ann, friends: ["bob", "cy"], note: "left" };
    expect(rows.one(VISIT, "WHERE id = ?", 1)).toEqual(saved);
  });

  test("leaves out a row with a value that is never written", () => {
    const { rows, database } = open();
    rows.insert(VISIT, ann);
    rows.insert(VISIT, { ...ann, guest: "bob" });
    database.exec("UPDATE visit SET friends = '[1]' WHERE guest = 'ann'");
    expect(rows.all(VISIT, "ORDER BY id").map(({ guest }) => guest)).toEqual(["bob"]);
  });
});
