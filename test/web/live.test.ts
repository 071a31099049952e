import { describe, expect, test } from "bun:test";
import { LIVE_SCRIPT, Live, STREAMS_MAX } from "../../src/web/live.ts";
import type { Site } from "../../src/web/site.ts";

/** A site of which only changes are asked for: one each time that it is told of one. */
function siteOf(marks: readonly string[]): { site: Site; signals: AbortSignal[] } {
  const left = [...marks];
  const signals: AbortSignal[] = [];
  const changed = async (known: string | null, signal: AbortSignal): Promise<string> => {
    signals.push(signal);
    return left.shift() ?? known ?? "";
  };
  return { site: { changed } as unknown as Site, signals };
}

function readerOf(live: Live) {
  const stream = live.stream();
  if (stream === null) throw new Error("no stream");
  const reader = stream.getReader();
  const read = async () => new TextDecoder().decode((await reader.read()).value);
  return { read, cancel: () => reader.cancel() };
}

describe("Live", () => {
  test("tells each mark once, and that it is still there when nothing has changed", async () => {
    const { read } = readerOf(new Live(siteOf(["1-7", "1-7", "2-7"]).site));
    expect(await read()).toBe("data: 1-7\n\n");
    expect(await read()).toBe(": still\n\n");
    expect(await read()).toBe("data: 2-7\n\n");
  });

  test("serves so many at a time, and one more when one has left", async () => {
    const { site, signals } = siteOf([]);
    const live = new Live(site);
    const first = readerOf(live);
    for (let count = 1; count < STREAMS_MAX; count++) readerOf(live);
    expect(live.stream()).toBeNull();
    await first.read();
    await first.cancel();
    expect(signals[0]?.aborted).toBe(true);
    expect(live.stream()).not.toBeNull();
    expect(live.stream()).toBeNull();
  });

  test("ends the stream of somebody who may not look any more, and gives its place back", async () => {
    const live = new Live(siteOf(["1-7", "2-7"]).site);
    let mayLook = true;
    const reader = live.stream(() => mayLook)?.getReader();
    expect((await reader?.read())?.done).toBe(false);
    mayLook = false;
    expect(await reader?.read()).toEqual({ done: true, value: undefined });
    for (let count = 0; count < STREAMS_MAX; count++) expect(live.stream()).not.toBeNull();
  });

  test("gives a place back when what it looks at fails", async () => {
    const broken = { changed: () => Promise.reject(new Error("no disk")) } as unknown as Site;
    const live = new Live(broken);
    for (let count = 0; count < 2 * STREAMS_MAX; count++) {
      await expect(readerOf(live).read()).rejects.toThrow("no disk");
    }
  });
});

describe("LIVE_SCRIPT", () => {
  test("is a script, and makes no markup of its own", () => {
    expect(() => new Function(LIVE_SCRIPT)).not.toThrow();
    expect(LIVE_SCRIPT).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|eval/);
  });
});
