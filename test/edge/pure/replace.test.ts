import { expect, test } from "bun:test";
import { replace, replaceFunction, replaceGetter } from "../../../src/edge/pure/replace.ts";
import { bodyScopes } from "../../../src/edge/pure/view.ts";
import { bodyView } from "../../../src/workflow/scope.ts";

const edges = { now: () => 0, used() {}, raced() {}, refuse: (what: string) => new Error(what) };

function inBody<Value>(work: () => Value): Value {
  return bodyScopes.run({ prefix: "", step: null, view: bodyView(1, edges) }, work);
}

test("replace() is undone, but for what somebody else has put there since", () => {
  const owner: Record<string, unknown> = { a: 1, b: 1 };
  const undos = [replace(owner, "a", 2), replace(owner, "b", 2), replace(owner, "c", 2)];
  expect([owner.a, owner.b, owner.c]).toEqual([2, 2, 2]);
  owner.b = 3;
  for (const undo of undos) undo();
  expect(owner).toEqual({ a: 1, b: 3 });
});

test("replaceFunction() and replaceGetter() let steps alone, and nothing appear that was not there", () => {
  class Kind {
    get b(): number {
      return this.c;
    }
    readonly c = 4;
  }
  const owner = Object.assign(new Kind(), { a: () => 1 });
  const fixed = Object.freeze({ d: 1 });
  const undos = [
    replaceFunction(owner, "a", { what: "A" }),
    replaceFunction(owner, "none", { what: "N" }),
    replaceGetter(owner, "b", { what: "B" }),
    replaceGetter(fixed, "d", { what: "D" }),
  ];
  expect(() => inBody(owner.a)).toThrow("A");
  expect(() => inBody(() => owner.b)).toThrow("B");
  expect([owner.a(), owner.b, fixed.d, "none" in owner]).toEqual([1, 4, 1, false]);
  for (const undo of undos) undo();
  expect(inBody(() => [owner.a(), owner.b])).toEqual([1, 4]);
});
