// State table: what jobs keep for their next runs.
import type { StateRow } from "../state.ts";
import { ID, INSTANT, JSON_TEXT, optional, TEXT } from "./columns.ts";
import type { Methods } from "./methods.ts";
import { unreadable, whyUnreadable } from "./readable.ts";
import { tableOf } from "./table.ts";

export const STATE = tableOf<StateRow & { readonly id: number }>({
  name: "state",
  since: 3,
  called: "'state ' || key || ' (' || job || ')'",
  columns: {
    id: ID,
    job: TEXT,
    key: TEXT,
    value: JSON_TEXT,
    runId: optional(ID),
    setAt: INSTANT,
  },
  unique: "job, key",
  once: ["job", "key"],
  meant: "job = ?1",
});

export const STATES = {
  stateJobs: (rows) =>
    rows.each(
      "SELECT DISTINCT job FROM state WHERE job <> '' ORDER BY job",
      ({ job }) => job as string,
    ),

  stateOf: (rows, job) => rows.all(STATE, "WHERE job = ? ORDER BY key", job).map(withoutId),

  stateKeys: (rows, job) =>
    rows.each("SELECT key FROM state WHERE job = ?", ({ key }) => key as string, job),

  stateAt(rows, job, key) {
    const row = rows.one(STATE, "WHERE job = ? AND key = ?", job, key);
    return row && withoutId(row);
  },

  unreadableState(rows, job, key) {
    const where = `job = ? AND key = ? AND ${unreadable(STATE)}`;
    return rows.value<string>(
      `SELECT ${whyUnreadable(STATE)} AS value FROM state WHERE ${where}`,
      job,
      key,
    );
  },

  setState(rows, { job, key, value, runId, setAt }) {
    rows.change(
      "INSERT INTO state (id, job, key, value, run_id, set_at) " +
        "VALUES (next_id('state'), ?, ?, ?, ?, ?) ON CONFLICT (job, key) DO UPDATE SET " +
        "value = excluded.value, run_id = excluded.run_id, set_at = excluded.set_at",
      job,
      key,
      value,
      runId,
      setAt,
    );
  },

  removeState: (rows, job, key) =>
    rows.change("DELETE FROM state WHERE job = ? AND key = ?", job, key),
} satisfies Partial<Methods>;

function withoutId({ id: _, ...row }: StateRow & { readonly id: number }): StateRow {
  return row;
}
