// Read: whatever stands under a name, reading it ends.
import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { chmodSync, closeSync, readdirSync, symlinkSync, truncateSync } from "node:fs";
import {
  assertRegular,
  openRegular,
  readRegular,
  readText,
  streamRegular,
  UnfitFile,
} from "../../../src/lib/os/read.ts";
import { Scratch } from "../../support/edge.ts";

function refusal(path: string, options: Partial<Parameters<typeof readRegular>[1]> = {}): unknown {
  try {
    return readRegular(path, { sizeMax: 100, ...options });
  } catch (error) {
    return error;
  }
}

describe("readRegular()", () => {
  test("gives the bytes of a file, also behind a link, up to its limit", () => {
    using scratch = new Scratch();
    const path = scratch.file("full", "x".repeat(100));
    symlinkSync(path, scratch.in("link"));
    for (const name of ["full", "link"]) {
      expect(readText(scratch.in(name), { sizeMax: 100 })).toBe("x".repeat(100));
    }
    expect(readRegular(scratch.file("empty"), { sizeMax: 0 }).length).toBe(0);
    expect(String(refusal(path, { sizeMax: 99 }))).toContain(
      "it has 100 bytes, at most 99 are allowed",
    );
  });

  test("does not begin to read a file with a hole of a terabyte", () => {
    using scratch = new Scratch();
    const path = scratch.file("entity.cfg", "[configuration]\n");
    truncateSync(path, 2 ** 40);
    expect(String(refusal(path))).toContain("it has 1099511627776 bytes, at most 100 are allowed");
  });

  test("reads what says that it is empty to its end, and no further than the limit", () => {
    expect(readText("/proc/self/status", { sizeMax: 1_000_000 })).toContain("Name:");
    expect(String(refusal("/proc/self/status"))).toContain("at most 100 are allowed");
  });

  test("waits for nobody at a FIFO, and reads no device and no folder", () => {
    using scratch = new Scratch();
    execFileSync("mkfifo", [scratch.in("fifo")]);
    symlinkSync("/dev/zero", scratch.in("zero"));
    for (const path of [scratch.in("fifo"), scratch.in("zero"), "/dev/null", "/dev/zero"]) {
      expect(refusal(path)).toEqual(new UnfitFile("it is not a regular file"));
    }
    expect(refusal(scratch.path)).toMatchObject({
      message: "it is a directory",
      code: "EISDIR",
    });
  });

  test("follows no link that it is not to follow, and tells what the system says", () => {
    using scratch = new Scratch();
    symlinkSync(scratch.file("file"), scratch.in("link"));
    expect(refusal(scratch.in("link"), { follow: false })).toMatchObject({ code: "ELOOP" });
    expect(refusal(scratch.in("none"))).toMatchObject({ code: "ENOENT" });
    expect(refusal(scratch.in("none"), { owned: {} })).toMatchObject({ code: "ENOENT" });
  });

  test("refuses what others can have written, when it is asked to look", () => {
    using scratch = new Scratch();
    const path = scratch.file("a/file", "text");
    expect(readText(path, { sizeMax: 100, owned: {} })).toBe("text");
    chmodSync(path, 0o666);
    expect(readText(path, { sizeMax: 100 })).toBe("text");
    expect(refusal(path, { owned: {} })).toMatchObject({
      message: "every user can write to it (mode 0666)",
      hint: `chmod o-w ${path}`,
    });
  });
});

describe("openRegular()", () => {
  test("gives a descriptor, and leaves none open when it refuses", () => {
    using scratch = new Scratch();
    const before = readdirSync("/proc/self/fd").length;
    closeSync(openRegular(scratch.file("file")));
    for (let turn = 0; turn < 20; turn++) expect(() => openRegular("/dev/null")).toThrow();
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before + 1);
  });
});

describe("streamRegular()", () => {
  test("gives all bytes in chunks, and refuses what is no file", async () => {
    using scratch = new Scratch();
    const path = scratch.file("large", "abc".repeat(100_000));
    const chunks: Uint8Array[] = [];
    for await (const chunk of streamRegular(path, { chunkBytes: 65_536 })) chunks.push(chunk);
    expect(chunks.length).toBeGreaterThan(1);
    expect(Buffer.concat(chunks).toString()).toBe("abc".repeat(100_000));
    execFileSync("mkfifo", [scratch.in("fifo")]);
    const stream = streamRegular(scratch.in("fifo"));
    expect(await stream.next().catch((error: unknown) => error)).toEqual(
      new UnfitFile("it is not a regular file"),
    );
  });
});

describe("assertRegular()", () => {
  test("takes a file and nothing else", () => {
    const kind = (isFile: boolean, isDirectory: boolean) => ({
      isFile: () => isFile,
      isDirectory: () => isDirectory,
    });
    expect(() => assertRegular(kind(true, false))).not.toThrow();
    expect(() => assertRegular(kind(false, true))).toThrow("it is a directory");
    expect(() => assertRegular(kind(false, false))).toThrow("it is not a regular file");
  });
});
