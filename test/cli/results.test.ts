import { expect, test } from "bun:test";
import { resultsOf } from "../../src/cli/results.ts";
import type { StoreConfig } from "../../src/config/results.ts";
import { systemClock, systemRandom } from "../../src/edge/clock.ts";
import { openSpool } from "../../src/edge/spool.ts";
import { Scratch } from "../support/edge.ts";

async function place(scratch: Scratch, store: StoreConfig | null): Promise<string> {
  scratch.folder("runners", "drift");
  const { results, close } = resultsOf({
    config: { directory: scratch.path, store },
    spool: openSpool({ directory: scratch.path }),
    clock: systemClock(),
    random: systemRandom(),
    environment: {},
  });
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
