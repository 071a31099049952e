// Schedule: laws of fire times, against formulations that share nothing with the code.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nextFire, nextFires, parseSchedule } from "../../src/jobs/schedule.ts";
import { parseCron } from "../../src/lib/cron/expression.ts";
import { nextWall } from "../../src/lib/cron/wall.ts";
import { searchWall } from "../support/wall-search.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;

/** Zones whose offset has one sign all year, and gaps and repeats of an hour or half an hour. */
const ZONES = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "America/Santiago",
  "Australia/Lord_Howe",
  "Asia/Kathmandu",
  "Africa/Cairo",
  "America/St_Johns",
];

const FIELDS = { minutes: [0, 59], hours: [0, 23], days: [1, 31], months: [1, 12] } as const;

/** Values of one field: null for all of them. */
function values(field: keyof typeof FIELDS): fc.Arbitrary<readonly number[] | null> {
  const [min, max] = FIELDS[field];
  const list = fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 6 });
  return fc.option(list, { freq: 2 });
}

const weekdays = fc.option(fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 }));

/** What a schedule means, as plain lists. */
const meaning = fc.record({
  minutes: values("minutes"),
  hours: values("hours"),
  days: values("days"),
  months: values("months"),
  weekdays,
});
type Meaning = Readonly<Record<string, readonly number[] | null>>;

function written({ minutes, hours, days, months, weekdays }: Meaning): string {
  return [minutes, hours, days, months, weekdays].map((list) => list?.join() ?? "*").join(" ");
}

/** Wall time as minutes since 1970, read from a formatter and from nothing of ours. */
function wallClock(timeZone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  return (at) => {
    const [month = 1, day = 1, year = 1970, hour = 0, minute = 0] = (
      format.format(at).match(/\d+/g) ?? []
    ).map(Number);
    return Date.UTC(year, month - 1, day, hour, minute) / MINUTE;
  };
}

const clocks = new Map(ZONES.map((zone) => [zone, wallClock(zone)]));

/** The days of the years 2020 to 2029 during which the offset of a zone changes. */
function changesOf(zone: string): readonly number[] {
  const clock = clocks.get(zone) ?? wallClock(zone);
  const offset = (at: number) => clock(at) - at / MINUTE;
  const found: number[] = [];
  for (let at = Date.UTC(2020, 0); at < Date.UTC(2030, 0); at += DAY) {
    if (offset(at) !== offset(at + DAY)) found.push(at);
  }
  return found;
}

const anyInstant = fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2030, 0) });

/** A zone and an instant, most often one on the day of a change. */
const places = fc
  .constantFrom(...ZONES.map((zone) => ({ zone, changes: changesOf(zone) })))
  .chain(({ zone, changes }) => {
    const near = fc
      .tuple(fc.constantFrom(...changes, Date.UTC(2024, 1, 29)), fc.integer({ min: 0, max: DAY }))
      .map(([day, late]) => day + late);
    return fc.record({ zone: fc.constant(zone), from: fc.oneof(anyInstant, near, near) });
  });

function matches(of: Meaning, wallMinute: number): boolean {
  const date = new Date(wallMinute * MINUTE);
  const has = (name: string, value: number) => of[name]?.includes(value) ?? true;
  const byDay = has("days", date.getUTCDate());
  const byWeekday = has("weekdays", date.getUTCDay());
  const dayFits =
    of.days !== null && of.weekdays !== null ? byDay || byWeekday : byDay && byWeekday;
  return (
    dayFits &&
    has("months", date.getUTCMonth() + 1) &&
    has("hours", date.getUTCHours()) &&
    has("minutes", date.getUTCMinutes())
  );
}

/**
 * The fire times in a window, found by a look at every wall minute: where the zone shows it once,
 * there; twice, at the later one east of UTC and the earlier one west of it; never, as long after
 * the jump as it was into the gap. A wall minute that an earlier one was moved past is forgotten.
 */
function bruteFires(of: Meaning, zone: string, window: { from: number; to: number }): number[] {
  const clock = clocks.get(zone) ?? wallClock(zone);
  const shown = new Map<number, number[]>();
  const first = Math.floor(window.from / MINUTE) - 180;
  const last = Math.ceil(window.to / MINUTE) + 180;
  for (let minute = first; minute <= last; minute++) {
    const wall = clock(minute * MINUTE);
    shown.set(wall, [...(shown.get(wall) ?? []), minute]);
  }
  const east = zone !== "UTC" && !zone.startsWith("America/");
  const found: number[] = [];
  const walls = [...shown.keys()];
  const [low, high] = [Math.min(...walls), Math.max(...walls)];
  for (let wall = low; wall <= high; wall++) {
    if (!matches(of, wall)) continue;
    const at = shown.get(wall);
    // In a gap the last offset before it still holds: count on from the last minute shown.
    let before = wall;
    while (at === undefined && !shown.has(before)) before--;
    const moved = (shown.get(before)?.at(-1) ?? 0) + wall - before;
    const minute = at === undefined ? moved : ((east ? at.at(-1) : at[0]) ?? moved);
    // After a moved time the original goes on from the wall time that it was moved to.
    const reached = found.at(-1);
    if (reached === undefined || minute > reached) {
      const skippedBy = reached !== undefined && clock(reached * MINUTE) >= wall;
      if (!skippedBy) found.push(minute);
    }
  }
  return found.map((minute) => minute * MINUTE);
}

