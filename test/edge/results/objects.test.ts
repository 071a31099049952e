import { describe, expect, test } from "bun:test";
import { Objects } from "../../../src/edge/results/objects.ts";
import { RunnerError } from "../../../src/errors.ts";
import { VirtualClock } from "../../support/clock.ts";
import { Scratch } from "../../support/edge.ts";
import { FakeStore } from "../../support/fake-store.ts";

/** So small that a few bytes are several parts. */
const PART = 4;

function bucket(store: FakeStore, keys: readonly string[] = ["id"]) {
  const clock = new VirtualClock(0);
  let reads = 0;
  const objects = new Objects({
    endpoint: "https://s3.test",
    bucket: "bucket",
    region: "us-east-1",
    credentials: () => {
      const accessKey = keys[Math.min(reads++, keys.length - 1)] ?? "";
      return Promise.resolve({ accessKey, secretKey: "secret" });
    },
    http: store,
    clock,
    random: { next: () => 0 },
    partBytes: PART,
  });
  return { objects, clock, reads: () => reads };
}

/** What a promise comes to, with the waits of the clock on the way. */
async function through<Value>(clock: VirtualClock, work: Promise<Value>): Promise<Value> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  work.then(over, over);
  while (!isOver) await clock.moveBy(1_000);
  return await work;
}

async function refusal(work: Promise<unknown>): Promise<RunnerError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof RunnerError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

function put(scratch: Scratch, { objects, clock }: ReturnType<typeof bucket>, text: string) {
  const path = scratch.file("result.json", text);
  return through(clock, objects.put("site/7.json", { path, size: text.length }));
}

describe("Objects.put()", () => {
  test("puts a small file with one request, a larger one in parts, one after the other", async () => {
    using scratch = new Scratch();
    const store = new FakeStore();
    await put(scratch, bucket(store), "tiny");
    expect(store.requests).toEqual(["PUT site/7.json", "HEAD site/7.json"]);
    store.requests.length = 0;
    await put(scratch, bucket(store), "0123456789");
    expect(store.requests).toEqual([
      "POST site/7.json?uploads=",
      ...["1", "2", "3"].map((part) => `PUT site/7.json?partNumber=${part}`),
      "POST site/7.json",
      "HEAD site/7.json",
    ]);
    expect(store.text("site/7.json")).toBe("0123456789");
    expect(store.uploads.size).toBe(0);
  });

  test.each([500, 503, 429, "lost", "cut", "unanswered"] as const)(
    "gets over %p at every request of an upload",
    async (fault) => {
      using scratch = new Scratch();
      const store = new FakeStore();
      const seen = new Map<string, number>();
      store.fault = (request) => {
        const count = (seen.get(request) ?? 0) + 1;
        seen.set(request, count);
        return count === 1 ? fault : null;
      };
      await put(scratch, bucket(store), "0123456789");
      expect(store.text("site/7.json")).toBe("0123456789");
    },
  );

  test("gives up what goes on failing, and takes back the parts that it has sent", async () => {
    using scratch = new Scratch();
    const store = new FakeStore();
    store.fault = (request) => (request.includes("partNumber=2") ? 503 : null);
    const { message } = await refusal(put(scratch, bucket(store), "0123456789"));
    expect(message).toBe('Cannot write result "s3://bucket/site/7.json": the store answers 503');
    const attempts = store.requests.filter((request) => request.includes("partNumber=2"));
    expect([attempts.length, store.uploads.size, store.objects.size]).toEqual([5, 0, 0]);
  });

  test("does not believe an upload whose object is not whole", async () => {
    using scratch = new Scratch();
    const store = new FakeStore();
    const { send } = store;
    store.send = async (request) => {
      const answer = await send.call(store, request);
      if (request.method === "PUT") store.put("site/7.json", "ti");
      return answer;
    };
    const { message } = await refusal(put(scratch, bucket(store), "tiny"));
    expect(message).toContain("after it was written it has 2 bytes of 4");
  });

  test("ends where it is told to, between two parts", async () => {
    using scratch = new Scratch();
    const store = new FakeStore();
    const { objects, clock } = bucket(store);
    const stop = new AbortController();
    store.fault = (request) => {
      if (request.includes("partNumber=2")) stop.abort();
      return null;
    };
    const path = scratch.file("result.json", "0123456789");
    const work = objects.put("site/7.json", { path, size: 10 }, stop.signal);
    expect((await refusal(through(clock, work))).message).toContain("it was cancelled");
    expect([store.uploads.size, store.objects.size]).toEqual([0, 0]);
  });
});

