// Resume: the verb by which an operator lets a paused or failed workflow run go on.
import { parseActionId } from "../mig/ids.ts";
import { resumeRun } from "../workflow/operate.ts";
import { serverText, servingHolder } from "./directory-lock.ts";
import { UsageError } from "./flags.ts";
import { openJournalAccess } from "./open.ts";
import { Recorder } from "./record.ts";
import { JSON_FLAG, type Verb } from "./verb.ts";

export const resume: Verb = {
  usage: "RUN [--with-new-source] [--json]",
  flags: [
    {
      name: "with-new-source",
      kind: "switch",
      help: "Go on with the present job.ts, if the saved steps match it",
    },
    JSON_FLAG,
  ],
  help:
    "Lets a workflow run go on that is paused or has failed. It is replayed with the source that it\n" +
    "began with: saved steps are not done again, the step that failed last is tried again.\n" +
    "With --with-new-source it is replayed with the present job.ts. If that asks for other steps than\n" +
    "those that are saved, nothing is changed, and both are shown. The action and the expiry stay\n" +
    "those that the run began with. A deadline that has passed no longer counts.\n" +
    "The run goes on in the mig-runner that works on the directory, now or when one starts.\n" +
    "`mig-runner status` shows the runs, `mig-runner drop RUN` gives one up.\n\n" +
    "Example:\n" +
    "  mig-runner -c runner.cfg resume 12",
  async run(call) {
    const [word, ...others] = call.positionals;
    const runId = parseActionId(word ?? "");
    if (runId === null || others.length > 0) {
      throw new UsageError("resume takes one RUN, a number that status shows");
    }
    const access = await openJournalAccess(call, { kind: "named", word: `${runId}` });
    try {
      const { clock, journal, log } = access.edges;
      const why = journal.run(runId)?.note ?? null;
      const recorder = new Recorder(call, access);
      const job = journal.run(runId)?.job ?? "";
      const isNew = call.flags.has("with-new-source");
      const { renew, retriable } = await import("./renew.ts");
      const renewal = isNew ? await renew(access, runId) : null;
      const beside = renewal?.beside ?? (isNew ? [] : await retriable(access, runId));
      const again = await journal.write((tables) => {
        renewal?.check(tables);
        const tried = resumeRun(tables, runId, clock.now(), { renewal, beside });
        const detail = `run ${runId}${isNew ? " with new source" : ""}`;
        recorder.note(tables, { deed: "resume", subject: job, detail });
        return tried;
      });
      recorder.tell();
      log.emit("notice", `${job}: run ${runId} resumed by an operator`, { job, run: runId });
      const holder = servingHolder(access.config.directory)?.pid ?? null;
      const advice = again.length === 0 && !isNew ? sameAgain({ runId, job, why }) : null;
      if (call.flags.has("json")) {
        call.terminal.json(JSON.stringify({ run: runId, job, by: holder, again, advice }));
        return 0;
      }
      const what = again.length === 0 ? "" : ` and tries ${again.join(", ")} again`;
      const goes = `${job}: ${serverText(holder)} goes on with run ${runId}${what}`;
      call.terminal.out(advice === null ? [goes] : [goes, advice]);
      return 0;
    } finally {
      await access.close();
    }
  },
};

/** No step has failed: it was the code itself that stopped, and a replay has the same code. */
function sameAgain(run: { runId: number; job: string; why: string | null }): string {
  const { runId, job, why } = run;
  const before = why === null ? "" : ` (${why})`;
  return (
    "No step of it failed, so if nothing outside of it was mended it will end in the same way" +
    `${before}. A job.ts that was mended is taken by mig-runner resume ${runId} ` +
    `--with-new-source, or by a new run: mig-runner drop ${runId}, then mig-runner run ${job}`
  );
}
