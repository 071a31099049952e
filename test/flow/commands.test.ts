// Commands: where a list of commands must end, whatever the API answers (I8).
import { describe, expect, test } from "bun:test";
import { COMMANDS_MAX, readCommands } from "../../src/flow/commands.ts";
import type { MigApi, PageAnswer } from "../../src/mig/api.ts";
import type { ResultWriter } from "../../src/ports.ts";
import { never, openWorld, type World } from "../support/world.ts";

const encoder = new TextEncoder();

/** A command with counters as the API gave them. */
function command(id: number, counters: string, padding = 0): Uint8Array {
  const action = `{"id":7,"counters":${counters}}`;
  const text = `{"id":${id},"action":${action},"status":"success","x":"${"x".repeat(padding)}"}`;
  return encoder.encode(text);
}

/** An API whose list never ends: `next` makes each page, and says how many were asked for. */
function endless(
  world: World,
  next: (page: number, limit: number) => readonly Uint8Array[],
): () => number {
  let pages = 0;
  const commands: MigApi["commands"] = async (_, { limit, onCommand }) => {
    const page = next(pages++, limit);
    for (const bytes of page) await onCommand(bytes);
    const answer: PageAnswer = {
      kind: "page",
      commands: page.length,
      strays: 0,
      entries: page.length,
    };
    return answer;
  };
  world.api.commands = commands;
  return () => pages;
}

/** A file that nobody keeps. */
function sink(): ResultWriter & { size: number } {
  return {
    size: 0,
    write(...parts) {
      for (const part of parts) this.size += part.length;
      return undefined;
    },
    commit: () => Promise.resolve({ place: "", bytes: 0, sha256: "" }),
    abort: () => Promise.resolve(),
  };
}

const read = (world: World, writer: ResultWriter) =>
  readCommands(world.edges, { actionId: 7, writer, pageSize: 100, signal: never() });

describe("readCommands()", () => {
  test("ends a list of ever new ids soon behind what the API counts", async () => {
    const world = openWorld();
    let id = 1;
    const pages = endless(world, () =>
      Array.from({ length: 100 }, () => command(id++, '{"sent":5}')),
    );
    expect(read(world, sink())).rejects.toThrow(
      "the list of commands does not end, the API counts 5: ",
    );
    expect(pages()).toBeLessThan(100);
  });

  test("ends one of which the API counts nothing, or as much as it likes", async () => {
    for (const counters of ["{}", '{"sent":9007199254740991}', '{"sent":-1}']) {
      const world = openWorld();
      let id = 1;
      endless(world, () => Array.from({ length: 10_000 }, () => command(id++, counters)));
      const writer = sink();
      await expect(read(world, writer)).rejects.toThrow("the list of commands does not end");
      expect(id).toBeLessThan(COMMANDS_MAX + 20_001);
    }
  });

  test("ends one that gives the same page for ever, or entries that are no commands", async () => {
    const world = openWorld();
    const pages = endless(world, () =>
      Array.from({ length: 100 }, (_, index) => command(index + 1, '{"sent":200}')),
    );
    await expect(read(world, sink())).rejects.toThrow("the API counts 200: 4801 came");
    expect(pages()).toBe(49);
    let asked = 0;
    world.api.commands = async () => {
      asked++;
      return { kind: "page", commands: 0, strays: 1_000, entries: 1_000 };
    };
    await expect(read(world, sink())).rejects.toThrow("the API counts none: 251000 came");
    expect(asked).toBe(251);
  });

  test.each([
    [0, 1],
    [10, 1],
    [99, 1],
    [100, 2],
    [101, 2],
    [1_000, 11],
    [12_345, 124],
  ])("asks for %i commands in %i requests of 100 when nothing fails", async (agents, wanted) => {
    const world = openWorld();
    let requests = 0;
    world.api.commands = async (_, { limit, offset, onCommand }) => {
      requests++;
      const entries = Math.max(0, Math.min(limit, agents - offset));
      if (entries === 0) return { kind: "end" };
      for (let id = offset + 1; id <= offset + entries; id++) {
        await onCommand(command(id, `{"sent":${agents}}`));
      }
      return { kind: "page", commands: entries, strays: 0, entries };
    };
    const outcome = await read(world, sink());
    expect(outcome).toMatchObject({ kind: "whole", completeness: { fetched: agents } });
    expect(requests).toBe(wanted);
    expect(requests).toBeLessThanOrEqual(Math.ceil(agents / 100) + 1);
  });

  test("counts what is no command once, however often all is read again", async () => {
    const world = openWorld();
    let readings = 0;
    world.api.commands = async (_, { offset, onCommand }) => {
      if (offset > 0) return { kind: "end" };
      readings++;
      await onCommand(command(1, '{"sent":2}'));
      return { kind: "page", commands: 1, strays: 3, entries: 4 };
    };
    const reading = read(world, sink());
    await world.clock.moveBy(5_000);
    expect(await reading).toMatchObject({ completeness: { fetched: 1, strays: 3 } });
    expect(readings).toBe(3);
  });

  test("asks for no more at once than a result may have, whatever the counters say", async () => {
    const world = openWorld();
    const limits: number[] = [];
    world.api.commands = async (_, { limit, offset, onCommand }) => {
      limits.push(limit);
      if (offset > 0) return { kind: "end" };
      await onCommand(command(1, '{"sent":9007199254740991}'));
      return { kind: "page", commands: 1, strays: 0, entries: 1 };
    };
    const reading = read(world, sink());
    await world.clock.moveBy(5_000);
    expect(await reading).toMatchObject({ kind: "whole", completeness: { fetched: 1 } });
    expect(new Set(limits)).toEqual(new Set([100, COMMANDS_MAX + 1_000]));
  });

  test("ends one whose commands are too large together", async () => {
    const world = openWorld();
    const large = command(1, '{"sent":200000}', 64 * 1024 * 1024);
    endless(world, () => [large]);
    await expect(read(world, sink())).rejects.toThrow("over 4294967296 bytes");
  });
});
