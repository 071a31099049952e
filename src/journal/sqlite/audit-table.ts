// Audit table: the log of what people have decided. Its rows are only ever inserted.
import type { AuditRow } from "../audit.ts";
import { ID, INSTANT, TEXT } from "./columns.ts";
import type { Methods } from "./methods.ts";
import { tableOf } from "./table.ts";

export const AUDIT = tableOf<AuditRow>({
  name: "audit",
  since: 2,
  hasOwnIds: true,
  called: "'audit ' || id",
  columns: {
    id: ID,
    at: INSTANT,
    actor: TEXT,
    deed: TEXT,
    subject: TEXT,
    detail: TEXT,
    previous: TEXT,
    hash: TEXT,
  },
  // Times that JavaScript cannot hold are read as none: the hash of such a row does not hold.
  view:
    "SELECT id, CASE WHEN at BETWEEN -8640000000000000 AND 8640000000000000 THEN at ELSE 0 END " +
    "AS at, actor, deed, subject, detail, previous, hash " +
    "FROM audit WHERE id BETWEEN 1 AND 9007199254740991",
});

export const AUDITS = {
  auditHead: (rows) => rows.one(AUDIT, "ORDER BY id DESC LIMIT 1"),

  auditRows: (rows, after, limit) =>
    rows.all(AUDIT, "WHERE id > ? ORDER BY id LIMIT ?", after, limit),

  insertAudit(rows, row) {
    rows.insert(AUDIT, row);
  },
} satisfies Partial<Methods>;
