// Timezone: which zone the process is in, when TZ names a file.
//
// `TZ=:/etc/localtime` is a usual setting of services, and Go reads the zone from that file. Bun
// and Deno know zones by name only and would take UTC, so that every job fired at another hour.
import { realpathSync } from "node:fs";

/**
 * The name of the zone that a value of TZ means by a path: where the path leads to, below a
 * directory of the tz database. Null when TZ names no file, or the file tells no name.
 */
export function zoneOfPath(tz: string | undefined): string | null {
  const path = tz?.replace(/^:/, "") ?? "";
  if (!path.startsWith("/")) return null;
  try {
    return /\/zoneinfo\/(?:posix\/|right\/)?(.+)$/.exec(realpathSync(path))?.[1] ?? null;
  } catch {
    return null;
  }
}

/** Gives TZ the name of the zone instead of its file. To be called before any local time. */
export function nameTimezone(environment: { TZ?: string | undefined } = process.env): void {
  const zone = zoneOfPath(environment.TZ);
  if (zone !== null) environment.TZ = zone;
}
