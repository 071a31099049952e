import { beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CalendarProblem, decodeCalendar, encodeCalendar } from "../../src/calendar/file.ts";
import { assertFits } from "../../src/calendar/fit.ts";
import { judgeCalendar, keysOf } from "../../src/calendar/judge.ts";
import { parseSchedule } from "../../src/jobs/schedule.ts";
import { PUBLIC_RING, REQUESTED, requested, signedBy } from "../support/calendars.ts";
import { bytesOf } from "../support/keys.ts";

const keys = keysOf([PUBLIC_RING]);
const first = requested();
let whole: Uint8Array<ArrayBuffer>;

beforeAll(async () => {
  whole = bytesOf(encodeCalendar(await signedBy(first, ["ann", "bob"])));
});

/** What a host says against these bytes; null when it takes them. Throws what is no refusal. */
async function refusal(bytes: Uint8Array): Promise<CalendarProblem | null> {
  try {
    const calendar = decodeCalendar(bytes);
    const schedule = parseSchedule("0 3 * * *", { timezone: "UTC" });
    const host = { schedule, offsetMs: 0, template: first.template, before: null, now: REQUESTED };
    assertFits(calendar, host);
    await judgeCalendar(calendar, { keys, keyring: "ring", minSigners: 2, now: REQUESTED });
    return null;
  } catch (error) {
    if (error instanceof CalendarProblem) return error;
    throw error;
  }
}

/** A place in the file, whatever its length. */
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const at = (part: number): number => Math.floor(part * whole.length);
const byte = fc.integer({ min: 0, max: 255 });
const runs = { numRuns: 300 };

/** Every byte of a calendar counts: whatever was done to it is seen, and said in one sentence. */
async function expectRefused(bytes: Uint8Array): Promise<void> {
  const problem = await refusal(bytes);
  const isSame = Buffer.compare(bytes, whole) === 0;
  expect(problem === null).toBe(isSame);
  if (problem !== null) expect(problem.message).toMatch(/^\S[^\n]{8,600}[^.\n]$/);
}

describe("a calendar that was changed is refused", () => {
  test("not at all when it was not", async () => {
    expect(await refusal(whole)).toBeNull();
  });

  test("by one byte", async () => {
    const cases = fc.asyncProperty(place, byte, async (part, value) => {
      const bytes = whole.slice();
      bytes[at(part)] = value;
      await expectRefused(bytes);
    });
    await fc.assert(cases, runs);
  });

  test("by a cut, at its end or within", async () => {
    const cases = fc.asyncProperty(place, place, async (from, to) => {
      const [start, end] = [Math.min(from, to), Math.max(from, to)].map(at) as [number, number];
      await expectRefused(whole.slice(0, start));
      await expectRefused(bytesOf(`${text().slice(0, start)}${text().slice(end)}`));
    });
    await fc.assert(cases, { numRuns: 100 });
  });

  test("by lines that are left out, doubled or exchanged", async () => {
    const cases = fc.asyncProperty(place, place, fc.nat(2), async (one, other, how) => {
      const lines = text().split("\n");
      const [left, right] = [one, other].map((part) => Math.floor(part * lines.length)) as [
        number,
        number,
      ];
      if (how === 0) lines.splice(left, 1);
      else if (how === 1) lines.splice(left, 0, lines[right] ?? "");
      else [lines[left], lines[right]] = [lines[right] ?? "", lines[left] ?? ""];
      await expectRefused(bytesOf(lines.join("\n")));
    });
    await fc.assert(cases, { numRuns: 150 });
  });

  test("by a value of another kind anywhere in its JSON", async () => {
    const cases = fc.asyncProperty(place, fc.jsonValue({ maxDepth: 1 }), async (part, value) => {
      const places: { of: Record<string, unknown>; key: string }[] = [];
      const walk = (of: unknown): void => {
        if (typeof of !== "object" || of === null) return;
        for (const [key, inner] of Object.entries(of)) {
          places.push({ of: of as Record<string, unknown>, key });
          walk(inner);
        }
      };
      const json = JSON.parse(text());
      walk(json);
      const { of, key } = places[Math.floor(part * places.length)] as (typeof places)[0];
      of[key] = value;
      await expectRefused(bytesOf(JSON.stringify(json)));
    });
    await fc.assert(cases, { numRuns: 200 });
  });

  test("and so is what is no calendar at all", async () => {
    const cases = fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), expectRefused);
    await fc.assert(cases, { numRuns: 200 });
  });
});

function text(): string {
  return new TextDecoder().decode(whole);
}
