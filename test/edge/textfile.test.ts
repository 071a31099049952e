import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processUsage, writeTextfile } from "../../src/edge/textfile.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mig-runner-textfile-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("writeTextfile()", () => {
  test("puts a whole file that everybody can read in place of the old, and leaves no other", () => {
    const path = join(folder, "x.prom");
    for (const text of ["a 1\n", "a 2\n"]) writeTextfile(path, text);
    expect(readFileSync(path, "utf8")).toBe("a 2\n");
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(readdirSync(folder)).toEqual(["x.prom"]);
  });

  test("puts it in place of a link, and writes nothing behind that", () => {
    const [path, other] = [join(folder, "x.prom"), join(folder, "other")];
    symlinkSync(other, path);
    writeTextfile(path, "a 1\n");
    expect(readdirSync(folder)).toEqual(["x.prom"]);
  });

  test("says what is wrong, and leaves nothing", () => {
    expect(() => writeTextfile(join(folder, "none/x.prom"), "a 1\n")).toThrow(
      `Cannot write the metrics to "${join(folder, "none/x.prom")}": no such file or directory`,
    );
    mkdirSync(join(folder, "x.prom/y"), { recursive: true });
    expect(() => writeTextfile(join(folder, "x.prom"), "a 1\n")).toThrow("Cannot write");
    expect(readdirSync(folder)).toEqual(["x.prom"]);
  });
});

describe("processUsage()", () => {
  test("tells what this process takes", () => {
    const { residentBytes, cpuSeconds, openFiles } = processUsage();
    expect(residentBytes).toBeGreaterThan(1_000_000);
    expect(cpuSeconds).toBeGreaterThan(0);
    expect(openFiles ?? 3).toBeGreaterThan(2);
  });
});
