import { describe, expect, test } from "bun:test";
import {
  type AuditRow,
  appendAudit,
  auditHash,
  headText,
  verifyAudit,
} from "../../src/journal/audit.ts";

/** A log of so many rows, which lives in a list. */
function logOf(count: number) {
  const rows: AuditRow[] = [];
  const log = {
    auditHead: () => rows.at(-1) ?? null,
    auditRows: (after: number, limit: number) =>
      rows.filter(({ id }) => id > after).slice(0, limit),
    insertAudit: (row: AuditRow) => void rows.push(row),
  };
  for (let index = 0; index < count; index++) {
    const entry = { actor: "ann", deed: "run", subject: `job${index}`, detail: `run ${index}` };
    appendAudit(log, entry, Date.UTC(2027, 0, 1, 0, 0, index));
  }
  return { rows, log };
}

const faults = ({ log }: ReturnType<typeof logOf>, hash?: string): readonly string[] =>
  verifyAudit(log, hash === undefined ? [] : [{ hash, where: "the system log" }]).faults;

describe("the audit log", () => {
  test("is sound as it is written, and holds every head that it had", () => {
    const log = logOf(2_500);
    expect(verifyAudit(log.log, [])).toEqual({
      rows: 2_500,
      head: log.rows.at(-1)?.hash ?? "",
      faults: [],
    });
    for (const at of [0, 1_000, 2_499]) expect(faults(log, log.rows[at]?.hash)).toEqual([]);
    expect(faults(logOf(0))).toEqual([]);
  });

  test("shows a row in which anything was changed", () => {
    const changes: Partial<AuditRow>[] = [
      { actor: "bob" },
      { deed: "drop" },
      { subject: "x" },
      { detail: "" },
      { at: 1 },
      { hash: "0".repeat(64) },
    ];
    for (const change of changes) {
      const log = logOf(5);
      log.rows[2] = { ...(log.rows[2] as AuditRow), ...change };
      expect(faults(log)[0]).toMatch(/^row 3 \(.*\) was changed$/);
    }
  });

  test("shows a row that was made to look right by itself", () => {
    const log = logOf(5);
    const forged = { ...(log.rows[2] as AuditRow), actor: "bob" };
    log.rows[2] = { ...forged, hash: auditHash(forged) };
    expect(faults(log)).toEqual([
      expect.stringMatching(/^row 4 \(.*\) does not follow the row before it$/),
    ]);
  });

  test("shows rows that were removed, at the beginning or within", () => {
    const within = logOf(5);
    within.rows.splice(2, 1);
    expect(faults(within)[0]).toMatch(/^rows are missing between row 2 and row 4 /);
    const first = logOf(5);
    first.rows.shift();
    expect(faults(first)[0]).toMatch(/^rows are missing between the first and row 2 /);
  });

  test("shows rows that were exchanged", () => {
    const log = logOf(5);
    const [, second, third] = log.rows as [AuditRow, AuditRow, AuditRow];
    log.rows[1] = { ...third, id: 2 };
    log.rows[2] = { ...second, id: 3 };
    expect(faults(log)[0]).toMatch(/^row 2 \(.*\) was changed$/);
  });

  test("shows a tail that was cut off, against a head that was kept elsewhere", () => {
    const log = logOf(5);
    const head = log.rows.at(-1)?.hash ?? "";
    log.rows.splice(3);
    expect(faults(log)).toEqual([]);
    expect(faults(log, head)).toEqual([
      `the row with the hash ${head}, which the system log has, is gone: the tail was cut off`,
    ]);
  });

  test("tells its head in one line", () => {
    const [row] = logOf(1).rows as [AuditRow];
    expect(headText(row)).toBe(`audit: 1 run job0 by ann, head ${row.hash}`);
  });
});
