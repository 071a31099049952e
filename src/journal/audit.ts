// Audit: who decided what, as an append-only log in the journal. Each row holds the hash of the one
// before it, so that a changed, removed or moved row shows; a tail that was cut off shows against
// a head that was written down elsewhere: in the system's log, or in a calendar.
//
// Owns:     what is hashed, and how a log is verified.
// Not here: what is worth a row (the verbs), reading and writing rows (sqlite/).
import { createHash } from "node:crypto";
import type { Instant } from "../time.ts";

/** A decision of a person. */
export interface AuditEntry {
  /** The user of the system who called, such as "ann", or "root by sudo of ann". */
  readonly actor: string;
  /** The verb, such as "install" or "drop". */
  readonly deed: string;
  /** What it is about: a job, or a run, a file or the like. */
  readonly subject: string;
  /** What exactly, for people. */
  readonly detail: string;
}

/** One row of the log. */
export interface AuditRow extends AuditEntry {
  /** 1 for the first, then one more each. */
  readonly id: number;
  readonly at: Instant;
  /** Hash of the row before; that of no row for the first. */
  readonly previous: string;
  readonly hash: string;
}

/** The journal's reads of the log. */
export interface AuditReads {
  /** The newest row. */
  auditHead(): AuditRow | null;
  /** Rows behind an id, oldest first. */
  auditRows(after: number, limit: number): readonly AuditRow[];
}

/** Stands for the hash of the row before the first. */
export const NO_ROW = "0".repeat(64);

/** The hash of a row: over all of it, and over the row before by its hash. */
export function auditHash(row: Omit<AuditRow, "hash">): string {
  const { id, at, actor, deed, subject, detail, previous } = row;
  const text = JSON.stringify([id, at, actor, deed, subject, detail, previous]);
  return createHash("sha256").update(text).digest("hex");
}

/** Appends a decision, in the transaction that carries it out. Returns the new head. */
export function appendAudit(
  transaction: AuditReads & { insertAudit(row: AuditRow): void },
  entry: AuditEntry,
  at: Instant,
): AuditRow {
  const row = auditRowAfter(transaction.auditHead(), entry, at);
  transaction.insertAudit(row);
  return row;
}

/** The row of a decision, behind the newest one. @param head Null: there is none. */
export function auditRowAfter(
  head: Pick<AuditRow, "id" | "hash"> | null,
  { actor, deed, subject, detail }: AuditEntry,
  at: Instant,
): AuditRow {
  const place = { id: (head?.id ?? 0) + 1, at, previous: head?.hash ?? NO_ROW };
  const row = { ...place, actor, deed, subject, detail };
  return { ...row, hash: auditHash(row) };
}

/** The line for the system's log that records the newest row outside of the journal. */
export function headText({ id, deed, subject, actor, hash }: AuditRow): string {
  return `audit: ${id} ${deed} ${subject} by ${actor}, head ${hash}`;
}

/** What a check of the log has found. */
export interface AuditReport {
  readonly rows: number;
  readonly head: string;
  /** Empty for a sound log; else the first few things that are wrong. */
  readonly faults: readonly string[];
}

const FAULTS_MAX = 20;

/** Rows that are read at a time. */
const BATCH = 1_000;

/**
 * Verifies the whole log.
 *
 * @param known Heads that were written down elsewhere, each with where: the log must hold them.
 */
export function verifyAudit(
  journal: AuditReads,
  known: readonly { readonly hash: string; readonly where: string }[],
): AuditReport {
  const missing = new Map(known.map(({ hash, where }) => [hash, where]));
  const faults: string[] = [];
  let rows = 0;
  let before = { id: 0, hash: NO_ROW };
  missing.delete(NO_ROW);
  for (;;) {
    const batch = journal.auditRows(before.id, BATCH);
    for (const row of batch) {
      rows++;
      const fault = faultOf(row, before);
      if (fault !== null && faults.length < FAULTS_MAX) faults.push(fault);
      // Each fault is reported once: the next row is compared with the row as it stands.
      before = row;
      missing.delete(row.hash);
    }
    if (batch.length < BATCH) break;
  }
  for (const [hash, where] of missing) {
    faults.push(`the row with the hash ${hash}, which ${where} has, is gone: the tail was cut off`);
  }
  return { rows, head: before.hash, faults };
}

function faultOf(row: AuditRow, before: Pick<AuditRow, "id" | "hash">): string | null {
  const when = new Date(row.at).toISOString();
  const name = `row ${row.id} (${row.deed} ${row.subject}, ${when})`;
  if (auditHash(row) !== row.hash) return `${name} was changed`;
  if (row.id !== before.id + 1) {
    const from = before.id === 0 ? "the first" : `row ${before.id}`;
    return `rows are missing between ${from} and ${name}`;
  }
  if (row.previous !== before.hash) return `${name} does not follow the row before it`;
  return null;
}
