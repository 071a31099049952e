// Tally table: how often things have happened, counted as they are written.

import { knownStatus } from "../../mig/statuses.ts";
import type { Instant } from "../../time.ts";
import type { ActionRow, RunRow } from "../inflight.ts";
import { TALLIES, type Tally } from "../tally.ts";
import { COUNT, ID, INSTANT, oneOf, optional, TEXT } from "./columns.ts";
import type { Statements } from "./statements.ts";
import { tableOf } from "./table.ts";

/** How often something has happened, of a job or of all. */
export interface TallyRow {
  readonly id: number;
  readonly what: Tally;
  readonly job: string;
  readonly label: string;
  readonly count: number;
  readonly lastAt: Instant | null;
}

export const TALLY = tableOf<TallyRow>({
  name: "tally",
  since: 3,
  called: "'count of ' || what || ' ' || job || ' ' || label",
  columns: {
    id: ID,
    what: oneOf(TALLIES),
    job: TEXT,
    label: TEXT,
    count: COUNT,
    lastAt: optional(INSTANT),
  },
  unique: "what, job, label",
  meant: "job = ?1",
});

/** A sum that a row can hold, whatever the rows say that it is made of. */
function sumOf(column: string): string {
  return `CAST(max(0, min(total(${column}), 9e15)) AS INTEGER)`;
}

/** Counts what has happened before there was this table, as far as it is still there. */
export const TALLY_OF_OLD = `
  INSERT INTO tally (what, job, label, count, last_at)
    SELECT 'run', job, state, count(*),
      max(CASE WHEN ended_at BETWEEN -8e15 AND 8e15 THEN ended_at END)
    FROM run WHERE state IN ('done', 'failed') GROUP BY job, state;
  INSERT INTO tally (what, job, label, count)
    SELECT 'missed', job, '', ${sumOf("count")} FROM missed GROUP BY job;
  INSERT INTO tally (what, job, label, count)
    SELECT 'command', '', key, ${sumOf("value")} FROM action,
      json_each(CASE WHEN json_valid(completeness) THEN completeness ELSE '{}' END, '$.statuses')
    WHERE completeness IS NOT NULL AND type = 'integer' AND key IS NOT NULL GROUP BY key`;

/** Something has happened some times more. */
export interface Happening {
  readonly what: Tally;
  readonly job: string;
  readonly label: string;
  readonly count: number;
  readonly lastAt?: Instant | null;
}

/** Counts it. */
export function tally(rows: Statements, happening: Happening): void {
  const { what, job, label, count, lastAt = null } = happening;
  if (count <= 0) return;
  rows.change(
    "INSERT INTO tally (id, what, job, label, count, last_at) " +
      "VALUES (next_id('tally'), ?1, ?2, ?3, ?4, ?5) " +
      "ON CONFLICT (what, job, label) DO UPDATE SET " +
      "count = min(count + ?4, 9007199254740991), last_at = ?5",
    what,
    job,
    label,
    count,
    lastAt,
  );
}

/** Counts the end of a run, before it is written. */
export function tallyRun(rows: Statements, { id, job, state, endedAt }: RunRow): void {
  if (state !== "done" && state !== "failed") return;
  const before = rows.value("SELECT state AS value FROM run WHERE id = ?", id);
  if (before === null || before === state) return;
  tally(rows, { what: "run", job, label: state, count: 1, lastAt: endedAt });
}

/** Counts the commands that a result has now and had not before, before it is written. */
export function tallyCommands(rows: Statements, { id, completeness }: ActionRow): void {
  if (completeness === null) return;
  const sql = "SELECT completeness AS value FROM readable_action WHERE id = ?";
  const before = rows.value<string>(sql, id);
  const old = new Map(before === null ? [] : Object.entries(statusesOf(before)));
  for (const [status, count] of Object.entries(completeness.statuses)) {
    const label = knownStatus(status);
    tally(rows, { what: "command", job: "", label, count: count - (old.get(status) ?? 0) });
  }
}

/** The statuses of a completeness; the views leave out rows without them. */
function statusesOf(text: string): Readonly<Record<string, number>> {
  const { statuses } = JSON.parse(text) as { readonly statuses: Readonly<Record<string, number>> };
  return statuses;
}
