// Zone: what a wall clock shows at an instant, and the instant that a wall clock means.
//
// Owns:     offsets and their changes, the rule for hours that a zone skips or repeats, and the
//           letters that Go prints for a zone.
// Not here: which wall time is wanted (wall.ts), where the host's zone is found
//           (edge/timezone.ts).
//
// A zone's offset is constant over long spans. Spans are found on demand, for a name by Temporal,
// which knows every change to the second, for the host in its own file, and are kept for all
// schedules of the zone: a lookup is a search in a list of numbers, and no schedule holds an object
// of Intl.

import type { Instant } from "../../time.ts";
import { type Location, spanAt as locationSpanAt } from "../go/location.ts";
import { abbreviationIn } from "./abbreviation.ts";
import type { WallSeconds } from "./wall.ts";

/** A time zone and what is known of it so far. Shared by all that name it alike. */
export interface Zone {
  readonly name: string;
  /** Where its changes are read; null: what Temporal knows of its name. */
  readonly location: Location | null;
  /** In order, without overlap; grows as instants are asked for. */
  readonly spans: Span[];
}

/** A stretch of time with one offset. */
interface Span {
  readonly startAt: Instant;
  /** The first instant that no longer belongs to it. */
  readonly endAt: Instant;
  /** East of UTC is positive. */
  readonly offsetSeconds: number;
  /** Null until somebody asks. */
  abbreviation: string | null;
}

/** More than the tz database has names; only a stream of odd spellings can reach it. */
const ZONES_MAX = 2_000;

/** A zone without a name, as Intl takes it. */
const OFFSET = /^[+-]\d\d(?::?\d\d)?$/;

const zones = new Map<string, Zone>();

/** The zone of the host, once it was looked for. */
let host: Zone | null = null;

/** Says what the zone of the host is. To be called before any of its times is asked for. */
export function setHostZone(zone: { readonly name: string; readonly location: Location | null }) {
  host = { ...zone, spans: [] };
}

/**
 * The zone of that name, or for null the zone of the host: the one that was set, else the one that
 * the runtime names, UTC when it names none.
 *
 * @param name As in the tz database, in any case, or an offset such as "+02:00".
 * @throws {RangeError} If there is no such zone.
 */
export function zoneNamed(name: string | null): Zone {
  if (name === null) {
    if (host !== null) return host;
    const runtime = Temporal.Now.timeZoneId();
    return isZone(runtime) ? zoneNamed(runtime) : zoneNamed("UTC");
  }
  const known = zones.get(name);
  if (known !== undefined) return known;
  if (!isZone(name)) throw new RangeError(`unknown time zone ${name}`);
  if (zones.size >= ZONES_MAX) zones.clear();
  const zone: Zone = { name, location: null, spans: [] };
  zones.set(name, zone);
  return zone;
}

/** True for every name that `zoneNamed` takes. */
export function isZone(name: string): boolean {
  if (zones.has(name)) return true;
  try {
    const { timeZoneId } = Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
    // Temporal would also take a whole timestamp and pick the zone out of it. To ask Intl instead
    // costs a start milliseconds.
    return OFFSET.test(name) || timeZoneId.toLowerCase() === name.toLowerCase();
  } catch {
    return false;
  }
}

/** What the zone adds to UTC at `at`, in seconds; east is positive. Null: the host's zone. */
export function zoneOffsetSeconds(zone: string | null, at: Instant): number {
  return offsetAt(zoneNamed(zone), at);
}

/**
 * The letters of the zone at `at` as Go prints them in Time.String: "UTC", "CET", "CEST", "EST",
 * and "-03" or "+0545" for zones without letters. How exact: see abbreviation.ts.
 */
export function zoneAbbreviation(zone: string | null, at: Instant): string {
  const named = zoneNamed(zone);
  const span = spanAt(named, at);
  span.abbreviation ??= abbreviationIn(named.name, { at, offsetSeconds: span.offsetSeconds });
  return span.abbreviation;
}

/** What a wall clock in the zone shows at `at`, fractions of a second dropped. */
export function wallAt(zone: Zone, at: Instant): WallSeconds {
  return Math.floor(at / 1000) + offsetAt(zone, at);
}

/**
 * The instant that a wall clock in the zone means by `wall`.
 *
 * A time that the zone repeats means its second pass east of UTC and its first pass west of it. A
 * time that the zone skips is moved forward by the length of the gap: 02:30 becomes 03:30. The
 * original does so east of UTC only; west of it it moves back, before the gap, and fires for ever.
 *
 * @see Go time.Date, which takes `w - off(w - off(w))`; test/golden/cron, classes dst-*.
 */
export function instantOfWall(zone: Zone, wall: WallSeconds): Instant {
  const guess = wall - offsetAt(zone, wall * 1000);
  const instant = wall - offsetAt(zone, guess * 1000);
  const skipped = wallAt(zone, instant * 1000) !== wall;
  return (skipped ? Math.max(guess, instant) : instant) * 1000;
}

/**
 * The latest instant, `at` or before, from which no skipped or repeated time is in sight: `at`
 * itself, but next to a change of the offset the last millisecond before all such times.
 */
export function calmBefore(zone: Zone, at: Instant): Instant {
  const { startAt, endAt } = spanAt(zone, at);
  for (const changeAt of [startAt, endAt]) {
    if (!Number.isFinite(changeAt)) continue;
    const jumpMs = Math.abs(offsetAt(zone, changeAt) - offsetAt(zone, changeAt - 1)) * 1000;
    if (at >= changeAt - jumpMs && at < changeAt + jumpMs) return changeAt - jumpMs - 1;
  }
  return at;
}

function offsetAt(zone: Zone, at: Instant): number {
  return spanAt(zone, at).offsetSeconds;
}

/** The span that holds `at`, found in the list or added to it. */
function spanAt(zone: Zone, at: Instant): Span {
  const { spans } = zone;
  let [low, high] = [0, spans.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const span = spans[middle];
    if (span === undefined || at < span.startAt) high = middle;
    else if (at >= span.endAt) low = middle + 1;
    else return span;
  }
  const span = zone.location === null ? namedSpan(zone.name, at) : fileSpan(zone.location, at);
  spans.splice(low, 0, span);
  return span;
}

function fileSpan(location: Location, at: Instant): Span {
  const { start, end, ...span } = locationSpanAt(location, Math.floor(at / 1_000));
  return { startAt: start * 1_000, endAt: end * 1_000, ...span };
}

function namedSpan(name: string, at: Instant): Span {
  const moment = Temporal.Instant.fromEpochMilliseconds(Math.floor(at)).toZonedDateTimeISO(name);
  // "previous" means before, and a span begins at its change: ask from just after `at`.
  const start = moment.add({ milliseconds: 1 }).getTimeZoneTransition("previous");
  const end = moment.getTimeZoneTransition("next");
  return {
    startAt: start?.epochMilliseconds ?? Number.NEGATIVE_INFINITY,
    endAt: end?.epochMilliseconds ?? Number.POSITIVE_INFINITY,
    offsetSeconds: moment.offsetNanoseconds / 1e9,
    abbreviation: null,
  };
}
