// Approve: the verbs by which a person lets a run go that waits for a yes, or says no to it: a
// guard of its job holds an action back, or its workflow asks by `run.approval`.
import { approveRun, denyRun } from "../flow/guard.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import { parseActionId } from "../mig/ids.ts";
import type { Instant } from "../time.ts";
import { jsonAnswer } from "../view/text.ts";
import { isHeldByGuard, replyTo } from "../workflow/answers.ts";
import { UsageError } from "./flags.ts";
import { openJournalAccess } from "./open.ts";
import { actorOf, Recorder } from "./record.ts";
import { type Call, JSON_FLAG, type Verb, WHY_FLAG } from "./verb.ts";

export const approve: Verb = {
  usage: "RUN [NAME] [--why TEXT] [--json]",
  flags: [WHY_FLAG, JSON_FLAG],
  help:
    "Approves a run that waits for approval. If its job has the key `approve`, its action is posted\n" +
    "now, with a new date if it has waited. If its workflow asks by `run.approval`, the workflow goes\n" +
    "on; NAME says which approval, when it asks for several. `mig-runner status` shows what waits\n" +
    "and what is asked. The audit log has who approved.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg approve 12 --why 'change 4711'\n" +
    "  mig-runner -c runner.cfg approve 12 dig",
  run: (call) => decide(call, "approve"),
};

export const deny: Verb = {
  usage: "RUN [NAME] [--why TEXT] [--json]",
  flags: [WHY_FLAG, JSON_FLAG],
  help:
    "Refuses a run that waits for approval. If its job has the key `approve`, the run ends as failed\n" +
    "and nothing is posted. If its workflow asks by `run.approval`, the workflow gets the refusal and\n" +
    "goes on.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg deny 12 --why 'too many hosts'\n" +
    "  mig-runner -c runner.cfg deny 12 dig --why 'not before Monday'",
  run: (call) => decide(call, "deny"),
};

interface Decision {
  readonly deed: "approve" | "deny";
  readonly runId: number;
  /** Null: the only one that there is. */
  readonly name: string | null;
  readonly by: string;
  readonly why: string | null;
}

async function decide(call: Call, deed: Decision["deed"]): Promise<number> {
  const [word, name = null, ...others] = call.positionals;
  const runId = parseActionId(word ?? "");
  if (runId === null || others.length > 0) {
    throw new UsageError(`${deed} takes one RUN, a number that status shows, and perhaps a NAME`);
  }
  const why = call.flags.text("why");
  const order: Decision = { deed, runId, name, by: actorOf(call), why };
  const access = await openJournalAccess(call, { kind: "named", word: `${runId}` });
  try {
    const { clock, journal, log } = access.edges;
    const recorder = new Recorder(call, access);
    const reason = why === null ? "" : `: ${why}`;
    const found = await journal.write((tables) => {
      const decided = decideIn(tables, order, clock.now());
      const what = decided.name === null ? "" : ` ${decided.name}`;
      recorder.note(tables, {
        deed,
        subject: decided.job,
        detail: `run ${runId}${what}${reason}`,
      });
      return decided;
    });
    const { job } = found;
    const said = deed === "approve" ? "approved" : "denied";
    const what = found.name === null ? `run ${runId}` : `"${found.name}" of run ${runId}`;
    log.emit("notice", `${job}: ${what} ${said} by ${order.by}${reason}`, { job, run: runId });
    recorder.tell();
    const answer = { run: runId, job, name: found.name, [said]: true };
    if (call.flags.has("json")) call.terminal.json(jsonAnswer(answer));
    else call.terminal.out([`${job}: ${what} is ${said}`]);
    return 0;
  } finally {
    await access.close();
  }
}

/** @returns The job, and the name of what its workflow asked; null where a guard held the run. */
function decideIn(
  tables: JournalTransaction,
  { deed, runId, name, by, why }: Decision,
  now: Instant,
): { readonly job: string; readonly name: string | null } {
  if (name === null && isHeldByGuard(tables, runId)) {
    const error = `denied by ${by}${why === null ? "" : `: ${why}`}`;
    const approves = deed === "approve";
    const job = approves ? approveRun(tables, runId, now) : denyRun(tables, { runId, error }, now);
    return { job, name };
  }
  const reply = { kind: "approval", approved: deed === "approve" } as const;
  return replyTo(tables, { runId, name, said: { by, why }, reply }, now);
}
