// duration: every value and every error of Go's durations.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { messageOf } from "../../src/errors.ts";
import { formatDuration, parseDuration } from "../../src/lib/go/duration.ts";

interface Vector {
  readonly text: string;
  readonly ns?: string;
  readonly go_string?: string;
  readonly error?: string;
}

function load<Line>(name: string): readonly Line[] {
  return readFileSync(new URL(`./duration/${name}.jsonl`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function answerTo({ text }: Vector): string {
  try {
    const ns = parseDuration(text);
    return `${ns} ${formatDuration(ns)}`;
  } catch (error) {
    return messageOf(error);
  }
}

for (const name of ["parse", "mutated"]) {
  test(`texts of ${name}.jsonl are read as Go reads them`, () => {
    const vectors = load<Vector>(name);
    const wrong = vectors.filter(
      (vector) => answerTo(vector) !== (vector.error ?? `${vector.ns} ${vector.go_string}`),
    );
    console.log(`golden duration ${name}: ${vectors.length - wrong.length} of ${vectors.length}`);
    expect(wrong).toEqual([]);
  });
}

test("nanoseconds are printed as Go prints them", () => {
  const vectors = load<{ readonly ns: string; readonly string: string }>("format");
  const wrong = vectors.filter(({ ns, string }) => formatDuration(BigInt(ns)) !== string);
  console.log(`golden duration format: ${vectors.length - wrong.length} of ${vectors.length}`);
  expect(wrong).toEqual([]);
});
