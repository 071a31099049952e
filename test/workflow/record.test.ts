// Record: what identifies the request of a step stays the same from version to version, and when
// a run needs its body.
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { agentsTarget } from "../../src/mig/target.ts";
import {
  digestOf,
  newStep,
  recordEnd,
  recordParked,
  recordRun,
} from "../../src/workflow/record.ts";
import { NOON, openWorld } from "../support/world.ts";

const sha256 = (value: unknown) => createHash("sha256").update(JSON.stringify(value)).digest("hex");

function collectOf(targets: readonly string[] | null, agents: number | null) {
  const rest = { changes: null, expiryMs: null, agentsMax: null, pageSize: null };
  return { kind: "collect" as const, targets: targets && [...targets], agents, ...rest };
}

describe("digestOf()", () => {
  test("is the same for a list of agents, whatever words the target has", () => {
    // As the first builds wrote it: 300 ids of 14 digits took three targets of their own form.
    const ids = Array.from({ length: 300 }, (_, index) => 10_000_000_000_000 + index);
    const parts = [ids.slice(0, 136), ids.slice(136, 272), ids.slice(272)];
    const first = parts.map((part) => `id IN (${part.join()})`);
    expect(first.every((target) => target.length <= 2_048)).toBe(true);
    const targets = agentsTarget(ids.map((id) => ({ id })));
    expect(targets).not.toEqual(first);
    expect(digestOf(collectOf(targets, 300))).toBe(sha256(collectOf(first, 300)));
  });

  test("is that of the request for any other target, and nothing for a function", () => {
    const own = collectOf(["mode='daemon'"], null);
    expect(digestOf(own)).toBe(sha256(own));
    expect(digestOf(collectOf(null, null))).toBe(sha256(collectOf(null, null)));
  });
});

/** A journal with an open run whose body was started once and is due, and one step that has ended. */
async function openRun() {
  const { journal } = openWorld();
  await journal.write((tables) => {
    tables.insertSource("5eed", "the source");
    tables.insertRun({ job: "hunt", firesAt: 1, cause: "manual", source: "5eed" }, "open", NOON);
    const rest = { template: null, expiryMs: 1, agentsMax: null, plugins: [] };
    tables.insertBody({ runId: 1, ...rest, seed: 9, begunAt: NOON, nextAt: NOON });
    const step = newStep(1, "one", { kind: "step", digest: "" });
    recordEnd(tables, { step, outcome: { kind: "saved", value: "1" } }, NOON);
    const body = tables.body(1);
    if (body !== null) tables.saveBody({ ...body, starts: 1 });
  });
  return journal;
}

describe("recordParked()", () => {
  test("lets a body go that has got every outcome, and no other", async () => {
    const journal = await openRun();
    const park = (handed: number) =>
      journal.write((tables) => recordParked(tables, { runId: 1, handed }));
    expect(await park(0)).toBe(false);
    expect(journal.body(1)).toMatchObject({ nextAt: NOON, starts: 1 });
    expect(await park(1)).toBe(true);
    expect(journal.body(1)).toMatchObject({ nextAt: null, starts: 0 });
  });
});

describe("recordRun()", () => {
  test("leaves nothing due of a run that has ended", async () => {
    for (const state of ["done", "failed", "paused"] as const) {
      const journal = await openRun();
      const ended = { runId: 1, state, note: null };
      expect(await journal.write((tables) => recordRun(tables, ended, NOON))).toBe(true);
      expect(journal.body(1)).toMatchObject({ nextAt: null, starts: 0 });
    }
  });
});
