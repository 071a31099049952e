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
      help: "With --once: stay until nothing is in flight; not for people who are asked",
    },
  ],
  help:
    "Without a command, runs the jobs of the runner directory by their schedules.\n" +
    "SIGTERM and SIGINT stop it in order. SIGHUP makes it look at the jobs, read its\n" +
    "configuration and its key, and open its log file again. A configuration with a mistake is told\n" +
    "in the log, and the old one stays in force.",
  async run(call) {
    const once = call.flags.has("once");
    const wait = call.flags.has("wait");
    if (wait && !once) throw new UsageError("flag -wait goes with --once");
    const { runForever, runPass } = await import("./serve.ts");
    return once ? await runPass(call, wait) : await runForever(call);
  },
};
