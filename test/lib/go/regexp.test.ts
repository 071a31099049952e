import { describe, expect, test } from "bun:test";
import { parseRegexp, regexpFault } from "../../../src/lib/go/regexp.ts";

// Patterns and messages from Go's own tests: regexp/all_test.go `badRe`, and of
// regexp/syntax/parse_test.go `invalidRegexps` and `onlyPOSIX`.
const MESSAGES: readonly (readonly [string, string])[] = [
  ["*", "missing argument to repetition operator: `*`"],
  ["+", "missing argument to repetition operator: `+`"],
  ["?", "missing argument to repetition operator: `?`"],
  ["(abc", "missing closing ): `(abc`"],
  ["abc)", "unexpected ): `abc)`"],
  ["x[a-z", "missing closing ]: `[a-z`"],
  ["[z-a]", "invalid character class range: `z-a`"],
  ["abc\\", "trailing backslash at end of expression: ``"],
  ["a**", "invalid nested repetition operator: `**`"],
  ["a*+", "invalid nested repetition operator: `*+`"],
  ["\\x", "invalid escape sequence: `\\x`"],
];

const REFUSED = [
  ..."( ) (a a) (a)) (a|b| a|b|) (a|b|)) (a|b a|b) (a|b)) [a-z ([a-z) [a-z) ([a-z]))".split(" "),
  ..."x{1001} x{9876543210} x{2,1} x{1,9876543210} a{100000} a{100000,}".split(" "),
  ..."(?P<name>a (?P<name> (?P<name (?P<>a) [a-Z] (?i)[a-Z] \\Q\\E*".split(" "),
  "(?P<x y>a)",
  "((((((((((x{2}){2}){2}){2}){2}){2}){2}){2}){2}){2})",
  "(?:[a-z]{4}){0,251}",
  "(".repeat(1_000) + ")".repeat(1_000),
  "(?:".repeat(1_000) + ")*".repeat(1_000),
  ..."a++ a** a?* a+* a{1}* .{1}{2}.{3}".split(" "),
];

// From parse_test.go `parseTests` and `onlyPerl`, all_test.go `goodRe`.
const ACCEPTED = [
  ..."a. a.b ab a|^ (a)|b a* a+ a? a{2} a{2,3} a{2,} a*? a+? a?? a{2}? a{2,3}? a{2,}?".split(" "),
  ..."x{1001 x{9876543210 x{9876543210, x{2,1 x{1,9876543210 | |x| . ^ $ \\| \\( { } \\_".split(
    " ",
  ),
  ..."[[:lower:]] [^[:lower:]] [[:^lower:]] (?i)[^[:lower:]] \\d \\D \\s \\S \\w \\W".split(" "),
  ..."\\p{Braille} \\P{^Braille} \\pZ [\\p{Braille}] [\\pZ] \\p{Lu} [\\p{Lu}] \\p{Any}".split(" "),
  ..."[\\012-\\234]\\141 [\\x{41}-\\x7a]\\x61 a{,2} [a-zABC] [α-ε☺] a*{ (?:ab)* (ab)*".split(" "),
  ..."\\Q+|*?{[\\E \\Q+\\E+ \\Qab\\E+ \\Q\\\\E (?m)^ (?-m)$ (?m)\\A (?-m)\\z (?-s).".split(" "),
  ..."(?P<name>a) [\\x{100}\\x{101}] (?:(?:^).) [\\s\\S]a [a-b-c] \\Q*+?{[\\E".split(" "),
  ..."[a-abc-c\\-\\]\\[] [^\\n] \\!\\\\ (?i)(?s) (?P<x>hi)|(?P<x>bye) (a){0}".split(" "),
  "",
  "((((((((((x{2}){2}){2}){2}){2}){2}){2}){2}){2}))",
  "(?:[a-z]{4}){0,250}",
  "(".repeat(999) + ")".repeat(999),
  "(?:".repeat(999) + ")*".repeat(999),
  `(${"|".repeat(12_345)})`,
];

describe("regexpFault()", () => {
  test.each(MESSAGES)("says of %j what Go says", (pattern, message) => {
    expect(regexpFault(pattern)).toBe(message);
  });

  test("refuses what Go's own tests refuse", () => {
    expect(REFUSED.filter((pattern) => regexpFault(pattern) === null)).toEqual([]);
  });

  test("accepts what Go's own tests accept", () => {
    expect(ACCEPTED.filter((pattern) => regexpFault(pattern) !== null)).toEqual([]);
  });

  test.each([
    ["(?=a)", "(?="],
    ["(?!a)", "(?!"],
    ["(?<=a)b", "(?<"],
    ["(?<name>a)", "(?<"],
    ["(?>a)", "(?>"],
    ["(?P=name)", "(?P"],
    ["(?i-)a", "(?i-)"],
  ])("refuses %s, which other dialects have", (pattern, excerpt) => {
    const words = "invalid or unsupported Perl syntax";
    expect(regexpFault(pattern)).toBe(`${words}: \`${excerpt}\``);
  });

  test.each(["\\1", "(a)\\1", "\\8", "\\C", "\\Z", "\\G", "\\h", "\\u0041", "[\\b]"])(
    "refuses the escape in %s",
    (pattern) => {
      expect(regexpFault(pattern)).toStartWith("invalid escape sequence: `\\");
    },
  );

  test.each([
    ["\\x{", "\\x{"],
    ["\\x{1g}", "\\x{1g"],
    ["\\x1g2", "\\x1g"],
    ["\\xa", "\\xa"],
    ["\\é", "\\é"],
  ])("shows of %s what Go had read", (pattern, excerpt) => {
    expect(regexpFault(pattern)).toBe(`invalid escape sequence: \`${excerpt}\``);
  });

  test.each(["\\p{Foo}", "\\p{lu}", "\\pQ", "\\p{", "[[:foo:]]", "[\\p{}]", "\\p{L", "[b-a]"])(
    "refuses the class in %s",
    (pattern) => {
      expect(regexpFault(pattern)).toStartWith("invalid character class range: `");
    },
  );

  test("refuses half of a surrogate pair, which has no bytes", () => {
    expect(regexpFault("a\ud800")).toStartWith("invalid UTF-8");
  });

  test("reads a bracket first in its class as a character", () => {
    expect(regexpFault("[]a]")).toBeNull();
    expect(regexpFault("[^]a]")).toBeNull();
    expect(regexpFault("[]")).toBe("missing closing ]: `[]`");
  });
});

describe("parseRegexp()", () => {
  // From all_test.go `subexpCases`.
  test.each([
    ["", 0],
    ["ab(b)a", 1],
    ["(.*)((a)b)(.*)a", 4],
    ["(.*)(\\(a\\)b)(.*)a", 3],
    ["(?P<foo>.*)(?P<bar>(a)b)(?P<foo>.*)a", 4],
    ["(?:a)(?i:b)[(]\\Q(\\E", 0],
  ])("counts the groups of %j", (pattern, captures) => {
    expect(parseRegexp(pattern)).toEqual({ captures });
  });
});
