// Report: a run of tests never counts as passed unless something ran and nothing failed.
import { describe, expect, test } from "bun:test";
import {
  addCounts,
  failedFilesOf,
  formatCounts,
  lineKind,
  parseJunit,
  runCounts,
  withoutEmptyFiles,
} from "../../scripts/report.ts";

const junit = (attributes: string) =>
  `<?xml version="1.0"?>\n<testsuites name="bun test" ${attributes} time="0.1">\n</testsuites>`;

describe("parseJunit()", () => {
  test("takes failures and skipped tests out of the passed ones", () => {
    const xml = junit('tests="7" assertions="2" failures="1" skipped="3"');
    expect(parseJunit(xml)).toEqual({ passed: 3, failed: 1, skipped: 3 });
  });

  test("answers null for a text that was cut short", () => {
    expect(parseJunit("")).toBeNull();
    expect(parseJunit('<?xml version="1.0"?>\n<testsui')).toBeNull();
  });
});

describe("runCounts()", () => {
  const green = junit('tests="2" failures="0" skipped="0"');

  test("counts what JUnit lists", () => {
    expect(runCounts({ xml: green, lines: [], exit: 0 })).toEqual({
      passed: 2,
      failed: 0,
      skipped: 0,
    });
  });

  test("counts each file that could not be run as a failure", () => {
    const lines = ["# Unhandled error between tests", "error: Cannot find module"];
    expect(runCounts({ xml: green, lines, exit: 1 }).failed).toBe(1);
  });

  test("fails a run that ended badly without naming a failure", () => {
    expect(runCounts({ xml: green, lines: [], exit: 1 }).failed).toBe(1);
    expect(runCounts({ xml: green, lines: [], exit: null }).failed).toBe(1);
  });

  test("fails a run without tests", () => {
    const xml = junit('tests="0" failures="0" skipped="0"');
    expect(runCounts({ xml, lines: [], exit: 0 })).toEqual({ passed: 0, failed: 1, skipped: 0 });
    expect(runCounts({ xml: "", lines: [], exit: 0 }).failed).toBe(1);
  });
});

describe("lineKind()", () => {
  test("tells the lines of a run apart", () => {
    expect(lineKind("(pass) advance() > settles [0.06ms]")).toBe("passed");
    expect(lineKind("(fail) advance() > settles [0.06ms]")).toBe("failed");
    expect(lineKind("(skip) sign() > needs gpg")).toBe("skipped");
    expect(lineKind("(todo) sign() > later")).toBe("skipped");
    expect(lineKind("golden cron: 300 of 300")).toBe("golden");
    expect(lineKind("# Unhandled error between tests")).toBe("broken");
    expect(lineKind("noise (pass) in the middle")).toBe("other");
  });
});

describe("formatCounts()", () => {
  test("says N passed, N failed, and names skipped tests only when there are some", () => {
    expect(formatCounts({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
    expect(formatCounts({ passed: 3, failed: 1, skipped: 2 })).toBe(
      "3 passed, 1 failed, 2 skipped",
    );
  });
});

describe("addCounts()", () => {
  test("adds member by member", () => {
    const sum = addCounts(
      { passed: 1, failed: 2, skipped: 3 },
      { passed: 10, failed: 20, skipped: 30 },
    );
    expect(sum).toEqual({ passed: 11, failed: 22, skipped: 33 });
  });
});

describe("failedFilesOf()", () => {
  test("names each file with a failure once", () => {
    const xml =
      '<testsuites tests="3" failures="2"><testsuite name="a" file="test/a.test.ts" failures="2">' +
      '<testsuite name="x" file="test/a.test.ts" failures="1"></testsuite></testsuite>' +
      '<testsuite name="b" file="test/b.test.ts" failures="0"></testsuite></testsuites>';
    expect(failedFilesOf(xml)).toEqual(["test/a.test.ts"]);
    expect(failedFilesOf("")).toEqual([]);
  });
});

describe("withoutEmptyFiles()", () => {
  test("leaves out files about which nothing is said", () => {
    const lines = ["", "a/x.test.ts:", "", "b/y.test.ts:", "(fail) one", "", "c/z.test.ts:", ""];
    expect(withoutEmptyFiles(lines)).toEqual(["b/y.test.ts:", "(fail) one"]);
    expect(withoutEmptyFiles([])).toEqual([]);
  });
});
