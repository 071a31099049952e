import { describe, expect, test } from "bun:test";
import { isStray, STRAYS_MAX, StrayUpkeep } from "../../src/flow/strays.ts";
import { Upkeep } from "../../src/flow/upkeep.ts";
import { advance } from "../../src/journal/inflight.ts";
import type { Strays } from "../../src/ports.ts";
import { recordEnd } from "../../src/workflow/record.ts";
import { NOON, openWorld, type World } from "../support/world.ts";

const DAY = 86_400_000;

/** A run whose step has saved `saved`, with an action whose row names `named`. */
async function collected(world: World, { named, saved }: { named: string; saved: string }) {
  await world.journal.write((tables) => {
    const run = tables.insertRun({ job: "hunt", firesAt: NOON, cause: "manual" }, "open", NOON);
    const runId = run?.id ?? 0;
    const own = { runId, job: "hunt", step: "base", name: "n", body: "{}", signature: "s" };
    const planned = tables.insertAction(
      { ...own, expireAt: NOON, sendOnly: false, plugins: [] },
      NOON,
    );
    const reply = new TextEncoder().encode("{}");
    const times = { expireAt: NOON, collectAt: NOON };
    const posted = advance(planned, { kind: "posted", actionId: 7, reply, ...times }, NOON);
    const completeness = { fetched: 1, sent: 1, counters: null, statuses: {}, strays: 0 };
    const event = { kind: "collected", resultPath: named, completeness, sweepAt: null } as const;
    tables.saveAction(advance(posted, event, NOON));
    const of = { actionRow: planned.id, job: "hunt", plugin: "mail", key: "k" };
    tables.insertDelivery({ ...of, resultPath: "s3://b/merged" }, NOON);
    const step = { runId, kind: "collect", name: "base", digest: "", nextAt: null } as const;
    tables.insertBody({
      runId,
      template: null,
      expiryMs: 1,
      agentsMax: null,
      plugins: [],
      seed: 9,
      begunAt: NOON,
      nextAt: NOON,
    });
    const outcome = { kind: "saved", value: JSON.stringify({ path: saved }) } as const;
    if (recordEnd(tables, { step, outcome }, NOON) === null) throw new Error("it is over");
  });
}

describe("isStray()", () => {
  test("is what no row names, of an action that is known", async () => {
    const world = openWorld();
    await collected(world, { named: "s3://b/newest", saved: "s3://b/first" });
    const judge = (place: string, actionId = 7) => isStray(world.journal, { actionId, place });
    expect(judge("s3://b/lost")).toBe(true);
    // Those of the row, of the delivery, and of the step, whose body may read it again.
    const places = ["s3://b/newest", "s3://b/merged", "s3://b/first"];
    expect(places.map((place) => judge(place))).toEqual([false, false, false]);
    expect(judge("s3://b/lost", 8)).toBe(false);
  });
});

/** Strays by day, and what was asked of them. */
class MemoryStrays implements Strays {
  readonly asked: string[] = [];
  left: Record<string, number> = {};

  remove(day: string, { before, limit }: Parameters<Strays["remove"]>[1]): Promise<number> {
    this.asked.push(`${day} before ${new Date(before).toISOString().slice(0, 13)}`);
    const removed = Math.min(limit, this.left[day] ?? 0);
    this.left[day] = (this.left[day] ?? 0) - removed;
    return Promise.resolve(removed);
  }

  endWrites(): Promise<number> {
    this.asked.push("writes");
    return Promise.resolve(1);
  }
}

describe("StrayUpkeep", () => {
  test("looks through the week before yesterday at this hour, once a day, one day a step", async () => {
    const world = openWorld();
    const strays = new MemoryStrays();
    strays.left = { "20261122": STRAYS_MAX + 1 };
    const upkeep = new StrayUpkeep(world.edges, strays);
    const round = async (): Promise<number> => {
      let steps = 1;
      while (await upkeep.step()) steps++;
      return steps;
    };
    // One more, as the newest day had more than a step removes.
    expect(await round()).toBe(8 + 1);
    const at = (day: string) => `202611${day} before 2026-11-22T12`;
    expect(strays.asked).toEqual([
      "writes",
      at("22"),
      at("22"),
      at("21"),
      at("20"),
      at("19"),
      at("18"),
      at("17"),
      at("16"),
      at("15"),
    ]);
    expect(world.lines).toEqual([
      "info removed 1 results that were never whole",
      `info removed ${STRAYS_MAX} results of 20261122 that no row names`,
      "info removed 1 results of 20261122 that no row names",
    ]);
    expect(await round()).toBe(1);
    await world.clock.moveBy(DAY);
    expect(await round()).toBe(8);
  });

  test("looks through the days also where what was never whole cannot be listed", async () => {
    const world = openWorld();
    const strays = new MemoryStrays();
    strays.endWrites = () => Promise.reject(new Error("no right to that"));
    const upkeep = new StrayUpkeep(world.edges, strays);
    while (await upkeep.step());
    expect(strays.asked.length).toBe(8);
    expect(world.lines).toEqual([
      "warning results that were never whole are not removed: no right to that",
    ]);
  });

  test("is part of the upkeep where results can be written in vain, and only there", async () => {
    const world = openWorld();
    const strays = new MemoryStrays();
    const shelf = { removeBefore: () => Promise.resolve(0), strays };
    const retention = { journalMs: null, resultsMs: null, shelf };
    const changed = Promise.withResolvers<void>();
    const upkeep = new Upkeep({ ...world.edges, retention }, changed.resolve);
    upkeep.tick(world.clock.now());
    await changed.promise;
    expect(strays.asked).toEqual(["writes", "20261122 before 2026-11-22T12"]);
    expect(upkeep.nextAt).toBe(world.clock.now() + 1_000);
  });
});
