// Expression: the schedule language of the original, from text to sorted lists of numbers.
//
//   5 fields   minute hour day-of-month month day-of-week
//   6 fields   the same and a year                      7 fields   seconds, the five, a year
//
// Owns:     what is accepted, the exact texts of refusals, and which texts deserve a warning.
// Not here: which day or second comes next (wall.ts), zones (zone.ts), the operator's error
//           with its hint (jobs/schedule.ts).
//
// The language and the texts are those of gorhill/cronexpr, as recorded in test/golden/cron. We
// read three things by their plain meaning where the original misread them, each with a warning:
// a zero-padded month or weekday (it took 0), a weekday range that ends in 7 or Sunday (it took an
// empty range), and we never crash on a range that counts down (it stays empty, as there).

/** Days of the month that a schedule names. Lists are sorted and hold no value twice. */
export interface MonthDays {
  /** 1 to 31. Days that a month does not have are left out in that month. */
  readonly days: readonly number[];
  /** Days of `nW`: the weekday nearest to day n, within the same month. */
  readonly workdays: readonly number[];
  /** `L`: the last day of the month. */
  readonly last: boolean;
  /** `LW`: the last Monday to Friday of the month. */
  readonly lastWorkday: boolean;
}

/** Days of the week that a schedule names. Sunday is 0. Lists are sorted and hold no value twice. */
export interface WeekDays {
  readonly days: readonly number[];
  /** `d#n`: the n-th such weekday of the month, 1 to 5. */
  readonly nth: readonly { readonly week: number; readonly weekday: number }[];
  /** `dL`: the last such weekday of the month. */
  readonly last: readonly number[];
}

/** A parsed expression: sorted lists without repeats, and which days. An empty list never fires. */
export interface CronFields {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly months: readonly number[];
  /** Within 1970 to 2099, the years that the original knows. */
  readonly years: readonly number[];
  /** Null: not restricted. When this and `weekDays` are both given, either one is enough. */
  readonly monthDays: MonthDays | null;
  /** Null: not restricted. */
  readonly weekDays: WeekDays | null;
  /** What the operator should know: how a text was read when it may not be what was meant. */
  readonly warnings: readonly string[];
}

interface Field {
  /** As it stands in messages. */
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Every accepted way to write one value. */
  readonly values: ReadonlyMap<string, number>;
  /** All values, one shared list for all schedules. */
  readonly every: readonly number[];
}

const MONTH_NAMES =
  "january february march april may june july august september october november december".split(
    " ",
  );
const WEEKDAY_NAMES = "sunday monday tuesday wednesday thursday friday saturday".split(" ");

const SECOND = numericField("second", 0, 59);
const MINUTE = numericField("minute", 0, 59);
const HOUR = numericField("hour", 0, 23);
const MONTH_DAY = numericField("day-of-month", 1, 31);
const MONTH = namedField("month", 1, MONTH_NAMES);
const WEEKDAY = namedField("day-of-week", 0, WEEKDAY_NAMES);
const YEAR = numericField("year", 1970, 2099);

const AT_ZERO: readonly number[] = Object.freeze([0]);
const NO_WARNINGS: readonly string[] = Object.freeze([]);

/** The short forms, each for seven fields. They are replaced inside the text, as in the original. */
const NICKNAMES: ReadonlyMap<string, string> = new Map([
  ["@yearly", "0 0 0 1 1 * *"],
  ["@annually", "0 0 0 1 1 * *"],
  ["@monthly", "0 0 0 1 * * *"],
  ["@weekly", "0 0 0 * * 0 *"],
  ["@daily", "0 0 0 * * * *"],
  ["@hourly", "0 0 * * * * *"],
]);

/** The names that stand for a whole expression, such as "@daily". */
export const CRON_NICKNAMES: readonly string[] = [...NICKNAMES.keys()];

const NICKNAME = new RegExp(CRON_NICKNAMES.join("|"), "g");
const FIELDS_MAX = 7;

/**
 * Reads a cron expression.
 *
 * @throws {RangeError} With the text of the original's refusal, such as `missing field(s)`.
 * @see cronexpr `Parse`; test/golden/cron.
 */
export function parseCron(expression: string): CronFields {
  const texts = fieldTexts(expression);
  const [first = "", ...rest] = texts;
  if (texts.length < 5) throw new RangeError("missing field(s)");
  const warnings: string[] = [];
  if (texts.length > FIELDS_MAX) {
    warnings.push(`Everything after the seventh field is ignored, from "${texts[FIELDS_MAX]}" on`);
  }
  const seconds = texts.length >= FIELDS_MAX ? listOf(first, SECOND, warnings) : AT_ZERO;
  const five = texts.length >= FIELDS_MAX ? rest : texts;
  const [minute = "", hour = "", monthDay = "", month = "", weekday = "", year] = five;
  return {
    seconds,
    minutes: listOf(minute, MINUTE, warnings),
    hours: listOf(hour, HOUR, warnings),
    monthDays: monthDaysOf(monthDay, warnings),
    months: listOf(month, MONTH, warnings),
    weekDays: weekDaysOf(weekday, warnings),
    years: year === undefined ? YEAR.every : listOf(year, YEAR, warnings),
    warnings: warnings.length === 0 ? NO_WARNINGS : warnings,
  };
}

