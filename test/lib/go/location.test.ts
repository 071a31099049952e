// Location: files of the tz database. What they say is recorded in test/golden/zone.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseLocation, parsePosixRule, spanAt } from "../../../src/lib/go/location.ts";
import { type RecordedZone, recordedZones, zoneBytes } from "../../support/zones.ts";

const recorded = recordedZones();

const [berlin] = recorded as readonly [RecordedZone];

/** A file of version 2 with nothing but a rule. */
function fileOf(rule: string): Uint8Array {
  const [simple] = recorded.filter(({ form }) => form === "rule");
  const text = Buffer.from(simple?.base64 ?? "", "base64").toString("latin1");
  return new Uint8Array(Buffer.from(text.replace(/\n[^\n]*\n$/, `\n${rule}\n`), "latin1"));
}

function at(bytes: Uint8Array, time: string): string {
  const location = parseLocation(bytes);
  if (location === null) return "none";
  const { offsetSeconds, abbreviation } = spanAt(location, Date.parse(time) / 1_000);
  return `${abbreviation} ${offsetSeconds}`;
}

describe("parseLocation()", () => {
  test.each(recorded.map((each) => [`${each.zone}, ${each.form}`, each] as const))(
    "reads %s as another reader does",
    (_, each) => {
      const location = parseLocation(zoneBytes(each));
      expect(location).not.toBeNull();
      if (location === null) return;
      const read = each.samples.map(([second]) => {
        const { offsetSeconds, abbreviation } = spanAt(location, second);
        return [second, offsetSeconds, abbreviation];
      });
      expect(read).toEqual(each.samples as unknown as typeof read);
    },
  );

  test("refuses what is cut short anywhere", () => {
    for (const bytes of recorded.filter(({ form }) => form !== "version 1").map(zoneBytes)) {
      for (let size = 0; size < bytes.length; size++) {
        expect(parseLocation(bytes.subarray(0, size))).toBeNull();
      }
    }
  });

  test("takes an empty rule, and one that it cannot read, for none", () => {
    expect(at(fileOf(""), "2026-07-01T00:00:00Z")).toBe("UTC 0");
    expect(at(fileOf("?"), "2026-07-01T00:00:00Z")).toBe("UTC 0");
  });

  test("refuses what is something else, has no zones, or has nonsense in it", () => {
    const text = new TextEncoder();
    expect(parseLocation(text.encode("Europe/Berlin\n"))).toBeNull();
    expect(parseLocation(new Uint8Array())).toBeNull();
    const changed = (place: number, ...values: readonly number[]): Uint8Array => {
      const bytes = zoneBytes(berlin);
      bytes.set(values, place);
      return bytes;
    };
    const second = Buffer.from(zoneBytes(berlin)).indexOf("TZif", 4);
    for (const bytes of [
      changed(0, 0x74),
      changed(4, 0x31),
      changed(second, 0),
      // No zones; billions of changes; the first change after the second; a zone that is not there.
      changed(second + 36, 0, 0, 0, 0),
      changed(second + 32, 0xff, 0xff, 0xff, 0xff),
      changed(second + 44, 0x7f),
    ]) {
      expect(parseLocation(bytes)).toBeNull();
    }
  });

  test("never throws, and every answer holds the second that was asked for", () => {
    const files = fc.constantFrom(...recorded.map(zoneBytes));
    fc.assert(
      fc.property(
        files,
        fc.array(fc.tuple(fc.nat(), fc.nat(255))),
        fc.integer(),
        (file, edits, second) => {
          const bytes = file.slice();
          for (const [place, value] of edits) bytes[place % bytes.length] = value;
          const location = parseLocation(bytes);
          if (location === null) return;
          const { start, end } = spanAt(location, second);
          expect(start <= second && second < end).toBe(true);
        },
      ),
    );
  });
});

describe("spanAt()", () => {
  test("ends where the next one begins, also across years of the rule", () => {
    const location = parseLocation(zoneBytes(berlin));
    expect(location).not.toBeNull();
    if (location === null) return;
    let second = Date.UTC(2035, 0, 1) / 1_000;
    const starts: string[] = [];
    while (starts.length < 8) {
      const { end } = spanAt(location, second);
      expect(spanAt(location, end).start).toBe(end);
      expect(spanAt(location, end - 1).end).toBe(end);
      starts.push(new Date(end * 1_000).toISOString().slice(0, 16));
      second = end;
    }
    // The last Sundays of March and October, 01:00 UTC.
    expect(starts).toEqual([
      "2035-03-25T01:00",
      "2035-10-28T01:00",
      "2036-03-30T01:00",
      "2036-10-26T01:00",
      "2037-03-29T01:00",
      "2037-10-25T01:00",
      "2038-03-28T01:00",
      "2038-10-31T01:00",
    ]);
  });

  test("takes summer time from March to November where a rule has no days", () => {
    expect(at(fileOf("EST5EDT"), "2026-03-08T06:59:59Z")).toBe("EST -18000");
    expect(at(fileOf("EST5EDT"), "2026-03-08T07:00:00Z")).toBe("EDT -14400");
    expect(at(fileOf("EST5EDT"), "2026-11-01T06:00:00Z")).toBe("EST -18000");
  });

  test("knows summer time all year", () => {
    for (const time of ["2026-01-01T00:00:00Z", "2026-01-01T05:00:00Z", "2026-12-31T23:59:59Z"]) {
      expect(at(fileOf("EST5EDT,0/0,J365/25"), time)).toBe("EDT -14400");
    }
  });
});

describe("parsePosixRule()", () => {
  test("refuses what is none", () => {
    for (const text of [
      "",
      "CET",
      "CET-",
      "C-1",
      "CET-25",
      "CET-1:60",
      "<CET-1",
      "CET-1CEST,M3.5.0",
      "CET-1CEST,M13.5.0,M10.5.0",
      "CET-1CEST,M3.6.0,M10.5.0",
      "CET-1CEST,M3.5.7,M10.5.0",
      "CET-1CEST,J0,J300",
      "CET-1CEST,366,300",
      "CET-1CEST,M3.5.0/169,M10.5.0",
      "CET-1CEST,M3.5.0,M10.5.0,",
      "Europe/Berlin",
    ]) {
      expect({ text, rule: parsePosixRule(text) }).toEqual({ text, rule: null });
    }
  });
});
