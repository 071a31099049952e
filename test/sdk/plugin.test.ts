import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { isJobModule } from "../../src/sdk/job.ts";
import { isPluginModule, plugin } from "../../src/sdk/plugin.ts";

describe("plugin()", () => {
  const config = v.strictObject({ url: v.pipe(v.string(), v.url()) });

  test("holds a schema and the function", () => {
    const deliver = async () => {};
    expect(plugin({ config, deliver })).toEqual({ kind: "plugin", config, deliver, alarm: null });
  });

  test("has no schema when it takes no configuration", () => {
    const made = plugin({ deliver() {} });
    expect(made.config).toBeNull();
    expect(Object.isFrozen(made)).toBe(true);
  });

  test("gives the configuration its type", () => {
    const made = plugin({
      config,
      deliver(_, context) {
        const { url }: { url: string } = context.config;
        context.log(url);
      },
    });
    expect(made.kind).toBe("plugin");
  });

  test.each([
    ["an empty object", {}],
    ["a text in place of the function", { deliver: "x" }],
    ["nothing", undefined],
  ])("refuses %s", (_, wrong) => {
    expect(() => plugin(wrong as never)).toThrow(
      "Cannot make a plugin: it has no deliver function",
    );
  });

  test("refuses a configuration that is no schema", () => {
    const wrong = { config: { url: "https://a.example.net" }, deliver() {} };
    expect(() => plugin(wrong as never)).toThrow("Cannot make a plugin: its config is no schema");
  });
});

describe("isPluginModule()", () => {
  test("knows what plugin() made", () => {
    expect(isPluginModule(plugin({ deliver() {} }))).toBe(true);
    expect(isJobModule(plugin({ deliver() {} }))).toBe(false);
    expect(isPluginModule({ kind: "plugin", config: null, deliver() {} })).toBe(false);
  });
});