describe("nextFire()", () => {
  test("agrees with a look at every minute of the wall clock", () => {
    fc.assert(
      fc.property(meaning, places, (of, { zone, from }) => {
        const dense = { ...of, days: null, months: null, weekdays: null };
        const to = from + DAY / 3;
        const schedule = parseSchedule(written(dense), { timezone: zone });
        const expected = bruteFires(dense, zone, { from, to }).filter(
          (at) => at > from && at <= to,
        );
        const found: number[] = [];
        for (let at = nextFire(schedule, from); at !== null && at <= to; ) {
          found.push(at);
          at = nextFire(schedule, at);
        }
        expect(found).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  test("is later than asked, and the same when asked again before it comes (I7)", () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(meaning, places, unit, (of, { zone, from }, part) => {
        const schedule = parseSchedule(written(of), { timezone: zone });
        const at = nextFire(schedule, from);
        if (at === null) return;
        expect(at).toBeGreaterThan(from);
        expect(nextFire(schedule, from + Math.floor((at - 1 - from) * part))).toBe(at);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("nextFires()", () => {
  test("only goes forward, in any zone and by any expression (I7)", () => {
    const zones = fc.constantFrom(...Intl.supportedValuesOf("timeZone"));
    fc.assert(
      fc.property(meaning, zones, anyInstant, (of, zone, from) => {
        let before = from;
        for (const at of nextFires(parseSchedule(written(of), { timezone: zone }), from, 50)) {
          expect(at).toBeGreaterThan(before);
          before = at;
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("nextWall()", () => {
  const monthDay = fc.constantFrom(
    "1",
    "15",
    "29",
    "30",
    "31",
    "1W",
    "15W",
    "31W",
    "L",
    "LW",
    "9-2",
  );
  const weekday = fc.constantFrom("0", "3", "5", "1-5", "6-2", "1#1", "5#5", "0L", "3L", "4#2");
  const listOf = (one: fc.Arbitrary<string>) =>
    fc.oneof(
      fc.constant("*"),
      fc.array(one, { minLength: 1, maxLength: 4 }).map((all) => all.join()),
    );
  const number = (min: number, max: number) => fc.integer({ min, max }).map(String);
  const seven = fc
    .tuple(
      listOf(number(0, 59)),
      listOf(number(0, 59)),
      listOf(number(0, 23)),
      listOf(monthDay),
      listOf(number(1, 12)),
      listOf(weekday),
      listOf(number(1970, 2099)),
    )
    .map((texts) => texts.join(" "));

  test("finds what a search without croner finds, in any language of days", () => {
    const seconds = fc.integer({ min: -200_000, max: Date.UTC(2100, 0, 3) / 1_000 });
    fc.assert(
      fc.property(seven, seconds, (text, after) => {
        const fields = parseCron(text);
        let [theirs, ours]: [number | null, number | null] = [after, after];
        for (let step = 0; step < 4 && theirs !== null && ours !== null; step++) {
          theirs = nextWall(fields, theirs);
          ours = searchWall(fields, ours);
          expect({ text, at: theirs }).toEqual({ text, at: ours });
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("parseCron()", () => {
  test("gives back the lists that were written, sorted", () => {
    const sorted = (list: readonly number[]) => [...list].sort((left, right) => left - right);
    const counting = (min: number, max: number) =>
      Array.from({ length: max - min + 1 }, (_, index) => min + index);
    fc.assert(
      fc.property(meaning, (of) => {
        const fields = parseCron(written(of));
        expect(fields.minutes).toEqual(sorted(of.minutes ?? counting(0, 59)));
        expect(fields.hours).toEqual(sorted(of.hours ?? counting(0, 23)));
        expect(fields.months).toEqual(sorted(of.months ?? counting(1, 12)));
        expect(fields.monthDays?.days ?? null).toEqual(of.days && sorted(of.days));
        expect(fields.weekDays?.days ?? null).toEqual(of.weekdays && sorted(of.weekdays));
        expect(fields.warnings).toEqual([]);
      }),
    );
  });

  test("either reads a text or refuses it with a RangeError, whatever it is", () => {
    const words = fc.constantFrom("*", "?", "5", "05", "L", "LW", "3W", "fri", "5#2", "1-5", "9-2");
    const joints = fc.constantFrom(" ", ",", "-", "/", "#", "\t", "@daily", "İ");
    const texts = fc.oneof(
      fc.string(),
      fc.array(fc.oneof(words, joints), { maxLength: 20 }).map((parts) => parts.join("")),
      fc.array(words, { minLength: 5, maxLength: 8 }).map((parts) => parts.join(" ")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const fields = parseCron(text);
          for (const list of [fields.seconds, fields.minutes, fields.hours, fields.months]) {
            expect([...new Set(list)].sort((left, right) => left - right)).toEqual([...list]);
          }
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
