// Answer: the verb by which a person, or a program, gives a workflow run what it waits for.

import { messageOf } from "../errors.ts";
import type { JournalReads } from "../journal/journal.ts";
import { parsePlain, TooLarge } from "../lib/json/plain.ts";
import type { Clock } from "../lib/ports.ts";
import { parseActionId } from "../mig/ids.ts";
import { cutText } from "../text.ts";
import type { Milliseconds } from "../time.ts";
import { jsonAnswer } from "../view/text.ts";
import { ANSWER_SIZE_MAX, encodeAnswer, type Replied, replyTo } from "../workflow/answers.ts";
import { servingHolder } from "./directory-lock.ts";
import { UsageError } from "./flags.ts";
import { openJournalAccess } from "./open.ts";
import { actorOf, Recorder } from "./record.ts";
import { JSON_FLAG, type Verb, WHY_FLAG } from "./verb.ts";

/** Characters of an answer in the audit log. */
const AUDITED_MAX = 200;

/** How long the schema of a job is waited for, and how often it is asked. */
const VERDICT_MAX_MS: Milliseconds = 30_000;
const LOOK_MS: Milliseconds = 200;

export const answer: Verb = {
  usage: "RUN NAME JSON [--why TEXT] [--json]",
  flags: [WHY_FLAG, JSON_FLAG],
  help:
    "Gives a workflow run the answer that it waits for by `run.waitFor`, under that NAME. The answer\n" +
    `is JSON, at most ${ANSWER_SIZE_MAX / 1024} KiB: a text needs its own double quotes. Only one answer is taken;\n` +
    "if the job's schema refuses it, it does not count, and the run goes on waiting.\n" +
    "`mig-runner status` shows what waits, `history RUN` who answered what.\n\n" +
    "Ends with 1 when the schema refuses it.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg answer 12 ticket 4711\n" +
    "  mig-runner -c runner.cfg answer 12 owner '\"ann\"'\n" +
    "  mig-runner -c runner.cfg answer 12 hosts '[\"web1.example.net\"]' --why 'the others are new'",
  async run(call) {
    const [word, name, text, ...others] = call.positionals;
    const runId = parseActionId(word ?? "");
    if (runId === null || name === undefined || text === undefined || others.length > 0) {
      throw new UsageError("answer takes a RUN, a NAME and JSON: status shows what waits");
    }
    const json = answerOf(text);
    const why = call.flags.text("why");
    const by = actorOf(call);
    const access = await openJournalAccess(call, { kind: "named", word: `${runId}` });
    try {
      const { clock, journal, log } = access.edges;
      const recorder = new Recorder(call, access);
      const reason = why === null ? "" : `: ${why}`;
      const reply = { kind: "wait", json } as const;
      const replied = await journal.write((tables) => {
        const given = replyTo(tables, { runId, name, said: { by, why }, reply }, clock.now());
        const detail = `run ${runId} ${given.name} ${cutText(json, AUDITED_MAX)}${reason}`;
        recorder.note(tables, { deed: "answer", subject: given.job, detail });
        return given;
      });
      const { job, name: asked } = replied;
      log.emit("notice", `${job}: "${asked}" of run ${runId} answered by ${by}${reason}`, {
        job,
        run: runId,
      });
      recorder.tell();
      const serves = call.person === undefined && servingHolder(access.config.directory) !== null;
      const verdict = await verdictOf({ journal, clock, serves }, { runId, name: asked }, replied);
      const told = { run: runId, job, name: asked, state: verdict.state, error: verdict.error };
      if (call.flags.has("json")) call.terminal.json(jsonAnswer(told));
      else call.terminal.out([`${job}: ${TEXTS[verdict.state]}${errorText(verdict)}`]);
      return verdict.state === "refused" ? 1 : 0;
    } finally {
      await access.close();
    }
  },
};

interface Verdict {
  readonly state: "taken" | "refused" | "unchecked";
  readonly error: string | null;
}

const TEXTS: Readonly<Record<Verdict["state"], string>> = {
  taken: "the run has its answer",
  refused: "the answer was refused, the run waits for another one",
  unchecked: "the answer is saved; the run has yet to check it",
};

function errorText({ error }: Verdict): string {
  return error === null ? "" : `: ${error}`;
}

/** What becomes of an answer that a schema looks at, in the process that works on the run. */
async function verdictOf(
  edges: { readonly journal: JournalReads; readonly clock: Clock; readonly serves: boolean },
  { runId, name }: { readonly runId: number; readonly name: string },
  { isTaken }: Replied,
): Promise<Verdict> {
  const { journal, clock, serves } = edges;
  if (isTaken) return { state: "taken", error: null };
  for (let waitedMs = 0; serves && waitedMs < VERDICT_MAX_MS; waitedMs += LOOK_MS) {
    const row = journal.stepNamed(runId, name);
    if (row?.state === "saved") return { state: "taken", error: null };
    if (row?.answer === null) return { state: "refused", error: row.error };
    await clock.sleep(LOOK_MS);
  }
  return { state: "unchecked", error: null };
}

/** The answer as JSON of one form. @throws {UsageError} When it is none, or too long. */
function answerOf(text: string): string {
  let value: unknown;
  try {
    value = parsePlain(text);
  } catch (error) {
    if (error instanceof TooLarge) throw new UsageError(`the answer: ${error.message}`);
    const shown = cutText(text, AUDITED_MAX);
    const meant = `'${JSON.stringify(shown)}'`;
    throw new UsageError(`the answer ${shown} is no JSON; a text has quotes: ${meant}`);
  }
  try {
    return encodeAnswer(value);
  } catch (error) {
    throw new UsageError(`the answer cannot be kept as JSON: ${messageOf(error)}`);
  }
}
