// Retry-after: how long a service asks to be left alone, by its Retry-After header.
//
// The text comes from outside. Whatever it says, the answer is a whole number of milliseconds from
// 0 to a day, or null.
import { DAY_MS, type Instant, type Milliseconds } from "../../time.ts";

/** A service that asks for longer is asked again after this. */
const WAIT_MAX_MS: Milliseconds = DAY_MS;

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/**
 * The three forms of an HTTP date. `Date.parse` is not asked: it takes "-5" for a day in May of
 * 2001, and the last of these for a time of the host's zone.
 *
 * @see RFC 9110, section 5.6.7
 */
const DATES = [
  /^[a-z]+, (?<day>\d{1,2})[ -](?<month>[a-z]{3})[ -](?<year>\d{4}|\d{2}) (?<clock>[\d:]+) GMT$/i,
  /^[a-z]+ (?<month>[a-z]{3}) +(?<day>\d{1,2}) (?<clock>[\d:]+) (?<year>\d{4})$/i,
];

/**
 * Milliseconds to wait, from 0 to a day, by the text of a Retry-After header: seconds, or an HTTP
 * date. Null when it names no time.
 *
 * @param now In milliseconds since the Unix epoch, as `Date.now()` gives it.
 */
export function retryAfter(header: string | null | undefined, now: Instant): Milliseconds | null {
  const text = header?.trim() ?? "";
  const waitMs = /^\d+(?:\.\d*)?$/.test(text) ? Number(text) * 1_000 : dateOf(text, now) - now;
  if (Number.isNaN(waitMs)) return null;
  return Math.ceil(Math.min(Math.max(waitMs, 0), WAIT_MAX_MS));
}

/** The moment of an HTTP date; NaN for any other text. */
function dateOf(text: string, now: Instant): Instant {
  const parts = DATES.map((form) => form.exec(text)?.groups).find((groups) => groups !== undefined);
  const time = /^(\d{2}):(\d{2}):(\d{2})$/
    .exec(parts?.clock ?? "")
    ?.slice(1)
    .map(Number);
  const month = MONTHS.indexOf((parts?.month ?? "").toLowerCase());
  if (parts === undefined || time === undefined || month < 0) return Number.NaN;
  const [hours = 0, minutes = 0, seconds = 0] = time;
  const year = yearOf(parts.year ?? "", now);
  return Date.UTC(year, month, Number(parts.day), hours, minutes, seconds);
}

/** A year of two digits is the one that is at most 50 years ahead. */
function yearOf(digits: string, now: Instant): number {
  if (digits.length !== 2) return Number(digits);
  const current = new Date(now).getUTCFullYear();
  const year = current - (current % 100) + Number(digits);
  return year > current + 50 ? year - 100 : year;
}
