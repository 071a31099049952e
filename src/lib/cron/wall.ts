// Wall: which moment of a wall clock comes next, found by croner. No zones, no daylight saving.
//
//   lists of a schedule -> patterns -> croner in UTC -> the earliest of their answers
//
// Owns:     how our lists are written for croner, and how many of its objects are kept.
// Not here: what an instant is in a zone (zone.ts), the original's language (expression.ts), which
//           croner does not read.
import { Cron } from "croner";
import type { CronFields, MonthDays, WeekDays } from "./expression.ts";

/** Whole seconds that a wall clock shows since 1970-01-01 00:00:00, as if there were no zones. */
export type WallSeconds = number;

/**
 * A pattern's object takes 83 kB, most of it the list of its years. So many are kept, the newest;
 * ten thousand jobs have some dozens of schedules, and one that is made again takes 10 to 40 µs.
 */
const PATTERNS_MAX = 128;

const patterns = new Map<CronFields, readonly Cron[]>();

/** The first matching moment after `after`, or null when there is none until the end of 2099. */
export function nextWall(fields: CronFields, after: WallSeconds): WallSeconds | null {
  const from = new Date(after * 1_000);
  let first: number | null = null;
  for (const pattern of patternsOf(fields)) {
    const at = pattern.nextRun(from)?.getTime() ?? null;
    if (at !== null && (first === null || at < first)) first = at;
  }
  return first === null ? null : first / 1_000;
}

function patternsOf(fields: CronFields): readonly Cron[] {
  const known = patterns.get(fields);
  if (known !== undefined) return known;
  // An offset of 0, because a zone that is named takes croner 20 times as long, also "UTC".
  const made = patternTexts(fields).map((text) => new Cron(text, { utcOffset: 0 }));
  const [oldest] = patterns.keys();
  if (patterns.size >= PATTERNS_MAX && oldest !== undefined) patterns.delete(oldest);
  patterns.set(fields, made);
  return made;
}

/**
 * What to ask croner for, in seven fields: a moment matches if it matches one of them. None when
 * the schedule has an empty field, for which croner has no word, and so never fires.
 */
function patternTexts(fields: CronFields): readonly string[] {
  const { seconds, minutes, hours, months, years } = fields;
  if ([seconds, minutes, hours, months, years].some((list) => list.length === 0)) return [];
  const time = [seconds, minutes, hours].map(listText).join(" ");
  return dayTexts(fields).map(
    ([monthDay, weekday]) =>
      `${time} ${monthDay} ${listText(months)} ${weekday} ${listText(years)}`,
  );
}

/** The day-of-month and day-of-week fields. croner takes either one of two that are restricted. */
function dayTexts({ monthDays, weekDays }: CronFields): readonly (readonly [string, string])[] {
  const weekday = weekDays === null ? "*" : weekdayText(weekDays);
  if (monthDays === null) return weekday === "" ? [] : [["*", weekday]];
  const texts = monthDayTexts(monthDays);
  if (texts.length === 0) return weekday === "" || weekday === "*" ? [] : [["*", weekday]];
  return texts.map((text) => [text, weekday === "" ? "*" : weekday]);
}

/** `LW` cannot stand in a list of croner's. */
function monthDayTexts({ days, workdays, last, lastWorkday }: MonthDays): readonly string[] {
  const listed = [...days, ...workdays.map((day) => `${day}W`), ...(last ? ["L"] : [])];
  return [...(listed.length === 0 ? [] : [listed.join()]), ...(lastWorkday ? ["LW"] : [])];
}

function weekdayText({ days, nth, last }: WeekDays): string {
  const nths = nth.map(({ week, weekday }) => `${weekday}#${week}`);
  return [...days, ...nths, ...last.map((weekday) => `${weekday}L`)].join();
}

/** Runs of numbers as ranges: croner looks at less when the years are one of them. */
function listText(list: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const value of list) {
    const run = runs.at(-1);
    if (run !== undefined && value === run[1] + 1) run[1] = value;
    else runs.push([value, value]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join();
}
