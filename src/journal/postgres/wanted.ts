// Wanted: where in PostgreSQL that is which a verb needs (need.ts), as a query.
//
// What a row says is found by patterns in its text, as `encodeRow` writes it, and not by PostgreSQL
// reading JSON: one row that was damaged would fail the whole. Quotes in a value are escaped there,
// so no value can be taken for a column.
import { parseActionId } from "../../mig/ids.ts";
import type { Need, Scope } from "../need.ts";
import { PAGE_MAX } from "../reading.ts";
import { COMMON } from "./schema.ts";
import type { Ask } from "./server.ts";
import { shardOf } from "./shapes.ts";

/** A query for rows: `tbl`, `key` and `data`. */
export interface Query {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** The shards of the jobs of a scope, and that of what belongs to none. */
export async function shardsOf(ask: Ask, scope: Scope, shards: number): Promise<readonly number[]> {
  if (scope.kind === "all") return Array.from({ length: shards + 1 }, (_, id) => COMMON + id);
  if (scope.kind === "none") return [COMMON];
  const id = parseActionId(scope.word);
  const sql = `SELECT DISTINCT shard FROM mig_row WHERE data IS NOT NULL AND (${NUMBERED})`;
  const found = id === null ? [] : await ask(sql, [`${id}`]);
  const named = found.map(({ shard }) => Number(shard));
  return [...new Set([COMMON, shardOf(scope.word, shards), ...named])];
}

/** The rows that a need means. @param shards How many there are. */
export function queryOf(need: Need, shards: number): Query {
  switch (need.kind) {
    case "all":
      return { sql: `${ROWS}`, values: [] };
    case "tables": {
      const { tables, job = null } = need;
      const sql = `${ROWS} AND tbl = ANY ($1::text[])`;
      if (job === null) return { sql, values: [tables] };
      const of = [COMMON, shardOf(job, shards)];
      return { sql: `${sql} AND shard = ANY ($2::integer[])`, values: [tables, of] };
    }
    case "run":
      return { sql: withParts(ONE_RUN), values: [`${need.id}`] };
    case "history":
      return historyOf(need, shards);
    case "overview": {
      const runs = withParts(`${LAST_RUNS} UNION ${OPEN_RUNS}`, GOES_ON);
      return { sql: `${runs} UNION ALL ${ROWS} AND (${BESIDE_RUNS})`, values: [] };
    }
  }
}

const ROWS = "SELECT tbl, key, data FROM mig_row WHERE data IS NOT NULL";
const PLACES = "SELECT shard, key FROM mig_row WHERE data IS NOT NULL";

/** The run, or the action, that a number means. */
const NUMBERED = "mark = 'action/' || $1 OR (tbl = 'run' AND key = $1)";

/** What stands in a column of a row that is not known as JSON: a number, or a word in quotes. */
function valueIn(column: string): string {
  return `btrim(split_part(split_part(data, '"${column}":', 2), ',', 1), ' }')`;
}

/** Whether a column has one of these words. */
function says(column: string, ...words: readonly string[]): string {
  return `${valueIn(column)} IN (${words.map((word) => `'"${word}"'`).join(", ")})`;
}

/** Texts that are numbers, the highest first: longer ones are higher. */
function highestBy(text: string): string {
  return `length(${text}) DESC, ${text} DESC`;
}

/** Runs, and all that is a part of them. @param also Other actions, with their deliveries. */
function withParts(runs: string, also: string | null = null): string {
  const ofOne = (table: string, column: string): string =>
    `shard IN (SELECT shard FROM ${table}) AND ${valueIn(column)} IN (SELECT key FROM ${table})`;
  const ofRuns = ofOne("picked", "run_id");
  const actions = also === null ? ofRuns : `(${also} OR (${ofRuns}))`;
  return [
    `WITH picked AS MATERIALIZED (${runs}), acted AS MATERIALIZED (`,
    `SELECT shard, tbl, key, data FROM mig_row WHERE data IS NOT NULL AND tbl = 'action' `,
    `AND ${actions}) `,
    `${ROWS} AND tbl = 'run' AND key IN (SELECT key FROM picked) UNION ALL `,
    "SELECT tbl, key, data FROM acted UNION ALL ",
    `${ROWS} AND tbl = 'delivery' AND ${ofOne("acted", "action_row")} UNION ALL `,
    `${ROWS} AND tbl IN ('step', 'body') AND ${ofRuns}`,
  ].join("");
}

const ONE_RUN =
  `SELECT shard, CASE tbl WHEN 'action' THEN ${valueIn("run_id")} ELSE key END AS key ` +
  `FROM mig_row WHERE data IS NOT NULL AND (${NUMBERED})`;

/** The actions with a delivery in one of these states. */
function actionsWith(...states: readonly string[]): string {
  return (
    `SELECT ${valueIn("action_row")} FROM mig_row ` +
    `WHERE data IS NOT NULL AND tbl = 'delivery' AND ${says("state", ...states)}`
  );
}

/** Runs that failed or are paused, or have a result that no plugin took. */
const FAILED =
  `(${says("state", "failed", "paused")} OR key IN (SELECT ${valueIn("run_id")} FROM mig_row ` +
  `WHERE data IS NOT NULL AND tbl = 'action' AND key IN (${actionsWith("dead")})))`;

function historyOf(
  { job = null, failed = false, since = null, limit }: Need & { readonly kind: "history" },
  shards: number,
): Query {
  // One more tells that there are others.
  const values: unknown[] = [limit + 1];
  const given = (value: unknown): string => `$${values.push(value)}`;
  const firesAt = valueIn("fires_at");
  const latest = `ORDER BY ${highestBy(firesAt)}, ${highestBy("key")} LIMIT`;
  let all = `${PLACES} AND tbl = 'run'`;
  if (job !== null) {
    const [shard, name] = [given(shardOf(job, shards)), given(JSON.stringify(job))];
    const isOf = (space: string) => `strpos(data, '"job":${space}' || ${name}) > 0`;
    all += ` AND shard = ${shard} AND (${isOf("")} OR ${isOf(" ")})`;
  }
  let asked = all;
  if (since !== null) {
    const from = given(`${Math.max(0, since)}`);
    asked += ` AND (length(${firesAt}), ${firesAt}) >= (length(${from}), ${from})`;
  }
  if (failed) asked += ` AND ${FAILED}`;
  // Of a job the latest of all tells whether it has any.
  const any = job === null ? "" : ` UNION (${all} ${latest} 1)`;
  return { sql: withParts(`(${asked} ${latest} $1)${any}`), values };
}

/** Those of workflows that have not ended, and those that wait for their time. */
const OPEN_RUNS =
  `${PLACES} AND tbl = 'run' AND NOT ${says("state", "done", "failed")} ` +
  `AND NOT (${says("state", "open")} AND ${valueIn("source")} = 'null')`;

/** The name of a run's job, as it is written. It may have a comma. */
const JOB = `split_part(split_part(data, '"job":', 2), '"fires_at":', 1)`;

/** Of each job, as `newestRun` has it. */
const LAST_RUNS =
  `(SELECT DISTINCT ON (${JOB}) shard, key FROM mig_row ` +
  "WHERE data IS NOT NULL AND tbl = 'run' " +
  `AND (${valueIn("not_before")} IN ('', 'null') OR ${valueIn("begun_at")} <> 'null') ` +
  `ORDER BY ${JOB}, ${highestBy(valueIn("fires_at"))})`;

/** Actions that have not ended, or whose result is still to be delivered. */
const GOES_ON = `(NOT ${says("state", "settled", "failed")} OR key IN (${actionsWith("pending", "dead")}))`;

/** The newest of a log, of one kind. */
function newest(table: string, kind: string): string {
  const keys = `SELECT key FROM mig_row WHERE data IS NOT NULL AND tbl = '${table}'`;
  const some = `${says("kind", kind)} ORDER BY ${highestBy("key")} LIMIT ${PAGE_MAX}`;
  return `(tbl = '${table}' AND key IN (${keys} AND ${some}))`;
}

/** What an overview tells beside runs. */
const BESIDE_RUNS = [
  "tbl IN ('pause', 'calendar', 'calendar_window')",
  `(tbl = 'alarm' AND ${valueIn("ended_at")} = 'null')`,
  newest("missed", "missed"),
  newest("missed", "skipped"),
].join(" OR ");
