// Rehearse: today's code against a run that is paused or has failed, and the run that goes on so.
import { describe, expect, test } from "bun:test";
import { AsyncLocalStorage } from "node:async_hooks";
import { type JobBody, job } from "../../src/sdk/job.ts";
import { inlineHost } from "../../src/workflow/inline.ts";
import { besideSteps, resumeRun, stepsAgain } from "../../src/workflow/operate.ts";
import { type Rehearsal, rehearse } from "../../src/workflow/rehearse.ts";
import type { Scope } from "../../src/workflow/scope.ts";
import { Stage } from "../support/stage.ts";

/** What a run of `old` that has ended and the code of `next` make of each other. */
async function rehearsed(
  stage: Stage,
  next: JobBody,
  beside: readonly string[] = [],
): Promise<Rehearsal> {
  const { journal } = stage;
  const body = journal.body(1);
  if (body === null) throw new Error("there is no body");
  const host = inlineHost({
    clock: stage.clock,
    scopes: new AsyncLocalStorage<Scope>(),
    openFetch: () => () => Promise.reject(new TypeError("nobody is there")),
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    readFile: (path) => stage.spool.stream(path),
    load: () => Promise.resolve(job({}, next)),
    locate: () => null,
  });
  const again = [...beside, ...stepsAgain(journal, 1).map(({ name }) => name)];
  const of = { run: stage.run(), body, steps: journal.stepsOf(1), again, source: "v2" };
  const answer = rehearse({ host, clock: stage.clock }, of);
  await stage.rest();
  await stage.move(20_000);
  return await answer;
}

/** Fails at its ticket, behind two steps that are saved. */
function hunt(calls: string[], ticket: () => number): JobBody {
  return async (run) => {
    const base = await run.collect("base");
    const hits = await run.step("count", () => calls.push("count"));
    await run.step("ticket", () => {
      calls.push("ticket");
      return ticket() + hits + base.agents.length;
    });
  };
}

function broken(): never {
  throw new Error("no ticket");
}

async function failed(calls: string[]): Promise<Stage> {
  const stage = new Stage({ body: hunt(calls, broken) });
  await stage.play();
  expect(stage.run()).toMatchObject({ state: "failed" });
  return stage;
}

describe("a run that goes on with another source", () => {
  test("takes what is saved over, and does only the rest", async () => {
    const calls: string[] = [];
    const stage = await failed(calls);
    const next = hunt(calls, () => 7);
    const { asked, parting } = await rehearsed(stage, next);
    expect(parting).toBeNull();
    expect(calls).toEqual(["count", "ticket"]);
    stage.bodies.set("v2", next);
    await stage.journal.write((tables) =>
      resumeRun(tables, 1, stage.clock.now(), { renewal: { hash: "h2", source: "v2", asked } }),
    );
    stage.poke();
    await stage.finish();
    expect(stage.run()).toMatchObject({ state: "done", note: null, source: "h2" });
    expect(calls).toEqual(["count", "ticket", "ticket"]);
    expect(stage.names).toEqual(["mig-runner: nightly"]);
    await stage.stop();
  });

  test("may ask otherwise for what failed, or leave its function out", async () => {
    const stage = await failed([]);
    const without: JobBody = async (run) => {
      await run.collect("base");
      await run.step("count", () => 0);
      await run.sleep("nap", "1m");
    };
    const { asked, parting } = await rehearsed(stage, without);
    expect([parting, asked.has("ticket")]).toEqual([null, false]);
    stage.bodies.set("v2", without);
    await stage.journal.write((tables) =>
      resumeRun(tables, 1, stage.clock.now(), { renewal: { hash: "h2", source: "v2", asked } }),
    );
    stage.poke();
    await stage.finish();
    expect(stage.run()).toMatchObject({ state: "done", note: null });
    expect(stage.journal.stepsOf(1).map(({ name }) => name)).toEqual(["base", "count", "nap"]);
    await stage.stop();
  });

  test.each<[string, JobBody, string]>([
    [
      "another action under the name",
      async (run) => void (await run.collect("base", { target: "name='other'" })),
      'the saved step "base" (collect), the code asks for another collect of that name',
    ],
    [
      "another kind of step",
      async (run) => void (await run.step("base", () => 1)),
      'the saved step "base" (collect), the code asks for a step',
    ],
    [
      "an end before what is saved",
      async (run) => void (await run.collect("base")),
      'the saved step "count" (step), the code ends without asking for it',
    ],
    [
      "an error before what is saved",
      async (run) => {
        await run.collect("base");
        throw new Error("too early");
      },
      'the saved step "count" (step), the code fails before it: too early',
    ],
    [
      "another step in its place",
      async (run) => {
        await run.collect("base");
        await run.step("tally", () => 1);
        await run.step("count", () => 1);
      },
      'the saved step "count" (step), the code does not ask for it',
    ],
  ])("parts from the journal by %s", async (_, next, state) => {
    const stage = await failed([]);
    const before = JSON.stringify([stage.run(), stage.journal.stepsOf(1)]);
    const { parting } = await rehearsed(stage, next);
    expect(parting).toBe(`the journal has ${state}`);
    expect(JSON.stringify([stage.run(), stage.journal.stepsOf(1)])).toBe(before);
    await stage.stop();
  });
});

