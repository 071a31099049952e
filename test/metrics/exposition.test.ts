import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { exposition } from "../../src/metrics/exposition.ts";
import { readExposition } from "../support/exposition.ts";

describe("exposition()", () => {
  test("writes a family as Prometheus reads it", () => {
    const labels = { job: 'say "a\\b"\nc', state: "done" };
    const family = { name: "x_total", type: "counter", help: "Of x\\.", samples: [] } as const;
    expect(exposition([{ ...family, samples: [{ labels, value: 3 }] }])).toBe(
      "# HELP x_total Of x\\\\.\n# TYPE x_total counter\n" +
        'x_total{job="say \\"a\\\\b\\"\\nc",state="done"} 3\n',
    );
    expect(exposition([family])).toBe("");
  });

  test("is read by a strict reader as what was written, whatever is in labels and help", () => {
    const text = fc.string({
      unit: fc.constantFrom("a", '"', "\\", "\n", "n", "{", "}", ",", "é"),
    });
    const values = fc.uniqueArray(text, { maxLength: 5, minLength: 1 });
    fc.assert(
      fc.property(
        values,
        fc.string({ minLength: 1 }),
        fc.double({ min: 0, noNaN: true, max: 1e12 }),
        (jobs, word, value) => {
          const help = `x${word.replaceAll(/\r/g, "")}`;
          const samples = jobs.map((job) => ({ labels: { job }, value }));
          const [family] = readExposition(
            exposition([{ name: "x", type: "gauge", help, samples }]),
          ).values();
          expect(family?.help).toBe(help.toWellFormed());
          expect([...(family?.samples ?? [])]).toEqual(
            jobs.map((job) => [JSON.stringify([["job", job]]), value]),
          );
        },
      ),
    );
  });
});
