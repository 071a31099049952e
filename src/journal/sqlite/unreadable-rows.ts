// Unreadable rows: finds them and what waits for them, and takes them out.
import type { RemovedRow } from "../journal.ts";
import type { Raw } from "./columns.ts";
import type { Methods } from "./methods.ts";
import { unreadable, whyUnreadable } from "./readable.ts";
import { RUN } from "./run-table.ts";
import { ROW_TABLES } from "./schema.ts";
import type { Statements } from "./statements.ts";
import { STEP } from "./step-tables.ts";
import type { Table } from "./table.ts";

/** Pages of a journal all of whose rows are looked at: a walk over some megabytes. */
const WALKED_PAGES_MAX = 2_000;

/** The tables that have rows: to make ready a look at one takes longer than to look. */
const FILLED = ROW_TABLES.map(
  ({ name }) => `SELECT '${name}' AS name WHERE EXISTS (SELECT 1 FROM "${name}")`,
).join(" UNION ALL ");

export const UNREADABLE = {
  unreadable(rows, limit) {
    const pages = rows.number("SELECT page_count AS value FROM pragma_page_count");
    const filled = new Set(rows.each(FILLED, ({ name }) => String(name)));
    const found: string[] = [];
    for (const table of ROW_TABLES) {
      const waiting = pages < WALKED_PAGES_MAX ? "1" : table.waiting;
      if (!filled.has(table.name) || waiting === undefined || found.length >= limit) continue;
      const where = `(${waiting}) AND ${unreadable(table)}`;
      const sql = `SELECT ${whyUnreadable(table)} AS text FROM "${table.name}" WHERE ${where}`;
      found.push(...rows.each(`${sql} LIMIT ?`, ({ text }) => String(text), limit - found.length));
    }
    return found;
  },

  unreadableStep(rows, runId) {
    const where = `run_id = ? AND ${unreadable(STEP)}`;
    const sql = `SELECT ${whyUnreadable(STEP)} AS value FROM step WHERE ${where} LIMIT 1`;
    return rows.value<string>(sql, runId);
  },

  removeUnreadable: (rows, word) =>
    ROW_TABLES.flatMap((table) =>
      take(rows, table, { where: `(${table.meant}) AND ${unreadable(table)}`, value: word }),
    ),
} satisfies Partial<Methods>;

interface Which {
  readonly where: string;
  readonly value: string;
}

/** Takes out rows with what refers to them. Answers with them all. */
function take(rows: Statements, table: Table, { where, value }: Which): readonly RemovedRow[] {
  const { name, key, parts = [] } = table;
  // Ids may be too large for a number: they go from one statement to the next as text.
  const [, ofRun = "0"] =
    [["run", "id"], ...(RUN.parts ?? [])].find(([part]) => part === name) ?? [];
  const columns = `CAST("${key}" AS TEXT) AS removed_key, ${ofRun} AS removed_run`;
  const why = `${whyUnreadable(table)} AS removed_why`;
  const found = rows.exact(
    `SELECT ${columns}, ${why}, * FROM main."${name}" WHERE ${where}`,
    value,
  );
  return found.flatMap(({ removed_key, removed_run, removed_why, ...row }) => {
    const id = String(removed_key);
    const children = parts.flatMap(([part, column]) => {
      const child = ROW_TABLES.find((each) => each.name === part);
      const itsOwn = { where: `CAST("${column}" AS TEXT) = ?1`, value: id };
      return child === undefined ? [] : take(rows, child, itsOwn);
    });
    rows.change(`DELETE FROM "${name}" WHERE CAST("${key}" AS TEXT) = ?`, id);
    const text = removed_why === null ? `${name} ${id}` : String(removed_why);
    const runId = Number(removed_run);
    const json = jsonOf(row);
    return [...children, { table: name, text, runId: runId > 0 ? runId : null, json }];
  });
}

/** A row as JSON: numbers that it cannot hold as texts, bytes in base64. */
function jsonOf(row: Raw): string {
  return JSON.stringify(row, (_key, value: unknown) => {
    if (typeof value === "bigint")
      return Number.isSafeInteger(Number(value)) ? Number(value) : `${value}`;
    return value instanceof Uint8Array ? value.toBase64() : value;
  });
}
