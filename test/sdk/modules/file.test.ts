import { describe, expect, test } from "bun:test";
import { type FileSearch, file } from "../../../src/sdk/modules/file.ts";
import { memory } from "../../../src/sdk/modules/memory.ts";
import { mistakesOf } from "../../support/thrown.ts";

const hex = (digits: number): string => "aB3".repeat(digits).slice(0, digits);

/** A search in /etc with some more members, under the label s1. */
function operation(search: Partial<FileSearch>) {
  return file({ searches: { s1: { paths: ["/etc"], ...search } } });
}

describe("file()", () => {
  test("makes the operation that MODULES of MIG's documentation shows", () => {
    const search = {
      paths: ["/etc/ssh"],
      names: ["^sshd_config$"],
      contents: ["^PermitRootLogin no"],
      options: { matchall: true, maxdepth: 1 },
    };
    expect(file({ searches: { s1: search } })).toEqual({
      module: "file",
      parameters: { searches: { s1: search } },
    });
  });

  test.each([
    { names: ["!^core$", "!", "(?i)readme", "\\.sql\\z", "[[:alpha:]]\\pN(?P<n>x)"] },
    { sizes: ["1024", "<10m", ">2k", ">1g", "1t", "<18446744073709551615"] },
    { modes: ["^-rwsr", "-r(w|-)xr-x---"] },
    { mtimes: ["<90d", ">12h", "<5m", "<106751d"] },
    { md5: [hex(32)], sha1: [hex(40)], sha2: [hex(64), hex(96), hex(128)] },
    { sha3: [hex(56), hex(64), hex(96), hex(128)] },
    { paths: ["", "c:\\Users"] },
    { description: "", options: {} },
    {
      options: {
        maxdepth: 0,
        maxerrors: 30,
        matchlimit: 1_000,
        macroal: true,
        mismatch: ["name", "sha3"],
        returnsha256: true,
        decompress: true,
        debug: "print",
        remotefs: false,
      },
    },
  ] as const)("accepts what agents accept: %j", (search) => {
    expect(() => operation(search)).not.toThrow();
  });

  test.each<[string, Partial<FileSearch>, string]>([
    ["names[0]", { names: [""] }, 'names[0] "": it is empty'],
    ["names[1]", { names: ["a", "(b"] }, 'names[1] "(b": missing closing ): `(b`'],
    ["contents[0]", { contents: ["!(?=a)"] }, "invalid or unsupported Perl syntax: `(?=`"],
    ["a back-reference", { contents: ["(a)\\1"] }, "invalid escape sequence: `\\1`"],
    ["(?<name>..)", { contents: ["(?<n>a)"] }, "invalid or unsupported Perl syntax: `(?<`"],
    ["a size without digits", { sizes: ["<"] }, 'sizes[0] "<": a size such as'],
    ["a size of a unit only", { sizes: ["k"] }, "a size such as"],
    ["a size with a fraction", { sizes: ["1.5m"] }, "a size such as"],
    ["a size in capitals", { sizes: ["<10M"] }, "a size such as"],
    ["a size of 2^64", { sizes: ["18446744073709551616"] }, "more digits"],
    ["an inverted mode", { modes: ["!^-rw"] }, "cannot be inverted"],
    ["a time without digits", { mtimes: ["<d"] }, "a time such as"],
    ["a time without a sign", { mtimes: ["90d"] }, "a time such as"],
    ["a time in seconds", { mtimes: ["<90s"] }, "a time such as"],
    ["a time of 300 years", { mtimes: ["<109575d"] }, "292 years"],
    ["a short MD5", { md5: [hex(31)] }, "32 hexadecimal digits are wanted"],
    ["an MD5 with a G", { md5: [`G${hex(31)}`] }, "32 hexadecimal digits are wanted"],
    ["a SHA-2 of a SHA-1's length", { sha2: [hex(40)] }, "64, 96 or 128 hexadecimal digits"],
    ["an empty SHA-2", { sha2: [""] }, "64, 96 or 128 hexadecimal digits"],
    ["a SHA-3 of another length", { sha3: [hex(40)] }, "56, 64, 96 or 128 hexadecimal digits"],
    ["no paths", { paths: [] }, "paths: at least one path is wanted"],
    ["a negative depth", { options: { maxdepth: -1 } }, "maxdepth -1: a whole number from 0 on"],
    ["half a depth", { options: { maxdepth: 1.5 } }, "a whole number from 0 on is wanted"],
    ["no end of errors", { options: { maxerrors: Number.POSITIVE_INFINITY } }, "a whole number"],
  ])("refuses %s", (_, search, message) => {
    const [mistake, ...others] = mistakesOf(() => operation(search));
    expect(others).toEqual([]);
    expect(mistake).toStartWith("Cannot use modules.file searches.s1.");
    expect(mistake).toContain(message);
  });

  test.each<[string, unknown, string]>([
    ["nothing", undefined, "Cannot use modules.file: an object is wanted"],
    ["no searches", {}, "Cannot use modules.file searches: it is missing"],
    ["an empty object", { searches: {} }, "searches: at least one search is wanted"],
    ["a search that is null", { searches: { s1: null } }, "searches.s1 null: an object is wanted"],
    [
      "a path that is no list",
      { searches: { s1: { paths: "/etc" } } },
      "a list of texts is wanted",
    ],
    [
      "a name that is no text",
      { searches: { s1: { paths: [1] } } },
      "paths[0] 1: a text is wanted",
    ],
    [
      "an unknown check",
      { searches: { s: { paths: [""], options: { mismatch: ["x"] } } } },
      "one of",
    ],
  ])("refuses %s, which types cannot stop in plain JavaScript", (_, parameters, message) => {
    const [mistake] = mistakesOf(() => file(parameters as Parameters<typeof file>[0]));
    expect(mistake).toContain(message);
  });

  test("names the parameter that a misspelt one was meant to be", () => {
    const search = { paths: ["/etc"], name: ["^passwd$"] };
    const wrong = { searches: { s1: search } } as Parameters<typeof file>[0];
    expect(mistakesOf(() => file(wrong))).toEqual([
      "Cannot use modules.file searches.s1.name: there is no such parameter, did you mean names?",
    ]);
  });

  test.each(["", "a\nb", "x".repeat(65)])("refuses the label %j", (label) => {
    const [mistake] = mistakesOf(() => file({ searches: { [label]: { paths: ["/"] } } }));
    expect(mistake).toContain("a label has 1 to 64 characters and no newline");
  });

  test.each(["my label", "ü", "x".repeat(64), "a.b"])("accepts the label %j", (label) => {
    expect(() => file({ searches: { [label]: { paths: ["/"] } } })).not.toThrow();
  });

  test.each(["constructor", "prototype", "__proto__"])("refuses the label %j", (label) => {
    const searches = Object.fromEntries([[label, { paths: ["/"] }]]);
    expect(mistakesOf(() => file({ searches }))[0]).toContain(
      `the label "${label}" cannot be used`,
    );
  });

  test("tells all mistakes at once, each with its place", () => {
    const call = () => operation({ names: ["("], sizes: ["x"], options: { maxdepth: -1 } });
    expect(mistakesOf(call).map((message) => message.split(" ")[3])).toEqual([
      "searches.s1.names[0]",
      "searches.s1.sizes[0]",
      "searches.s1.options.maxdepth",
    ]);
  });

  test("quotes a label that is no identifier", () => {
    const call = () => file({ searches: { "my label": { paths: [] } } });
    expect(mistakesOf(call)[0]).toContain('searches["my label"].paths');
  });
});

