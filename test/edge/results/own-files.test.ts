import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { OwnFiles } from "../../../src/edge/results/own-files.ts";
import { openSpool } from "../../../src/edge/spool.ts";
import { Scratch } from "../../support/edge.ts";

function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Collects a result again, as any host does. */
async function write(files: OwnFiles, scratch: Scratch, text: string): Promise<string> {
  scratch.folder("runners", "drift");
  const spool = openSpool({ directory: scratch.path });
  const writer = files.known(await spool.createResult("drift", "20261130", 7));
  await writer.write(new TextEncoder().encode(text));
  return (await writer.commit()).place;
}

describe("OwnFiles", () => {
  test("has what it wrote, and not what another host wrote of the same action", async () => {
    using scratch = new Scratch();
    const files = new OwnFiles();
    const place = await write(files, scratch, "mine");
    expect(place).toBe(scratch.in("runners/drift/results/20261130/7.json"));
    const asked = [sha256Of("mine"), sha256Of("another's"), null];
    expect(await Promise.all(asked.map((sha256) => files.reads.has(place, sha256)))).toEqual([
      true,
      false,
      true,
    ]);
    expect(files.hashed).toBe(0);
  });

  test("reads what was there before it once", async () => {
    using scratch = new Scratch();
    const place = scratch.file("7.json", "of before");
    const files = new OwnFiles();
    for (const [text, there] of [
      ["of before", true],
      ["another", false],
    ] as const) {
      expect(await files.reads.has(place, sha256Of(text))).toBe(there);
    }
    expect(files.hashed).toBe(1);
    expect(await files.reads.has(scratch.in("8.json"), null)).toBe(false);
  });

  test("reads a file again that was written since", async () => {
    using scratch = new Scratch();
    const files = new OwnFiles();
    const place = await write(files, scratch, "first");
    writeFileSync(place, "another one");
    expect(await files.reads.has(place, sha256Of("first"))).toBe(false);
    expect(await files.reads.has(place, sha256Of("another one"))).toBe(true);
    await write(files, scratch, "first");
    expect(await files.reads.has(place, sha256Of("first"))).toBe(true);
    expect(files.hashed).toBe(1);
  });
});
