// Replica: a place for rows that are only copies, gone with the process; and a name for that.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file that nobody else has or can read, which goes when the process ends. */
export function replicaFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "mig-runner-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "journal.db");
}

/** What no other process has ever been called. */
export function processName(host: string): string {
  return `${host}/${randomBytes(8).toString("hex")}`;
}