test("an upload that is told to end does not wait for the answer of a request", async () => {
  using scratch = new Scratch();
  const store = new FakeStore();
  const stop = new AbortController();
  let signal: AbortSignal | undefined;
  store.send = (request) => {
    signal = request.signal;
    stop.abort();
    const message = "the request was cancelled";
    return Promise.resolve({ kind: "unreachable", sent: true, message });
  };
  const { objects, clock } = bucket(store);
  const path = scratch.file("result.json", "abc");
  const work = objects.put("site/7.json", { path, size: 3 }, stop.signal);
  expect((await refusal(through(clock, work))).message).toContain("it was cancelled");
  expect(signal?.aborted).toBe(true);
});

describe("Objects.size()", () => {
  test("tells an object that is gone from a bucket that is gone", async () => {
    const store = new FakeStore();
    const { objects, clock } = bucket(store);
    expect(await objects.size("site/7.json")).toBe(null);
    store.put("site/7.json", "abc");
    expect(await objects.size("site/7.json")).toBe(3);
    store.fault = () => 404;
    const { message } = await refusal(through(clock, objects.size("site/7.json")));
    expect(message).toContain('there is no bucket "bucket"');
  });

  test("reads the keys once more when they are refused, and then says so", async () => {
    const store = new FakeStore();
    store.put("site/7.json", "abc");
    store.fault = (_, count) => (count === 1 ? 403 : null);
    const exchanged = bucket(store, ["old", "new"]);
    expect(await exchanged.objects.size("site/7.json")).toBe(3);
    expect(exchanged.reads()).toBe(2);
    store.fault = () => 403;
    const { message, detail } = await refusal(bucket(store).objects.size("site/7.json"));
    expect(message).toBe('Cannot look for result "s3://bucket/site/7.json": the store answers 403');
    expect(detail.hint).toContain("look at credentials in [results]");
  });
});

describe("Objects.read()", () => {
  test("reads a part, again when it was cut, and what there is of one behind the end", async () => {
    const store = new FakeStore();
    store.put("site/7.json", "0123456789");
    const { objects, clock } = bucket(store);
    store.fault = (_, count) => (count < 3 ? "cut" : null);
    const read = async (offset: number, size: number): Promise<string> => {
      const part = await through(clock, objects.read("site/7.json", { offset, size }));
      return new TextDecoder().decode(part);
    };
    expect(await read(2, 3)).toBe("234");
    expect(store.requests.length).toBe(3);
    expect(await read(8, 4)).toBe("89");
  });
});

describe("Objects.list()", () => {
  test("lists what begins so, page after page", async () => {
    const store = new FakeStore();
    for (let id = 1; id <= 2_100; id++)
      store.put(`site/${String(id).padStart(4, "0")}`, "x", id * 1_000);
    store.put("other/1", "x");
    const listed = await Array.fromAsync(bucket(store).objects.list("site/"));
    expect(listed.length).toBe(2_100);
    expect(listed[2_099]).toEqual({ key: "site/2100", modifiedAt: 2_100_000 });
    expect(store.requests.length).toBe(3);
  });
});

describe("Objects.uploads()", () => {
  test("finds what was begun long ago below the prefix, which can be given up, also twice", async () => {
    const store = new FakeStore();
    const { objects, clock } = bucket(store);
    const begin = async (key: string, at: number): Promise<void> => {
      store.now = at;
      const method = "POST" as const;
      const url = `https://s3.test/bucket/${key}?uploads=`;
      await store.send({ method, url, headers: [] });
    };
    expect(await objects.uploads("site/", 1e15)).toEqual([]);
    // A service that has no such list.
    store.fault = () => 501;
    expect(await objects.uploads("site/", 1e15)).toEqual([]);
    store.fault = () => null;
    await begin("site/7", 1_000);
    const [one, ...others] = await objects.uploads("site/", 2_000);
    expect([one?.key, one?.begunAt, others.length]).toEqual(["site/7", 1_000, 0]);
    await begin("site/8", 2_000);
    await begin("other/9", 1_000);
    const old = await objects.uploads("site/", 2_000);
    expect(old.map(({ key }) => key)).toEqual(["site/7"]);
    for (const upload of [...old, ...old]) await through(clock, objects.abort(upload));
    expect([...store.uploads.values()].map(({ key }) => key)).toEqual(["site/8", "other/9"]);
  });
});

test.each([
  ["https://s3.test/", "https://s3.test/bucket/site/7.json"],
  ["https://s3.test/gateway", "https://s3.test/gateway/bucket/site/7.json"],
  ["https://bucket.s3.test", "https://bucket.s3.test/site/7.json"],
])("the bucket at %s is asked for %s", async (endpoint, url) => {
  const urls: string[] = [];
  const objects = new Objects({
    endpoint,
    bucket: "bucket",
    region: "us-east-1",
    credentials: () => Promise.resolve({ accessKey: "id", secretKey: "secret" }),
    http: {
      send(request) {
        urls.push(request.url);
        return new FakeStore().send(request);
      },
    },
    clock: new VirtualClock(0),
    random: { next: () => 0 },
  });
  await objects.putText("site/7.json", "x");
  expect(urls).toEqual([url]);
});
