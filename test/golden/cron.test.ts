// cron: every fire time and every error text of the original's library, and what we do instead
// where its answer would make a runner fire without pause, or not at all.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { answerBatchLine } from "../../src/jobs/next.ts";
import { nextFires, parseSchedule, scheduleWarnings } from "../../src/jobs/schedule.ts";

interface Vector {
  readonly id: string;
  readonly expr: string;
  readonly from: string;
  readonly tz: string;
  readonly n: number;
  readonly quirks?: readonly string[];
  readonly next?: readonly string[];
  readonly error?: string;
  readonly panic?: string;
  readonly fatal?: string;
}

const NO_DEFAULTS = { from: 0, timezone: null, count: 0 };

function vectorsOf(name: string): readonly Vector[] {
  return readFileSync(new URL(`./cron/${name}.jsonl`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function isQuirk(vector: Vector): boolean {
  return [vector.quirks, vector.panic, vector.fatal].some((mark) => mark !== undefined);
}

/** As the original: the batch line of the vector answers with the vector's own bytes. */
function sameAsOriginal(vector: Vector): string | null {
  const { expr, from, tz, n, next, error } = vector;
  const answer = answerBatchLine(JSON.stringify({ expr, from, tz, n }), NO_DEFAULTS);
  const wanted = JSON.stringify(error === undefined ? { next } : { error });
  return answer === wanted ? null : `${vector.id} "${expr}": ${answer}, not ${wanted}`;
}

/** Our rule for what the original gets wrong; the reason when it does not hold. */
function asWePromise(vector: Vector): string | null {
  const { expr, tz, n, from } = vector;
  const quirks = new Set(vector.quirks);
  const schedule = parseSchedule(expr, { timezone: tz });
  const fires = [...nextFires(schedule, Date.parse(from), n)];
  const complain = (what: string) => `${vector.id} "${expr}" ${tz}: ${what} (${[...quirks]})`;

  const later = fires.every((at, index) => at > (fires[index - 1] ?? Date.parse(from)));
  if (!later) return complain("goes back");

  const plain = plainly(expr);
  if (plain !== expr) {
    const meant = [...nextFires(parseSchedule(plain, { timezone: tz }), Date.parse(from), n)];
    if (fires.join() !== meant.join()) return complain(`differs from "${plain}"`);
    // What is read like the original by accident (07, 7-7) needs no warning.
    const same = fires.join() === (vector.next ?? []).map((time) => Date.parse(time)).join();
    if (!same && scheduleWarnings(schedule).length === 0) return complain("no warning");
    return null;
  }
  if (quirks.has("wrapped-range") && !/\b7-[0-6]\b/.test(expr)) {
    const warned = scheduleWarnings(schedule).some((warning) => warning.includes("counts down"));
    if (!warned) return complain("no warning");
  }
  if (quirks.has("crash") && vector.panic !== undefined && fires.length > 0) {
    return complain("an empty field fires");
  }
  if (quirks.has("never") && fires.length > 0) return complain("fires");
  const readAlike = !quirks.has("stuck") && vector.next !== undefined;
  const wanted = (vector.next ?? []).map((time) => Date.parse(time));
  return readAlike && fires.join() !== wanted.join() ? complain("differs") : null;
}

/** The expression without padded months and weekdays and without weekday ranges that end in 7. */
function plainly(expr: string): string {
  const fields = (expr.match(/[^\t\n\f\r ]+/g) ?? []).slice(0, 7);
  const month = fields.length === 7 ? 4 : 3;
  const plain = fields.map((field, index) => {
    if (index === month) return unpadded(field);
    return index === month + 1 ? withoutSeven(unpadded(field)) : field;
  });
  return plain.join() === fields.join() ? expr : plain.join(" ");
}

/** Leading zeros taken off values, not off steps. */
function unpadded(field: string): string {
  return field.replace(/(^|[,-])0([1-9])/g, "$1$2");
}

const DAY_NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** `5-7`, `sat-sun` and their like as lists of single days. */
function withoutSeven(field: string): string {
  return field
    .split(",")
    .map((part) => {
      const match = /^(\w+)-(7|sun(?:day)?)(?:\/(\d+))?$/i.exec(part);
      if (match === null) return part;
      const [, from = "", to = "", step = "1"] = match;
      const named = DAY_NAMES.indexOf(from.slice(0, 3).toLowerCase());
      const first = named === -1 ? Number(from) : named;
      if (first === 7 || (first === 0 && to !== "7")) return part;
      const days = [];
      for (let day = first; day <= 7; day += Number(step)) days.push(day === 7 ? 0 : day);
      return days.join(",");
    })
    .join(",");
}

for (const name of ["cron-handwritten", "cron-random"]) {
  describe(name, () => {
    const vectors = vectorsOf(name);

    test("fires when the original does and refuses in its words", () => {
      const plain = vectors.filter((vector) => !isQuirk(vector));
      const wrong = plain.map(sameAsOriginal).filter((reason) => reason !== null);
      console.log(`golden ${name}: ${plain.length - wrong.length} of ${plain.length}`);
      expect(wrong).toEqual([]);
    });

    test("does what we promise where the original fails (I7)", () => {
      const quirks = vectors.filter(isQuirk);
      const wrong = quirks.map(asWePromise).filter((reason) => reason !== null);
      console.log(`golden ${name}-faults: ${quirks.length - wrong.length} of ${quirks.length}`);
      expect(wrong).toEqual([]);
    });
  });
}
