import { describe, expect, test } from "bun:test";
import { type FlagSpec, parseFlags, renderFlags } from "../../src/cli/flags.ts";

const SPECS: readonly FlagSpec[] = [
  { name: "c", kind: "text", value: "FILE", help: "A file" },
  { name: "json", kind: "switch", help: "JSON" },
  { name: "n", kind: "number", value: "N", help: "How many" },
  { name: "at", kind: "text", value: "TIME", help: "When" },
];

function parse(...argv: readonly string[]) {
  return parseFlags(argv, SPECS);
}

describe("parseFlags()", () => {
  for (const argv of [["-c", "x"], ["--c", "x"], ["-c=x"], ["--c=x"]]) {
    test(`reads ${argv.join(" ")}`, () => expect(parse(...argv).flags.text("c")).toBe("x"));
  }

  test("takes flags before, between and after words, until --", () => {
    const { flags, positionals } = parse("a", "--json", "b", "-n", "3", "--", "--json=x");
    expect(positionals).toEqual(["a", "b", "--json=x"]);
    expect([flags.has("json"), flags.number("n", 0)]).toEqual([true, 3]);
  });

  test("takes no empty word and no empty value, which a shell makes of a variable that is not set", () => {
    for (const argv of [[""], ["a", ""], ["--", "a", ""]]) {
      expect(() => parse(...argv)).toThrow("is a variable of the shell not set?");
    }
    for (const argv of [["-c", ""], ["-c="], ["--at="]]) {
      expect(() => parse(...argv)).toThrow(/^flag needs an argument: -(c|at) is followed by ""$/);
    }
    const why = { name: "why", kind: "text", mayBeEmpty: true, help: "Why" } as const;
    expect(parseFlags(["--why", ""], [why]).flags.text("why")).toBe("");
  });

  test("takes a number below zero for a word, not for a flag", () => {
    expect(parse("12", "ticket", "-5", "-.5e3").positionals).toEqual([
      "12",
      "ticket",
      "-5",
      "-.5e3",
    ]);
    expect(() => parse("-x5")).toThrow("flag provided but not defined: -x5");
  });

  test("leaves a lone dash and an expression that begins with one alone", () => {
    expect(parse("-", "*/5 * * * *").positionals).toEqual(["-", "*/5 * * * *"]);
  });

  test("refuses what Go's flag package cannot read, instead of starting a daemon", () => {
    for (const word of ["---c", "---", "-=x", "--=x"]) {
      expect(() => parse(word)).toThrow(`bad flag syntax: ${word}`);
    }
  });

  test("reads a switch as Go does", () => {
    for (const text of ["1", "t", "TRUE"])
      expect(parse(`--json=${text}`).flags.has("json")).toBe(true);
    expect(parse("--json=F").flags.has("json")).toBe(false);
    expect(() => parse("--json=yes")).toThrow('invalid boolean value "yes" for -json: parse error');
  });

  test("names the flag that was meant", () => {
    expect(() => parse("--jsno")).toThrow(
      "flag provided but not defined: -jsno; did you mean --json?",
    );
    expect(() => parse("-n")).toThrow("flag needs an argument: -n");
  });

  test("knows -h and --help everywhere", () => {
    for (const word of ["-h", "-help", "--help"]) expect(parse(word).flags.has("help")).toBe(true);
  });
});

describe("Flags", () => {
  test("reads times in RFC 3339 only", () => {
    expect(parse("--at", "2026-01-02T03:04:05.5+01:00").flags.instant("at")).toBe(
      Date.UTC(2026, 0, 2, 2, 4, 5, 500),
    );
    expect(parse().flags.instant("at")).toBeNull();
    expect(() => parse("--at", "2026-01-02").flags.instant("at")).toThrow(
      'invalid value "2026-01-02" for flag -at: a time such as 2026-01-02T03:04:05Z',
    );
  });

  test("reads whole numbers within bounds", () => {
    expect(parse("-n", "5").flags.number("n", 5)).toBe(5);
    for (const text of ["4", "5.5", "x", "99999999999999999999"]) {
      expect(() => parse("-n", text).flags.number("n", 5)).toThrow(`invalid value "${text}"`);
    }
  });
});

describe("renderFlags()", () => {
  test("aligns the help of all flags", () => {
    expect(renderFlags(SPECS)[0]).toBe("  -c FILE    A file");
  });
});

describe("moment()", () => {
  const at = (text: string, way: "ago" | "from now") =>
    parse("--at", text).flags.moment("at", 1e12, way);

  test("is a time, or a span from now", () => {
    expect(at("2026-01-02T03:04:05Z", "ago")).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(at("7d", "ago")).toBe(1e12 - 7 * 86_400_000);
    expect(at("1h30m", "from now")).toBe(1e12 + 5_400_000);
    expect(parse().flags.moment("at", 1e12, "ago")).toBe(null);
  });

  test("is nothing else", () => {
    for (const text of ["soon", "-1h", "7", "1.5d"]) {
      expect(() => at(text, "ago")).toThrow(`invalid value "${text}" for flag -at`);
    }
  });
});