/** The fields of an expression as they are written, nicknames replaced; none beyond the seventh. */
export function cronWords(expression: string): readonly string[] {
  return fieldTexts(expression).slice(0, FIELDS_MAX);
}

/** The fields of an expression, nicknames replaced. Only ASCII blanks part fields, as in Go's \S. */
function fieldTexts(expression: string): readonly string[] {
  const whole = expression.replace(NICKNAME, (name) => NICKNAMES.get(name) ?? name);
  return whole.match(/[^\t\n\f\r ]+/g) ?? [];
}

/** One part of a comma list. `other` is left to the day fields (L, W, #) or is a mistake. */
type Entry =
  | { readonly kind: "every" }
  | { readonly kind: "span"; readonly first: number; readonly last: number; readonly step: number }
  | { readonly kind: "other"; readonly text: string };

/** A plain field. After a `*` the rest of the list is ignored, with mistakes, as in the original. */
function listOf(text: string, field: Field, warnings: string[]): readonly number[] {
  const values = new Set<number>();
  for (const entry of parseEntries(text, field, warnings)) {
    if (entry.kind === "every") return field.every;
    if (entry.kind === "other") throw syntaxError(field, entry.text);
    addSpan(values, entry);
  }
  return sorted(values);
}

/** The day-of-month field. A `*` in its list lifts the restriction. */
function monthDaysOf(text: string, warnings: string[]): MonthDays | null {
  const days = new Set<number>();
  const workdays = new Set<number>();
  let [restricted, last, lastWorkday] = [true, false, false];
  for (const entry of parseEntries(text, MONTH_DAY, warnings)) {
    if (entry.kind === "every") restricted = false;
    else if (entry.kind === "span") addSpan(days, entry);
    else {
      const word = lowerCase(entry.text);
      const workday = word.endsWith("w") ? MONTH_DAY.values.get(word.slice(0, -1)) : undefined;
      if (word === "l") last = true;
      else if (word === "lw") lastWorkday = true;
      else if (workday !== undefined) workdays.add(workday);
      else throw syntaxError(MONTH_DAY, entry.text);
    }
  }
  return restricted ? { days: sorted(days), workdays: sorted(workdays), last, lastWorkday } : null;
}

