import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  calmBefore,
  instantOfWall,
  isZone,
  wallAt,
  zoneAbbreviation,
  zoneNamed,
  zoneOffsetSeconds,
} from "../../../src/lib/cron/zone.ts";

const HOUR = 3_600;

/** The wall time of an ISO text without an offset, in seconds. */
function wall(text: string): number {
  return Date.parse(`${text}Z`) / 1_000;
}

/** The instant that the wall time means, in UTC. */
function meant(zone: string, text: string): string {
  return new Date(instantOfWall(zoneNamed(zone), wall(text))).toISOString().replace(".000", "");
}

describe("zoneOffsetSeconds()", () => {
  test("changes at the very second of a transition", () => {
    const change = Date.parse("2026-03-29T01:00:00Z");
    expect(zoneOffsetSeconds("Europe/Berlin", change - 1)).toBe(HOUR);
    expect(zoneOffsetSeconds("Europe/Berlin", change)).toBe(2 * HOUR);
    const back = Date.parse("2026-11-01T06:00:00Z");
    expect(zoneOffsetSeconds("America/New_York", back - 1)).toBe(-4 * HOUR);
    expect(zoneOffsetSeconds("America/New_York", back)).toBe(-5 * HOUR);
  });

  test("answers the same in any order of questions", () => {
    const change = Date.parse("2031-04-05T15:00:00Z");
    expect(zoneOffsetSeconds("Australia/Lord_Howe", change)).toBe(10.5 * HOUR);
    expect(zoneOffsetSeconds("Australia/Lord_Howe", change - 1)).toBe(11 * HOUR);
    expect(zoneOffsetSeconds("Australia/Lord_Howe", 0)).toBe(10 * HOUR);
    expect(zoneOffsetSeconds("Australia/Lord_Howe", change)).toBe(10.5 * HOUR);
  });

  test("knows offsets of seconds, fixed offsets, and zones that never change", () => {
    expect(zoneOffsetSeconds("Africa/Monrovia", Date.UTC(1971, 5))).toBe(-(44 * 60 + 30));
    expect(zoneOffsetSeconds("+05:30", 0)).toBe(5.5 * HOUR);
    expect(zoneOffsetSeconds("UTC", Date.UTC(2050, 0))).toBe(0);
  });

  test("takes part of a millisecond as part of that millisecond", () => {
    expect(zoneOffsetSeconds("Europe/Berlin", -0.5)).toBe(HOUR);
  });

  test("reads the host's zone for null", () => {
    const zone = new URL("../../../src/lib/cron/zone.ts", import.meta.url).pathname;
    const script = `import { zoneOffsetSeconds, zoneNamed } from ${JSON.stringify(zone)};
      console.log(zoneNamed(null).name, zoneOffsetSeconds(null, 0));`;
    const inZone = (TZ: string) => {
      const env = { ...process.env, TZ };
      return spawnSync(process.execPath, ["-e", script], { env, encoding: "utf8" }).stdout.trim();
    };
    expect(inZone("Asia/Kolkata")).toBe("Asia/Kolkata 19800");
    expect(inZone(":America/New_York")).toBe("America/New_York -18000");
    expect(inZone("No/Where")).toBe("UTC 0");
  });
});

describe("instantOfWall()", () => {
  test("moves a skipped time forward by the gap, east and west of UTC", () => {
    expect(meant("Europe/Berlin", "2026-03-29T02:30:00")).toBe("2026-03-29T01:30:00Z");
    expect(meant("America/New_York", "2026-03-08T02:30:00")).toBe("2026-03-08T07:30:00Z");
    expect(meant("Australia/Lord_Howe", "2026-10-04T02:15:00")).toBe("2026-10-03T15:45:00Z");
    expect(meant("America/Santiago", "2026-09-06T00:00:00")).toBe("2026-09-06T04:00:00Z");
    expect(meant("Atlantic/Azores", "2026-03-29T00:30:00")).toBe("2026-03-29T01:30:00Z");
  });

  test("moves a skipped day forward by a day", () => {
    expect(meant("Pacific/Apia", "2011-12-30T00:00:00")).toBe("2011-12-30T10:00:00Z");
    expect(meant("Pacific/Apia", "2011-12-30T12:00:00")).toBe("2011-12-30T22:00:00Z");
  });

  test("takes the second pass of a repeated time east of UTC, the first one west of it", () => {
    expect(meant("Europe/Berlin", "2026-10-25T02:30:00")).toBe("2026-10-25T01:30:00Z");
    expect(meant("Europe/London", "2026-10-25T01:30:00")).toBe("2026-10-25T01:30:00Z");
    expect(meant("America/New_York", "2026-11-01T01:30:00")).toBe("2026-11-01T05:30:00Z");
    expect(meant("Atlantic/Azores", "2026-10-25T00:30:00")).toBe("2026-10-25T00:30:00Z");
  });

  test("is exact on both sides of a change", () => {
    expect(meant("Europe/Berlin", "2026-03-29T01:59:59")).toBe("2026-03-29T00:59:59Z");
    expect(meant("Europe/Berlin", "2026-03-29T03:00:00")).toBe("2026-03-29T01:00:00Z");
    expect(meant("America/New_York", "2026-03-08T01:59:59")).toBe("2026-03-08T06:59:59Z");
    expect(meant("America/New_York", "2026-03-08T03:00:00")).toBe("2026-03-08T07:00:00Z");
  });
});

