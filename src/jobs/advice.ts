// Advice: warnings about schedules that are valid, but probably not what their author meant.
//
// The language is the original's: with six fields the last one is a year, where most other programs
// take the first one for seconds; and of a day of the month and a day of the week either is enough.
// Whoever writes a schedule is told how it was read.
//
// Owns:     which schedules get a warning, and the schedule that was probably meant.
// Not here: mistakes (expression.ts refuses them), how a single field was read (scheduleWarnings).

import { cronWords } from "../lib/cron/expression.ts";
import type { Instant } from "../time.ts";
import { DAY_MS } from "../time.ts";
import { formatFire, nextFires, parseSchedule, type Schedule } from "./schedule.ts";

/** A next fire time further away than this is pointed out: it may be a leap day, or a mistake. */
const FAR_MS = 366 * DAY_MS;

/** What an operator should know about when a schedule fires. Sentences without a period. */
export function scheduleAdvice(schedule: Schedule, now: Instant): readonly string[] {
  const words = cronWords(schedule.expression);
  const [second = "", five] = words.length >= 7 ? [words[0], words.slice(1, 6)] : ["0", words];
  const [minute = "", hour = "", monthDay = "", , weekday = ""] = five;
  const shown = JSON.stringify(schedule.expression);
  return [
    secondsAdvice(schedule, { words, now }),
    oftenAdvice(shown, { small: ["minute", minute], large: ["hour", hour] }),
    oftenAdvice(shown, { small: ["second", second], large: ["minute", minute] }),
    eitherAdvice(shown, { monthDay, weekday }),
    farAdvice(schedule, { words, now }),
    emptyAdvice(schedule, now),
  ].filter((text) => text !== null);
}

/**
 * What was probably meant by six fields that begin with seconds, as the seven that this language
 * wants; null when they cannot be meant so.
 */
export function secondsFirst(expression: string, timezone: string | null): Schedule | null {
  const words = cronWords(expression);
  if (words.length !== 6) return null;
  try {
    return parseSchedule([...words, "*"].join(" "), { timezone });
  } catch {
    return null;
  }
}

interface Asked {
  readonly words: readonly string[];
  readonly now: Instant;
}

/** Six fields whose last one names no year: it was hardly meant to be one. */
function secondsAdvice(schedule: Schedule, { words, now }: Asked): string | null {
  const { expression, timezone } = schedule;
  const year = words[5] ?? "";
  if (words.length !== 6 || /\d{4}/.test(year)) return null;
  const meant = secondsFirst(expression, timezone);
  if (meant === null) return null;
  const alike =
    year === "*" || year === "?" ? `; "${words.slice(0, 5).join(" ")}" says the same` : "";
  return (
    `${JSON.stringify(expression)} is read as minute hour day month weekday year and ` +
    `${firesText(schedule, now)}${alike}. If it begins with seconds, write ` +
    `"${meant.expression}", which ${firesText(meant, now)}`
  );
}

function firesText(schedule: Schedule, now: Instant): string {
  const fires = [...nextFires(schedule, now, 2)].map((at) => formatFire(schedule, at));
  if (fires.length === 0) return "never fires";
  return `fires next at ${fires.join(" and ")}`;
}

type Named = readonly [name: string, text: string];

/** A schedule that fires each minute of certain hours: once an hour was probably meant. */
function oftenAdvice(
  shown: string,
  of: { readonly small: Named; readonly large: Named },
): string | null {
  const [small, text] = of.small;
  const [large, picked] = of.large;
  const isEvery = text === "*" || text === "?" || text === "*/1";
  // With a range of hours, such as 9-17, each minute of them may well be meant.
  if (!isEvery || !/^(?:\d+(?:,\d+)*|(?:\*|\d+)\/\d+)$/.test(picked) || picked === "*/1")
    return null;
  return `${shown} fires in every ${small} of each ${large} that it names: for once, begin with 0`;
}

/** Both fields of days are set: either is enough, where people often mean both. */
function eitherAdvice(
  shown: string,
  { monthDay, weekday }: { readonly monthDay: string; readonly weekday: string },
): string | null {
  const isOpen = (text: string): boolean => text === "" || /(?:^|,)[*?](?:,|$)/.test(text);
  if (isOpen(monthDay) || isOpen(weekday)) return null;
  const either = `day ${monthDay} of the month, and also on weekday ${weekday}`;
  const first = /^1-7$/.test(monthDay)
    ? `; for the first one of a month, write "${weekday}#1"`
    : "";
  return `${shown} fires on ${either}, whichever it is${first}`;
}

/** The next fire time is far away although no year is named: it may be a mistake. */
function farAdvice(schedule: Schedule, { words, now }: Asked): string | null {
  if (/\d{4}/.test(words[words.length >= 7 ? 6 : 5] ?? "")) return null;
  const [next] = nextFires(schedule, now, 1);
  if (next === undefined || next - now <= FAR_MS) return null;
  const days = Math.round((next - now) / DAY_MS);
  const at = formatFire(schedule, next);
  return `${JSON.stringify(schedule.expression)} fires next at ${at}, in ${days} days`;
}

/** Bounds between which there is no fire time. One that has ended did what it was to. */
function emptyAdvice(schedule: Schedule, now: Instant): string | null {
  const { from, until, expression } = schedule;
  if (until === null || until <= now) return null;
  const begin = Math.max(from ?? now, now);
  if (nextFires(schedule, begin - 1, 1).next().done !== true) return null;
  const span = `${formatFire(schedule, begin)} and its end, ${formatFire(schedule, until)}`;
  return `${JSON.stringify(expression)} has no fire time between ${span}`;
}
