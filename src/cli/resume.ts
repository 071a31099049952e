// Resume: the verb by which an operator lets a paused or failed workflow run go on.
import { lockHolder } from "../edge/lock.ts";
import { resumeRun } from "../workflow/operate.ts";
import { UsageError } from "./flags.ts";
import { openBench } from "./open.ts";
import { JSON_FLAG, type Verb } from "./verb.ts";

export const resume: Verb = {
  usage: "RUN [--json]",
  flags: [JSON_FLAG],
  help:
    "Lets a workflow run go on that is paused or has failed. It is replayed with the source\n" +
    "that it began with: what is saved is not done again, what failed last is tried anew. A\n" +
    "deadline that has passed is taken off. The mig-runner that works on the directory does\n" +
    "it, now or when it starts. `mig-runner status` shows the runs, `mig-runner drop RUN`\n" +
    "gives one up.\n\n" +
    "Example:\n" +
    "  mig-runner -c runner.cfg resume 12",
  async run(call) {
    const [word, ...others] = call.positionals;
    if (word === undefined || others.length > 0 || !/^[1-9]\d{0,15}$/.test(word)) {
      throw new UsageError("resume takes one RUN, a number that status shows");
    }
    const runId = Number(word);
    const bench = await openBench(call);
    try {
      const { clock, journal, log } = bench.edges;
      const again = await journal.write((tables) => resumeRun(tables, runId, clock.now()));
      const job = journal.run(runId)?.job ?? "";
      log.emit("notice", `${job}: run ${runId} resumed by an operator`);
      const holder = lockHolder(bench.config.directory);
      if (call.flags.has("json")) {
        call.terminal.json(JSON.stringify({ run: runId, job, by: holder, again }));
        return 0;
      }
      const who = holder === null ? "the next mig-runner" : `mig-runner (process ${holder})`;
      const what = again.length === 0 ? "" : `, ${again.join(", ")} anew`;
      call.terminal.out([`${job}: ${who} goes on with run ${runId}${what}`]);
      return 0;
    } finally {
      await bench.close();
    }
  },
};
