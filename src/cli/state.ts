// State: the verb by which an operator sees what jobs keep for their next runs, and mends it.
import { RunnerError } from "../errors.ts";
import type { JournalReads, JournalTransaction } from "../journal/journal.ts";
import { STATE_KEYS_MAX } from "../journal/state.ts";
import { parsePlain, TooLarge } from "../lib/json/plain.ts";
import { cutText } from "../text.ts";
import type { Instant } from "../time.ts";
import { formatDistance, jsonAnswer, plural } from "../view/text.ts";
import { STATE_KEY_SIZE_MAX, STEP_VALUE_SIZE_MAX } from "../workflow/messages.ts";
import { UsageError } from "./flags.ts";
import { loadJobs } from "./jobs.ts";
import { openJournalAccess, openSpoolView, type SpoolView } from "./open.ts";
import { openReadingIfThere } from "./reading.ts";
import { Recorder } from "./record.ts";
import { renderTable } from "./text.ts";
import { type Call, JSON_FLAG, type Verb, WHY_FLAG } from "./verb.ts";

/** Characters of a value in a line, and in the audit log. */
const SHOWN_MAX = 200;

export const state: Verb = {
  usage: "[JOB] [--set KEY=JSON...] [--clear KEY...] [--clear-all] [--why TEXT] [--json]",
  flags: [
    { name: "set", kind: "list", value: "KEY=JSON", help: "Set a key; once for each" },
    { name: "clear", kind: "list", value: "KEY", help: "Forget a key; once for each" },
    { name: "clear-all", kind: "switch", help: "Forget all that the job keeps" },
    WHY_FLAG,
    JSON_FLAG,
  ],
  help:
    "Shows what a job keeps for its next runs by `run.state`, also one that was removed; without a\n" +
    "JOB, which jobs keep something. --set and --clear change it: runs that begin to read from then\n" +
    "on see that, one that has read a key before goes on with what it saw. Who changed what is in\n" +
    "the audit log. A value is JSON: a text has quotes of its own.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg state\n" +
    "  mig-runner -c runner.cfg state ports --json\n" +
    "  mig-runner -c runner.cfg state ports --clear known --why 'all hosts are new'\n" +
    "  mig-runner -c runner.cfg state ports --set 'known=[\"web1.example.net\"]'",
  async run(call) {
    const { positionals } = call;
    const [job, ...others] = positionals;
    if (others.length > 0) throw new UsageError("state takes one JOB at the most");
    const change = changeOf(call);
    if (change !== null && job === undefined) throw new UsageError("state changes that of one JOB");
    if (change !== null && job !== undefined) return await changeState(call, job, change);
    const view = await openSpoolView(call);
    const jobs = await jobNames(view);
    const reading = await openReadingIfThere(view, {
      kind: "tables",
      tables: ["state"],
      ...(job === undefined ? {} : { job }),
    });
    const journal = reading?.journal ?? null;
    try {
      if (job !== undefined && !jobs.has(job) && keptBy(journal, job).length === 0) {
        const message = `Cannot show the state of job "${job}": it keeps none`;
        throw new RunnerError("JOURNAL", message, { hint: WHICH_KEEP });
      }
      return show(call, job, { journal, jobs, now: view.clock.now() });
    } finally {
      await reading?.close();
    }
  },
};

const WHICH_KEEP = "mig-runner state lists the jobs that keep something";

async function jobNames(view: SpoolView): Promise<ReadonlySet<string>> {
  return new Set((await loadJobs(view)).map(({ job }) => job));
}

/** @param job Undefined: which jobs keep something. */
function show(
  { flags, terminal }: Call,
  job: string | undefined,
  { journal, jobs, now }: Around & { readonly journal: JournalReads | null },
): number {
  const kept = keptBy(journal, job);
  if (flags.has("json")) terminal.json(encode(kept, jobs));
  else if (job === undefined) terminal.out(describeAll(kept, jobs));
  else terminal.out(describeOne(job, { entries: kept[0]?.entries ?? [], jobs, now }));
  return 0;
}

/** What is to be changed. */
interface Change {
  /** JSON by key. */
  readonly set: ReadonlyMap<string, string>;
  readonly clear: readonly string[];
  readonly isAll: boolean;
}

/** Null when nothing is to be changed. @throws {UsageError} */
function changeOf({ flags }: Call): Change | null {
  const set = new Map<string, string>();
  for (const [key, text] of Object.entries(flags.pairs("set"))) set.set(key, jsonOf(key, text));
  const clear = flags.list("clear");
  const isAll = flags.has("clear-all");
  const both = clear.find((key) => set.has(key));
  if (both !== undefined) throw new UsageError(`state is to set ${both}, and to clear it`);
  return set.size === 0 && clear.length === 0 && !isAll ? null : { set, clear, isAll };
}

function jsonOf(key: string, text: string): string {
  let json: string;
  try {
    json = JSON.stringify(parsePlain(text));
  } catch (error) {
    if (error instanceof TooLarge) throw new UsageError(`--set ${key}: ${error.message}`);
    const meant = `'${key}=${JSON.stringify(cutText(text, SHOWN_MAX))}'`;
    throw new UsageError(`--set ${key} is no JSON; a text has quotes: ${meant}`);
  }
  if (json === "null") throw new UsageError(`--set ${key}=null: --clear ${key} forgets a key`);
  if (key.length > STATE_KEY_SIZE_MAX) {
    throw new UsageError(`--set ${key}: a key has at most ${STATE_KEY_SIZE_MAX} characters`);
  }
  if (json.length <= STEP_VALUE_SIZE_MAX) return json;
  throw new UsageError(`--set ${key}: a value has at most ${STEP_VALUE_SIZE_MAX} characters`);
}

