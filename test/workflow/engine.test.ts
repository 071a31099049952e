import { describe, expect, test } from "bun:test";
import type { JobBody } from "../../src/sdk/job.ts";
import { Stage } from "../support/stage.ts";

/** The workflow of the design: probe, then dig deeper where something was found. */
function hunt(seen: string[]): JobBody {
  return async (run) => {
    const base = await run.collect("base");
    const bad = base.agents.filter((agent) => agent.found);
    if (bad.length === 0) return;
    const operations = [{ module: "memory", parameters: {} }];
    const deep = await run.collect("deep", { target: bad, operations, expiry: "1m" });
    await run.step("ticket", { retry: 5, timeout: "30s" }, ({ key }) => {
      seen.push(key);
      return { number: 7 };
    });
    await run.deliver("slack", deep);
  };
}

describe("Engine", () => {
  test("takes a workflow from its first action to its delivery", async () => {
    const seen: string[] = [];
    const stage = new Stage({ body: hunt(seen), entity: { plugins: ["mozdef"] } });
    await stage.play();
    await stage.move(1_000);
    expect(stage.run()).toMatchObject({ state: "done", note: null });
    expect(stage.names).toEqual(["mig-runner: nightly", "mig-runner: nightly/deep"]);
    expect(stage.actions[1]).toMatchObject({ target: "id IN (102)", module: "memory" });
    expect(seen).toEqual(["nightly/1/ticket"]);
    expect(stage.deliveries.map(({ plugin, actionId }) => [plugin, actionId])).toEqual([
      ["mozdef", 1_000],
      ["slack", 1_001],
    ]);
    expect(
      stage.journal.stepsOf(1).map(({ name, state, sequence }) => [name, state, sequence]),
    ).toEqual([
      ["base", "saved", 1],
      ["deep", "saved", 2],
      ["ticket", "saved", 3],
      ["deliver slack deep", "saved", 4],
    ]);
    await stage.stop();
  });
});
