// Weekly: a span of the week, as people write it, and whether an instant lies in it.
//
//   mon-fri 08:00-18:00    on each of these days; over midnight where the end is not later
//   sat 22:00 - mon 06:00  one span, from a day to another
import { type Instant, SECOND_MS } from "../../time.ts";
import { instantOfWall, wallAt, zoneNamed } from "./zone.ts";

/** A span of each week in a zone. */
export interface WeeklySpan {
  /** As it was written. */
  readonly text: string;
  /** When the span that an instant lies in ends; null when it lies in none. */
  endAt(at: Instant): Instant | null;
}

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const DAY_SECONDS = 86_400;
const WEEK_SECONDS = 7 * DAY_SECONDS;

/** The wall clock's zero was a Thursday. */
const EPOCH_DAY = 4;

/** Seconds from sunday's midnight on, and how long. */
interface Stretch {
  readonly start: number;
  readonly length: number;
}

const DAY = "(sun|mon|tue|wed|thu|fri|sat)[a-z]*";
const TIME = "(\\d{1,2}):(\\d{2})";
const BETWEEN = new RegExp(`^${DAY}\\s+${TIME}\\s*-\\s*${DAY}\\s+${TIME}$`);
const DAILY = new RegExp(`^(.+?)\\s+${TIME}\\s*-\\s*${TIME}$`);

/** How it is written, for messages. */
export const WEEKLY_HINT = 'Write it such as "sat 22:00 - sun 06:00" or "mon-fri 08:00-18:00"';

/**
 * Reads a span of the week.
 *
 * @param timezone Whose week; null: the host's.
 * @throws {RangeError} With what cannot be read.
 */
export function parseWeekly(text: string, timezone: string | null): WeeklySpan {
  const stretches = stretchesOf(text.trim().toLowerCase());
  return {
    text,
    endAt(at) {
      const zone = zoneNamed(timezone);
      const wall = wallAt(zone, at);
      const second = mod(wall + EPOCH_DAY * DAY_SECONDS, WEEK_SECONDS);
      const left = stretches.map(({ start, length }) => length - mod(second - start, WEEK_SECONDS));
      const seconds = Math.max(...left);
      if (seconds <= 0) return null;
      const end = instantOfWall(zone, wall + seconds);
      // In an hour that is repeated the end may be told as of its first pass.
      return end > at ? end : at + seconds * SECOND_MS;
    },
  };
}

function stretchesOf(text: string): readonly Stretch[] {
  const between = BETWEEN.exec(text);
  if (between !== null) {
    const [, firstDay = "", firstHour, firstMinute, lastDay = "", lastHour, lastMinute] = between;
    const start = DAYS.indexOf(firstDay) * DAY_SECONDS + secondOf(firstHour, firstMinute);
    const end = DAYS.indexOf(lastDay) * DAY_SECONDS + secondOf(lastHour, lastMinute);
    return [{ start, length: mod(end - start, WEEK_SECONDS) || WEEK_SECONDS }];
  }
  const daily = DAILY.exec(text);
  if (daily === null) throw new RangeError(`"${text}" is no span of the week`);
  const [, days = "", firstHour, firstMinute, lastHour, lastMinute] = daily;
  const start = secondOf(firstHour, firstMinute);
  const end = secondOf(lastHour, lastMinute);
  const length = end > start ? end - start : end + DAY_SECONDS - start;
  return daysOf(days).map((day) => ({ start: day * DAY_SECONDS + start, length }));
}

/** `mon-fri`, `sat,sun`, `daily`. */
function daysOf(text: string): readonly number[] {
  if (text === "daily") return [0, 1, 2, 3, 4, 5, 6];
  return text.split(",").flatMap((part) => {
    const [, first = "", last = first] =
      new RegExp(`^\\s*${DAY}(?:\\s*-\\s*${DAY})?\\s*$`).exec(part) ?? [];
    const from = DAYS.indexOf(first);
    if (from < 0) throw new RangeError(`"${part.trim()}" names no day`);
    const count = mod(DAYS.indexOf(last) - from, 7) + 1;
    return Array.from({ length: count }, (_, index) => mod(from + index, 7));
  });
}

function secondOf(hour: string | undefined, minute: string | undefined): number {
  const seconds = Number(hour) * 3_600 + Number(minute) * 60;
  if (Number(minute) > 59 || seconds > DAY_SECONDS) {
    throw new RangeError(`${hour}:${minute} is no time of the day`);
  }
  return seconds;
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}