describe("calmBefore()", () => {
  const calm = (zone: string, at: string) =>
    new Date(calmBefore(zoneNamed(zone), Date.parse(at))).toISOString();

  test("is the instant itself away from changes", () => {
    expect(calm("Europe/Berlin", "2026-03-29T02:00:00Z")).toBe("2026-03-29T02:00:00.000Z");
    expect(calm("Europe/Berlin", "2026-03-28T23:59:59.999Z")).toBe("2026-03-28T23:59:59.999Z");
    expect(calm("UTC", "2026-03-29T01:00:00Z")).toBe("2026-03-29T01:00:00.000Z");
  });

  test("is before everything that a change skips or repeats", () => {
    for (const at of ["00:00:00", "00:59:59", "01:00:00", "01:59:59"]) {
      expect(calm("Europe/Berlin", `2026-03-29T${at}Z`)).toBe("2026-03-28T23:59:59.999Z");
      expect(calm("Europe/Berlin", `2026-10-25T${at}Z`)).toBe("2026-10-24T23:59:59.999Z");
    }
    expect(calm("Pacific/Apia", "2011-12-31T09:59:59Z")).toBe("2011-12-29T09:59:59.999Z");
  });
});

describe("wallAt()", () => {
  test("drops the fraction of a second, also before 1970", () => {
    expect(wallAt(zoneNamed("UTC"), 1_999)).toBe(1);
    expect(wallAt(zoneNamed("UTC"), -1)).toBe(-1);
    expect(wallAt(zoneNamed("Asia/Kathmandu"), Date.parse("2026-01-01T00:00:00Z"))).toBe(
      wall("2026-01-01T05:45:00"),
    );
  });
});

describe("isZone()", () => {
  test("takes names of the tz database in any case, old names and offsets", () => {
    for (const name of [
      "UTC",
      "Europe/Kyiv",
      "Europe/Kiev",
      "europe/berlin",
      "EST5EDT",
      "+02:00",
    ]) {
      expect({ name, is: isZone(name) }).toEqual({ name, is: true });
    }
  });

  test("refuses everything else, timestamps that hold a zone included", () => {
    const names = ["", "Mars/Olympus", "Berlin", "Z", "T1200Z", "2026-01-01T00:00[Europe/Berlin]"];
    for (const name of names) expect({ name, is: isZone(name) }).toEqual({ name, is: false });
  });
});

describe("zoneNamed()", () => {
  test("gives one zone to all that name it, and refuses unknown names", () => {
    expect(zoneNamed("Europe/Berlin")).toBe(zoneNamed("Europe/Berlin"));
    expect(() => zoneNamed("Mars/Olympus")).toThrow("unknown time zone Mars/Olympus");
  });

  test("stays bounded under ever new spellings", () => {
    const spellings = Array.from({ length: 2_500 }, (_, index) =>
      [..."america/new_york"]
        .map((letter, at) => ((index >> at) & 1 ? letter.toUpperCase() : letter))
        .join(""),
    );
    for (const name of spellings) {
      expect(zoneOffsetSeconds(name, 0)).toBe(-5 * HOUR);
    }
  });
});

describe("zoneAbbreviation()", () => {
  test("follows the season", () => {
    const [winter, summer] = [Date.UTC(2026, 0, 15), Date.UTC(2026, 6, 15)];
    expect(zoneAbbreviation("Europe/Berlin", winter)).toBe("CET");
    expect(zoneAbbreviation("Europe/Berlin", summer)).toBe("CEST");
    expect(zoneAbbreviation("Europe/London", summer)).toBe("BST");
    expect(zoneAbbreviation("America/New_York", winter)).toBe("EST");
    expect(zoneAbbreviation("America/New_York", summer)).toBe("EDT");
    expect(zoneAbbreviation("UTC", summer)).toBe("UTC");
  });
});
