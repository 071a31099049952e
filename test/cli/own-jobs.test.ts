// Own jobs: of the spool of a host of a cluster its own jobs are seen, and it is known of the rest.
import { expect, test } from "bun:test";
import { ownJobs } from "../../src/cli/own-jobs.ts";
import { openWorld } from "../support/world.ts";

test("sees its own jobs, and knows which of those that lie here another host has", async () => {
  const { spool } = openWorld();
  spool.scan = () => Promise.resolve(["one", "two"].map((job) => ({ job, path: "", files: [] })));
  const has = new Set(["one"]);
  const own = ownJobs(spool, has);
  const scan = async () => {
    const seen = (await own.scan()).map(({ job }) => job);
    return [seen, [...(own.elsewhere?.() ?? [])]];
  };
  expect([...(own.elsewhere?.() ?? [])]).toEqual([]);
  expect(await scan()).toEqual([["one"], ["two"]]);
  has.add("two").delete("one");
  expect(await scan()).toEqual([["two"], ["one"]]);
});
