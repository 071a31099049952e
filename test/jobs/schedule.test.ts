import { describe, expect, test } from "bun:test";
import { RunnerError } from "../../src/errors.ts";
import {
  formatFire,
  neverFires,
  nextFire,
  nextFires,
  parseSchedule,
  scheduleFault,
  scheduleWarnings,
} from "../../src/jobs/schedule.ts";

function refusal(expression: string, timezone?: string): RunnerError {
  try {
    parseSchedule(expression, timezone === undefined ? {} : { timezone });
  } catch (error) {
    if (error instanceof RunnerError) return error;
    throw error;
  }
  throw new Error(`"${expression}" was accepted`);
}

function hint(expression: string, timezone?: string): string | undefined {
  return refusal(expression, timezone).detail.hint;
}

/** Fire times in UTC, without milliseconds. */
function fires(expression: string, of: { tz: string; from: string; n?: number }): string[] {
  const schedule = parseSchedule(expression, { timezone: of.tz });
  return [...nextFires(schedule, Date.parse(of.from), of.n ?? 3)].map((at) =>
    new Date(at).toISOString().replace(".000", ""),
  );
}

describe("parseSchedule()", () => {
  test("keeps what the operator wrote", () => {
    const schedule = parseSchedule("@daily", { timezone: "Europe/Berlin" });
    expect(schedule).toMatchObject({ expression: "@daily", timezone: "Europe/Berlin" });
    expect(parseSchedule("@daily").timezone).toBeNull();
  });

  test("refuses in the original's words, with what to do", () => {
    const error = refusal("0 0 * *");
    expect(error.code).toBe("SCHEDULE");
    expect(error.message).toBe('Cannot schedule by "0 0 * *": missing field(s)');
    expect(scheduleFault(error)).toBe("missing field(s)");
    expect(error.detail.hint).toContain("five to seven fields");
  });

  test("hints at the nickname, the year, the step and the form that were meant", () => {
    expect(hint("@midnight")).toBe("Use @daily");
    expect(hint("@Hourly")).toBe("Use @hourly");
    expect(hint("@reboot")).toStartWith("Use one of @yearly");
    expect(hint("0 30 10 * * *")).toContain("year");
    expect(hint("*/60 * * * *")).toContain("step");
  });

  test("hints at the range of the field that is at fault, and at the number of fields", () => {
    const ranges: Readonly<Record<string, string>> = {
      "60 0 * * *": "The minute is 0 to 59;",
      "0 25 * * *": "The hour is 0 to 23;",
      "0 0 32 * *": "The day-of-month is 1 to 31",
      "0 0 * 13 *": "The month is 1 to 12 or jan to dec;",
      "0 0 * * 8": "The day-of-week is 0 to 7 (0 and 7 are sunday)",
      "0 0 * * fry": "The day-of-week is 0 to 7",
      "61 0 0 * * * *": "The second is 0 to 59;",
      "0 0 * * * 1950": "The year is 1970 to 2099;",
      "0 0 * * 8 2030": "The day-of-week is 0 to 7",
      "0 0 * *": "It has 4 of them: use five to seven fields",
      "*/60 * * * *": "*/60 is not a step of its field",
    };
    for (const [expression, said] of Object.entries(ranges)) {
      expect([expression, hint(expression)]).toEqual([expression, expect.stringContaining(said)]);
    }
  });

  test("refuses an unknown zone and names the nearest", () => {
    const error = refusal("@daily", "Europe/Berln");
    expect(error.message).toBe('Cannot schedule by "@daily": unknown time zone Europe/Berln');
    expect(error.detail.hint).toBe("Use Europe/Berlin");
    expect(hint("@daily", "Berlin")).toBe("Use Europe/Berlin");
    expect(hint("@daily", "new york")).toBe("Use America/New_York");
    expect(hint("@daily", "Utopia/Nowhere/At/All")).toBe("Use a name such as UTC or Europe/Berlin");
  });

  test("accepts a schedule that never fires, and tells it apart", () => {
    const now = Date.parse("2026-01-14T10:17:35Z");
    const never = ["0 0 30 2 *", "0 22-2 * * *", "0 0 * * * 1999", "0 0 29 2 * 2027"];
    for (const expression of never) {
      const schedule = parseSchedule(expression, { timezone: "UTC" });
      expect({ expression, is: neverFires(schedule, now) }).toEqual({ expression, is: true });
    }
    expect(neverFires(parseSchedule("0 0 29 2 *"), now)).toBe(false);
  });
});

describe("formatFire()", () => {
  test("has the offset of the zone at that time, and Z for none", () => {
    const berlin = parseSchedule("@daily", { timezone: "Europe/Berlin" });
    expect(formatFire(berlin, Date.UTC(2026, 0, 1))).toBe("2026-01-01T01:00:00+01:00");
    expect(formatFire(berlin, Date.UTC(2026, 6, 1))).toBe("2026-07-01T02:00:00+02:00");
    const lisbon = parseSchedule("@daily", { timezone: "Europe/Lisbon" });
    expect(formatFire(lisbon, Date.UTC(2026, 0, 1))).toBe("2026-01-01T00:00:00Z");
  });
});

