// View: what `status` shows of the runs of workflows that are not settled.
import { describe, expect, test } from "bun:test";
import { newStep } from "../../src/workflow/record.ts";
import { workflowView } from "../../src/workflow/view.ts";
import { NOON, openWorld } from "../support/world.ts";

describe("workflowView()", () => {
  test("counts the tries of functions only: a collect has none, whatever is in its row", async () => {
    const { journal } = openWorld();
    await journal.write((tables) => {
      tables.insertSource("5eed", "the source");
      tables.insertRun({ job: "hunt", firesAt: 1, cause: "manual", source: "5eed" }, "open", NOON);
      for (const kind of ["step", "collect", "sleep"] as const) {
        const row = tables.insertStep(newStep(1, `a ${kind}`, { kind, digest: "" }));
        if (row !== null) tables.saveStep({ ...row, failures: 2 });
      }
    });
    const run = journal.run(1);
    if (run === null) throw new Error("there is no run");
    const { steps } = workflowView({ run, steps: journal.stepsOf(1) });
    expect(steps.map(({ name, attempts }) => [name, attempts])).toEqual([
      ["a step", 2],
      ["a collect", 0],
      ["a sleep", 0],
    ]);
  });
});
