import { describe, expect, test } from "bun:test";
import { readGcfg } from "../../src/config/gcfg.ts";
import { notifyOf } from "../../src/config/notify.ts";
import { openResolver } from "../../src/config/resolve.ts";
import { RUNNER_SCHEMA } from "../../src/config/schemas.ts";
import { describeError } from "../../src/errors.ts";

function read(...lines: readonly string[]) {
  const text = ["[notify]", ...lines, ""].join("\n");
  const options = { path: "r.cfg", schema: RUNNER_SCHEMA };
  const resolver = openResolver(readGcfg(new TextEncoder().encode(text), options));
  const config = notifyOf(resolver);
  return { config, mistakes: resolver.mistakes.map(describeError) };
}

describe("notifyOf()", () => {
  test("tells nobody of anything unless it is said", () => {
    expect(read().config).toEqual({ plugins: [], on: null, repeatMs: null });
  });

  test("takes names from repeated keys and from one text, each once", () => {
    const { config, mistakes } = read(
      "plugins = slack, mail",
      "plugins = mail",
      "on = failed",
      "on = late",
      "repeat = 24h",
    );
    expect(mistakes).toEqual([]);
    expect(config).toEqual({
      plugins: ["slack", "mail"],
      on: ["failed", "late"],
      repeatMs: 86_400_000,
    });
  });

  test("refuses an event that there is not, and names the one that was meant", () => {
    const [mistake = ""] = read("on = faild").mistakes;
    expect(mistake).toContain('Cannot set [notify] on to "faild": there is no such event');
    expect(mistake).toContain("Did you mean failed?");
  });
});