describe("scheduleWarnings()", () => {
  test("passes on what the language has to say", () => {
    expect(scheduleWarnings(parseSchedule("0 0 1 06 *"))).toHaveLength(1);
    expect(scheduleWarnings(parseSchedule("0 0 1 6 *"))).toEqual([]);
  });
});

describe("scheduleFault()", () => {
  test("is the message of any other error", () => {
    expect(scheduleFault(new Error("no room"))).toBe("no room");
  });
});

describe("nextFire()", () => {
  const everyMinute = parseSchedule("* * * * *", { timezone: "UTC" });

  test("answers later than the question, also for fractions of a second", () => {
    expect(nextFire(everyMinute, 0)).toBe(60_000);
    expect(nextFire(everyMinute, 59_999)).toBe(60_000);
    expect(nextFire(everyMinute, 60_000)).toBe(120_000);
    expect(nextFire(everyMinute, 60_000.5)).toBe(120_000);
    expect(nextFire(everyMinute, -1)).toBe(0);
  });

  test("answers null for February 30, never a past instant (I7)", () => {
    expect(nextFire(parseSchedule("0 0 30 2 *", { timezone: "UTC" }), 0)).toBeNull();
  });

  test("answers null after 2099 and the first fire of 1970 before it, however far away", () => {
    expect(nextFire(everyMinute, Date.UTC(2099, 11, 31, 23, 59))).toBeNull();
    expect(nextFire(everyMinute, 8.64e15)).toBeNull();
    expect(nextFire(everyMinute, Number.POSITIVE_INFINITY)).toBeNull();
    expect(nextFire(everyMinute, Number.NEGATIVE_INFINITY)).toBe(0);
    expect(nextFire(everyMinute, -8.64e15)).toBe(0);
    expect(() => nextFire(everyMinute, Number.NaN)).toThrow("needs an instant");
  });

  test("reads the zone of the host for null", () => {
    const host = parseSchedule("0 0 1 1 *");
    const at = nextFire(host, Date.UTC(2026, 5, 1)) ?? 0;
    const date = new Date(at);
    expect([date.getFullYear(), date.getMonth(), date.getDate(), date.getHours()]).toEqual([
      2027, 0, 1, 0,
    ]);
  });

  test("fires a skipped time once, moved forward by the gap, west of UTC too (I7)", () => {
    const from = "2026-03-08T01:20:00-05:00";
    const of = { tz: "America/New_York", from };
    expect(fires("30 2 * * *", of)).toEqual([
      "2026-03-08T07:30:00Z",
      "2026-03-09T06:30:00Z",
      "2026-03-10T06:30:00Z",
    ]);
    expect(fires("*/30 * * * *", of)).toEqual([
      "2026-03-08T06:30:00Z",
      "2026-03-08T07:00:00Z",
      "2026-03-08T07:30:00Z",
    ]);
    expect(fires("0 * * * *", { ...of, from: "2026-03-08T01:00:00.3-05:00" })).toEqual([
      "2026-03-08T07:00:00Z",
      "2026-03-08T08:00:00Z",
      "2026-03-08T09:00:00Z",
    ]);
    expect(fires("30 2,3 * * *", { ...of, n: 2 })).toEqual([
      "2026-03-08T07:30:00Z",
      "2026-03-09T06:30:00Z",
    ]);
  });

  test("fires a midnight that is skipped at the end of the gap", () => {
    expect(fires("0 0 * * *", { tz: "America/Santiago", from: "2026-09-05T16:00:00Z" })).toEqual([
      "2026-09-06T04:00:00Z",
      "2026-09-07T03:00:00Z",
      "2026-09-08T03:00:00Z",
    ]);
    expect(fires("0 0 1 * *", { tz: "America/Asuncion", from: "2017-09-30T16:00:00Z" })).toEqual([
      "2017-10-01T04:00:00Z",
      "2017-11-01T03:00:00Z",
      "2017-12-01T03:00:00Z",
    ]);
  });

  test("fires once for a day that a zone left out", () => {
    expect(fires("0 0 * * *", { tz: "Pacific/Apia", from: "2011-12-29T21:00:00Z" })).toEqual([
      "2011-12-30T10:00:00Z",
      "2011-12-31T10:00:00Z",
      "2012-01-01T10:00:00Z",
    ]);
  });

  test("finds the fifth Friday past a gap where the original overflowed its stack", () => {
    expect(fires("0 0 * * 5#5", { tz: "America/Asuncion", from: "2017-09-15T16:00:00Z" })).toEqual([
      "2017-09-29T04:00:00Z",
      "2017-12-29T03:00:00Z",
      "2018-03-30T04:00:00Z",
    ]);
  });

  test("fires a repeated time once, and goes on from its second pass (I7)", () => {
    const second = "2026-11-01T01:10:00-05:00";
    expect(fires("30 1 * * *", { tz: "America/New_York", from: second, n: 1 })).toEqual([
      "2026-11-02T06:30:00Z",
    ]);
    expect(fires("*/15 * * * *", { tz: "America/New_York", from: second, n: 1 })).toEqual([
      "2026-11-01T07:00:00Z",
    ]);
    expect(
      fires("30 2 * * *", { tz: "Europe/Berlin", from: "2026-10-24T22:00:00Z", n: 2 }),
    ).toEqual(["2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"]);
  });

  test("passes through a repeated hour of seconds without being stuck", () => {
    const from = "2026-11-01T01:00:00-05:00";
    expect(fires("* * * * * * *", { tz: "America/New_York", from, n: 2 })).toEqual([
      "2026-11-01T07:00:00Z",
      "2026-11-01T07:00:01Z",
    ]);
  });
});

