// Result: a result file as a plugin reads it, whatever its size.
import { describe, expect, test } from "bun:test";
import { openSync, readSync, writeSync } from "node:fs";
import { openResult } from "../../../src/edge/plugins/result-reader.ts";
import type { Command } from "../../../src/sdk/action.ts";
import { Scratch } from "../../support/edge.ts";
import { command, resultOf } from "../../support/results.ts";

function deliveryOf(resultPath: string) {
  return { job: "nightly", actionId: 7, resultPath, key: "k", attempt: 1 };
}

async function idsOf(commands: AsyncIterable<Command>): Promise<unknown[]> {
  const ids: unknown[] = [];
  for await (const { id } of commands) ids.push(id);
  return ids;
}

describe("openResult()", () => {
  test("reads the action, and the commands as often as they are asked for", async () => {
    using scratch = new Scratch();
    const document = resultOf(command({ id: 1 }), command({ id: 2, host: "é\u2028" }));
    const path = scratch.file("7.json", JSON.stringify(document));
    const { commandsRead, result } = await openResult(deliveryOf(path));
    expect(commandsRead()).toBe(0);
    expect({ job: result.job, path: result.path }).toEqual({ job: "nightly", path });
    expect(result.action).toEqual((document as { action: never }).action);
    expect(await idsOf(result.commands)).toEqual([1, 2]);
    expect(await idsOf(result.commands)).toEqual([1, 2]);
    for await (const { id } of result.commands) if (id === 1) break;
    expect(commandsRead()).toBe(2);
  });

  test("finds the action behind the commands, and takes none for no commands", async () => {
    using scratch = new Scratch();
    const late = scratch.file("1.json", '{"name":"x","commands":[{"id":3}],"action":{"id":7}}');
    const { result } = await openResult(deliveryOf(late));
    expect(result.action.id).toBe(7);
    expect(await idsOf(result.commands)).toEqual([3]);
    const none = scratch.file("2.json", '{"action":{"id":7},"commands":null}');
    expect(await idsOf((await openResult(deliveryOf(none))).result.commands)).toEqual([]);
  });

  test("gives every whole command before it says that the file is torn", async () => {
    using scratch = new Scratch();
    const path = scratch.file("1.json", '{"action":{"id":7},"commands":[{"id":1},{"id":2');
    const { result } = await openResult(deliveryOf(path));
    const ids: unknown[] = [];
    const reading = (async () => {
      for await (const { id } of result.commands) ids.push(id);
    })();
    await expect(reading).rejects.toThrow("it is not a result: it ends after 47 bytes");
    expect(ids).toEqual([1]);
  });

  test("does not say of a file that cannot be read that it is no result", async () => {
    using scratch = new Scratch();
    const path = scratch.in("none.json");
    const error: unknown = await openResult(deliveryOf(path)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "SPOOL", detail: { path } });
    expect((error as Error).message).toBe(
      `Cannot read result "${path}": no such file or directory`,
    );
  });

  test("holds one command at a time, however large the file is", async () => {
    using scratch = new Scratch();
    const path = scratch.file("big.json", '{"action":{"id":7},"commands":[');
    const fd = openSync(path, "a");
    const text = JSON.stringify(command({ id: 5 }));
    const block = Buffer.from(`${text},`.repeat(1_000));
    const megabytes = 128;
    const blocks = Math.ceil((megabytes * 1024 * 1024) / block.length);
    for (let count = 0; count < blocks; count++) writeSync(fd, block);
    writeSync(fd, `${text}]}`);
    const { result } = await openResult(deliveryOf(path));
    Bun.gc(true);
    const before = residentBytes();
    let peak = before;
    let read = 0;
    for await (const { id } of result.commands) {
      if (id === 5 && ++read % 20_000 === 0) peak = Math.max(peak, residentBytes());
    }
    expect(read).toBe(blocks * 1_000 + 1);
    expect(peak - before).toBeLessThan(64 * 1024 * 1024);
  });
});

function residentBytes(): number {
  const fd = openSync("/proc/self/statm", "r");
  const buffer = Buffer.alloc(256);
  const length = readSync(fd, buffer, 0, 256, 0);
  return Number(buffer.toString("utf8", 0, length).split(" ")[1]) * 4_096;
}
