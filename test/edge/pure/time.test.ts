import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { replaceTime } from "../../../src/edge/pure/time.ts";
import { bodyScopes } from "../../../src/edge/pure/view.ts";
import { bodyView } from "../../../src/workflow/scope.ts";

const DAY = Date.UTC(2020, 1, 3, 4, 5, 6);
const edges = { now: () => DAY, used() {}, raced() {}, refuse: (what: string) => new Error(what) };

function inBody<Value>(work: () => Value): Value {
  return bodyScopes.run({ prefix: "", step: null, view: bodyView(1, edges) }, work);
}

let undos: (() => void)[] = [];
beforeEach(() => {
  undos = replaceTime();
});
afterEach(() => {
  for (const undo of undos.reverse()) undo();
});

describe("replaceTime()", () => {
  test("shows a body the run's clock where nobody asks for a time by name", () => {
    const zone = { timeZone: "UTC", dateStyle: "short", timeStyle: "medium" } as const;
    const format = new Intl.DateTimeFormat("sv", zone);
    const Maker = new Date(0).constructor as DateConstructor;
    const text = (work: () => string): string => inBody(work).replaceAll("\u202f", " ");
    expect(text(() => format.format())).toBe("2020-02-03 04:05:06");
    expect(
      text(() =>
        format
          .formatToParts()
          .map(({ value }) => value)
          .join(""),
      ),
    ).toBe("2020-02-03 04:05:06");
    expect(inBody(() => new Maker().getTime())).toBe(DAY);
    expect(inBody(() => new File(["a"], "a.txt").lastModified)).toBe(DAY);
    expect(format.format()).not.toContain("2020-02-03");
    expect(new File(["a"], "a.txt").lastModified).toBeGreaterThan(DAY);
  });

  test("leaves the times that are given", () => {
    const format = new Intl.DateTimeFormat("sv", { timeZone: "UTC" });
    expect(inBody(() => format.format(0))).toBe("1970-01-01");
    expect(inBody(() => [0].map(format.format))).toEqual(["1970-01-01"]);
    expect(inBody(() => new File([], "a", { lastModified: 7 }).lastModified)).toBe(7);
    expect(inBody(() => new Date(5).constructor === Date)).toBe(true);
    class Own extends Date {}
    expect(inBody(() => new Own(7).getTime())).toBe(7);
  });

  test("refuses the times of this process, with the name", () => {
    expect(() => inBody(() => performance.timeOrigin)).toThrow("performance.timeOrigin");
    expect(() => inBody(() => performance.mark("a"))).toThrow("performance.mark");
    expect(performance.timeOrigin).toBeGreaterThan(DAY);
  });
});
