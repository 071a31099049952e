import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openShelf } from "../../../src/edge/spool/shelf.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mig-runner-shelf-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const at = (path: string) => join(directory, path);

function put(path: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), "{}");
}

const none = { limit: 100, isKept: () => false };

describe("removeBefore()", () => {
  test("removes the results of earlier days with their folders, of all jobs", async () => {
    put("runners/one/results/20260101/1.json");
    put("runners/one/results/20260102/2.json");
    put("runners/two/results/20251231/3.json");
    put("runners/two/results/20251231/3-5.json");
    expect(await openShelf({ directory }).removeBefore("20260102", none)).toBe(3);
    expect(existsSync(at("runners/one/results/20260101"))).toBe(false);
    expect(existsSync(at("runners/two/results/20251231"))).toBe(false);
    expect(existsSync(at("runners/one/results/20260102/2.json"))).toBe(true);
  });

  test("leaves what is needed and what is not ours, and goes on behind it", async () => {
    put("runners/one/results/20260101/1.json");
    put("runners/one/results/20260101/2.json");
    put("runners/one/results/20260101/1-4.json");
    put("runners/one/results/20260101/notes.txt");
    put("runners/one/results/20260101/2-9007199254740993-4.json");
    const isKept = (actionId: number) => actionId === 1;
    expect(await openShelf({ directory }).removeBefore("20260102", { limit: 9, isKept })).toBe(1);
    expect(existsSync(at("runners/one/results/20260101/1.json"))).toBe(true);
    expect(existsSync(at("runners/one/results/20260101/1-4.json"))).toBe(true);
    expect(existsSync(at("runners/one/results/20260101/notes.txt"))).toBe(true);
    expect(existsSync(at("runners/one/results/20260101/2-9007199254740993-4.json"))).toBe(true);
    expect(existsSync(at("runners/one/results/20260101/2.json"))).toBe(false);
  });

  test("removes no more than its limit", async () => {
    for (let id = 1; id <= 5; id++) put(`runners/one/results/2026010${id}/${id}.json`);
    const shelf = openShelf({ directory });
    expect(await shelf.removeBefore("20270101", { ...none, limit: 2 })).toBe(2);
    expect(await shelf.removeBefore("20270101", { ...none, limit: 9 })).toBe(3);
  });

  test("never follows a link out of results/", async () => {
    put("elsewhere/20260101/1.json");
    mkdirSync(at("runners/one/results"), { recursive: true });
    symlinkSync(at("elsewhere/20260101"), at("runners/one/results/20260101"));
    symlinkSync(at("runners/one"), at("runners/three"));
    expect(await openShelf({ directory }).removeBefore("20270101", none)).toBe(0);
    expect(existsSync(at("elsewhere/20260101/1.json"))).toBe(true);
  });

  test("clears results/ that its own user linked to a larger disk", async () => {
    put("large/20260101/1.json");
    mkdirSync(at("runners/one"), { recursive: true });
    symlinkSync(at("large"), at("runners/one/results"));
    expect(await openShelf({ directory }).removeBefore("20270101", none)).toBe(1);
    expect(existsSync(at("large/20260101"))).toBe(false);
  });
});
