// Drop: the verb by which an operator gives up what is in flight or cannot be delivered.

import { RunnerError } from "../errors.ts";
import { dropAction } from "../flow/drop.ts";
import { dropUnreadable } from "../flow/unreadable.ts";
import { hasEnded, type RunRow } from "../journal/inflight.ts";
import type { RemovedRow } from "../journal/journal.ts";
import { keepAside } from "../journal/sqlite/aside.ts";
import { parseActionId } from "../mig/ids.ts";
import { dropRun, dropRuns } from "../workflow/operate.ts";
import { UsageError } from "./flags.ts";
import { loadJobs, unknownJob } from "./jobs.ts";
import { type JournalAccess, openJournalAccess } from "./open.ts";
import { journalPlace } from "./reading.ts";
import { Recorder } from "./record.ts";
import { type Call, JSON_FLAG, type Verb } from "./verb.ts";

export const drop: Verb = {
  usage: "ACTIONID|RUN|JOB [--plugin NAME] [--json]",
  flags: [
    { name: "plugin", kind: "text", value: "NAME", help: "Only the delivery to this plugin" },
    JSON_FLAG,
  ],
  help:
    "Gives up an action. If it is in flight, it is neither posted again nor collected; if it is\n" +
    "collected, its result goes to no plugin any more. Agents may still run the action, and a result\n" +
    "file stays. With a RUN, the run is ended; what it has posted is still collected. With a JOB,\n" +
    "also a removed one, everything of the job that is pending is given up.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg drop 6019583\n" +
    "  mig-runner -c runner.cfg drop 6019583 --plugin slack",
  async run(call) {
    const [word, ...others] = call.positionals;
    if (word === undefined || others.length > 0) {
      throw new UsageError("drop takes one ACTIONID, RUN or JOB");
    }
    const plugin = call.flags.text("plugin");
    const access = await openJournalAccess(call, { kind: "named", word: word });
    try {
      const removed = plugin === null ? await takeOut(access, word) : [];
      const run = runOf(access, word);
      if (run !== null && plugin === null && removed.length === 0) {
        return await giveUpRun(call, access, run);
      }
      const rows = await actionsOf(access, word, removed.length > 0);
      const given = await giveUp(call, access, { ...rows, plugin });
      const runs =
        rows.job === null || plugin !== null ? [] : await giveUpRuns(call, access, rows.job);
      const isNothing = given.length === 0 && runs.length === 0 && removed.length === 0;
      if (isNothing) throw nothingPending(word, plugin);
      if (call.flags.has("json")) call.terminal.json(encode({ given, runs, removed }));
      else call.terminal.out(describe({ given, runs, removed }));
      return 0;
    } finally {
      await access.close();
    }
  },
};

/** The run that a word means; an action's id goes first, and is far larger. */
function runOf({ edges: { journal } }: JournalAccess, word: string): number | null {
  const id = parseActionId(word);
  if (id === null || journal.actionById(id) !== null) return null;
  return journal.run(id) === null ? null : id;
}

async function giveUpRun(
  call: Call,
  { edges, config }: JournalAccess,
  runId: number,
): Promise<number> {
  const { clock, journal, log } = edges;
  const recorder = new Recorder(call, { edges, config });
  const run = await journal.write((tables) => {
    const dropped = dropRun(tables, runId, clock.now());
    recorder.note(tables, { deed: "drop", subject: dropped.job, detail: `run ${runId}` });
    return dropped;
  });
  recorder.tell();
  log.emit("notice", `${run.job}: run ${runId} given up`, { job: run.job, run: runId });
  if (call.flags.has("json")) call.terminal.json(encode({ runs: [run] }));
  else call.terminal.out(describe({ runs: [run] }));
  return 0;
}

interface Chosen {
  /** Journal ids. */
  readonly ids: readonly number[];
  /** The job when a job was named, else null. */
  readonly job: string | null;
}

/** The most rows that one call gives up. */
const ROWS_MAX = 100_000;

/** @param isKnown Whether something else of that name was found. */
async function actionsOf(access: JournalAccess, word: string, isKnown: boolean): Promise<Chosen> {
  const { journal } = access.edges;
  const actionId = parseActionId(word);
  const action = actionId === null ? null : journal.actionById(actionId);
  if (action !== null) return { ids: [action.id], job: null };
  const pending = journal.pendingActions(ROWS_MAX).filter(({ job }) => job === word);
  const waiting = journal.undelivered(ROWS_MAX).filter(({ job }) => job === word);
  const ids = new Set([...pending.map(({ id }) => id), ...waiting.map((row) => row.actionRow)]);
  // A job may be gone from the spool while something of it is pending.
  if (ids.size > 0 || journal.runs(word, 1).length > 0) return { ids: [...ids], job: word };
  const jobs = (await loadJobs(access)).map(({ job }) => job);
  if (isKnown || jobs.includes(word)) return { ids: [], job: word };
  const path = access.config.runnersDirectory;
  if (!/^\d+$/.test(word)) throw unknownJob({ verb: "drop", job: word }, { jobs, path });
  throw new RunnerError(
    "JOURNAL",
    `Cannot drop action "${word}": the journal has none of this id`,
    {
      ...journalPlace(access.config),
      hint: "mig-runner status lists what is pending",
    },
  );
}

