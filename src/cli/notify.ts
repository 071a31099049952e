// Notify: the verb that sends a test alarm to every plugin that tells alarms.
import { RunnerError } from "../errors.ts";
import { tellPlugin } from "../flow/alarms.ts";
import type { DeliveryAnswer } from "../ports.ts";
import { UsageError } from "./flags.ts";
import { openJournalAccess } from "./open.ts";
import { JSON_FLAG, type Verb } from "./verb.ts";

export const notify: Verb = {
  usage: "test [--json]",
  flags: [JSON_FLAG],
  help:
    "Sends an alarm with the event `test` to each plugin of [notify], once and at once, and says\n" +
    "which of them took it. Nothing is kept of it. The exit status is 1 if one did not.\n\n" +
    "Example:\n" +
    "  mig-runner -c runner.cfg notify test",
  async run(call) {
    const [word, ...others] = call.positionals;
    if (word !== "test" || others.length > 0) throw new UsageError("notify takes the word test");
    const access = await openJournalAccess(call, { kind: "none" });
    try {
      const { plugins } = access.config.notify;
      if (plugins.length === 0) {
        throw new RunnerError("CONFIG", "Cannot test alarms: [notify] names no plugins", {
          path: access.config.path,
          hint: 'Name who tells them, such as [notify] plugins = "slack"',
        });
      }
      const told: { readonly plugin: string; readonly answer: DeliveryAnswer }[] = [];
      for (const plugin of plugins) {
        const at = access.clock.now();
        const order = { plugin, body: bodyOf(at), key: `alarm/test/${at}`, attempt: 1 };
        told.push({ plugin, answer: await tellPlugin(access.edges, order) });
      }
      if (call.flags.has("json")) call.terminal.json(JSON.stringify(told.map(encode)));
      else call.terminal.out(told.map(lineOf));
      return told.every(({ answer }) => answer.kind === "delivered") ? 0 : 1;
    } finally {
      await access.close();
    }
  },
};

interface Told {
  readonly plugin: string;
  readonly answer: DeliveryAnswer;
}

function bodyOf(at: number): string {
  const time = new Date(at).toISOString();
  return JSON.stringify({
    kind: "alarm",
    event: "test",
    of: "test",
    job: null,
    subject: null,
    run: null,
    at: time,
    since: time,
    count: 1,
    message: "this is a test: alarms of mig-runner arrive here",
    hint: "nothing is to be done",
  });
}

function encode({ plugin, answer: { kind, message } }: Told) {
  return { plugin, told: kind === "delivered", message };
}

function lineOf({ plugin, answer: { kind, message } }: Told): string {
  return kind === "delivered" ? `${plugin}: told` : `${plugin}: not told: ${message}`;
}