/** The day-of-week field. A `*` in its list lifts the restriction. */
function weekDaysOf(text: string, warnings: string[]): WeekDays | null {
  const days = new Set<number>();
  const last = new Set<number>();
  const nth = new Set<number>();
  let restricted = true;
  for (const entry of parseEntries(text, WEEKDAY, warnings)) {
    if (entry.kind === "every") restricted = false;
    else if (entry.kind === "span") addSpan(days, entry, 7);
    else {
      const [, day = "", week] = /^(.*?)(?:l|#([1-5]))$/.exec(lowerCase(entry.text)) ?? [];
      const weekday = WEEKDAY.values.get(day);
      if (weekday === undefined) throw syntaxError(WEEKDAY, entry.text);
      warnOfPadding(day, WEEKDAY, warnings);
      if (week === undefined) last.add(weekday % 7);
      else nth.add((Number(week) - 1) * 7 + (weekday % 7));
    }
  }
  if (!restricted) return null;
  const weeks = sorted(nth).map((at) => ({ week: Math.floor(at / 7) + 1, weekday: at % 7 }));
  return { days: sorted(days), nth: weeks, last: sorted(last) };
}

/** The parts of a comma list. Empty parts are skipped; a bad step anywhere is the first mistake. */
function parseEntries(text: string, field: Field, warnings: string[]): readonly Entry[] {
  const parts = text.split(",").filter((part) => part !== "");
  if (parts.length === 0) throw new RangeError(`${field.name} field: missing directive`);
  return parts.map((part) => parseEntry(part, field, warnings));
}

/** `*`, `?`, `v`, `v-w`, and with a step: star, `v`, `v-w`. Anything else is `other`. */
function parseEntry(text: string, field: Field, warnings: string[]): Entry {
  const word = lowerCase(text);
  if (word === "*" || word === "?") return { kind: "every" };
  const [, from = "", to, stepText] = /^([^/-]+)(?:-([^/-]+))?(?:\/([0-9]+))?$/.exec(word) ?? [];
  const star = from === "*" && to === undefined && stepText !== undefined;
  const first = star ? field.min : field.values.get(from);
  const end = to === undefined ? null : field.values.get(to);
  if (first === undefined || end === undefined) return { kind: "other", text };
  const step = stepText === undefined ? 1 : parseStep(stepText);
  if (step < 1 || step > field.max) throw new RangeError(`invalid interval ${word}`);
  warnOfPadding(from, field, warnings);
  if (end !== null && to !== undefined) {
    return parseRange({ first, last: end, step, from, to }, field, warnings);
  }
  const start = field === WEEKDAY ? first % 7 : first;
  return { kind: "span", first: start, last: stepText === undefined ? start : field.max, step };
}

interface Range {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  /** The two ends as written, in lower case. */
  readonly from: string;
  readonly to: string;
}

/** `v-w`. One that counts down is an empty span, as in the original, with a warning. */
function parseRange(range: Range, field: Field, warnings: string[]): Entry {
  if (field === WEEKDAY) return parseWeekdayRange(range, warnings);
  warnOfPadding(range.to, field, warnings);
  if (range.first > range.last) warnings.push(wrappedWarning(range, field));
  return { kind: "span", first: range.first, last: range.last, step: range.step };
}

/** A range of weekdays. A 7 or a Sunday at its end is the end of the week, unless it begins so. */
function parseWeekdayRange(range: Range, warnings: string[]): Entry {
  const { step, from, to } = range;
  const first = range.first % 7;
  const toEnd = range.last === 7 ? range.first !== 7 : to.startsWith("sun") && first > 0;
  const last = toEnd ? 7 : range.last % 7;
  if (toEnd) {
    const meant = first === 0 ? "the whole week" : `${WEEKDAY_NAMES[first]} to sunday`;
    const instead = first === 0 || from.startsWith("0") ? "sunday alone" : "no day";
    warnings.push(
      `In the day-of-week field "${from}-${to}" is read as ${meant}; the original took ${instead}`,
    );
  } else {
    warnOfPadding(to, WEEKDAY, warnings);
    if (first > last) warnings.push(wrappedWarning({ ...range, first, last }, WEEKDAY));
  }
  return { kind: "span", first, last, step };
}

/** The step, or 0 for one that the original does not know: it knows 0 to 59 and years. */
function parseStep(text: string): number {
  const step = Number(text);
  if (text.length <= 2) return step <= 59 ? step : 0;
  return text.length === 4 && step >= YEAR.min ? step : 0;
}

function warnOfPadding(text: string, field: Field, warnings: string[]): void {
  if ((field !== MONTH && field !== WEEKDAY) || !/^0[1-9]$/.test(text)) return;
  const value = Number(text);
  // The original takes every padded weekday for Sunday, so 07 is right by accident.
  if (field === WEEKDAY && value === 7) return;
  const instead = field === MONTH ? "month 0" : "sunday";
  warnings.push(
    `In the ${field.name} field "${text}" is read as ${value}; the original took ${instead}`,
  );
}

function wrappedWarning(range: Range, field: Field): string {
  const { step, from, to } = range;
  const written = `${from}-${to}${step === 1 ? "" : `/${step}`}`;
  return (
    `In the ${field.name} field "${written}" counts down and matches nothing; ` +
    `write "${unwrapped(range, field)}"`
  );
}

/** What a range that counts down was meant to be, in this language. */
function unwrapped({ first, last, step }: Range, field: Field): string {
  if (field === YEAR) return rangeText(last, first, step);
  const span = field.max - field.min + 1;
  // The first value past the end of the field, so that a step keeps its rhythm.
  const again = first + Math.ceil((field.max + 1 - first) / step) * step - span;
  const upper = rangeText(first, field.max, step);
  return again > last ? upper : `${upper},${rangeText(again, last, step)}`;
}

function rangeText(first: number, last: number, step: number): string {
  return first === last ? `${first}` : `${first}-${last}${step === 1 ? "" : `/${step}`}`;
}

function syntaxError(field: Field, text: string): RangeError {
  return new RangeError(`syntax error in ${field.name} field: '${text}'`);
}

function addSpan(
  values: Set<number>,
  span: { first: number; last: number; step: number },
  modulus = Number.POSITIVE_INFINITY,
): void {
  for (let value = span.first; value <= span.last; value += span.step) values.add(value % modulus);
}

function sorted(values: Set<number>): readonly number[] {
  return [...values].sort((left, right) => left - right);
}

/** Go's ToLower: unlike JavaScript's it makes U+0130 (a capital I with a dot) a plain "i". */
function lowerCase(text: string): string {
  return text.replaceAll("\u0130", "i").toLowerCase();
}

function numericField(name: string, min: number, max: number): Field {
  const every = Array.from({ length: max - min + 1 }, (_, index) => min + index);
  const values = new Map(every.map((value) => [`${value}`, value]));
  for (const value of every.filter((small) => small < 10)) values.set(`0${value}`, value);
  return { name, min, max, values, every: Object.freeze(every) };
}

function namedField(name: string, min: number, names: readonly string[]): Field {
  const field = numericField(name, min, min + names.length - 1);
  const values = new Map(field.values);
  names.forEach((word, index) => {
    values.set(word, min + index).set(word.slice(0, 3), min + index);
  });
  // The week alone has a second number for a day.
  if (min === 0) values.set("7", 7).set("07", 7);
  return { ...field, values };
}
