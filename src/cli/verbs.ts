// Verbs: the table of commands. A verb's module is loaded only when it is called.
import { nearest } from "../errors.ts";
import { UsageError } from "./flags.ts";
import { HOST_DEEDS, type Verb, type VerbEntry } from "./verb.ts";

export const VERBS: readonly VerbEntry[] = [
  {
    name: "check",
    summary: "Find every mistake in config, jobs and plugins",
    words: "jobs",
    load: async () => (await import("./check.ts")).check,
  },
  {
    name: "next",
    summary: "Show the next fire times of a schedule or a job",
    words: "jobs",
    load: async () => (await import("./next.ts")).next,
  },
  {
    name: "show",
    summary: "Show what would be posted, without posting",
    words: "jobs",
    load: async () => (await import("./show.ts")).show,
  },
  {
    name: "run",
    summary: "Fire a job now, outside its schedule",
    words: "jobs",
    load: async () => (await import("./run.ts")).run,
  },
  {
    name: "pause",
    summary: "Keep a job from firing for a while",
    words: "jobs",
    load: async () => (await import("./pause.ts")).pause,
  },
  {
    name: "unpause",
    summary: "Let a paused job fire again",
    words: "jobs",
    load: async () => (await import("./pause.ts")).unpause,
  },
  {
    name: "status",
    summary: "Show jobs, what is in flight and what is undelivered",
    words: [],
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "history",
    summary: "Show what has happened: runs with their results, deliveries and steps",
    words: "jobs",
    load: async () => (await import("./history.ts")).history,
  },
  {
    name: "dashboard",
    summary: "Show all that as pages for a browser on this host",
    words: [],
    load: async () => (await import("./dashboard.ts")).dashboard,
  },
  {
    name: "redeliver",
    summary: "Give a stored result to its plugin again",
    words: "jobs",
    load: async () => (await import("./redeliver.ts")).redeliver,
  },
  {
    name: "drop",
    summary: "Give up a run, an action, or the delivery of its result",
    words: "jobs",
    load: async () => (await import("./drop.ts")).drop,
  },
  {
    name: "resume",
    summary: "Let a paused or failed workflow run go on",
    words: [],
    load: async () => (await import("./resume.ts")).resume,
  },
  {
    name: "state",
    summary: "Show what jobs keep for their next runs, and change it",
    words: "jobs",
    load: async () => (await import("./state.ts")).state,
  },
  {
    name: "calendar",
    summary: "Sign the actions of a job ahead, and let a host without a key post them",
    words: ["request", "sign", "verify", "install", "show", "diff", "withdraw"],
    more: true,
    load: async () => (await import("./calendar.ts")).calendar,
  },
  {
    name: "approve",
    summary: "Approve a run that waits for approval",
    words: "questions",
    load: async () => (await import("./approve.ts")).approve,
  },
  {
    name: "deny",
    summary: "Refuse a run that waits for approval",
    words: "questions",
    load: async () => (await import("./approve.ts")).deny,
  },
  {
    name: "answer",
    summary: "Give a workflow run what it waits for",
    words: "questions",
    load: async () => (await import("./answer.ts")).answer,
  },
  {
    name: "audit",
    summary: "Show what people did here by hand, and verify that log",
    words: ["verify"],
    load: async () => (await import("./audit.ts")).audit,
  },
  {
    name: "notify",
    summary: "Send a test alarm through the configured plugins",
    words: ["test"],
    load: async () => (await import("./notify.ts")).notify,
  },
  {
    name: "cluster",
    summary: "Make, show and drain the hosts that share one journal",
    words: ["migrate", "status", ...HOST_DEEDS],
    ofHosts: HOST_DEEDS,
    load: async () => (await import("./cluster.ts")).cluster,
  },
  {
    name: "journal",
    summary: "Verify, copy or salvage the journal",
    words: ["verify", "backup", "restore", "salvage", "move"],
    load: async () => (await import("./journal.ts")).journal,
  },
  {
    name: "init",
    summary: "Make a runner directory that works",
    load: async () => (await import("./init.ts")).init,
  },
  {
    name: "convert",
    summary: "Rewrite a job as cfg, toml or ts",
    words: "jobs",
    load: async () => (await import("./convert.ts")).convert,
  },
  {
    name: "completion",
    summary: "Print completions for bash, zsh or fish",
    words: ["bash", "zsh", "fish"],
    load: async () => (await import("./completion.ts")).completionOf(VERBS, await findVerb("")),
  },
  {
    name: "test",
    summary: "Run TypeScript jobs in virtual time, against a simulated fleet",
    words: "jobs",
    load: async () => (await import("./test.ts")).test,
  },
  {
    name: "sandbox",
    summary: "A MIG API with a simulated fleet on loopback",
    words: [],
    load: async () => (await import("./sandbox.ts")).sandbox,
  },
  {
    name: "help",
    summary: "Show what a command does",
    words: "commands",
    load: async () => (await import("./help.ts")).helpOf({ table: VERBS, find: findVerb }),
  },
  {
    name: "licenses",
    summary: "Show the licences of what is in this program",
    words: [],
    load: async () => (await import("./licenses.ts")).licenses,
  },
  {
    name: "version",
    summary: "Show the version",
    words: [],
    load: async () => (await import("./version.ts")).version,
  },
];

