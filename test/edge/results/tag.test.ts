import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { FolderTag, type Tag, type TagMemory } from "../../../src/edge/results/tag.ts";
import { Scratch } from "../../support/edge.ts";

const AT = Date.UTC(2026, 10, 30);

/** What a journal knows, which all hosts have. */
function memory(): TagMemory & { tag: Tag | null } {
  return {
    tag: null,
    known() {
      return this.tag;
    },
    keep(file) {
      this.tag ??= { file, host: "alpha", at: AT };
      return Promise.resolve(this.tag);
    },
  };
}

function tags(scratch: Scratch, folder: string): readonly string[] {
  return readdirSync(scratch.in(folder));
}

describe("FolderTag", () => {
  test("tags a folder once, and knows it again", async () => {
    using scratch = new Scratch();
    const [journal, folder] = [memory(), scratch.folder("shared")];
    const tag = new FolderTag(folder, journal);
    await tag.assertHere();
    expect(tags(scratch, "shared")).toEqual([]);
    await tag.claim();
    await tag.claim();
    await new FolderTag(folder, journal).assertHere();
    expect(tags(scratch, "shared")).toEqual([journal.tag?.file ?? ""]);
  });

  test("a folder without it is not taken for the one that is meant, until it has it", async () => {
    using scratch = new Scratch();
    const journal = memory();
    await new FolderTag(scratch.folder("shared"), journal).claim();
    const unmounted = scratch.folder("unmounted");
    const tag = new FolderTag(unmounted, journal);
    const file = journal.tag?.file;
    for (const look of [() => tag.claim(), () => tag.assertHere()]) {
      await expect(look()).rejects.toMatchObject({
        message:
          `Cannot use the folder of results "${unmounted}": ` +
          `${file}, which host alpha noted on 2026-11-30, is not in it`,
        detail: {
          hint: `mount it; if another folder takes its place for good: touch ${unmounted}/${file}`,
          passing: true,
        },
      });
    }
    expect(tags(scratch, "unmounted")).toEqual([]);
    scratch.file(`unmounted/${file}`);
    await tag.claim();
  });

  test("of two hosts that begin at once both have the same tag, in one folder", async () => {
    using scratch = new Scratch();
    const [journal, folder] = [memory(), scratch.folder("shared")];
    const hosts = [new FolderTag(folder, journal), new FolderTag(folder, journal)];
    await Promise.all(hosts.map((host) => host.claim()));
    for (const host of hosts) await host.claim();
    expect(tags(scratch, "shared")).toEqual([journal.tag?.file ?? ""]);
  });

  test("of two hosts that begin at once in two folders one is refused", async () => {
    using scratch = new Scratch();
    const journal = memory();
    const hosts = ["one", "two"].map((name) => new FolderTag(scratch.folder(name), journal));
    const ended = await Promise.allSettled(hosts.map((host) => host.claim()));
    expect(ended.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });

  test("takes the tag that a folder has, where the journal is new", async () => {
    using scratch = new Scratch();
    const folder = scratch.folder("shared");
    await new FolderTag(folder, memory()).claim();
    const before = tags(scratch, "shared");
    const journal = memory();
    await new FolderTag(folder, journal).claim();
    expect([journal.tag?.file, ...tags(scratch, "shared")]).toEqual([...before, ...before]);
  });

  test("says of a folder that is not there that it is not", async () => {
    using scratch = new Scratch();
    const tag = new FolderTag(scratch.in("missing"), memory());
    await expect(tag.claim()).rejects.toThrow(/Cannot use the folder of results .*no such file/);
  });
});
