import { expect, test } from "bun:test";
import { openResults } from "../../../src/edge/results/results.ts";
import { MemorySpool } from "../../../src/sim/spool.ts";
import { Scratch } from "../../support/edge.ts";

const create = () => Promise.reject(new Error("nothing is written"));

test("a place says where its result is read, whatever is configured now", async () => {
  using scratch = new Scratch();
  const path = scratch.file("7.json", "a file");
  const stored = new MemorySpool();
  stored.results.set("s3://bucket/7.json", "an object");
  const results = openResults({ create, store: () => Promise.resolve(stored) });
  const text = async (place: string): Promise<string> =>
    Buffer.concat(await Array.fromAsync(results.stream(place))).toString();
  expect([await text(path), await text("s3://bucket/7.json")]).toEqual(["a file", "an object"]);
  expect((await results.find("s3://bucket/7.json"))?.size).toBe(9);
});

test("a result in a store says so where no store is configured", async () => {
  const results = openResults({ create, store: null });
  for (const read of [
    () => results.find("s3://bucket/7.json"),
    () => results.lend("s3://bucket/7.json"),
    () => results.parts("s3://bucket/7.json", []),
    () => Array.fromAsync(results.stream("s3://bucket/7.json")),
  ]) {
    await expect(read()).rejects.toThrow("it is in a store, and [results] store is not set");
  }
});
