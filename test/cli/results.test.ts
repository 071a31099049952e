import { expect, test } from "bun:test";
import { renameSync, rmSync } from "node:fs";
import { resultsOf } from "../../src/cli/results.ts";
import type { StoreConfig } from "../../src/config/results.ts";
import { systemClock, systemRandom } from "../../src/edge/clock.ts";
import { openSpool } from "../../src/edge/spool.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { Scratch } from "../support/edge.ts";

function open(scratch: Scratch, store: StoreConfig | null) {
  scratch.folder("runners", "drift");
  return resultsOf({
    config: { directory: scratch.path, store, cluster: null },
    spool: openSpool({ directory: scratch.path }),
    clock: systemClock(),
    random: systemRandom(),
    environment: {},
  });
}

async function place(scratch: Scratch, store: StoreConfig | null): Promise<string> {
  const { results, close } = open(scratch, store);
  const writer = await results.create("drift", "20261130", 7);
  await writer.write(new TextEncoder().encode("abc"));
  const { place: written } = await writer.commit();
  expect((await results.find(written))?.size).toBe(3);
  await close();
  return written;
}

test("results are in the folder of the job, or in a folder that is named", async () => {
  using scratch = new Scratch();
  expect(await place(scratch, null)).toBe(scratch.in("runners/drift/results/20261130/7.json"));
  const folder = { kind: "folder", path: scratch.folder("shared"), place: { path: "" } } as const;
  expect(await place(scratch, folder)).toStartWith(scratch.in("shared/20261130/drift/7."));
});

test("a folder that was mounted once is missed in the journal's name, until it is again", async () => {
  using scratch = new Scratch();
  const path = scratch.folder("shared");
  const store = { kind: "folder", path, place: { path: "" } } as const;
  const journal = openJournal({ path: scratch.in("journal.db") });
  const before = open(scratch, store);
  await before.know(journal);
  expect(await before.problem()).toBeNull();
  // What is below the mount.
  renameSync(path, scratch.in("elsewhere"));
  scratch.folder("shared");
  const after = open(scratch, store);
  const lines: string[] = [];
  await after.know(journal, { emit: (level, line) => void lines.push(`${level} ${line}`) });
  expect(lines).toEqual([`err ${await after.problem()}; results wait until then`]);
  expect(await after.problem()).toMatch(
    /^Cannot use the folder of results .* is not in it .mount it/,
  );
  const missing = `${path}/20261130/drift/7.0123456789abcdef.json`;
  await expect(after.results.find(missing)).rejects.toThrow("is not in it");
  await expect(after.results.create("drift", "20261130", 7)).rejects.toThrow("is not in it");
  rmSync(path, { recursive: true });
  renameSync(scratch.in("elsewhere"), path);
  expect([await after.problem(), await after.results.find(missing)]).toEqual([null, null]);
  await journal.close();
});
