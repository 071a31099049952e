// Version: runs that began before an upgrade, or after one that was taken back.

import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { JobBody } from "../../src/sdk/job.ts";
import { messagesFault, versionFault } from "../../src/workflow/version.ts";
import { Stage } from "../support/stage.ts";
import { NOON } from "../support/world.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** What a program of some version has left: a run that has done two of its three steps. */
async function left(version: number | null): Promise<{ stage: Stage; calls: string[] }> {
  const calls: string[] = [];
  const body: JobBody = async (run) => {
    const seen = await run.step("look", () => calls.push("look again"));
    await run.sleep("nap", "2m");
    await run.step("tell", () => calls.push(`tell ${JSON.stringify(seen)}`));
  };
  const stage = new Stage({ body });
  await stage.journal.write((tables) => {
    const source = sha256("v1");
    const run = { job: "nightly", firesAt: NOON, cause: "manual", source } as const;
    const { id: runId = 0 } = tables.insertRun(run, "open", NOON) ?? {};
    tables.insertSource(source, "v1");
    const kept = { runId, template: null, expiryMs: 300_000, agentsMax: null, plugins: ["mail"] };
    const at = { seed: 9, begunAt: NOON, nextAt: NOON };
    tables.insertBody({ ...kept, ...at, ...(version === null ? {} : { version }) });
    const rows = [
      { name: "look", kind: "step", digest: "", value: '{"found":1}' },
      // As the first version wrote it.
      { name: "nap", kind: "sleep", digest: sha256('{"kind":"sleep","ms":120000}'), value: null },
    ] as const;
    for (const [index, { value, ...step }] of rows.entries()) {
      const row = tables.insertStep({ runId, nextAt: null, ...step });
      if (row === null) throw new Error("it is there");
      tables.saveStep({ ...row, state: "saved", value, sequence: index + 1, endedAt: NOON });
    }
  });
  await stage.boot();
  return { stage, calls };
}

describe("a run of the workflows", () => {
  test("of the first version goes on where it was, with nothing done again", async () => {
    for (const version of [null, 1]) {
      const { stage, calls } = await left(version);
      expect(stage.run()).toMatchObject({ state: "done", note: null });
      expect(calls).toEqual(['tell {"found":1}']);
      await stage.stop();
    }
  });

  test("of a later version is paused, by its version, and has done nothing", async () => {
    const { stage, calls } = await left(3);
    expect(stage.run()).toMatchObject({
      state: "paused",
      note:
        "it was begun by a newer mig-runner (workflows 3, this one 2): " +
        "start that one again, then resume the run",
    });
    expect(calls).toEqual([]);
    await stage.stop();
  });

  test("that begins now has the version of now", async () => {
    const stage = new Stage({ body: async (run) => await run.sleep("nap", "1h") });
    await stage.boot();
    await stage.request();
    expect(stage.journal.body(1)?.version).toBe(2);
    await stage.stop();
  });
});

describe("versions", () => {
  test("that are known have no fault", () => {
    expect([1, 2].map(versionFault)).toEqual([null, null]);
    expect(messagesFault(2)).toBeNull();
  });

  test("of what is said must be the same on both sides", () => {
    const told = "the program has changed under the running mig-runner";
    expect([undefined, 1, 3].map((version) => messagesFault(version)?.slice(0, 52))).toEqual([
      told,
      told,
      told,
    ]);
  });
});
