import { expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, utimesSync } from "node:fs";
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
    await write(openFolder(scratch.path, null), "of one"),
    await write(openFolder(scratch.path, null), "of another"),
  ];
  expect(places.map((place) => readFileSync(place, "utf8"))).toEqual(["of one", "of another"]);
  const [place = ""] = places;
  expect(place.startsWith(scratch.in("20261130/drift/7."))).toBe(true);
  expect(statSync(place).mode & 0o777).toBe(0o600);
  expect(statSync(scratch.in("20261130")).mode & 0o777).toBe(0o700);
});

test("a folder that is not there is not made: it may be one that is not mounted", async () => {
  using scratch = new Scratch();
  const results = openFolder(scratch.in("missing"), null);
  await expect(write(results, "x")).rejects.toThrow(/Cannot write result .*no such file/);
});

test("writes nothing into another folder, and finds nothing missing in it", async () => {
  using scratch = new Scratch();
  const tagged = openFolder(scratch.path, null);
  const place = await write(tagged, "x");
  const unmounted = new Error("it is not mounted");
  const refuse = () => Promise.reject(unmounted);
  const folder = openFolder(scratch.path, { claim: refuse, assertHere: refuse });
  await expect(write(folder, "y")).rejects.toThrow("not mounted");
  // What can be read is what the row names, wherever it lies.
  expect((await folder.find(place))?.size).toBe(1);
  const missing = scratch.in("20261130/drift/8.0123456789abcdef.json");
  for (const read of [
    () => folder.find(missing),
    () => folder.lend(missing),
    () => folder.parts(missing, []),
    () => Array.fromAsync(folder.stream(missing)),
  ]) {
    await expect(read()).rejects.toThrow("not mounted");
  }
  expect((await Array.fromAsync(folder.list(null))).length).toBe(1);
});

test("what was begun in a folder that is unmounted before it has a name is not kept", async () => {
  using scratch = new Scratch();
  let asked = 0;
  const claim = async (): Promise<void> => {
    if (++asked > 1) throw new Error("it is not mounted");
  };
  const folder = openFolder(scratch.path, { claim, assertHere: claim });
  await expect(folder.create("drift", "20261130", 7)).rejects.toThrow("not mounted");
  expect(await Array.fromAsync(folder.list(null))).toEqual([]);
});

test("lists results by their day, removes them with empty folders, and what was never whole", async () => {
  using scratch = new Scratch();
  const folder = openFolder(scratch.path, null);
  scratch.file("20261101/drift/3.0123456789abcdef.json", "old");
  const place = await write(folder, "new");
  const torn = scratch.file("20261130/drift/.7.json.0123456789abcdef.tmp");
  const young = scratch.file("20261130/drift/.8.json.0123456789abcdef.tmp");
  utimesSync(torn, 1, 1);
  scratch.file("notes/drift/x.json");
  const keys = async (day: string | null): Promise<readonly string[]> =>
    (await Array.fromAsync(folder.list(day)))
      .map(({ key }) => key)
      .filter((key) => !key.includes("/."));
  expect((await keys(null)).map((key) => key.slice(0, 14))).toEqual([
    "20261101/drift",
    "20261130/drift",
  ]);
  expect(await keys("20261101")).toEqual(["20261101/drift/3.0123456789abcdef.json"]);
  expect(await folder.endWrites(5_000)).toBe(1);
  expect([existsSync(torn), existsSync(young), existsSync(place)]).toEqual([false, true, true]);
  const old = scratch.in("20261101/drift/3.0123456789abcdef.json");
  for (const each of [old, old]) await folder.remove(each);
  expect([existsSync(scratch.in("20261101")), existsSync(scratch.in("20261130"))]).toEqual([
    false,
    true,
  ]);
});
