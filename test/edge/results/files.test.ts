import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { FILES } from "../../../src/edge/results/files.ts";
import { Scratch } from "../../support/edge.ts";

const text = async (path: string): Promise<string> =>
  new TextDecoder().decode(Buffer.concat(await Array.fromAsync(FILES.stream(path))));

describe("FILES", () => {
  test("finds, streams and lends a file where it is", async () => {
    using scratch = new Scratch();
    const path = scratch.file("7.json", "0123456789");
    const before = await FILES.find(path);
    expect(before?.size).toBe(10);
    expect(await text(path)).toBe("0123456789");
    expect((await FILES.lend(path)).path).toBe(path);
    writeFileSync(path, "other text");
    expect((await FILES.find(path))?.mark).not.toBe(before?.mark ?? "");
  });

  test("reads parts wherever they stand, and what there is of those behind the end", async () => {
    using scratch = new Scratch();
    const path = scratch.file("7.json", "0123456789".repeat(2_000));
    const asked = [
      { offset: 12_340, size: 3 },
      { offset: 0, size: 2 },
      { offset: 4, size: 2 },
      { offset: 19_999, size: 9 },
    ];
    const parts = await FILES.parts(path, asked);
    expect(parts.map((part) => new TextDecoder().decode(part))).toEqual(["012", "01", "45", "9"]);
  });

  test("there is nothing where there is no file, and an error where it cannot be said", async () => {
    using scratch = new Scratch();
    const file = scratch.file("7.json");
    const places = [scratch.in("8.json"), `${file}/8.json`, scratch.path];
    expect(await Promise.all(places.map((place) => FILES.find(place)))).toEqual([null, null, null]);
    const long = scratch.in("x".repeat(300));
    await expect(FILES.find(long)).rejects.toThrow(`Cannot read result "${long}"`);
    await expect(text(scratch.in("8.json"))).rejects.toThrow("Cannot read result");
  });
});
