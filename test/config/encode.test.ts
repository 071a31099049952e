import { describe, expect, test } from "bun:test";
import { encodeGcfg } from "../../src/config/encode.ts";
import { RunnerError } from "../../src/errors.ts";

describe("encodeGcfg()", () => {
  test("writes sections with a blank line between them, strings in quotes", () => {
    const text = encodeGcfg([
      {
        name: "runner",
        subsection: null,
        values: [
          ["directory", 'C:\\"x"\n\t'],
          ["checkdirectory", 30n],
        ],
      },
      {
        name: "plugin",
        subsection: 'a "b"',
        values: [
          ["on", true],
          ["tag", ["x", "y"]],
        ],
      },
    ]);
    expect(text).toBe(
      '[runner]\ndirectory = "C:\\\\\\"x\\"\\n\\t"\ncheckdirectory = 30\n\n' +
        '[plugin "a \\"b\\""]\non = true\ntag = "x"\ntag = "y"\n',
    );
  });

  test("refuses what gcfg has no way to write", () => {
    const bad = [
      { name: "a_b", subsection: null, values: [] },
      { name: "a", subsection: "", values: [] },
      { name: "a", subsection: "b\nc", values: [] },
      { name: "a", subsection: null, values: [["k", "a\rb"]] },
      { name: "a", subsection: null, values: [["k", "a\0b"]] },
      { name: "a", subsection: null, values: [["1k", "a"]] },
    ] as const;
    for (const section of bad) expect(() => encodeGcfg([section])).toThrow(RunnerError);
  });

  test("keeps a value out of its message, because it may be a secret", () => {
    const section = { name: "a", subsection: null, values: [["k", "s3cret\r"]] } as const;
    expect(() => encodeGcfg([section])).toThrow(/^(?!.*s3cret)/);
  });
});
