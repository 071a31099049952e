// Answers: what runs ask people, in virtual time: days, deaths, clocks that were wrong.
import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import type { JobBody } from "../../src/sdk/job.ts";
import { type Approval, TimeoutError } from "../../src/sdk/wait.ts";
import {
  askedText,
  openQuestions,
  type Reply,
  replyTo,
  wayToAnswer,
} from "../../src/workflow/answers.ts";
import { Stage, type StageOptions } from "../support/stage.ts";
import { NOON } from "../support/world.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

async function begin(body: JobBody, options: Omit<StageOptions, "body"> = {}): Promise<Stage> {
  const stage = new Stage({ body, ...options });
  await stage.boot();
  await stage.request();
  return stage;
}

/** As a verb does it: another process, which then lets the runner look. */
async function reply(
  stage: Stage,
  name: string | null,
  reply: Reply,
  said = { by: "ann", why: null as string | null },
) {
  const order = { runId: 1, name, said, reply };
  const replied = await stage.journal.write((tables) => replyTo(tables, order, stage.clock.now()));
  stage.poke();
  await stage.rest();
  return replied;
}

const yes = { kind: "approval", approved: true } as const;
const no = { kind: "approval", approved: false } as const;
const value = (json: string) => ({ kind: "wait", json }) as const;

/** What a refusal says. */
async function refused(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("it was taken");
}

const row = (stage: Stage, name: string) => stage.journal.stepNamed(1, name);

/** A body that asks for an approval, and keeps what it got. */
function approving(seen: Approval[], timeout: `${number}h` = "72h"): JobBody {
  return async (run) => {
    seen.push(await run.approval("dig", { show: "dig on 12 hosts", timeout }));
  };
}

describe("run.approval", () => {
  test("tells who comes second without a name who was first, and when", async () => {
    for (const [first, done] of [
      [yes, "approved"],
      [no, "denied"],
    ] as const) {
      const stage = await begin(approving([]));
      await reply(stage, null, first, { by: "ann", why: "change 7" });
      const at = new Date(stage.clock.now()).toISOString();
      for (const [second, verb] of [
        [yes, "approve"],
        [no, "deny"],
      ] as const) {
        expect(await refused(reply(stage, null, second, { by: "bob", why: null }))).toBe(
          `Cannot ${verb} run 1: it waits for no approval: "dig" was ${done} already, by ann at ${at} (change 7)`,
        );
      }
      await stage.stop();
    }
    const late = await begin(approving([], "2h"));
    await late.move(3 * HOUR);
    expect(await refused(reply(late, null, yes))).toBe(
      'Cannot approve run 1: it waits for no approval: no one answered "dig" in time',
    );
    await late.stop();
  });

  test("waits for days with nothing at work, and goes on at the yes", async () => {
    const seen: Approval[] = [];
    const stage = await begin(approving(seen));
    expect([stage.run().state, stage.atWork]).toEqual(["open", 0]);
    expect(row(stage, "dig")).toMatchObject({ kind: "approval", nextAt: NOON + 3 * DAY });
    expect(stage.lines.join("\n")).toContain(
      'run 1 waits for approval "dig": dig on 12 hosts (mig-runner approve 1 dig, or deny)',
    );
    await stage.move(25 * HOUR);
    expect(await reply(stage, null, yes, { by: "ann", why: "change 7" })).toEqual({
      job: "nightly",
      name: "dig",
      isTaken: true,
    });
    expect(seen).toEqual([{ approved: true, by: "ann", why: "change 7" }]);
    expect(stage.run().state).toBe("done");
    await stage.stop();
  });

  test("is a no when no one answers in time, and takes no answer after", async () => {
    const seen: Approval[] = [];
    const stage = await begin(approving(seen, "2h"));
    await stage.move(2 * HOUR);
    expect(seen).toEqual([{ approved: false, by: null, why: "no one answered within 2h" }]);
    expect(await refused(reply(stage, "dig", yes))).toContain('no one answered "dig" in time');
    await stage.stop();
  });

  test("takes no answer whose time is over while nothing runs", async () => {
    const seen: Approval[] = [];
    const stage = await begin(approving(seen, "2h"));
    await stage.stop();
    await stage.move(2 * HOUR);
    expect(await refused(reply(stage, "dig", yes))).toContain('the time of "dig" is over');
    await stage.boot();
    expect(seen).toMatchObject([{ approved: false, by: null }]);
    await stage.stop();
  });

  test("is answered once, and says by whom (Q1)", async () => {
    const body: JobBody = async (run) => {
      await run.approval("dig", { timeout: "9h" });
      await run.approval("report", { timeout: "9h" });
    };
    const stage = await begin(body);
    await reply(stage, "dig", no, { by: "ann", why: "not now" });
    expect(await refused(reply(stage, "dig", yes))).toMatch(
      /Cannot approve run 1: "dig" was denied already, by ann at 2026-.*Z \(not now\)/,
    );
    expect(await refused(reply(stage, "report", value("1")))).toContain(
      '"report" takes another word: mig-runner approve 1 report, or deny',
    );
    expect(await refused(reply(stage, "rport", no))).toContain('it waits for "report"');
    expect(
      await refused(reply(stage, null, { ...no }).then(() => reply(stage, null, no))),
    ).toContain("it waits for no approval");
    await stage.stop();
  });

  test("needs a name where there are several", async () => {
    const seen: unknown[] = [];
    const stage = await begin(async (run) => {
      const ask = () => run.approval("ok", { timeout: "9h" });
      seen.push(await run.parallel({ a: ask, b: ask }));
    });
    expect(await refused(reply(stage, null, yes))).toContain(
      "it waits for 2 approvals, say which: a/ok, b/ok",
    );
    await reply(stage, "b/ok", no);
    await reply(stage, null, yes);
    expect(seen).toMatchObject([{ a: { approved: true }, b: { approved: false } }]);
    await stage.stop();
  });

  test("keeps the time that was meant, by a clock that was a month ahead (I7)", async () => {
    const seen: Approval[] = [];
    const stage = new Stage({ body: approving(seen, "2h") });
    stage.clock.jumpTo(NOON + 30 * DAY);
    await stage.boot();
    await stage.request();
    stage.clock.jumpTo(NOON);
    // Before anything has dated it again, its time is not over, and not a month.
    await stage.move(HOUR);
    expect(row(stage, "dig")?.state).toBe("begun");
    await stage.move(2 * HOUR);
    expect(seen).toMatchObject([{ approved: false }]);
    await stage.stop();
  });
});