/** Takes rows that cannot be read out of the journal. A copy of them is kept beside it. */
async function takeOut(
  { edges, config }: JournalAccess,
  word: string,
): Promise<readonly RemovedRow[]> {
  const { clock, journal, log } = edges;
  if (journal.unreadable(1).length === 0) return [];
  return await journal.write((tables) => {
    const removed = dropUnreadable(tables, word, clock.now());
    if (removed.length === 0) return [];
    const path = keepAside(config.journalPath, removed);
    for (const { text } of removed) {
      log.emit("notice", `taken out of the journal: ${text}; a copy is in "${path}"`);
    }
    return removed;
  });
}

/** One line of what was given up. */
interface Given {
  readonly job: string;
  readonly actionId: number | null;
  /** "post" or "collect" for an action in flight, else "deliver", or "sweep" of its result. */
  readonly what: "post" | "collect" | "deliver" | "sweep";
  readonly plugins: readonly string[];
}

const GIVEN = { planned: "post", posted: "collect", collected: "sweep" } as const;

async function giveUp(
  call: Call,
  { config, edges, spool }: JournalAccess,
  { ids, plugin }: Chosen & { readonly plugin: string | null },
): Promise<readonly Given[]> {
  const now = edges.clock.now();
  const recorder = new Recorder(call, { edges, config });
  const given = await edges.journal.write((transaction) =>
    ids.flatMap((id): Given[] => {
      const action = transaction.action(id);
      if (action === null || (!hasEnded(action) && plugin !== null)) return [];
      const { job, actionId } = action;
      const { action: state, plugins } = dropAction(transaction, action, { plugin, now });
      if (state === null && plugins.length === 0) return [];
      const what = state === null ? "deliver" : GIVEN[state];
      const detail = `${what} of action ${actionId ?? "that was not posted"}`;
      recorder.note(transaction, { deed: "drop", subject: job, detail });
      return [{ job, actionId, what, plugins }];
    }),
  );
  recorder.tell();
  for (const { job, actionId, what } of given) {
    edges.log.emit("notice", `${job}: action ${actionId ?? "not posted"} given up`, {
      job,
      ...(actionId === null ? {} : { action: actionId }),
    });
    // Left there, the original would collect it.
    if (what === "collect" && actionId !== null) await spool.removeInflight(job, actionId);
  }
  return given;
}

async function giveUpRuns(
  call: Call,
  { edges, config }: JournalAccess,
  job: string,
): Promise<readonly RunRow[]> {
  const { clock, journal, log } = edges;
  const recorder = new Recorder(call, { edges, config });
  const runs = await journal.write((transaction) => {
    const dropped = dropRuns(transaction, job, clock.now());
    const detail = `runs ${dropped.map(({ id }) => id).join(", ")}`;
    if (dropped.length > 0) recorder.note(transaction, { deed: "drop", subject: job, detail });
    return dropped;
  });
  recorder.tell();
  for (const { id } of runs) log.emit("notice", `${job}: run ${id} given up`, { job, run: id });
  return runs;
}

function nothingPending(word: string, plugin: string | null): RunnerError {
  const to = plugin === null ? "" : ` for plugin "${plugin}"`;
  return new RunnerError("JOURNAL", `Cannot drop "${word}": nothing of it is pending${to}`, {
    hint: "mig-runner status lists what is pending",
  });
}

/** What is given up, or taken out of the journal. */
interface Parts {
  readonly given?: readonly Given[];
  readonly runs?: readonly RunRow[];
  readonly removed?: readonly RemovedRow[];
}

function encode({ given = [], runs = [], removed = [] }: Parts): string {
  const runIds = runs.map(({ id }) => id);
  return JSON.stringify({
    given,
    runs: runs.length,
    runIds,
    removed: removed.map(({ text }) => text),
  });
}

function describe({ given = [], runs = [], removed = [] }: Parts): string[] {
  return [
    ...given.map(describeGiven),
    ...runs.map(({ job, id }) => `${job}: run ${id} is given up`),
    ...removed.map(({ text }) => `${text}: it is taken out of the journal`),
  ];
}

function describeGiven({ job, actionId, what, plugins }: Given): string {
  const id = actionId === null ? "an action" : `action ${actionId}`;
  switch (what) {
    case "post":
      return `${job}: ${id} is given up and will not be posted`;
    case "collect":
      return `${job}: ${id} is given up, its results will not be collected`;
    case "sweep":
      return `${job}: late answers to ${id} will not be collected`;
    case "deliver":
      return `${job}: the result of ${id} will not be delivered to ${plugins.join(", ")}`;
  }
}
