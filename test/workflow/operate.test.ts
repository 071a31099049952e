import { describe, expect, test } from "bun:test";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { dropRuns } from "../../src/workflow/operate.ts";

const NOW = Date.UTC(2026, 0, 2);

describe("dropRuns()", () => {
  test("ends what has not begun or has a workflow, of one job, and answers it", async () => {
    const journal = openJournal({ path: ":memory:" });
    await journal.write((rows) => {
      for (const [index, state] of (["paused", "requested", "open"] as const).entries()) {
        const source = state === "paused" ? "hash" : null;
        rows.insertRun({ job: "nightly", firesAt: index, cause: "manual", source }, state, NOW);
      }
      rows.insertRun({ job: "other", firesAt: 0, cause: "manual" }, "requested", NOW);
      expect(dropRuns(rows, "nightly", NOW)).toMatchObject([
        { id: 1, state: "failed", note: "given up by an operator", endedAt: NOW },
        { id: 2, state: "failed" },
      ]);
      const states = rows.runs("nightly", 9).map(({ state }) => state);
      expect(states.toSorted()).toEqual(["failed", "failed", "open"]);
      expect(rows.unsettledRuns("other", 1e15).length).toBe(1);
    });
    await journal.close();
  });
});
