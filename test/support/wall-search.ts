// Wall search: which moment of a wall clock comes next, found without croner: the second opinion
// that test/property/schedule.test.ts holds beside src/lib/cron/wall.ts.

import type { CronFields, MonthDays, WeekDays } from "../../src/lib/cron/expression.ts";
import type { WallSeconds } from "../../src/lib/cron/wall.ts";

const DAY_SECONDS = 86_400;
const DAY_MS = 86_400_000;

/**
 * The first matching moment after `after`, or null when there is none until the end of 2099.
 * Takes at most one look at each of the 1560 months of the years 1970 to 2099.
 */
export function searchWall(fields: CronFields, after: WallSeconds): WallSeconds | null {
  const from = after + 1;
  const today = Math.floor(from / DAY_SECONDS);
  const laterToday = timeFrom(fields, from - today * DAY_SECONDS);
  const day = dayFrom(fields, laterToday === null ? today + 1 : today);
  const time = day === today ? laterToday : timeFrom(fields, 0);
  return day === null || time === null ? null : day * DAY_SECONDS + time;
}

/** The first matching second of a day at or after `second`, or null. */
function timeFrom(fields: CronFields, second: number): number | null {
  const { hours, minutes, seconds } = fields;
  const hourNow = Math.floor(second / 3600);
  const minuteNow = Math.floor(second / 60) % 60;
  const [firstMinute, firstSecond] = [minutes[0], seconds[0]];
  if (firstMinute === undefined || firstSecond === undefined) return null;
  for (let index = indexFrom(hours, hourNow); ; index++) {
    const hour = hours[index];
    if (hour === undefined) return null;
    if (hour > hourNow) return hour * 3600 + firstMinute * 60 + firstSecond;
    const minute = minutes[indexFrom(minutes, minuteNow)];
    if (minute === minuteNow) {
      const exact = seconds[indexFrom(seconds, second % 60)];
      if (exact !== undefined) return hour * 3600 + minute * 60 + exact;
    }
    const later = minutes[indexFrom(minutes, minuteNow + 1)];
    if (later !== undefined) return hour * 3600 + later * 60 + firstSecond;
  }
}

/** The first matching day at or after `day`, counted from 1970-01-01, or null. */
function dayFrom(fields: CronFields, day: number): number | null {
  const { years, months } = fields;
  const date = new Date(day * DAY_MS);
  const [yearNow, monthNow] = [date.getUTCFullYear(), date.getUTCMonth() + 1];
  for (let at = indexFrom(years, yearNow); at < years.length; at++) {
    const year = years[at] ?? yearNow;
    const isNow = year === yearNow;
    for (const month of months) {
      if (isNow && month < monthNow) continue;
      const past = isNow && month === monthNow ? date.getUTCDate() - 1 : 0;
      const left = (daysOf(fields, year, month) >>> past) << past;
      if (left !== 0) return Date.UTC(year, month - 1, lowestDay(left)) / DAY_MS;
    }
  }
  return null;
}

/** The index of the first value of a sorted list that is not below `value`; its length if none. */
function indexFrom(list: readonly number[], value: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] ?? value) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A set of days of one month: day d is bit d - 1, so that 31 days fit a positive integer. */
type DaySet = number;

function bit(day: number): DaySet {
  return 1 << (day - 1);
}

function lowestDay(days: DaySet): number {
  return 32 - Math.clz32(days & -days);
}

/** The matching days of a month. Restricted by both fields, a day needs to match only one. */
function daysOf(fields: CronFields, year: number, month: number): DaySet {
  const { monthDays, weekDays } = fields;
  const length = monthLength(year, month);
  const all = 2 ** length - 1;
  if (monthDays === null && weekDays === null) return all;
  const firstWeekday = new Date(Date.UTC(year, month - 1, 1)).getUTCDay();
  const shape = { length, firstWeekday };
  const byMonth = monthDays === null ? 0 : byMonthDay(monthDays, shape);
  const byWeek = weekDays === null ? 0 : byWeekday(weekDays, shape);
  return (byMonth | byWeek) & all;
}

function monthLength(year: number, month: number): number {
  // Right for 1970 to 2099: the one century among them, 2000, has its leap day.
  if (month === 2) return year % 4 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

interface MonthShape {
  /** Days in the month. */
  readonly length: number;
  /** The weekday of day 1. */
  readonly firstWeekday: number;
}

function byMonthDay(rule: MonthDays, month: MonthShape): DaySet {
  let days = 0;
  for (const day of rule.days) days |= bit(day);
  for (const day of rule.workdays) if (day <= month.length) days |= bit(workdayNear(day, month));
  if (rule.last) days |= bit(month.length);
  if (rule.lastWorkday) days |= bit(workdayNear(month.length, month));
  return days;
}

function byWeekday(rule: WeekDays, month: MonthShape): DaySet {
  const first = (weekday: number) => 1 + ((weekday - month.firstWeekday + 7) % 7);
  let days = 0;
  for (const weekday of rule.days) {
    for (let day = first(weekday); day <= month.length; day += 7) days |= bit(day);
  }
  for (const { week, weekday } of rule.nth) {
    const day = first(weekday) + 7 * (week - 1);
    if (day <= month.length) days |= bit(day);
  }
  for (const weekday of rule.last) {
    const day = first(weekday);
    days |= bit(day + 7 * Math.floor((month.length - day) / 7));
  }
  return days;
}

/** Monday to Friday nearest to `day` without leaving the month, for `nW` and `LW`. */
function workdayNear(day: number, month: MonthShape): number {
  const weekday = (month.firstWeekday + day - 1) % 7;
  if (weekday === 6) return day > 1 ? day - 1 : day + 2;
  if (weekday === 0) return day < month.length ? day + 1 : day - 2;
  return day;
}
