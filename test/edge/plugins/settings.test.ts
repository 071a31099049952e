// Settings: what is said of a section that a plugin does not want as it is.
import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { readSettings } from "../../../src/edge/plugins/settings.ts";
import type { Schema } from "../../../src/sdk/standard.ts";

const schema = v.strictObject({
  url: v.pipe(v.string(), v.url()),
  room: v.optional(v.string(), "ops"),
  limit: v.optional(v.pipe(v.string(), v.transform(Number), v.maxValue(9, "at most 9"))),
});

describe("readSettings()", () => {
  test("gives what the schema makes of them", async () => {
    const read = await readSettings(schema, { url: "http://x/", limit: "3" });
    expect(read).toEqual({
      kind: "sound",
      config: { url: "http://x/", room: "ops", limit: 3 },
    });
  });

  test("takes a missing section for an empty one", async () => {
    expect(await readSettings(schema, null)).toEqual({
      kind: "broken",
      problems: ["url is not set"],
    });
    const optional = v.object({ room: v.optional(v.string(), "ops") });
    expect(await readSettings(optional, null)).toEqual({ kind: "sound", config: { room: "ops" } });
  });

  test("says everything that is wrong, without the values", async () => {
    const read = await readSettings(schema, { url: "s3cret", rom: "s3cret", limit: "12" });
    expect(read).toEqual({
      kind: "broken",
      problems: [
        'unknown key "rom" (did you mean "room"?)',
        "url: Invalid URL",
        "limit: at most 9",
      ],
    });
    const typed = await readSettings(v.object({ url: v.number() }), { url: "s3cret" });
    expect(JSON.stringify(typed)).not.toContain("s3cret");
  });

  test("finds unknown keys in schemas that would let them through", async () => {
    const loose = v.pipe(
      v.object({ url: v.string() }),
      v.transform(({ url }) => url),
    );
    expect(await readSettings(loose, { url: "x", zzz: "y" })).toEqual({
      kind: "broken",
      problems: ['unknown key "zzz" (it knows url)'],
    });
    const zodLike = { ...standard((value) => ({ value })), shape: { url: {} } };
    expect((await readSettings(zodLike, { ulr: "x" })).kind).toBe("broken");
  });

  test("lets keys through where the schema takes any", async () => {
    const any = [
      v.looseObject({ url: v.string() }),
      v.objectWithRest({ url: v.string() }, v.string()),
      v.record(v.string(), v.string()),
      standard((value) => ({ value })),
    ];
    for (const each of any) {
      expect((await readSettings(each, { url: "x", other: "y" })).kind).toBe("sound");
    }
  });

  test("waits for schemas that take their time, and reads paths of either form", async () => {
    const slow = standard(async () => ({
      issues: [{ message: "too loud.", path: ["a", { key: 0 }] }, { message: "odd as a whole" }],
    }));
    expect(await readSettings(slow, { a: ["x"] })).toEqual({
      kind: "broken",
      problems: ["a.0: too loud", "odd as a whole"],
    });
  });

  test("refuses settings for a plugin that takes none", async () => {
    expect(await readSettings(null, null)).toEqual({ kind: "sound", config: undefined });
    expect(await readSettings(null, { url: "x" })).toEqual({
      kind: "broken",
      problems: ["it takes no settings, remove its section"],
    });
  });
});

function standard(validate: Schema["~standard"]["validate"]): Schema {
  return { "~standard": { version: 1, vendor: "test", validate } };
}
