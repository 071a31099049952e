import { describe, expect, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import { Statements } from "../../../src/journal/sqlite/statements.ts";

describe("Statements", () => {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT, size INTEGER)");
  database.exec("INSERT INTO t (word, size) VALUES ('a', 1), ('7', 7), (NULL, 9)");
  const open = new Statements(database);

  test.each([
    ["SELECT typeof(?) AS a, typeof(?) AS b, typeof(?) AS c", ["7", 7, null]],
    ["SELECT ? AS a", [2 ** 53 - 1]],
    ["SELECT id FROM t WHERE word = ? ORDER BY id LIMIT ?", ["7", 5]],
    ["SELECT id FROM t WHERE word = ?", [7]],
    ["SELECT id FROM t WHERE size = ?", ["7"]],
    ["SELECT id FROM t WHERE size <= ? ORDER BY size LIMIT ?", [7, 1]],
    ["SELECT value FROM json_each(?)", ['["a",2]']],
  ])("answers %s as SQLite does", (sql, values) => {
    const plain = database.prepare(sql).all(...values) as object[];
    expect(open.each(sql, (raw) => ({ ...raw }), ...values)).toEqual(
      plain.map((row) => ({ ...row })),
    );
  });

  test("hides what it binds from the planner, which would plan again each time", () => {
    expect(
      open.prepared("SELECT id FROM t WHERE id > ? LIMIT ?").sourceSQL.match(/(?<!\+)\?/g),
    ).toBeNull();
  });
});