describe("file.read()", () => {
  const hit = {
    file: "/etc/ssh/sshd_config",
    search: { paths: ["/etc/ssh"], options: { matchall: true, mismatch: null } },
    fileinfo: {
      size: 2_541,
      mode: "-rw-r--r--",
      lastmodified: "2026-10-01 12:00:00 +0000 UTC",
    },
  };
  const result = {
    foundanything: true,
    success: true,
    elements: { s1: [hit], s2: null },
    statistics: { filescount: 12, openfailed: 0, totalhits: 1, exectime: "1.5ms" },
    errors: null,
  };

  test("gives a result of the module as it is", () => {
    const read = file.read(result);
    expect(read).toEqual(result);
    expect(read.elements?.s1?.[0]?.fileinfo.size).toBe(2_541);
  });

  test("keeps members that it does not know", () => {
    const newer = { ...result, statistics: { ...result.statistics, skipped: 3 } };
    expect(file.read(newer)).toEqual(newer);
  });

  test("gives an early failure as it is", () => {
    const failed = { ...result, success: false, elements: {}, statistics: null, errors: ["no"] };
    expect(file.read(failed)).toEqual(failed);
  });

  test.each([null, undefined])("takes %p for a result that has not come", (missing) => {
    expect(file.read(missing)).toEqual({
      foundanything: false,
      success: false,
      elements: null,
      statistics: null,
      errors: null,
    });
  });

  test("makes a failure of what is no result of the module", () => {
    const elements = { s1: [{ ...hit, fileinfo: { ...hit.fileinfo, size: "big" } }] };
    const read = file.read({ ...result, elements, errors: ["soft"] });
    expect(read).toEqual({
      foundanything: true,
      success: false,
      elements: null,
      statistics: null,
      errors: [
        "soft",
        "Cannot read the result: elements.s1[0].fileinfo.size: " +
          'Invalid type: Expected number but received "big"',
      ],
    });
  });
});

describe("file.hits()", () => {
  const fileinfo = { size: 1, mode: "-rw-r--r--", lastmodified: "" };
  const hit = { file: "/etc/a", search: {}, fileinfo };
  const result = {
    foundanything: true,
    success: true,
    elements: { s1: [hit, { ...hit, file: "" }], s2: null, s3: [{ ...hit, file: "/b" }] },
    statistics: { filescount: 12, openfailed: 0, totalhits: 2, exectime: "1.5ms" },
    errors: null,
  };

  test("gives the matches of all searches, and no entry of a search that found nothing", () => {
    expect(file.hits(result).map((match) => match.file)).toEqual(["/etc/a", "/b"]);
  });

  test("gives none of a result that failed, has another form or has not come", () => {
    expect(file.hits({ ...result, success: false })).toEqual([]);
    expect(file.hits({ ...result, elements: { s1: [{ file: 5 }] } })).toEqual([]);
    expect(file.hits(null)).toEqual([]);
  });

  test("has its like for processes", () => {
    const search = {};
    const elements = {
      a: [{ process: { name: "", pid: 0 }, search }],
      b: [{ process: { name: "/bin/x", pid: 7 }, search }],
    };
    const statistics = { processcount: 3, memoryread: 1, totalhits: 1, exectime: "1ms" };
    const read = memory.hits({ ...result, elements, statistics });
    expect(read.map(({ process }) => process.pid)).toEqual([7]);
  });
});
