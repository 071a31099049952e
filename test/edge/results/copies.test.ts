import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { Copies, type FetchCopy, removeOldCopies } from "../../../src/edge/results/copies.ts";
import type { ResultWriter } from "../../../src/ports.ts";
import { Scratch } from "../../support/edge.ts";

/** Fetches a text, and counts how often. */
function fetching(text: string) {
  const fetch = Object.assign(
    async (writer: ResultWriter) => {
      fetch.count++;
      await writer.write(new TextEncoder().encode(text));
    },
    { count: 0 },
  );
  return fetch;
}

describe("Copies", () => {
  test("fetches once what several read, and keeps it while it is small", async () => {
    using scratch = new Scratch();
    const copies = new Copies({ directory: scratch.path, idleMax: 5 });
    const fetch = fetching("abc");
    const [one, other] = await Promise.all([
      copies.lend("s3://a", fetch),
      copies.lend("s3://a", fetch),
    ]);
    expect([one.path, fetch.count]).toEqual([other.path, 1]);
    expect(readFileSync(one.path, "utf8")).toBe("abc");
    for (const loan of [one, one, other]) await loan.release();
    expect(existsSync(one.path)).toBe(true);
    const again = await copies.lend("s3://a", fetch);
    expect(fetch.count).toBe(1);
    await again.release();
    // The next is one too many: what was read longest ago goes.
    const next = await copies.lend("s3://b", fetching("def"));
    await next.release();
    expect([existsSync(one.path), existsSync(next.path)]).toEqual([false, true]);
    await copies.close();
    expect(readdirSync(scratch.in("copies"))).toEqual([]);
  });

  test("never removes what somebody reads", async () => {
    using scratch = new Scratch();
    const copies = new Copies({ directory: scratch.path, idleMax: 0 });
    const loans = [];
    for (const place of ["s3://a", "s3://b"]) loans.push(await copies.lend(place, fetching("abc")));
    await copies.close();
    expect(loans.map(({ path }) => existsSync(path))).toEqual([true, true]);
    await loans[0]?.release();
    expect(loans.map(({ path }) => existsSync(path))).toEqual([false, true]);
  });

  test("leaves nothing of what could not be fetched, and fetches it anew", async () => {
    using scratch = new Scratch();
    const copies = new Copies({ directory: scratch.path });
    const torn = copies.lend("s3://a", async (writer) => {
      await writer.write(new Uint8Array([1]));
      throw new Error("torn");
    });
    await expect(torn).rejects.toThrow("torn");
    expect(readdirSync(scratch.in("copies"))).toEqual([]);
    const whole = await copies.lend("s3://a", fetching("abc"));
    expect(readFileSync(whole.path, "utf8")).toBe("abc");
  });

  test("whoever ends does not end what another one waits for", async () => {
    using scratch = new Scratch();
    const copies = new Copies({ directory: scratch.path });
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const fetch: FetchCopy = async (writer, ended) => {
      await gate;
      ended.throwIfAborted();
      await writer.write(new TextEncoder().encode("abc"));
    };
    const leaving = new AbortController();
    const one = copies.lend("s3://a", fetch, leaving.signal);
    const other = copies.lend("s3://a", fetch, new AbortController().signal);
    leaving.abort(new Error("it was stopped"));
    await expect(one).rejects.toThrow("it was stopped");
    open();
    const { path, release } = await other;
    expect(readFileSync(path, "utf8")).toBe("abc");
    await release();
  });

  test("ends a fetch that nobody waits for any more, and begins another for the next", async () => {
    using scratch = new Scratch();
    const copies = new Copies({ directory: scratch.path });
    const endings: unknown[] = [];
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const stalled: FetchCopy = (_, ended) =>
      new Promise((_, reject) => {
        begin();
        ended.addEventListener("abort", () => {
          endings.push(ended.reason);
          reject(ended.reason);
        });
      });
    const leavings = [new AbortController(), new AbortController()];
    const loans = leavings.map(({ signal }) => copies.lend("s3://a", stalled, signal));
    const ended = Promise.allSettled(loans);
    await begun;
    for (const leaving of leavings) leaving.abort(new Error("it was stopped"));
    expect((await ended).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(endings).toEqual([new Error("it was stopped")]);
    const next = await copies.lend("s3://a", fetching("abc"));
    expect(readFileSync(next.path, "utf8")).toBe("abc");
  });

  test("a file that was just uploaded is the copy", async () => {
    using scratch = new Scratch();
    const copies = new Copies({ directory: scratch.path });
    const writer = await copies.create();
    await writer.write(new TextEncoder().encode("abc"));
    const { place: path, bytes: size } = await writer.commit();
    await copies.keep("s3://a", { path, size });
    const fetch = fetching("other");
    expect([(await copies.lend("s3://a", fetch)).path, fetch.count]).toEqual([path, 0]);
  });
});

test("removeOldCopies() removes those of processes that have ended, and nothing else", async () => {
  using scratch = new Scratch();
  const hex = "0123456789abcdef";
  // A process has no such number: it is above the highest that Linux gives.
  const gone = 4_194_305;
  for (const name of [`${gone}-${hex}.json`, `.${gone}-${hex}.json.${hex}.tmp`, "notes.txt"]) {
    scratch.file(`copies/${name}`);
  }
  scratch.file(`copies/${process.ppid}-${hex}.json`);
  // In a container the process of before had the same number.
  scratch.file(`copies/${process.pid}-${hex}.json`);
  await removeOldCopies(scratch.path);
  expect(readdirSync(scratch.in("copies")).toSorted()).toEqual(
    [`${process.ppid}-${hex}.json`, "notes.txt"].toSorted(),
  );
});