describe("run.waitFor", () => {
  test("gives the answer as it was said, and is told to the world once", async () => {
    const seen: unknown[] = [];
    const stage = await begin(async (run) => {
      seen.push(await run.waitFor("hosts", { timeout: "24000h" }));
    });
    await stage.move(HOUR);
    await reply(stage, "hosts", value('["web1",{"n":1}]'));
    expect(seen).toEqual([["web1", { n: 1 }]]);
    expect(await refused(reply(stage, "hosts", value("2")))).toContain('"hosts" was answered');
    await stage.stop();
  });

  test("throws a TimeoutError that names it, when no one answers", async () => {
    const seen: unknown[] = [];
    const stage = await begin(async (run) => {
      try {
        await run.waitFor("ticket", { timeout: "2h" });
      } catch (error) {
        seen.push(error instanceof TimeoutError, (error as Error).message);
        throw error;
      }
    });
    await stage.move(2 * HOUR);
    const error = 'wait "ticket": no one answered within 2h';
    expect(seen).toEqual([true, error]);
    expect(stage.run()).toMatchObject({ state: "failed", note: error });
    await stage.stop();
  });

  const schema = v.pipe(
    v.number(),
    v.minValue(1),
    v.transform((given) => `T-${given}`),
  );

  test("gives what the schema makes of it, and waits on when that refuses it", async () => {
    const seen: unknown[] = [];
    const stage = await begin(async (run) => {
      seen.push(await run.waitFor("ticket", { timeout: "2h", schema }));
    });
    await stage.move(HOUR);
    expect(await reply(stage, "ticket", value('"x"'))).toMatchObject({ isTaken: false });
    expect(row(stage, "ticket")).toMatchObject({
      state: "begun",
      answer: null,
      nextAt: NOON + 2 * HOUR,
      error: expect.stringContaining("the answer of ann was refused: Invalid type"),
    });
    await reply(stage, "ticket", value("7"), { by: "bob", why: null });
    expect(seen).toEqual(["T-7"]);
    expect(row(stage, "ticket")).toMatchObject({ value: '"T-7"', error: null });
    expect(JSON.parse(row(stage, "ticket")?.answer ?? "")).toMatchObject({ by: "bob", why: null });
    await stage.stop();
  });

  test("has one answer while that is being checked, which no timeout takes away", async () => {
    const seen: unknown[] = [];
    const stage = await begin(async (run) => {
      seen.push(await run.waitFor("ticket", { timeout: "2h", schema }));
    });
    await stage.stop();
    await reply(stage, "ticket", value("7"));
    expect(await refused(reply(stage, "ticket", value("8")))).toMatch(
      /"ticket" was answered already, by ann at .*, and that is being checked/,
    );
    await stage.move(5 * HOUR);
    await stage.boot();
    expect(seen).toEqual(["T-7"]);
    await stage.stop();
  });

  test("asks again when a run that no one answered is resumed", async () => {
    const { resumeRun } = await import("../../src/workflow/operate.ts");
    const seen: unknown[] = [];
    const stage = await begin(async (run) => {
      seen.push(await run.waitFor("ticket", { timeout: "2h" }));
    });
    await stage.move(3 * HOUR);
    expect(stage.run().state).toBe("failed");
    await stage.journal.write((tables) => resumeRun(tables, 1, stage.clock.now()));
    stage.poke();
    await stage.move(HOUR);
    expect(row(stage, "ticket")).toMatchObject({ state: "begun", nextAt: NOON + 5 * HOUR });
    await reply(stage, "ticket", value("1"));
    expect([stage.run().state, seen]).toEqual(["done", [1]]);
    await stage.stop();
  });

  test("says what is wrong with how it is asked", async () => {
    const stage = await begin(async (run) => {
      const wrong: unknown[] = [undefined, {}, { timeout: "2 days" }, { timeout: "0s" }];
      wrong.push({ timeout: "1h", show: { at: new Date() } }, { timeout: "1h", schema: {} });
      wrong.push({ timeout: "1h", show: "x".repeat(70_000) });
      const told: string[] = [];
      for (const [index, options] of wrong.entries()) {
        await run.waitFor(`w${index}`, options as never).catch(({ message }) => told.push(message));
      }
      throw new Error(told.join("\n"));
    });
    const texts = (stage.run().note ?? "").split("\n");
    for (const [index, text] of [
      "it has no timeout",
      "it has no timeout",
      'timeout is "2 days", wanted a duration',
      "wanted a millisecond at least",
      "show cannot be kept: at .at is a Date",
      "its schema is none",
      "show has 70002 characters, at most 65536 fit",
    ].entries()) {
      expect(texts[index]).toContain(text);
    }
    await stage.stop();
  });
});

