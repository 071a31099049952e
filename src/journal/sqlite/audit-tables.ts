// Audit tables: the reads and writes of the audit log, whose rows are only ever inserted.
import type { AuditReads, AuditRow } from "../audit.ts";
import { CalendarTables } from "./calendar-tables.ts";
import type { Raw } from "./rows.ts";

/** A decision as it stands in its row. */
export function auditOf(raw: Raw): AuditRow {
  return {
    id: raw.id as number,
    at: raw.at as number,
    actor: raw.actor as string,
    deed: raw.deed as string,
    subject: raw.subject as string,
    detail: raw.detail as string,
    previous: raw.previous as string,
    hash: raw.hash as string,
  };
}

/** Numbers that JavaScript cannot hold are read as none: the hash of such a row does not hold. */
const COLUMNS =
  "id, CASE WHEN at BETWEEN -8640000000000000 AND 8640000000000000 THEN at ELSE 0 END AS at, " +
  "actor, deed, subject, detail, previous, hash";

const SAFE = "id BETWEEN 1 AND 9007199254740991";

/** What rows of the log are read from. */
export const AUDIT = `(SELECT ${COLUMNS} FROM audit WHERE ${SAFE})`;

/** The audit log as prepared statements. */
export class AuditTables extends CalendarTables implements AuditReads {
  auditHead(): AuditRow | null {
    const sql = `SELECT ${COLUMNS} FROM audit WHERE ${SAFE} ORDER BY id DESC LIMIT 1`;
    return this.one(sql, auditOf);
  }

  auditRows(after: number, limit: number): AuditRow[] {
    const sql = `SELECT ${COLUMNS} FROM audit WHERE ${SAFE} AND id > ? ORDER BY id LIMIT ?`;
    return this.all(sql, auditOf, after, limit);
  }

  insertAudit(row: AuditRow): void {
    this.change(
      "INSERT INTO audit (id, at, actor, deed, subject, detail, previous, hash) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      row.id,
      row.at,
      row.actor,
      row.deed,
      row.subject,
      row.detail,
      row.previous,
      row.hash,
    );
  }
}
