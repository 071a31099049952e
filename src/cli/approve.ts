// Approve: the verbs by which a person lets a run go that waits for a yes, or ends it.
import { approveRun, denyRun } from "../flow/guard.ts";
import { parseActionId } from "../mig/ids.ts";
import { jsonAnswer } from "../view/text.ts";
import { UsageError } from "./flags.ts";
import { openBench } from "./open.ts";
import { actorOf, Recorder } from "./record.ts";
import { type Call, JSON_FLAG, type Verb } from "./verb.ts";

const WHY = {
  name: "why",
  kind: "text",
  value: "TEXT",
  help: "The reason, for the audit log",
} as const;

export const approve: Verb = {
  usage: "RUN [--why TEXT] [--json]",
  flags: [WHY, JSON_FLAG],
  help:
    "Says yes to a run that waits for approval, because its job has `approve`: its action is posted\n" +
    "now, dated anew if it has waited. `mig-runner status` shows what waits, and to how many agents\n" +
    "it would go. Who said yes is in the audit log.\n\n" +
    "Example:\n" +
    "  mig-runner -c runner.cfg approve 12 --why 'change 4711'",
  run: (call) => decide(call, "approve"),
};

export const deny: Verb = {
  usage: "RUN [--why TEXT] [--json]",
  flags: [WHY, JSON_FLAG],
  help:
    "Says no to a run that waits for approval: it ends as failed, and nothing of it is posted.\n\n" +
    "Example:\n" +
    "  mig-runner -c runner.cfg deny 12 --why 'too many hosts'",
  run: (call) => decide(call, "deny"),
};

async function decide(call: Call, deed: "approve" | "deny"): Promise<number> {
  const [word, ...others] = call.positionals;
  const runId = parseActionId(word ?? "");
  if (runId === null || others.length > 0) {
    throw new UsageError(`${deed} takes one RUN, a number that status shows`);
  }
  const why = call.flags.text("why");
  const bench = await openBench(call);
  try {
    const { clock, journal, log } = bench.edges;
    const recorder = new Recorder(call, bench.edges);
    const reason = why === null ? "" : `: ${why}`;
    const job = await journal.write((tables) => {
      const now = clock.now();
      const error = `denied by ${actorOf(call)}${reason}`;
      const found =
        deed === "approve"
          ? approveRun(tables, runId, now)
          : denyRun(tables, { runId, error }, now);
      recorder.note(tables, { deed, subject: found, detail: `run ${runId}${reason}` });
      return found;
    });
    const said = deed === "approve" ? "approved" : "denied";
    log.emit("notice", `${job}: run ${runId} ${said} by ${actorOf(call)}${reason}`);
    recorder.tell();
    if (call.flags.has("json")) call.terminal.json(jsonAnswer({ run: runId, job, [said]: true }));
    else call.terminal.out([`${job}: run ${runId} is ${said}`]);
    return 0;
  } finally {
    await bench.close();
  }
}
