// Zones: files of the tz database, as they are recorded in test/golden/zone.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A recorded file, and what another reader finds in it. */
export interface RecordedZone {
  /** A name, or a rule of POSIX. */
  readonly zone: string;
  readonly form: "slim" | "fat" | "version 1" | "rule";
  readonly base64: string;
  readonly samples: readonly (readonly [second: number, offset: number, letters: string])[];
}

/** All that are recorded. */
export function recordedZones(): readonly RecordedZone[] {
  const path = join(import.meta.dirname, "../golden/zone/files.json");
  return JSON.parse(readFileSync(path, "utf8"));
}

/** The bytes of a recorded file. */
export function zoneBytes({ base64 }: RecordedZone): Uint8Array {
  return new Uint8Array(Buffer.from(base64, "base64"));
}

/** The bytes of the file of a zone. @throws {Error} When it is not recorded. */
export function zoneFile(name: string): Uint8Array {
  const found = recordedZones().find(({ zone, form }) => zone === name && form === "slim");
  if (found === undefined) throw new Error(`Cannot find a file of zone "${name}"`);
  return zoneBytes(found);
}
