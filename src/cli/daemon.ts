// Daemon: the program without a verb. Its work is in serve.ts, which is loaded only for it: -V and
// --help are answered without.
import { UsageError } from "./flags.ts";
import type { Verb } from "./verb.ts";

export const daemon: Verb = {
  usage: "[-c FILE] [-V] [--once [--wait]]",
  flags: [
    { name: "V", kind: "switch", help: "Show build version and exit" },
    { name: "version", kind: "switch", help: "The same" },
    {
      name: "once",
      kind: "switch",
      help: "One pass: dispatch, collect, deliver what is due; exit",
    },
    {
      name: "wait",
      kind: "switch",
      help: "With --once: stay until nothing is in flight (what waits for people is not)",
    },
  ],
  help:
    "Without a command, runs the jobs of the runner directory by their schedules.\n" +
    "SIGTERM and SIGINT let it finish work in hand and stop. SIGHUP makes it look at the jobs, read\n" +
    "its configuration and its key, and open its log file again. If the new configuration has a\n" +
    "mistake, the log names it and the old configuration stays in force.",
  async run(call) {
    const once = call.flags.has("once");
    const wait = call.flags.has("wait");
    if (wait && !once) throw new UsageError("flag -wait goes with --once");
    const { runForever, runPass } = await import("./serve.ts");
    return once ? await runPass(call, wait) : await runForever(call);
  },
};
