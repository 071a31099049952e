// Tidy: the style as a test. The rules are in test/support/, with examples of right and wrong.
import { describe, expect, test } from "bun:test";
import { globSync, readFileSync, statSync } from "node:fs";
import { posix, resolve } from "node:path";
import biome from "../biome.json" with { type: "json" };
import manifest from "../package.json" with { type: "json" };
import { loadSource, type Source } from "./support/source.ts";
import * as rules from "./support/tidy.ts";
import * as project from "./support/tidy-project.ts";

const root = resolve(import.meta.dirname, "..");

/** Folders that hold nothing of ours, or bytes recorded elsewhere. */
const NOT_OURS = /(^|\/)(node_modules|dist|\.git|\.cache)\/|^test\/fixtures\//;

function load(...patterns: readonly string[]): readonly Source[] {
  return globSync(patterns, { cwd: root })
    .filter((path) => !NOT_OURS.test(path))
    .sort()
    .map((path) => loadSource(root, path));
}

const src = load("src/**/*.ts");
const scripts = load("build.ts", "{scripts,bench}/**/*.ts");
const examples = load("{jobs,plugins}/**/*.ts");
const support = load("test/support/**/*.ts").filter(({ path }) => !path.endsWith(".test.ts"));
const tests = load("test/**/*.test.ts");
/** All but this file and the rules' own tests, which must show what is wrong. */
const suites = tests.filter(({ path }) => !/^test\/(tidy|support\/(tidy|source))/.test(path));

/** Where the program, its workers and the `mig-runner` module begin. */
const ENTRIES = ["src/main.ts", "src/worker.ts"].concat(
  Object.values(manifest.exports).map((path) => posix.normalize(path)),
);

/** Files that no test can import, each with the reason. */
const UNTESTED: Readonly<Record<string, string>> = {
  "src/main.ts": "begins the program when it is imported: the black-box suite tests it",
  "src/worker.ts": "begins a worker when it is imported: the black-box suite tests it",
};

const INVARIANTS = Array.from({ length: 12 }, (_, index) => `I${index + 1}`);

function expectNone(findings: readonly rules.Finding[]): void {
  expect(findings.map(rules.formatFinding)).toEqual([]);
}

function check(rule: rules.Rule, sources: readonly Source[]): void {
  expectNone(sources.flatMap((source) => rule(source)));
}

describe("src/", () => {
  test("points its imports down", () => check(rules.importDirection, src));
  test("lists no arrow that nobody uses", () => expect(rules.unusedArrows(src)).toEqual([]));
  test("has no import cycles", () => expectNone(project.cycles(src)));
  test("keeps effects in edge/ and at the top", () => check(rules.effects, src));
  test("keeps Bun and Deno in one file", () => check(rules.oneRuntime, src));
  test("keeps effectful modules of Node in edge/", () => check(rules.nodeModules, src));
  test("changes modes of what it has opened, not of names that others can exchange", () => {
    // To close a file lets go of the locks that SQLite has on it: this one is left to its name,
    // in a directory in which nobody else can write.
    const others = src.filter(({ path }) => path !== "src/journal/sqlite/journal.ts");
    check(rules.modesByName, others);
  });
  test("says one word for one thing", () => check(rules.words, src));
  test("documents what it exports", () => check(rules.documented, src));
  test("declares its functions", () => check(rules.declarations, src));
  test("has messages that name a verb and a thing", () => check(rules.errorMessages, src));
  test("has files that begin with their names", () => check(rules.title, src));

  test("names files that there are in its comments", () => {
    const files = globSync("{src,test,scripts,bench,jobs,plugins}/**/*.ts", { cwd: root });
    expectNone(project.lostFiles(src, [...files, "build.ts"].map(posix.normalize)));
  });

  test("begins its work without the modules that take milliseconds to load", () => {
    const slow = [
      "assert",
      "assert/strict",
      "crypto",
      "http",
      "https",
      "net",
      "tls",
      "util",
      "zlib",
    ];
    const entries = ["src/main.ts", "src/cli/serve.ts"];
    const names = [...slow.map((name) => `node:${name}`), "hono", "nodemailer", "openpgp", "pg"];
    expectNone(project.slowStart(src, { entries, slow: names }));
  });

  test("gives each of its rules a name of its own", () => {
    const named = src.flatMap(({ path, text }) =>
      [...text.matchAll(/^\/\/ +([A-HJ-Z]\d+)\. /gm)].map(([, rule = ""]) => ({ rule, path })),
    );
    expect(named.length).toBeGreaterThan(20);
    const twice = named.filter(({ rule }, at) => named.findIndex((one) => one.rule === rule) < at);
    expect(twice).toEqual([]);
  });

  test("has no dead files", () => expectNone(project.unused(src, ENTRIES)));

  test("has no untested files", () => {
    expectNone(project.untested(src, { tests: suites, exempt: Object.keys(UNTESTED) }));
  });

  test("uses every word of the terminology", () => {
    const ports = src.find(({ path }) => path === "src/ports.ts");
    expect(ports).toBeDefined();
    if (ports === undefined) return;
    expect(project.terminology(ports).length).toBeGreaterThan(10);
    expectNone(project.unsaid(ports, src));
  });
});

describe("every file", () => {
  const ours = [...src, ...scripts, ...support];

  test("says what it is", () => check(rules.header, [...ours, ...examples]));
  test("is short enough to be read at once", () => check(rules.fileLength, ours));
  test("has lines that fit", () => check(rules.lineLength, [...ours, ...examples, ...tests]));
  test("has no packed members", () => check(rules.packed, [...ours, ...examples, ...tests]));
  test("is finished", () => check(rules.leftovers, [...ours, ...examples, ...suites]));

  test("is free of this machine's paths and hosts", () => {
    const files = globSync(["**/*", ".*", ".ci/*"], { cwd: root })
      .filter((path) => !/(^|\/)(node_modules|dist|\.git|\.cache)(\/|$)/.test(path))
      .filter((path) => statSync(resolve(root, path)).isFile())
      .map((path) => ({ path, text: readFileSync(resolve(root, path), "latin1") }));
    expectNone(project.machineBound(files));
  });
});

describe("tests", () => {
  test("do not sleep", () => check(rules.sleeps, [...suites, ...support]));
  test("have names of their own", () => expectNone(project.twins(suites)));
  test("name every invariant", () => expectNone(project.uncited(suites, INVARIANTS)));
});

describe("the linter", () => {
  test("enforces the rules that it knows", () => {
    const { complexity, nursery, performance, style, suspicious } = biome.linter.rules;
    const { level, options } = complexity.noExcessiveLinesPerFunction;
    expect({ level, lines: options.maxLines }).toEqual({ level: "error", lines: 60 });
    const wanted = [
      nursery.noFloatingPromises,
      performance.noBarrelFile,
      performance.noReExportAll,
      style.noDefaultExport,
      suspicious.noExplicitAny,
    ];
    expect(wanted).toEqual(wanted.map(() => "error"));
  });

  test("makes no exception for src/", () => {
    const included = biome.overrides.flatMap(({ includes }) => includes);
    expect(included.filter((glob) => /^(\*|src)/.test(glob))).toEqual([]);
  });
});
