// Answers: a workflow that uses every call, its program killed again and again while people answer
// what it asks. At the end each action was posted once, no saved step was tried again, and each
// question has one answer.
//
//   bun test/faults/answers.ts [KILLS] [SEED]        default 50 kills, seed 1
import { readFile } from "node:fs/promises";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { verifyJournal } from "../../src/journal/sqlite/maintenance.ts";
import { openQuestions, replyTo } from "../../src/workflow/answers.ts";
import { resumeRun } from "../../src/workflow/operate.ts";
import { Site } from "../support/site.ts";
import { dice, nap } from "./kill.ts";

/** What was done, and what of it was wrong. */
export interface AnswersTally {
  readonly runs: number;
  /** How often a run was let go on that had failed for want of time. */
  readonly resumed: number;
  readonly posted: number;
  readonly answers: number;
  /** Runs that did not come to their end. */
  readonly unfinished: number;
  /** Actions of the API beyond one for a step, or that the journal does not know. */
  readonly twice: number;
  /** Steps that were tried after they were saved. */
  readonly again: number;
  /** Questions that took more or fewer answers than one. */
  readonly unclear: number;
  readonly unsound: number;
}

const JOB = (diary: string) => `
import { appendFileSync } from "node:fs";
import { job, modules } from "mig-runner";
import * as v from "valibot";

const write = (id, name) => appendFileSync(${JSON.stringify(diary)}, id + " " + name + "\\n");
const operations = [modules.timedrift({ drift: "5s" })];

export default job(
  { expiry: "1s", action: { target: "status='online' OR status='idle'", operations } },
  async (run) => {
    const before = (await run.state.get("runs")) ?? 0;
    const base = await run.collect("base");
    await run.step("note", { retry: 3 }, () => write(run.id, "note"));
    const { approved } = await run.approval("dig", { show: base.agents.length, timeout: "1h" });
    const [size] = await run.map("sizes", [1, 2], async (item) =>
      item === 1
        ? await run.waitFor("size", { schema: v.number(), timeout: "1h" })
        : await run.step("guess", () => write(run.id, "sizes/1/guess")),
    );
    await run.parallel({
      left: () => run.collect("left", { target: base.agents.slice(0, 2) }),
      right: () => run.sleep("nap", "500ms"),
    });
    await run.dispatch("bye", { target: base.agents.slice(2, 4) });
    await run.deliver("keep", base);
    await run.state.set("runs", before + 1);
    await run.step("close", () => write(run.id, "close"));
    if (!approved || size !== 7) throw new Error("people said otherwise");
  },
);
`;

const SAYINGS = [
  { kind: "approval", approved: true },
  { kind: "wait", json: "7" },
] as const;

/** Kills the program so often at random moments, lets it finish, and counts what is wrong. */
export async function answersLoop(kills: number, seed: number): Promise<AnswersTally> {
  await using site = await Site.create({ sandbox: { seed: "answers", agents: 8 } });
  const { scenario } = site;
  const path = scenario.path("journal.db");
  const diary = scenario.path("diary");
  await scenario.write("diary", "");
  await scenario.plugin("keep", "cat > /dev/null");
  await scenario.job("all", { "job.ts": JOB(diary) });
  await (await site.daemon()).kill();
  const journal = openJournal({ path });
  const answers = new Map<string, number>();
  /** As the verbs do it: another process, which the daemon hears of by the journal. */
  const people = async (): Promise<void> => {
    for (const { id } of journal.runsIn("open", 9)) {
      for (const { name, kind } of openQuestions(journal, id)) {
        const reply = SAYINGS.find((saying) => saying.kind === kind);
        if (reply === undefined) continue;
        const order = { runId: id, name, said: { by: "ann", why: null }, reply };
        await journal.write((tables) => replyTo(tables, order, Date.now()));
        answers.set(`${id} ${name}`, (answers.get(`${id} ${name}`) ?? 0) + 1);
      }
    }
  };
  const request = () =>
    journal.write((tables) => {
      const now = Date.now();
      tables.insertRun({ job: "all", firesAt: now, cause: "manual" }, "requested", now);
    });
  const isAtWork = (): boolean =>
    journal.runsIn("open", 1).length + journal.runsIn("requested", 1).length > 0;
  const lines = async () => (await readFile(diary, "utf8")).split("\n").filter((line) => line);
  const saved = new Map<string, number>();
  const noteSaved = async (): Promise<void> => {
    const steps = journal
      .runs("all", 1_000)
      .flatMap(({ id }) =>
        journal.stepsOf(id).map((step) => ({ ...step, key: `${id} ${step.name}` })),
      )
      .filter(({ kind, state, key }) => kind === "step" && state === "saved" && !saved.has(key));
    const told = await lines();
    for (const { key } of steps) saved.set(key, told.filter((line) => line === key).length);
  };
  let resumed = 0;
  const roll = dice(seed);
  for (let count = 0; count < kills; count++) {
    if (journal.runsIn("open", 9).length < 3) await request();
    const daemon = site.start();
    if (roll() > 0.1) await daemon.prints(/added entity all/);
    await nap(roll() * 1_500);
    await people();
    await nap(roll() * 1_000);
    await daemon.kill();
    await noteSaved();
  }
  const daemon = await site.daemon();
  for (let look = 0; look < 1_000; look++) {
    const stopped = [...journal.runsIn("failed", 99), ...journal.runsIn("paused", 99)];
    if (stopped.length === 0 && !isAtWork()) break;
    // An action that lapsed while the program was dead; a run that it never lived long enough for.
    for (const { id, note } of stopped) {
      if (!/expired unposted|was started/.test(note ?? "")) throw new Error(note ?? "it failed");
      resumed++;
      await journal.write((tables) => resumeRun(tables, id, Date.now()));
    }
    await people();
    await nap(200);
  }
  await daemon.kill();
  await noteSaved();
  const runs = journal.runs("all", 1_000);
  const actions = runs
    .flatMap(({ id }) => journal.actionsOf(id))
    .filter(({ actionId }) => actionId !== null);
  const posted = site.sandbox.actions().map(({ id }) => id);
  const own = new Set(actions.map(({ actionId }) => actionId));
  const parts = new Set(actions.map(({ runId, step, part }) => `${runId}/${step}/${part}`));
  const told = await lines();
  const questions = runs.flatMap(({ id }) =>
    journal
      .stepsOf(id)
      .filter(({ kind, state }) => (kind === "wait" || kind === "approval") && state === "saved")
      .map(({ name }) => `${id} ${name}`),
  );
  await journal.close();
  const { damage, faults } = await verifyJournal(path);
  return {
    runs: runs.length,
    resumed,
    posted: posted.length,
    answers: questions.length,
    unfinished: runs.filter(({ state }) => state !== "done").length,
    twice: posted.filter((id) => !own.has(id)).length + actions.length - parts.size,
    again: [...saved].filter(([key, times]) => told.filter((line) => line === key).length > times)
      .length,
    unclear: questions.filter((key) => answers.get(key) !== 1).length,
    unsound: damage.length + faults.length,
  };
}

if (import.meta.main) {
  const kills = Number(process.argv[2] ?? 50);
  const tally = await answersLoop(kills, Number(process.argv[3] ?? 1));
  console.log(JSON.stringify({ kills, ...tally }));
  const { unfinished, twice, again, unclear, unsound } = tally;
  process.exitCode = unfinished + twice + again + unclear + unsound === 0 ? 0 : 1;
}
