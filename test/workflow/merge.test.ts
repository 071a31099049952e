// Merge: the results of the parts of one step, as one result.
import { describe, expect, test } from "bun:test";
import { type ActionRow, advance } from "../../src/journal/inflight.ts";
import type { Results } from "../../src/ports.ts";
import { mergeResults } from "../../src/workflow/merge.ts";
import { NOON, openWorld, type World } from "../support/world.ts";

/** A part that was collected, with a result of these commands. */
async function part(world: World, actionId: number, ids: readonly number[]): Promise<ActionRow> {
  const commands = ids.map((id) => `{"id":${id},"status":"success"}`).join(",");
  const path = world.spool.resultPath("nightly", "20261123", actionId);
  const text = `{"action":{"id":${actionId}},"commands":[${commands}],"name":"nightly","plugin":""}`;
  world.spool.results.set(path, text);
  return await world.journal.write((tables) => {
    const run = { job: "nightly", firesAt: actionId, cause: "manual" } as const;
    const runId = tables.insertRun(run, "open", NOON)?.id ?? 0;
    const own = { runId, job: "nightly", step: "all", name: "n", body: "{}", signature: "s" };
    const planned = tables.insertAction(
      { ...own, expireAt: NOON, sendOnly: false, plugins: [] },
      NOON,
    );
    const reply = new TextEncoder().encode("{}");
    const times = { expireAt: NOON, collectAt: NOON };
    const posted = advance(planned, { kind: "posted", actionId, reply, ...times }, NOON);
    const counts = { fetched: ids.length, sent: ids.length, counters: null, strays: 0 };
    const completeness = { ...counts, statuses: { success: ids.length } };
    const result = { resultPath: path, completeness, sweepAt: null };
    return advance(posted, { kind: "collected", ...result }, NOON);
  });
}

describe("mergeResults()", () => {
  test("an upload that stalls ends when the process is to end", async () => {
    const world = openWorld();
    const parts = [await part(world, 7, [1]), await part(world, 8, [2])];
    const stop = new AbortController();
    const { promise: stalled, resolve: stall } = Promise.withResolvers<void>();
    const create = world.spool.create.bind(world.spool);
    const results: Results = Object.assign(world.spool, {
      create: async (...order: Parameters<Results["create"]>) => ({
        ...(await create(...order)),
        commit: (signal?: AbortSignal) =>
          new Promise<never>((_, reject) => {
            signal?.addEventListener("abort", () => reject(signal.reason as Error));
            stall();
          }),
      }),
    });
    const merged = mergeResults({ ...world.edges, results }, parts, stop.signal);
    await stalled;
    stop.abort(new Error("it is stopped"));
    await expect(merged).rejects.toThrow("it is stopped");
  });

  test("has each command once, under the action of the first part", async () => {
    const world = openWorld();
    // An agent that was in two of the lists.
    const parts = [await part(world, 7, [1, 2]), await part(world, 8, [2, 3])];
    const { path } = await mergeResults(world.edges, parts);
    expect(path).toBe("/runner/runners/nightly/results/20261123/7-8.json");
    expect(JSON.parse(world.spool.results.get(path) ?? "")).toEqual({
      action: { id: 7 },
      commands: [1, 2, 3].map((id) => ({ id, status: "success" })),
      name: "nightly",
      plugin: "",
    });
  });
});