describe("questions", () => {
  test("are those of open runs, in their order, with what to type", async () => {
    const stage = await begin(async (run) => {
      const options = { timeout: "9h", show: { hosts: 3 } } as const;
      await Promise.all([
        run.approval("it's ok", options),
        run.waitFor("n", options),
        run.approval("-v", options),
      ]);
    });
    const questions = openQuestions(stage.journal, 1);
    expect(questions.map(wayToAnswer)).toEqual([
      "mig-runner approve 1 'it'\\''s ok', or deny",
      "mig-runner answer 1 n JSON",
      "mig-runner approve -- 1 -v, or deny",
    ]);
    expect(questions.map(askedText)[1]).toBe(
      'an answer to "n": {"hosts":3} (mig-runner answer 1 n JSON)',
    );
    await stage.stop();
  });

  test("of a run that has ended or never was take no answer", async () => {
    const stage = await begin(async (run) => {
      run.waitFor("n", { timeout: "9h" }).catch(() => undefined);
      await run.sleep("s", "1h");
      throw new Error("it is late");
    });
    await stage.move(HOUR);
    expect(await refused(reply(stage, "n", value("1")))).toContain("it is failed");
    const order = { runId: 9, name: "n", said: { by: "ann", why: null }, reply: value("1") };
    const asked = stage.journal.write((tables) => replyTo(tables, order, NOON));
    expect(await refused(asked)).toContain("Cannot answer run 9: there is none");
    await stage.stop();
  });
});

describe("a death at any write", () => {
  test("leaves each question with one answer, and the run with the same end", async () => {
    const { Crash } = await import("../support/stage.ts");
    const play = async (onWrite?: StageOptions["onWrite"]) => {
      const ends: string[] = [];
      const body: JobBody = async (run) => {
        const ok = await run.approval("dig", { timeout: "9h" });
        const number = await run.waitFor("n", { timeout: "9h", schema: v.number() });
        const late = await run.approval("late", { timeout: "1h" });
        ends.push(JSON.stringify([ok, number, late.approved]));
      };
      const stage = new Stage({ body, ...(onWrite === undefined ? {} : { onWrite }) });
      await stage.boot();
      await stage.request();
      const givens = new Map<string, Reply>([
        ["dig", yes],
        ["n", value("7")],
      ]);
      for (let turn = 0; stage.run().state !== "done" && turn < 400; turn++) {
        if (!stage.isAlive) await stage.boot();
        for (const step of openQuestions(stage.journal, 1)) {
          const given = givens.get(step.name);
          if (given !== undefined) await reply(stage, step.name, given);
        }
        await stage.move(60_000);
      }
      const { writes } = stage;
      const answers = stage.journal.stepsOf(1).map(({ value: said }) => said);
      await stage.stop();
      return { ends: [...new Set(ends)], writes, answers };
    };
    const calm = await play();
    expect(calm.ends).toEqual(['[{"approved":true,"by":"ann","why":null},7,false]']);
    for (let count = 1; count <= calm.writes; count++) {
      for (const when of ["before", "after"] as const) {
        let done = false;
        const { ends, answers } = await play((moment, at) => {
          if (done || moment !== when || at !== count) return;
          done = true;
          throw new Crash();
        });
        expect([count, when, ends, answers]).toEqual([count, when, calm.ends, calm.answers]);
      }
    }
  });
});
