import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { openFolder } from "../../../src/edge/results/folder.ts";
import type { Results } from "../../../src/ports.ts";
import { Scratch } from "../../support/edge.ts";

async function write(results: Results, text: string): Promise<string> {
  const writer = await results.create("drift", "20261130", 7);
  await writer.write(new TextEncoder().encode(text));
  return (await writer.commit()).place;
}

test("two hosts that write one result have a file each, for their user alone", async () => {
  using scratch = new Scratch();
  const places = [
    await write(openFolder(scratch.path), "of one"),
    await write(openFolder(scratch.path), "of another"),
  ];
  expect(places.map((place) => readFileSync(place, "utf8"))).toEqual(["of one", "of another"]);
  const [place = ""] = places;
  expect(place.startsWith(scratch.in("20261130/drift/7."))).toBe(true);
  expect(statSync(place).mode & 0o777).toBe(0o600);
  expect(statSync(scratch.in("20261130")).mode & 0o777).toBe(0o700);
});

test("a folder that is not there is not made: it may be one that is not mounted", async () => {
  using scratch = new Scratch();
  const results = openFolder(scratch.in("missing"));
  await expect(write(results, "x")).rejects.toThrow(/Cannot write result .*no such file/);
});
