import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { Bucket } from "../../../src/edge/results/bucket.ts";
import { Copies } from "../../../src/edge/results/copies.ts";
import { Objects, PART_BYTES } from "../../../src/edge/results/objects.ts";
import { VirtualClock } from "../../support/clock.ts";
import { Scratch } from "../../support/edge.ts";
import { FakeStore } from "../../support/fake-store.ts";

function open(scratch: Scratch, store: FakeStore): Bucket {
  const objects = new Objects({
    endpoint: "https://s3.test",
    bucket: "bucket",
    region: "us-east-1",
    credentials: () => Promise.resolve({ accessKey: "id", secretKey: "secret" }),
    http: store,
    clock: new VirtualClock(0),
    random: { next: () => 0 },
  });
  const copies = new Copies({ directory: scratch.path });
  return new Bucket({ bucket: "bucket", prefix: "site", objects, copies });
}

async function write(bucket: Bucket, text: string): Promise<string> {
  const writer = await bucket.create("drift", "20261130", 7);
  await writer.write(new TextEncoder().encode(text));
  return (await writer.commit()).place;
}

const text = (part: Uint8Array | undefined): string => new TextDecoder().decode(part);

describe("Bucket", () => {
  test("two uploads of one result are two objects; what they are is read by place", async () => {
    using scratch = new Scratch();
    const store = new FakeStore();
    const bucket = open(scratch, store);
    const [one, other] = [await write(bucket, "of one"), await write(bucket, "of another")];
    expect(one).toMatch(/^s3:\/\/bucket\/site\/20261130\/drift\/7\.[0-9a-f]{16}\.json$/);
    expect(store.objects.size).toBe(2);
    expect(await bucket.find(one)).toEqual({ mark: one, size: 6 });
    expect(text(Buffer.concat(await Array.fromAsync(bucket.stream(other))))).toBe("of another");
    store.objects.clear();
    expect(await bucket.find(one)).toBe(null);
    await expect(Array.fromAsync(bucket.stream(one))).rejects.toThrow(`"${one}": it is gone`);
  });

  test("lends the file that was uploaded, and fetches what another host has uploaded", async () => {
    using here = new Scratch();
    using there = new Scratch();
    const store = new FakeStore();
    const bucket = open(here, store);
    const place = await write(bucket, "the result");
    store.requests.length = 0;
    const own = await bucket.lend(place);
    expect([readFileSync(own.path, "utf8"), store.requests.length]).toEqual(["the result", 0]);
    const other = await open(there, store).lend(place);
    expect(other.path.startsWith(there.path)).toBe(true);
    expect(readFileSync(other.path, "utf8")).toBe("the result");
    await other.release();
    expect(existsSync(other.path)).toBe(true);
  });

  test("an upload that fails leaves no file and no row's worth of an object", async () => {
    using scratch = new Scratch();
    const store = new FakeStore();
    store.fault = () => 403;
    await expect(write(open(scratch, store), "x")).rejects.toThrow("the store answers 403");
    expect([readdirSync(scratch.in("copies")), store.objects.size]).toEqual([[], 0]);
  });

  test("reads parts that stand near each other with one request, in the order asked for", async () => {
    using scratch = new Scratch();
    const store = new FakeStore();
    const bucket = open(scratch, store);
    const far = 3 * PART_BYTES;
    store.put("site/big", `ab${" ".repeat(far)}cd`);
    const asked = [
      { offset: far + 2, size: 2 },
      { offset: 0, size: 1 },
      { offset: 1, size: 1 },
    ];
    const parts = await bucket.parts("s3://bucket/site/big", asked);
    expect([parts.map(text), store.requests.length]).toEqual([["cd", "a", "b"], 2]);
    // One command may be larger than what is read at once.
    const [long] = await bucket.parts("s3://bucket/site/big", [{ offset: 1, size: far + 2 }]);
    expect([long?.length, text(long?.subarray(-1))]).toEqual([far + 2, "c"]);
  });

  test("refuses a place in another bucket", async () => {
    using scratch = new Scratch();
    const bucket = open(scratch, new FakeStore());
    await expect(bucket.find("s3://other/7.json")).rejects.toThrow("names another bucket");
  });

  test("lists and removes what is below its prefix", async () => {
    using scratch = new Scratch();
    const store = new FakeStore();
    const bucket = open(scratch, store);
    for (const key of ["site/20261101/a/1", "site/20261102/a/2", "sites/20261101/a/3"]) {
      store.put(key, "x", 5_000);
    }
    const [one, ...others] = await Array.fromAsync(bucket.list("20261101"));
    const place = "s3://bucket/site/20261101/a/1";
    expect(others).toEqual([]);
    expect(one).toEqual({ key: "20261101/a/1", place, modifiedAt: 5_000 });
    expect((await Array.fromAsync(bucket.list(null))).length).toBe(2);
    await bucket.remove(place);
    expect([...store.objects.keys()]).toEqual(["site/20261102/a/2", "sites/20261101/a/3"]);
    expect(await bucket.endWrites(9_000)).toBe(0);
  });
});
