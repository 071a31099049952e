// Result: what is written comes out whole, in any pieces, or not at all (I5).

import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import {
  BEHIND_BYTES_MAX,
  BUFFER_BYTES,
  openResult,
} from "../../../src/edge/spool/result-writer.ts";
import { RunnerError } from "../../../src/errors.ts";
import { createTemporary } from "../../../src/lib/os/durable.ts";
import { Scratch } from "../../support/edge.ts";

async function open(scratch: Scratch, name = "7.json") {
  const path = scratch.in(name);
  return openResult(await createTemporary(path), { verb: "write", thing: "result", path });
}

describe("openResult()", () => {
  test("shows nothing under its name before the commit", async () => {
    using scratch = new Scratch();
    const writer = await open(scratch);
    await writer.write(Buffer.from("some"));
    expect(readdirSync(scratch.path)).not.toContain("7.json");
    await writer.write(Buffer.from("thing"));
    // As sha256sum prints it of these bytes.
    const sha256 = "3fc9b689459d738f8c88a3a48aa9e33542016b7a4052e001aaa536fca74813cb";
    const place = scratch.in("7.json");
    expect(await writer.commit()).toEqual({ place, bytes: 9, sha256 });
    expect(readdirSync(scratch.path)).toEqual(["7.json"]);
    expect(readFileSync(scratch.in("7.json"), "utf8")).toBe("something");
    expect(statSync(scratch.in("7.json")).mode & 0o777).toBe(0o600);
  });

  test.each([
    [1, 1_000],
    [BUFFER_BYTES - 1, 5],
    [BUFFER_BYTES, 3],
    [BUFFER_BYTES + 1, 3],
    [5 * BUFFER_BYTES + 7, 2],
    [0, 4],
  ])("joins pieces of %p bytes", async (size, count) => {
    using scratch = new Scratch();
    const writer = await open(scratch);
    const pieces = Array.from({ length: count }, (_, piece) =>
      Uint8Array.from({ length: size }, (_byte, index) => (index * 7 + piece) % 251),
    );
    for (const piece of pieces) await writer.write(piece);
    const { bytes, sha256 } = await writer.commit();
    expect(bytes).toBe(size * count);
    const file = readFileSync(scratch.in("7.json"));
    expect(file.equals(Buffer.concat(pieces))).toBe(true);
    expect(sha256).toBe(createHash("sha256").update(file).digest("hex"));
  });

  test("has taken the bytes when write() resolves: their memory can be used again", async () => {
    using scratch = new Scratch();
    const writer = await open(scratch);
    const piece = new Uint8Array(BUFFER_BYTES);
    for (const value of [1, 2, 3]) await writer.write(piece.fill(value));
    await writer.commit();
    const written = readFileSync(scratch.in("7.json"));
    expect([0, 1, 2].map((at) => written[at * BUFFER_BYTES])).toEqual([1, 2, 3]);
  });

  test("writes an empty result", async () => {
    using scratch = new Scratch();
    expect((await (await open(scratch)).commit()).bytes).toBe(0);
    expect(statSync(scratch.in("7.json")).size).toBe(0);
  });

  test("replaces the result of before only at the commit", async () => {
    using scratch = new Scratch();
    scratch.file("7.json", "old");
    const writer = await open(scratch);
    await writer.write(Buffer.from("new"));
    expect(readFileSync(scratch.in("7.json"), "utf8")).toBe("old");
    await writer.commit();
    expect(readFileSync(scratch.in("7.json"), "utf8")).toBe("new");
  });

  test("leaves nothing after an abort, which can be repeated", async () => {
    using scratch = new Scratch();
    const writer = await open(scratch);
    await writer.write(new Uint8Array(3 * BUFFER_BYTES));
    await writer.abort();
    await writer.abort();
    expect(readdirSync(scratch.path)).toEqual([]);
  });

  test("keeps apart what writers write, also of one that was given up in the middle", async () => {
    using scratch = new Scratch();
    const lost = await open(scratch, "1.json");
    // Longer than what the disk may be behind, and a rest that would only be gathered.
    const long = new Uint8Array(BEHIND_BYTES_MAX + 9).fill(1);
    const writing = lost.write(long);
    await lost.abort();
    const [one, two] = [await open(scratch, "2.json"), await open(scratch, "3.json")];
    await one.write(Buffer.from("one"));
    await two.write(Buffer.from("two"));
    await writing;
    await one.commit();
    await two.commit();
    expect(readFileSync(scratch.in("2.json"), "utf8")).toBe("one");
    expect(readFileSync(scratch.in("3.json"), "utf8")).toBe("two");
    expect(readdirSync(scratch.path).sort()).toEqual(["2.json", "3.json"]);
  });

  test("fails at the commit when the name cannot be taken, and cleans up", async () => {
    using scratch = new Scratch();
    scratch.file("7.json/in-the-way");
    const writer = await open(scratch);
    await writer.write(Buffer.from("x"));
    const error = await writer.commit().catch((thrown: unknown) => thrown);
    if (!(error instanceof RunnerError)) throw error;
    expect(error.code).toBe("SPOOL");
    expect(error.message).toStartWith(`Cannot write result "${scratch.in("7.json")}": `);
    expect((error.cause as { code?: string }).code).toMatch(/EISDIR|EEXIST|ENOTEMPTY/);
    expect(readdirSync(scratch.path)).toEqual(["7.json"]);
  });

  test("asserts that it is used in order", async () => {
    using scratch = new Scratch();
    const writer = await open(scratch);
    // So much that the disk is waited for.
    const large = new Uint8Array(BEHIND_BYTES_MAX);
    const first = writer.write(large);
    expect(() => writer.write(large)).toThrow("before the one before");
    await first;
    await writer.commit();
    expect(() => writer.write(large)).toThrow("after commit()");
    await expect(writer.commit()).rejects.toThrow("twice");
  });
});
