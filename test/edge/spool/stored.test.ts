import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  actionOf,
  findResult,
  isFile,
  latestResult,
  ownerOf,
  readResult,
} from "../../../src/edge/spool/stored.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mig-runner-stored-"));
  mkdirSync(join(directory, "runners"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function put(name: string): string {
  const path = join(directory, "runners", name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, name);
  return path;
}

describe("findResult()", () => {
  test("finds the file of an action in any job, the newest of several", async () => {
    put("a/results/20260101/8.json");
    put("b/results/20260101/7.json");
    const path = put("b/results/20260102/7.json");
    expect(await findResult(directory, 7)).toEqual({ job: "b", actionId: 7, path });
    expect(await findResult(directory, 9)).toBeNull();
  });

  test("looks only into days, and follows no link of a job, a day or a file", async () => {
    put("a/results/old/7.json");
    put("a/other/20260102/7.json");
    symlinkSync(join(directory, "runners/a/other"), join(directory, "runners/linked"));
    mkdirSync(join(directory, "runners/c/results"), { recursive: true });
    symlinkSync(
      join(directory, "runners/a/other/20260102"),
      join(directory, "runners/c/results/20260102"),
    );
    mkdirSync(join(directory, "runners/d/results/20260102"), { recursive: true });
    symlinkSync(
      join(directory, "runners/a/other/20260102/7.json"),
      join(directory, "runners/d/results/20260102/7.json"),
    );
    expect(await findResult(directory, 7)).toBeNull();
    for (const job of ["a", "c", "d"]) expect(await latestResult(directory, job)).toBeNull();
  });

  test("follows a link of its own user to a larger disk", async () => {
    put("a/entity.cfg");
    mkdirSync(join(directory, "large/20260102"), { recursive: true });
    writeFileSync(join(directory, "large/20260102/7.json"), "{}");
    symlinkSync(join(directory, "large"), join(directory, "runners/a/results"));
    const path = join(directory, "runners/a/results/20260102/7.json");
    expect(await findResult(directory, 7)).toEqual({ job: "a", actionId: 7, path });
  });
});

describe("latestResult()", () => {
  test("takes the highest id of the newest day", async () => {
    put("a/results/20260101/99.json");
    put("a/results/20260102/9.json");
    const path = put("a/results/20260102/10.json");
    put("a/results/20260102/.11.json.0123456789abcdef.tmp");
    put("a/results/20260102/10-12.json");
    put("a/results/20260102/9007199254740993.json");
    put("a/results/20260102/notes.txt");
    mkdirSync(join(directory, "runners/a/results/20260103"));
    expect(await latestResult(directory, "a")).toEqual({ job: "a", actionId: 10, path });
  });

  test("knows only jobs of the spool", async () => {
    put("a/results/20260101/7.json");
    for (const job of ["../runners/a", "a/../a", ".", "", "b"]) {
      expect(await latestResult(directory, job)).toBeNull();
    }
  });
});

describe("actionOf() and ownerOf()", () => {
  test("know the names of results, of one action and of several", () => {
    const names = ["7.json", "7-9.json", "7-.json", "-9.json", "07.json", "7.json.bad", "7"];
    expect(names.map(actionOf)).toEqual([7, null, null, null, null, null, null]);
    expect(names.map(ownerOf)).toEqual([7, 7, null, null, null, null, null]);
  });
});

describe("isFile()", () => {
  test("is true for a regular file alone", async () => {
    const path = put("a/results/20260101/7.json");
    expect(await isFile(path)).toBe(true);
    expect(await isFile(dirname(path))).toBe(false);
    expect(await isFile(join(path, "below"))).toBe(false);
    expect(await isFile(`${path}.gone`)).toBe(false);
  });
});

describe("readResult()", () => {
  test("gives the bytes, or says why it cannot", async () => {
    const path = put("a/results/20260101/7.json");
    const parts: Uint8Array[] = [];
    for await (const part of readResult(path)) parts.push(part);
    expect(Buffer.concat(parts).toString()).toBe("a/results/20260101/7.json");
    const missing = readResult(`${path}.gone`);
    expect(missing.next()).rejects.toThrow(`Cannot read result "${path}.gone": no such file`);
  });
});
