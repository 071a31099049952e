// Tally tables: counts what happens, as it is written.

import { knownStatus } from "../../mig/statuses.ts";
import type { Instant } from "../../time.ts";
import type { ActionRow, RunRow } from "../inflight.ts";
import type { Tally } from "../tally.ts";
import { AlarmTables } from "./alarm-tables.ts";

/** Counts as prepared statements. Knows nothing of transactions. */
export class TallyTables extends AlarmTables {
  protected tally(
    what: Tally,
    job: string,
    label: string,
    count: number,
    lastAt: Instant | null = null,
  ): void {
    if (count <= 0) return;
    this.change(
      "INSERT INTO tally (id, what, job, label, count, last_at) " +
        `VALUES (${this.nextId("tally")}, ?1, ?2, ?3, ?4, ?5) ` +
        "ON CONFLICT (what, job, label) DO UPDATE SET " +
        "count = min(count + ?4, 9007199254740991), last_at = ?5",
      ...[what, job, label, count, lastAt],
    );
  }

  /** Counts the end of a run, before it is written. */
  protected tallyRun({ id, job, state, endedAt }: RunRow): void {
    if (state !== "done" && state !== "failed") return;
    const before = this.one("SELECT state FROM run WHERE id = ?", (raw) => raw.state, id);
    if (before === null || before === state) return;
    this.tally("run", job, state, 1, endedAt);
  }

  /** Counts the commands that a result has now and had not before, before it is written. */
  protected tallyCommands({ id, completeness }: ActionRow): void {
    if (completeness === null) return;
    const sql = "SELECT completeness FROM readable_action WHERE id = ?";
    const before = this.one(sql, ({ completeness: text }) => text as string | null, id) ?? null;
    const old = new Map(before === null ? [] : Object.entries(statusesOf(before)));
    for (const [status, count] of Object.entries(completeness.statuses)) {
      this.tally("command", "", knownStatus(status), count - (old.get(status) ?? 0));
    }
  }
}

/** The statuses of a completeness; the views leave out rows without them. */
function statusesOf(text: string): Readonly<Record<string, number>> {
  const { statuses } = JSON.parse(text) as { readonly statuses: Readonly<Record<string, number>> };
  return statuses;
}