describe("a step that failed beside another one, which was saved later", () => {
  const calls: string[] = [];
  let isMended = false;

  /** Fails in its left branch, while the right one goes on. */
  const fork: JobBody = async (run) => {
    const { left, right } = await run.parallel({
      left: () =>
        run.step("count", () => {
          calls.push("left");
          if (!isMended) throw new Error("no left");
          return 1;
        }),
      right: async () => {
        await run.sleep("nap", "1m");
        return await run.step("count", () => calls.push("right"));
      },
    });
    await run.step("sum", () => calls.push(`sum ${left + right}`));
  };

  test("is tried again, and what was saved is not", async () => {
    const stage = new Stage({ body: fork });
    await stage.play();
    expect(stage.run()).toMatchObject({ state: "failed" });
    expect(stepsAgain(stage.journal, 1)).toEqual([]);
    const beside = besideSteps(stage.journal, 1).map(({ name }) => name);
    expect(beside).toEqual(["left/count"]);
    expect((await rehearsed(stage, fork, beside)).parting).toBeNull();
    isMended = true;
    const again = await stage.journal.write((tables) =>
      resumeRun(tables, 1, stage.clock.now(), { beside }),
    );
    expect(again).toEqual(["left/count"]);
    stage.poke();
    await stage.finish();
    expect(stage.run()).toMatchObject({ state: "done", note: null });
    expect(calls).toEqual(["left", "right", "left", "sum 3"]);
    // In the order in which they ended, without a gap (W2).
    const steps = stage.journal.stepsOf(1).map(({ name, sequence }) => [sequence, name] as const);
    expect(steps.toSorted(([left], [right]) => (left ?? 0) - (right ?? 0))).toEqual([
      [1, "right/nap"],
      [2, "right/count"],
      [3, "left/count"],
      [4, "sum"],
    ]);
    await stage.stop();
  });

  test("is left alone where another step was saved because it failed", async () => {
    const careful: JobBody = async (run) => {
      try {
        await run.step("dig", broken);
      } catch (error) {
        await run.step("tidy", () => 1);
        throw error;
      }
    };
    const stage = new Stage({ body: careful });
    await stage.play();
    const beside = besideSteps(stage.journal, 1).map(({ name }) => name);
    expect(beside).toEqual(["dig"]);
    const { parting } = await rehearsed(stage, careful, beside);
    expect(parting).toContain('the saved step "tidy" (step)');
    await stage.stop();
  });

  test("is none that the code has caught", async () => {
    const lenient: JobBody = async (run) => {
      await run.step("dig", broken).catch(() => 0);
      await run.step("tidy", () => 1);
      await run.step("tell", () => {
        throw new Error("no one hears");
      });
    };
    const stage = new Stage({ body: lenient });
    await stage.play();
    expect(besideSteps(stage.journal, 1)).toEqual([]);
    expect(stepsAgain(stage.journal, 1).map(({ name }) => name)).toEqual(["tell"]);
    await stage.stop();
  });
});
