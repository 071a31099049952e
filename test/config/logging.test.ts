import { describe, expect, test } from "bun:test";
import { readGcfg } from "../../src/config/gcfg.ts";
import { levelOf, logFormatOf } from "../../src/config/logging.ts";
import { openResolver } from "../../src/config/resolve.ts";
import { RUNNER_SCHEMA } from "../../src/config/schemas.ts";
import { describeError } from "../../src/errors.ts";

function resolve(keys: string) {
  const bytes = new TextEncoder().encode(`[logging]\n${keys}\n`);
  const resolver = openResolver(readGcfg(bytes, { path: "r.cfg", schema: RUNNER_SCHEMA }));
  const read = { format: logFormatOf(resolver), level: levelOf(resolver) };
  return { ...read, mistakes: resolver.mistakes.map(describeError), warnings: resolver.warnings };
}

describe("logFormatOf()", () => {
  test("takes the two formats of a log line, and no other", () => {
    expect(resolve("").format).toBe("text");
    expect(resolve("format = json").format).toBe("json");
    expect(resolve("format = xml").mistakes).toEqual([
      'r.cfg:2:10: Cannot set [logging] format to "xml": there is no such format (One of text, json)',
    ]);
  });
});

describe("levelOf()", () => {
  test("takes a level in any case, with a warning, and info for what is none", () => {
    expect(resolve("level = err")).toMatchObject({ level: "err", warnings: [] });
    expect(resolve("level = ERR")).toMatchObject({ level: "err", warnings: [expect.anything()] });
    expect(resolve("level = loud")).toMatchObject({ level: "info", warnings: [expect.anything()] });
  });
});
