// People: those of a simulation, who answer as others do by the verbs.
import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { job } from "../../src/sdk/job.ts";
import { TimeoutError } from "../../src/sdk/wait.ts";
import { type People, simulate } from "../../src/testkit/simulate.ts";

const asking = job({}, async (run) => {
  const seen = await run.parallel({
    left: async () => (await run.approval("ok", { show: { n: 1 }, timeout: "2h" })).approved,
    right: () => run.waitFor("size", { timeout: "3h", schema: v.pipe(v.number(), v.maxValue(9)) }),
  });
  await run.step("note", () => seen);
});

const noted = (run: Awaited<ReturnType<typeof simulate>>) =>
  run.steps.find(({ name }) => name === "note")?.value;

describe("people of a simulation", () => {
  test("answer by the names of questions, also after a death at each write", async () => {
    const run = await simulate(asking, { people: { "left/ok": true, "right/size": 7 } });
    expect([run.state, noted(run)]).toEqual(["done", { left: true, right: 7 }]);
    expect(run.crashes).toBeGreaterThan(5);
  });

  test("are a function that sees what is asked, and is asked again when it was refused", async () => {
    const asked: unknown[] = [];
    const run = await simulate(asking, {
      people(question) {
        asked.push(question);
        if (question.kind === "approval") return { approved: false, by: "ann" };
        return question.attempt === 1 ? 10 : 9;
      },
    });
    expect(noted(run)).toEqual({ left: false, right: 9 });
    expect(asked).toEqual([
      { name: "left/ok", kind: "approval", show: { n: 1 }, attempt: 1 },
      { name: "right/size", kind: "wait", show: null, attempt: 1 },
      { name: "right/size", kind: "wait", show: null, attempt: 2 },
    ]);
  });

  test("are functions by the names of questions, whose argument editors know", async () => {
    const people = { "left/ok": true, "right/size": ({ attempt }) => 8 + attempt } satisfies People;
    expect(noted(await simulate(asking, { people }))).toEqual({ left: true, right: 9 });
  });

  test("say nothing by default: an approval is a no, a wait throws", async () => {
    let seen: unknown[] = [];
    const silent = job({}, async (run) => {
      const { why } = await run.approval("ok", { timeout: "1h" });
      const error = await run.waitFor("size", { timeout: "1h" }).catch((thrown) => thrown);
      seen = [why, error instanceof TimeoutError, (error as Error).message];
    });
    const run = await simulate(silent, { crashes: false });
    expect(run.state).toBe("done");
    expect(seen).toEqual([
      "no one answered within 1h",
      true,
      'wait "size": no one answered within 1h',
    ]);
    expect(run.elapsedMs).toBe(2 * 3_600_000);
  });

  test("are refused when what they say is no answer", async () => {
    const played = simulate(asking, { people: { "left/ok": "yes" }, crashes: false });
    expect(await played.catch(({ message }) => message)).toContain('approval "left/ok" by people');
  });
});
