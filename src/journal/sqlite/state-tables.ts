// State tables: the journal's reads and writes about what jobs keep for their next runs.
import type { StateReads, StateRow, StateWrites } from "../state.ts";
import { PauseTables } from "./pause-tables.ts";
import { unreadable, whyUnreadable } from "./readable.ts";
import type { Raw } from "./rows.ts";

function stateOf(raw: Raw): StateRow {
  return {
    job: raw.job as string,
    key: raw.key as string,
    value: raw.value as string,
    runId: raw.run_id as number | null,
    setAt: raw.set_at as number,
  };
}

/** The state of jobs as prepared statements. Knows nothing of transactions. */
export class StateTables extends PauseTables implements StateReads, StateWrites {
  stateJobs(): string[] {
    return this.all("SELECT DISTINCT job FROM state ORDER BY job", ({ job }) => job as string);
  }

  stateOf(job: string): StateRow[] {
    return this.all("SELECT * FROM readable_state WHERE job = ? ORDER BY key", stateOf, job);
  }

  stateKeys(job: string): string[] {
    return this.all("SELECT key FROM state WHERE job = ?", ({ key }) => key as string, job);
  }

  stateAt(job: string, key: string): StateRow | null {
    const sql = "SELECT * FROM readable_state WHERE job = ? AND key = ?";
    return this.one(sql, stateOf, job, key);
  }

  unreadableState(job: string, key: string): string | null {
    const where = `job = ? AND key = ? AND ${unreadable("state")}`;
    const sql = `SELECT ${whyUnreadable("state")} AS text FROM state WHERE ${where}`;
    return this.one(sql, ({ text }) => String(text), job, key);
  }

  setState({ job, key, value, runId, setAt }: StateRow): void {
    this.change(
      "INSERT INTO state (id, job, key, value, run_id, set_at) " +
        `VALUES (${this.nextId("state")}, ?, ?, ?, ?, ?) ON CONFLICT (job, key) DO UPDATE SET ` +
        "value = excluded.value, run_id = excluded.run_id, set_at = excluded.set_at",
      ...[job, key, value, runId, setAt],
    );
  }

  removeState(job: string, key: string): number {
    return this.change("DELETE FROM state WHERE job = ? AND key = ?", job, key);
  }
}
