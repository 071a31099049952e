import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ResultDifference } from "../../src/mig/result-difference.ts";
import { ResultIndex } from "../../src/mig/result-index.ts";

interface Given {
  readonly host: string;
  readonly status: string;
  readonly isFound: boolean;
  readonly digest: number;
}

function indexOf(commands: readonly Given[]): ResultIndex {
  const index = new ResultIndex();
  for (const [at, command] of commands.entries()) index.add({ ...command, offset: at, size: 1 });
  return index;
}

function host(name: string, changes: Partial<Given> = {}): Given {
  return { host: name, status: "success", isFound: false, digest: 0, ...changes };
}

const ALL = { from: 0, limit: 1_000 };

describe("ResultDifference", () => {
  test("tells what appeared, what is gone and what changed", () => {
    const before = [host("same"), host("gone"), host("status"), host("found"), host("what")];
    const after = [
      host("what", { digest: 1 }),
      host("found", { isFound: true }),
      host("new"),
      host("status", { status: "expired" }),
      host("same"),
    ];
    const difference = new ResultDifference(indexOf(before), indexOf(after));
    expect(difference.counts()).toEqual({ appeared: 1, gone: 1, changed: 3 });
    expect(difference.same).toBe(1);
    expect(difference.select("changed", ALL)).toEqual([
      { kind: "changed", before: 3, after: 1 },
      { kind: "changed", before: 2, after: 3 },
      { kind: "changed", before: 4, after: 0 },
    ]);
    expect(difference.select(null, { from: 1, limit: 2 })).toEqual([
      { kind: "gone", before: 1, after: null },
      { kind: "appeared", before: null, after: 2 },
    ]);
  });

  test("accounts for each command of both results once, whatever they are", () => {
    const command = fc.record({
      host: fc.constantFrom("", "a", "b", "B", "é", "\u{1f600}", "\uffff"),
      status: fc.constantFrom("success", "expired"),
      isFound: fc.boolean(),
      digest: fc.nat({ max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(command), fc.array(command), (before, after) => {
        const difference = new ResultDifference(indexOf(before), indexOf(after));
        const changes = difference.select(null, ALL);
        const was = changes.flatMap((one) => one.before ?? []);
        const is = changes.flatMap((one) => one.after ?? []);
        expect(new Set(was).size).toBe(was.length);
        expect(new Set(is).size).toBe(is.length);
        expect(was.length + difference.same).toBe(before.length);
        expect(is.length + difference.same).toBe(after.length);
        for (const one of changes) {
          if (one.before === null || one.after === null) continue;
          expect(before[one.before]?.host === after[one.after]?.host).toBe(true);
          expect(before[one.before]).not.toEqual(after[one.after]);
        }
        // A host is gone or appears only where there are more of its name on one side.
        for (const name of new Set(before.map((each) => each.host))) {
          const count = (list: readonly Given[]) => list.filter((one) => one.host === name).length;
          const gone = changes.filter((one) => one.kind === "gone").map((one) => one.before ?? 0);
          const goneHere = gone.filter((at) => before[at]?.host === name).length;
          expect(goneHere).toBe(Math.max(0, count(before) - count(after)));
        }
      }),
    );
  });
});
