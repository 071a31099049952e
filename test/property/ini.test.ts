// gcfg beside ini, the common reader of the format: where both read a file they agree, or differ in
// one of the ways that are written down here.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import ini from "ini";
import type { Schema } from "../../src/config/settings.ts";
import { RunnerErrors } from "../../src/errors.ts";
import { parseGcfg } from "../support/settings-file.ts";

const schema: Schema = { main: { shape: "struct", keys: { text: { kind: "string" } } } };

/** What gcfg reads as `text`; undefined when it refuses the file. */
function byGcfg(source: string): unknown {
  const bytes = new TextEncoder().encode(`[main]\ntext = ${source}\n`);
  try {
    return parseGcfg(bytes, { path: "x.cfg", schema }).sections.get("main")?.get("text")?.value;
  } catch (error) {
    if (error instanceof RunnerErrors) return undefined;
    throw error;
  }
}

function byIni(source: string): unknown {
  return (ini.parse(`[main]\ntext = ${source}\n`) as { main: { text?: unknown } }).main.text;
}

const ONE_QUOTED = /^"(?:[^"\\]|\\.)*"$/;

interface Difference {
  readonly name: string;
  /** Whether a value, as written and without its outer blanks, is of this kind. */
  explains(source: string): boolean;
  readonly example: string;
  readonly gcfg: unknown;
  readonly ini: unknown;
}

const DIFFERENCES: readonly Difference[] = [
  {
    name: "ini keeps the quotes of a value with a comment behind it",
    explains: (source) => /^".*"\s*[;#]/s.test(source) && !ONE_QUOTED.test(source),
    example: '"a b" ; why',
    gcfg: "a b",
    ini: '"a b"',
  },
  {
    name: "ini keeps quotes that are around a part of a value",
    explains: (source) => source.includes('"') && !ONE_QUOTED.test(source),
    example: 'a" b "c',
    gcfg: "a b c",
    ini: 'a" b "c',
  },
  {
    name: "ini takes single quotes off",
    explains: (source) => source.startsWith("'") && source.endsWith("'"),
    example: "'7'",
    gcfg: "'7'",
    ini: 7,
  },
  {
    name: "ini does not join a line that ends with a backslash to the next one",
    explains: (source) => /\\\r?\n/.test(source),
    example: "a \\\nb",
    gcfg: "a b",
    ini: "a \\",
  },
  {
    name: "ini keeps the quotes of a value that is no text of JSON",
    explains: (source) => ONE_QUOTED.test(source) && !isJson(source),
    example: '"a\tb"',
    gcfg: "a\tb",
    ini: '"a\tb"',
  },
  {
    name: "ini trims blanks of every kind, gcfg spaces and tabs",
    explains: (source) => /[^\S \t\r\n]\s*(?:[;#]|$)|^[^\S \t\r\n]/.test(source),
    example: "a\u00a0",
    gcfg: "a\u00a0",
    ini: "a",
  },
  {
    name: "ini reads the words of JSON as what they mean there, also in quotes",
    explains: (source) => /^("?)(?:true|false|null)\1\s*(?:[;#]|$)/.test(source),
    example: "null",
    gcfg: "null",
    ini: null,
  },
];

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("readGcfg() and ini", () => {
  test("read the same, but for differences that are written down", () => {
    const word = fc.constantFrom("a", "é", "0", "true", "x=1", "[b]", "'", '"', "\\\\", "\\n");
    const joint = fc.constantFrom(" ", "\t", ";", "#", '\\"', "\\\n", "\u00a0", "", "", "");
    const free = fc.array(fc.oneof(word, joint), { maxLength: 8 }).map((parts) => parts.join(""));
    const whole = free.map((text) => `"${text}"`);
    let agreed = 0;
    fc.assert(
      fc.property(fc.oneof(free, whole, free), (text) => {
        const source = text.replace(/^[ \t]+|[ \t]+$/g, "");
        const gcfg = byGcfg(source);
        if (gcfg === undefined) return;
        const other = byIni(source);
        if (Object.is(gcfg, other)) agreed++;
        else {
          const why =
            DIFFERENCES.find(({ explains }) => explains(source))?.name ?? "no known reason";
          expect({ source, gcfg, other, why }).not.toHaveProperty("why", "no known reason");
        }
      }),
      { numRuns: 5_000 },
    );
    expect(agreed).toBeGreaterThan(500);
  });

  test.each(DIFFERENCES.map((one) => [one.name, one] as const))("%s", (_, difference) => {
    const { example, gcfg, ini: other } = difference;
    expect(byGcfg(example)).toBe(gcfg);
    expect(byIni(example)).toBe(other);
    expect(difference.explains(example)).toBe(true);
  });

  test("part where gcfg needs quotes that ini cannot be told to write", () => {
    // `5#3` is the third Friday: bare, gcfg reads a comment, and this is how ini writes it.
    const written = ini.stringify({ main: { text: "0 0 * * 5#3" } });
    expect(written).toContain("5\\#3");
    expect(byGcfg(written.split("text=")[1]?.trim() ?? "")).toBeUndefined();
  });
});
