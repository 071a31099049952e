import { describe, expect, test } from "bun:test";
import { readGcfg } from "../../src/config/gcfg.ts";
import {
  durationOf,
  flagOf,
  listOf,
  noteMistake,
  noteWarning,
  openResolver,
  textOf,
  wholeOf,
} from "../../src/config/resolve.ts";
import type { Schema } from "../../src/config/settings.ts";
import { describeError } from "../../src/errors.ts";

const schema: Schema = {
  s: {
    shape: "struct",
    keys: {
      text: { kind: "string" },
      whole: { kind: "int" },
      flag: { kind: "bool" },
      list: { kind: "list" },
    },
  },
};

function resolver(text: string) {
  return openResolver(readGcfg(new TextEncoder().encode(text), { path: "f", schema }));
}

describe("the looks into a settings file", () => {
  test("answer values that are set, and defaults for the others", () => {
    const set = resolver("[s]\ntext = 90s\nwhole = 7\nflag\nlist = a\nlist = b\n");
    const limits = { min: 0, max: 100_000, default: null };
    expect(textOf(set, ["s", "text"])).toBe("90s");
    expect(durationOf(set, ["s", "text"], limits)).toBe(90_000);
    expect(wholeOf(set, ["s", "whole"], limits)).toBe(7);
    expect(flagOf(set, ["s", "flag"])).toBe(true);
    expect(listOf(set, ["s", "list"])).toEqual(["a", "b"]);
    const empty = resolver("[s]\ntext =\n");
    expect(textOf(empty, ["s", "text"])).toBe(null);
    expect(durationOf(empty, ["s", "text"], limits)).toBe(null);
    expect(wholeOf(empty, ["s", "whole"], limits)).toBe(null);
    expect(flagOf(empty, ["s", "flag"])).toBe(false);
    expect(listOf(empty, ["s", "list"])).toEqual([]);
  });

  test("note a mistake and answer the default for a value outside of its limits", () => {
    const set = resolver("[s]\ntext = 9s\nwhole = 18446744073709551\n");
    expect(durationOf(set, ["s", "text"], { min: 10_000, max: 20_000, default: 15_000 })).toBe(
      15_000,
    );
    expect(wholeOf(set, ["s", "whole"], { min: 1, max: 9, default: 5 })).toBe(5);
    expect(set.mistakes.map(describeError)).toEqual([
      'f:2:8: Cannot set [s] text to "9s": it is out of range, 10s to 20s is wanted',
      "f:3:9: Cannot set [s] whole to 18446744073709551: it is out of range, " +
        "a whole number from 1 to 9 is wanted",
    ]);
  });
});

describe("noteMistake()", () => {
  test("does not tell an absence when part of the file could not be read", () => {
    const whole = resolver("[s]\n");
    noteMistake(whole, ["s", "text"], { message: "text is missing", absence: true });
    expect(whole.mistakes.map(describeError)).toEqual(["f: text is missing"]);
    const torn = resolver("[s]\ntxt = 1\n");
    noteMistake(torn, ["s", "text"], { message: "text is missing", absence: true });
    expect(torn.mistakes.length).toBe(1);
  });
});

describe("noteWarning()", () => {
  test("says where, as far as the file tells", () => {
    const set = resolver("[s]\nflag = yes\n");
    noteWarning(set, ["s", "flag"], "odd");
    noteWarning(set, ["s", "text"], "missing");
    expect(set.warnings).toEqual(["f:2:8: odd", "f: missing"]);
  });
});
