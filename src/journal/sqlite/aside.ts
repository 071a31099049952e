// Aside: a copy of the rows that are taken out of a journal, beside it, one JSON object a line.
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { fileError } from "../../lib/os/durable.ts";
import type { RemovedRow } from "../journal.ts";

/**
 * Writes the copy. Called inside the transaction that takes the rows out, so that a crash can leave
 * them in both places, but never in none.
 *
 * @param path Of the journal.
 * @returns Where the copy is.
 * @throws {RunnerError} SPOOL.
 */
export function keepAside(path: string, rows: readonly RemovedRow[]): string {
  const aside = `${path}.removed.jsonl`;
  try {
    const descriptor = openSync(aside, "a", 0o600);
    try {
      for (const { table, text, json } of rows) {
        const row: unknown = JSON.parse(json);
        writeSync(descriptor, `${JSON.stringify({ table, why: text, row })}\n`);
      }
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    return aside;
  } catch (error) {
    throw fileError({ verb: "write", thing: "copy of rows", path: aside }, error);
  }
}
