// Acting: what a person orders at the page, done by the verb of the command line itself: what it
// checks, writes, says and leaves in the audit log is the same.
import type { Terminal } from "../edge/terminal.ts";
import { describeError, messageOf, RunnerError, RunnerErrors } from "../errors.ts";
import type { DeedVerb, Order } from "../web/deeds.ts";
import type { Outcome } from "../web/desk.ts";
import { parseFlags, UsageError } from "./flags.ts";
import type { Call, Verb } from "./verb.ts";

const VERBS: Readonly<Record<DeedVerb, () => Promise<Verb>>> = {
  run: async () => (await import("./run.ts")).run,
  pause: async () => (await import("./pause.ts")).pause,
  unpause: async () => (await import("./pause.ts")).unpause,
  redeliver: async () => (await import("./redeliver.ts")).redeliver,
  drop: async () => (await import("./drop.ts")).drop,
  approve: async () => (await import("./approve.ts")).approve,
  deny: async () => (await import("./approve.ts")).deny,
  answer: async () => (await import("./answer.ts")).answer,
  resume: async () => (await import("./resume.ts")).resume,
};

/** Lines that are kept of what a verb says. */
const LINES_MAX = 20;

/** Does what is ordered, in the name of a person. Never rejects. */
export async function perform(
  call: Call,
  { verb: name, words, flags }: Order,
  person: string,
): Promise<Outcome> {
  const lines: string[] = [];
  try {
    const verb = await VERBS[name]();
    // No word can be taken for a flag, and no value for the next one.
    const argv = [...flags.map(([flag, value]) => `--${flag}=${value}`), "--", ...words];
    const line = parseFlags(argv, verb.flags);
    const exit = await verb.run({ ...call, ...line, terminal: keeper(lines), person });
    return { isDone: exit === 0, lines: lines.slice(0, LINES_MAX) };
  } catch (error) {
    return { isDone: false, lines: [...lines, ...describe(error)].slice(0, LINES_MAX) };
  }
}

function describe(error: unknown): readonly string[] {
  if (error instanceof RunnerErrors) return error.errors.map(describeError);
  if (error instanceof RunnerError) return [describeError(error)];
  if (error instanceof UsageError) return [error.message];
  return [`It failed: ${messageOf(error)}`];
}

/** Keeps what a verb says to people. */
function keeper(lines: string[]): Terminal {
  const keep = (more: readonly string[]): void => {
    lines.push(...more);
  };
  return { out: keep, error: keep, json() {}, file() {}, progress() {}, lines: () => [] };
}
