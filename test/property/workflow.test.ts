// Workflow: any program of steps, killed at any writes, makes the same choices again.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Run } from "../../src/sdk/run.ts";
import { Crash, Stage } from "../support/stage.ts";

/** A program: what to do, one after the other, side by side, or until the first of it is done. */
type Program =
  | { readonly kind: "step" | "failing" | "dispatch"; readonly name: string }
  | { readonly kind: "sleep"; readonly name: string; readonly seconds: number }
  | { readonly kind: "collect"; readonly name: string; readonly minutes: number }
  | { readonly kind: "all" | "race" | "after"; readonly parts: readonly Program[] };

const name = fc.constantFrom("a", "b", "c");

const { program } = fc.letrec<{ program: Program; leaf: Program }>((tie) => ({
  leaf: fc.oneof(
    fc.record({ kind: fc.constantFrom("step", "failing", "dispatch"), name }),
    fc.record({ kind: fc.constant("sleep"), name, seconds: fc.nat(200) }),
    fc.record({ kind: fc.constant("collect"), name, minutes: fc.integer({ min: 1, max: 3 }) }),
  ) as fc.Arbitrary<Program>,
  program: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    tie("leaf"),
    fc.record({
      kind: fc.constantFrom("all", "race", "after"),
      parts: fc.array(tie("program"), { minLength: 1, maxLength: 3 }),
    }) as fc.Arbitrary<Program>,
  ),
}));

/** What one execution of the body saw, in order, with the time and the chance of the run. */
type Trace = string[];

interface Diary {
  readonly traces: Trace[];
  /** How often the function of each step was called. */
  readonly calls: Map<string, number>;
}

/** Runs a program; every name gets its place in the program, so that it is unique. */
async function execute(run: Run, what: Program, place: string, diary: Diary): Promise<void> {
  const trace = diary.traces.at(-1) ?? [];
  const full = "name" in what ? `${place}${what.name}` : place;
  const see = (event: string) => void trace.push(`${event} ${run.now()} ${run.random()}`);
  const call = () => {
    diary.calls.set(full, (diary.calls.get(full) ?? 0) + 1);
    return 7;
  };
  switch (what.kind) {
    case "step":
      see(`${full} ${await run.step(full, call)}`);
      return;
    case "failing":
      await run
        .step(full, { retry: 1 }, () => {
          call();
          throw new Error("no");
        })
        .catch((error: Error) => see(error.message));
      return;
    case "dispatch":
      see(`${full} ${(await run.dispatch(full)).actionIds.length}`);
      return;
    case "sleep":
      await run.sleep(full, `${what.seconds}s`);
      return see(full);
    case "collect":
      see(`${full} ${(await run.collect(full, { expiry: `${what.minutes}m` })).agents.length}`);
      return;
    case "after":
      for (const [index, part] of what.parts.entries()) {
        await execute(run, part, `${place}${index}.`, diary);
      }
      return;
    case "all":
    case "race": {
      const parts = what.parts.map((part, index) => execute(run, part, `${place}${index}.`, diary));
      // A branch that loses a race goes on, and must not be missed when the run ends.
      if (what.kind === "race")
        see(`race ${await Promise.race(parts.map((part, index) => part.then(() => index)))}`);
      await Promise.all(parts);
    }
  }
}

describe("a workflow", () => {
  test("replays what it saw, posts once and saves once, whatever kills it (I3)", async () => {
    const crashes = fc.uniqueArray(
      fc.record({ at: fc.integer({ min: 3, max: 40 }), when: fc.constantFrom("before", "after") }),
      { maxLength: 6, selector: ({ at, when }) => `${at} ${when}` },
    );
    await fc.assert(
      fc.asyncProperty(program, crashes, async (what, moments) => {
        const diary: Diary = { traces: [], calls: new Map() };
        let kills = 0;
        const stage = new Stage({
          body: async (run) => {
            diary.traces.push([]);
            await execute(run, what, "", diary);
          },
          onWrite: (when, count) => {
            if (!moments.some((moment) => moment.at === count && moment.when === when)) return;
            kills++;
            throw new Crash();
          },
        });
        await stage.play();
        expect(stage.run()).toMatchObject({ state: "done", note: null });
        // Each execution sees what those before it saw, and goes on from there.
        const last = diary.traces.at(-1) ?? [];
        for (const trace of diary.traces) expect(last.slice(0, trace.length)).toEqual(trace);
        const steps = stage.journal.stepsOf(1);
        expect(steps.map(({ sequence }) => sequence ?? 0).toSorted((a, b) => a - b)).toEqual(
          steps.map((_, index) => index + 1),
        );
        const actions = steps.filter(({ kind }) => kind === "collect" || kind === "dispatch");
        expect(stage.actions.length).toBe(actions.length);
        for (const [full, calls] of diary.calls) {
          // Each call was journaled before it was made: a kill between the two makes one less.
          const attempts = steps.find((step) => step.name === full)?.attempts ?? 0;
          expect(calls).toBeLessThanOrEqual(attempts);
          expect(calls).toBeGreaterThanOrEqual(attempts - kills);
        }
        await stage.stop();
      }),
      { numRuns: 60 },
    );
  });
});