/** What people type who know other programs, and what it is here. */
const ELSEWHERE: readonly (readonly [words: string, advice: string])[] = [
  ["start daemon serve up", "without a command, mig-runner runs the jobs by their schedules"],
  ["stop quit exit down", "SIGTERM stops it, as does its service manager"],
  ["restart", "its service manager restarts it; SIGTERM stops it"],
  ["reload hup rescan", "SIGHUP makes it look at its configuration and its jobs again"],
  ["list ls ps jobs info", 'did you mean "status"?'],
  ["log logs tail", "its log is where [logging] of its configuration says"],
  ["config configtest validate lint doctor", 'did you mean "check"?'],
  ["verify backup salvage", 'did you mean "journal"?'],
  ["page web ui", 'did you mean "dashboard"?'],
  ["runs past report", 'did you mean "history"?'],
  ["once pass", 'did you mean "--once"?'],
  ["trigger fire exec execute launch dispatch", 'did you mean "run"?'],
  ["cancel kill rm remove delete abort", 'did you mean "drop"?'],
  ["retry resend", 'did you mean "redeliver"?'],
  ["continue", 'did you mean "resume"?'],
  ["hold disable suspend mute", 'did you mean "pause"?'],
  ["enable release", 'did you mean "unpause"?'],
  ["simulate", 'did you mean "test"?'],
  ["license licence licences copyright notices", 'did you mean "licenses"?'],
  ["new create setup", 'did you mean "init"?'],
];

/**
 * Takes the verb out of the command line: its first word. Flags may stand before it. Without a word
 * the name is "", the daemon.
 *
 * @throws {UsageError} When the word is no verb: it must not start a daemon.
 */
export function splitVerb(argv: readonly string[]): { name: string; rest: readonly string[] } {
  const at = firstWord(argv);
  const word = argv[at];
  if (word === undefined) return { name: "", rest: argv };
  if (isVerb(word)) return { name: word, rest: [...argv.slice(0, at), ...argv.slice(at + 1)] };
  throw new UsageError(`unknown command "${word}"${adviceFor(word, argv.slice(at + 1))}`);
}

function isVerb(word: string): boolean {
  return VERBS.some(({ name }) => name === word);
}

/** What to do instead, as the end of the message. */
function adviceFor(word: string, more: readonly string[]): string {
  const lower = word.toLowerCase();
  const known = ELSEWHERE.find(([words]) => words.split(" ").includes(lower));
  if (known !== undefined) return `: ${known[1]}`;
  const meant = nearest(
    word,
    VERBS.map(({ name }) => name),
  );
  if (meant !== null) return `, did you mean "${meant}"?`;
  const verb = more.find(isVerb);
  if (verb !== undefined) return `: write "${verb}" first, its flags and words behind it`;
  return ': "mig-runner help" lists the commands';
}

/** The index of the first word that is neither a flag nor the value of -c. */
function firstWord(argv: readonly string[]): number {
  let index = 0;
  while (index < argv.length && /^-./.test(argv[index] ?? "")) {
    index += /^--?c$/.test(argv[index] ?? "") ? 2 : 1;
  }
  return index;
}

/** Loads a verb of the table; "" is the daemon. */
export async function findVerb(name: string): Promise<Verb> {
  const entry = VERBS.find((candidate) => candidate.name === name);
  return entry === undefined ? (await import("./daemon.ts")).daemon : await entry.load();
}
