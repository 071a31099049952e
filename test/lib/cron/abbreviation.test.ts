import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { abbreviationIn } from "../../../src/lib/cron/abbreviation.ts";
import { zoneOffsetSeconds } from "../../../src/lib/cron/zone.ts";

const recorded: Record<string, readonly string[]> = JSON.parse(
  readFileSync(new URL("../../golden/zone/abbreviations.json", import.meta.url), "utf8"),
);

const INEXACT = [
  "Antarctica/Casey",
  "Antarctica/Troll",
  "Asia/Colombo",
  "Europe/Guernsey",
  "Europe/Isle_of_Man",
  "Europe/Jersey",
  "Europe/Minsk",
];

function lettersOf(zone: string, at: number): string {
  return abbreviationIn(zone, { at, offsetSeconds: zoneOffsetSeconds(zone, at) });
}

describe("abbreviationIn()", () => {
  test("has the letters of the tz database, but for the seven zones that its header names", () => {
    const rows = Object.entries(recorded).flatMap(([letters, zones]) =>
      zones.map((zone) => ({ zone, letters })),
    );
    const wrong = rows.filter(({ zone, letters }) => {
      const both = [Date.UTC(2026, 0, 15), Date.UTC(2026, 6, 15)].map((at) => lettersOf(zone, at));
      return both.join(" ") !== letters;
    });
    const exact = rows.length - wrong.length;
    console.log(`golden zone-abbreviations: ${exact} of ${rows.length - INEXACT.length}`);
    expect(wrong.map(({ zone }) => zone).sort()).toEqual(INEXACT);
  });

  test("prints the offset where a zone has no letters", () => {
    expect(lettersOf("America/Sao_Paulo", 0)).toBe("-03");
    expect(lettersOf("Asia/Kathmandu", Date.UTC(2026, 0, 1))).toBe("+0545");
    expect(lettersOf("Pacific/Marquesas", 0)).toBe("-0930");
    expect(lettersOf("+02:00", 0)).toBe("+02");
  });
});