/** Makes the change, and shows what the job keeps then. */
async function changeState(call: Call, job: string, change: Change): Promise<number> {
  const access = await openJournalAccess(call, { kind: "named", word: job });
  try {
    const { clock, journal, log } = access.edges;
    const jobs = await jobNames(access);
    const recorder = new Recorder(call, access);
    const why = call.flags.text("why");
    const reason = why === null ? "" : `: ${why}`;
    const deeds = await journal.write((tables) => {
      if (!jobs.has(job) && tables.stateKeys(job).length === 0) {
        const message = `Cannot change the state of job "${job}": there is no such job`;
        throw new RunnerError("JOURNAL", message, { hint: WHICH_KEEP });
      }
      const done = apply(tables, { job, ...change }, clock.now());
      for (const detail of done) {
        recorder.note(tables, { deed: "state", subject: job, detail: `${detail}${reason}` });
      }
      return done;
    });
    recorder.tell();
    for (const deed of deeds) log.emit("notice", `${job}: state: ${deed}${reason}`, { job });
    return show(call, job, { journal, jobs, now: clock.now() });
  } finally {
    await access.close();
  }
}

/** Answers what was done, for the audit log. @throws {RunnerError} JOURNAL */
function apply(
  tables: JournalTransaction,
  { job, set, clear, isAll }: Change & { readonly job: string },
  now: Instant,
): readonly string[] {
  const before = tables.stateKeys(job);
  const missing = clear.find((key) => !before.includes(key));
  if (missing !== undefined) {
    const hint = before.length === 0 ? "it keeps nothing" : `it keeps ${before.join(", ")}`;
    const message = `Cannot clear "${missing}" of job "${job}": it keeps no such key`;
    throw new RunnerError("JOURNAL", message, { hint });
  }
  const forgotten = isAll ? before : clear;
  for (const key of forgotten) tables.removeState(job, key);
  for (const [key, value] of set) tables.setState({ job, key, value, runId: null, setAt: now });
  const count = tables.stateKeys(job).length;
  if (count > STATE_KEYS_MAX) {
    const message = `Cannot set ${set.size} keys of job "${job}": ${count} are too many`;
    throw new RunnerError("JOURNAL", message, { hint: `at most ${STATE_KEYS_MAX} fit` });
  }
  return [
    ...forgotten.map((key) => `clear ${key}`),
    ...[...set].map(([key, value]) => `set ${key} ${cutText(value, SHOWN_MAX)}`),
  ];
}

/** One value, or why it cannot be read. */
interface Entry {
  readonly key: string;
  readonly value: string | null;
  readonly error: string | null;
  readonly runId: number | null;
  readonly setAt: Instant | null;
}

interface Kept {
  readonly job: string;
  readonly entries: readonly Entry[];
}

/** @param job Undefined: all that keep something. */
function keptBy(journal: JournalReads | null, job: string | undefined): readonly Kept[] {
  if (journal === null) return [];
  return (job === undefined ? journal.stateJobs() : [job]).flatMap((name) => {
    const values = new Map(journal.stateOf(name).map((row) => [row.key, row]));
    const entries = journal.stateKeys(name).map((key): Entry => {
      const { value = null, runId = null, setAt = null } = values.get(key) ?? {};
      return { key, value, runId, setAt, error: journal.unreadableState(name, key) };
    });
    const sorted = entries.toSorted((left, right) => (left.key < right.key ? -1 : 1));
    return sorted.length === 0 ? [] : [{ job: name, entries: sorted }];
  });
}

function encode(kept: readonly Kept[], jobs: ReadonlySet<string>): string {
  return jsonAnswer({
    jobs: kept.map(({ job, entries }) => ({
      job,
      removed: !jobs.has(job),
      keys: entries.map(({ value, ...entry }) => {
        return { ...entry, value: value === null ? null : (JSON.parse(value) as unknown) };
      }),
    })),
  });
}

function describeAll(kept: readonly Kept[], jobs: ReadonlySet<string>): string[] {
  if (kept.length === 0) return ["no job keeps anything"];
  const rows = kept.map(({ job, entries }) => {
    const keys = entries.map(({ key }) => key).join(", ");
    const gone = jobs.has(job) ? "" : "the job was removed: state JOB --clear-all forgets it";
    return [job, plural(entries.length, "key"), cutText(keys, SHOWN_MAX), gone];
  });
  return renderTable(rows, "");
}

/** What is known beside the journal. */
interface Around {
  readonly jobs: ReadonlySet<string>;
  readonly now: Instant;
}

function describeOne(
  job: string,
  { entries, jobs, now }: Around & Pick<Kept, "entries">,
): string[] {
  const gone = jobs.has(job) ? "" : ", the job was removed";
  const count = entries.length === 0 ? "it keeps nothing" : plural(entries.length, "key");
  const rows = entries.map(({ key, value, error, runId, setAt }) => {
    const by = runId === null ? "by hand" : `by run ${runId}`;
    const when = setAt === null ? "" : `${formatDistance(setAt, now)} ${by}`;
    return [key, when, error ?? cutText(value ?? "", SHOWN_MAX)];
  });
  return [`${job}: ${count}${gone}`, ...renderTable(rows)];
}
