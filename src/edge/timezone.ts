// Timezone: which zone this host is in.
//
// Go looks for it as the C library does: in the file that TZ names, or in /etc/localtime. The
// runtimes know zones by name only: a file that was copied into a container, or that TZ means by
// its path, they take for UTC, or for another zone with the same letters.
import { realpathSync } from "node:fs";
import { isZone, setHostZone, zoneAbbreviation, zoneOffsetSeconds } from "../lib/cron/zone.ts";
import { type Location, parseLocation, parsePosixRule } from "../lib/go/location.ts";
import { errnoText } from "../lib/os/errno.ts";
import { readRegular, UnfitFile } from "../lib/os/read.ts";
import type { Instant } from "../time.ts";

/** The zone of the host and where it was found. */
export interface HostZone {
  /** Its name in the tz database, if that can be told; else the file. */
  readonly name: string;
  /** Null: what the runtime knows of the name. */
  readonly location: Location | null;
  /** Such as "/etc/localtime", or "TZ". */
  readonly source: string;
  /** TZ says UTC in so many words: nothing was looked for. */
  readonly isPlain: boolean;
  /** Why it is not what the host seems to want, with the remedy; null when it is. */
  readonly problem: string | null;
}

/** Where zones are found. */
export interface ZonePlaces {
  /** The host's own. */
  readonly localtime: string;
  /** The tz database, in the order in which its folders are looked at. */
  readonly folders: readonly string[];
}

/** @see time/zoneinfo_unix.go `platformZoneSources` */
const PLACES: ZonePlaces = {
  localtime: "/etc/localtime",
  folders: [
    "/usr/share/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/usr/lib/locale/TZ",
    "/etc/zoneinfo",
  ],
};

/** Larger files are no zones. The largest there is has 4 kB. */
const SIZE_MAX = 1024 * 1024;

/**
 * The zone that a host with this TZ is in.
 *
 * Unset, it is the zone of /etc/localtime. Empty, or "UTC", it is UTC. With or without a ":" before
 * it, a path means that file, and any other word a file of the tz database; without a database, a
 * name that the program knows by itself. What cannot be read is UTC, as in the original.
 *
 * @see time/zoneinfo_unix.go `initLocal` of Go 1.19
 */
export function findHostZone(tz: string | undefined, places: ZonePlaces = PLACES): HostZone {
  if (tz === undefined) {
    const found = readZone(places.localtime);
    if (typeof found !== "string") return { ...found, source: places.localtime, problem: null };
    const isMissing = found.endsWith("no such file or directory");
    const problem = isMissing ? null : `${found}; put a file of the tz database there, or set TZ`;
    return { ...UTC, source: isMissing ? `TZ is not set, and ${found}` : found, problem };
  }
  const word = tz.replace(/^:/, "");
  if (word === "" || word === "UTC") {
    return { ...UTC, source: `TZ="${tz}"`, isPlain: true, problem: null };
  }
  if (word.startsWith("/")) {
    const found = readZone(word);
    if (typeof found !== "string") return { ...found, source: `TZ="${tz}"`, problem: null };
    return { ...UTC, source: `TZ="${tz}"`, problem: `${found}; set TZ to a file that is there` };
  }
  return findNamed(tz, word, places.folders);
}

const UTC = { name: "UTC", location: null, isPlain: false } as const;

function findNamed(tz: string, word: string, folders: readonly string[]): HostZone {
  const faults: string[] = [];
  for (const folder of folders) {
    const found = readZone(`${folder}/${word}`);
    if (typeof found !== "string") {
      return { ...found, source: `TZ="${tz}", ${folder}/${word}`, problem: null };
    }
    faults.push(found);
  }
  const isKnown = isZone(word) && /^[A-Za-z]/.test(word);
  if (isKnown) {
    const source = `TZ="${tz}", the time zones of this program`;
    return { name: word, location: null, source, isPlain: false, problem: null };
  }
  // The C library would follow a rule of POSIX. Go does not, and so did not the original.
  const what =
    parsePosixRule(word) === null
      ? (faults[0] ?? "there is no such zone")
      : `a rule of POSIX is not read, nor was it by the original`;
  const problem = `${what}; set TZ to a name such as Europe/Berlin`;
  return { ...UTC, source: `TZ="${tz}"`, problem };
}

/** The zone of a file, or why it is none. */
function readZone(path: string): Pick<HostZone, "name" | "location" | "isPlain"> | string {
  try {
    const bytes = readSmall(path);
    const location = bytes === null ? null : parseLocation(bytes);
    if (location === null) return `${path} is not a file of the tz database, or it is damaged`;
    return { name: nameOf(path) ?? path, location, isPlain: false };
  } catch (error) {
    return `${path}: ${errnoText(error)}`;
  }
}

/** The bytes of a small file; null for a large one, or for what is no file. Never waits. */
function readSmall(path: string): Uint8Array | null {
  try {
    return readRegular(path, { sizeMax: SIZE_MAX });
  } catch (error) {
    if (error instanceof UnfitFile) return null;
    throw error;
  }
}

/**
 * The name of the zone that a file is of: where its path leads to, below a directory of the tz
 * database. Null when that tells no name.
 */
function nameOf(path: string): string | null {
  return /\/zoneinfo\/(?:posix\/)?(.+)$/.exec(realpathSync(path))?.[1] ?? null;
}

/** The zone in one line, with what its clock is ahead of UTC by at `now`. */
export function describeHostZone({ name, source }: HostZone, now: Instant): string {
  const size = Math.abs(zoneOffsetSeconds(null, now));
  const sign = zoneOffsetSeconds(null, now) < 0 ? "-" : "+";
  const [hours = "", minutes = ""] = [size / 3_600, (size / 60) % 60].map((part) =>
    String(Math.floor(part)).padStart(2, "0"),
  );
  const letters = zoneAbbreviation(null, now);
  return `time zone ${name} (${letters}, UTC${sign}${hours}:${minutes} now), by ${source}`;
}

/** What to warn of when the host's zone is not what it seems to want. */
export function zoneWarning(problem: string): string {
  return `the time zone of this host cannot be read, UTC is used: ${problem}`;
}

/**
 * Finds the zone of the host, and makes it that of all schedules and lines without one of their
 * own. To be called by each thread before any local time.
 */
export function useHostZone(environment: { TZ?: string | undefined } = process.env): HostZone {
  const zone = findHostZone(environment.TZ);
  setHostZone(zone);
  // What the code of jobs and plugins shows as local time: the runtimes want a name.
  if (environment.TZ !== undefined && isZone(zone.name)) environment.TZ = zone.name;
  return zone;
}