describe("a schedule with bounds", () => {
  const DAY = 86_400_000;
  const noon = Date.UTC(2026, 5, 1, 12);
  const bounded = parseSchedule("0 12 * * *", {
    timezone: "UTC",
    from: noon,
    until: noon + 3 * DAY,
  });

  test("has its first fire time at its begin, none before it, and none at its end", () => {
    const fires = [noon, noon + DAY, noon + 2 * DAY];
    expect([...nextFires(bounded, 0, 9)]).toEqual(fires);
    expect([...nextFires(bounded, noon + DAY, 9)]).toEqual(fires.slice(2));
    for (const [index, at] of fires.entries()) {
      const after = index === 0 ? Number.MIN_SAFE_INTEGER : (fires[index - 1] ?? 0);
      expect([nextFire(bounded, after), nextFire(bounded, at - 1)]).toEqual([at, at]);
    }
    expect(nextFire(bounded, noon + 2 * DAY)).toBeNull();
    expect(nextFire(bounded, noon + 9 * DAY)).toBeNull();
    expect(neverFires(bounded, noon + 2 * DAY)).toBe(true);
  });

  test("is another for each pair of bounds", () => {
    const options = { timezone: "UTC", from: noon };
    const one = parseSchedule("0 12 * * *", { ...options, until: noon + DAY });
    const other = parseSchedule("0 12 * * *", { ...options, until: noon + 2 * DAY });
    expect([...nextFires(one, 0, 9), ...nextFires(other, 0, 9)]).toEqual([noon, noon, noon + DAY]);
    expect(nextFire(parseSchedule("0 12 * * *", { timezone: "UTC" }), noon - DAY - 1)).toBe(
      noon - DAY,
    );
  });

  test("may hold nothing, and lie outside of all years", () => {
    const empty = parseSchedule("0 12 * * *", { timezone: "UTC", from: noon + 1, until: noon + 2 });
    const late = parseSchedule("0 12 * * *", { timezone: "UTC", from: Date.UTC(2400, 0) });
    const early = parseSchedule("0 12 * * *", { timezone: "UTC", until: Date.UTC(1200, 0) });
    for (const schedule of [empty, late, early]) {
      expect([nextFire(schedule, 0), ...nextFires(schedule, 0, 2)]).toEqual([null]);
    }
  });
});

describe("nextFire(), asked again while it waits", () => {
  const daily = parseSchedule("30 2 * * *", { timezone: "Europe/Berlin" });
  const quarters = parseSchedule("*/15 * * * *", { timezone: "Europe/Berlin" });

  test("keeps to a time that a gap moved forward", () => {
    const fire = Date.parse("2026-03-29T03:30:00+02:00");
    for (const from of ["2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00"]) {
      expect(nextFire(daily, Date.parse(from))).toBe(fire);
    }
    expect(nextFire(daily, fire - 1)).toBe(fire);
    expect(nextFire(daily, fire)).toBe(Date.parse("2026-03-30T02:30:00+02:00"));
  });

  test("keeps to the second pass of a repeated hour", () => {
    const fire = Date.parse("2026-10-25T02:00:00+01:00");
    for (const from of ["2026-10-25T01:45:00+02:00", "2026-10-25T02:05:00+02:00"]) {
      expect(nextFire(quarters, Date.parse(from))).toBe(fire);
    }
  });
});

describe("nextFires()", () => {
  test("asks as the original does, which depends on when it is asked next to a change", () => {
    const late = { tz: "Europe/Berlin", from: "2026-03-29T03:10:00+02:00", n: 1 };
    expect(fires("30 2 * * *", late)).toEqual(["2026-03-30T00:30:00Z"]);
  });

  test("ends with the schedule", () => {
    const schedule = parseSchedule("0 0 1 1 * 2030,2031", { timezone: "UTC" });
    expect([...nextFires(schedule, 0, 9)]).toEqual([Date.UTC(2030, 0), Date.UTC(2031, 0)]);
    expect([...nextFires(schedule, 0, 0)]).toEqual([]);
  });

  test("is lazy: taking one of very many costs one", () => {
    const schedule = parseSchedule("* * * * *", { timezone: "UTC" });
    const [first] = nextFires(schedule, 0, Number.MAX_SAFE_INTEGER);
    expect(first).toBe(60_000);
  });
});
