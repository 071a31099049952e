// time: every value and every error of Go's times in JSON.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { messageOf } from "../../src/errors.ts";
import { TIME, unmarshal } from "../../src/lib/go/struct.ts";
import { formatRfc3339Nano } from "../../src/lib/go/time.ts";

interface Vector {
  readonly json: string;
  readonly marshal?: string;
  readonly unix?: number;
  readonly nanoseconds?: number;
  readonly error?: string;
}

function load(name: string): readonly Vector[] {
  return readFileSync(new URL(`./time/${name}.jsonl`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function answerTo({ json, nanoseconds }: Vector): string {
  try {
    const time = unmarshal(TIME, new TextEncoder().encode(json));
    const part = nanoseconds === undefined ? undefined : time.nanoseconds;
    return `"${formatRfc3339Nano(time)}" ${time.unixSeconds} ${part}`;
  } catch (error) {
    return messageOf(error);
  }
}

for (const name of ["vectors", "mutated"]) {
  test(`times of ${name}.jsonl are read and written as Go does it`, () => {
    const vectors = load(name);
    const wrong = vectors.filter((vector) => {
      const { marshal, unix, nanoseconds, error } = vector;
      return answerTo(vector) !== (error ?? `${marshal} ${unix} ${nanoseconds}`);
    });
    console.log(`golden time ${name}: ${vectors.length - wrong.length} of ${vectors.length}`);
    expect(wrong).toEqual([]);
  });
}
