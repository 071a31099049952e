// Next: the verb that shows when a schedule or a job fires next, for one or for many.

import { systemClock } from "../edge/clock.ts";
import { zoneWarning } from "../edge/timezone.ts";
import { describeError, nearest, RunnerError, RunnerErrors } from "../errors.ts";
import { holdOf } from "../flow/holds.ts";
import type { JobState } from "../jobs/catalog.ts";
import { spreadOffsetMs } from "../jobs/fires.ts";
import { type Blackout, type FireHoldAt, unheld } from "../jobs/hold.ts";
import {
  type AskedRun,
  answerBatchLine,
  askedText,
  encodeNext,
  NEXT_COUNT_MAX,
  type NextQuestion,
  renderNext,
} from "../jobs/next.ts";
import { parseSchedule, type Schedule } from "../jobs/schedule.ts";
import type { Journal } from "../journal/journal.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { formatClock, formatDistance } from "../view/text.ts";
import { UsageError } from "./flags.ts";
import { notHere } from "./job-hosts.ts";
import { loadJobs } from "./jobs.ts";
import { openSpoolView, type SpoolView } from "./open.ts";
import { openReadingIfThere } from "./reading.ts";
import { type Call, JSON_FLAG, type Verb } from "./verb.ts";

/** Runs of all jobs that people have asked for, among which those of one are looked for. */
const ASKED_MAX = 10_000;

/** Fire times that are shown without -n. */
const COUNT_DEFAULT = 5;

export const next: Verb = {
  usage: "EXPR|JOB [-n N] [--from TIME] [--tz ZONE] [--json] | --batch",
  flags: [
    {
      name: "n",
      kind: "number",
      value: "N",
      help: `How many fire times (default ${COUNT_DEFAULT})`,
    },
    {
      name: "from",
      kind: "text",
      value: "TIME",
      help: "Later than this, in RFC 3339 (default now)",
    },
    { name: "tz", kind: "text", value: "ZONE", help: "Time zone, such as Europe/Berlin" },
    { name: "batch", kind: "switch", help: "Answer JSON lines from standard input" },
    JSON_FLAG,
  ],
  help:
    "Shows the next fire times of a cron expression (five, six or seven fields) or of a job.\n" +
    "A word that is the name of a job means that job. An expression needs no configuration. For a\n" +
    "schedule that never fires nothing is shown, which is no error. Runs that people have asked for\n" +
    "with `run JOB --at` are shown among the fire times of the job.\n\n" +
    "With --batch each line of standard input is a JSON object with expr and, if wanted, from,\n" +
    'tz and n; it is answered by one line, {"next":[...]} or {"error":"..."}.\n\n' +
    "Examples:\n" +
    '  mig-runner next "0 3 * * mon-fri" -n 3 --tz Europe/Berlin\n' +
    "  mig-runner -c runner.cfg next sshd-config --json\n" +
    `  echo '{"expr":"@daily","tz":"UTC","n":2}' | mig-runner next --batch`,
  async run(call) {
    const count = call.flags.number("n", 0) ?? COUNT_DEFAULT;
    if (count > NEXT_COUNT_MAX) {
      throw new UsageError(`invalid value "${count}" for flag -n: at most ${NEXT_COUNT_MAX}`);
    }
    const { positionals } = call;
    if (call.flags.has("batch")) {
      if (positionals.length > 0) throw new UsageError("next --batch reads standard input only");
      return await answerBatch(call, count);
    }
    // An expression may come as one word a field, when the shell had nothing to expand.
    const words = positionals.join(" ");
    if (words.trim() === "") throw new UsageError("next takes an EXPR or a JOB");
    return await answerOne(call, { words, count });
  },
};

async function answerOne(
  call: Call,
  { words, count }: { readonly words: string; readonly count: number },
): Promise<number> {
  const from = call.flags.instant("from") ?? systemClock().now();
  const known = await loadSpool(call);
  const isJob = known.states.some(({ job }) => job === words);
  const asked = isJob ? await askedRuns(known, words, from) : [];
  if (asked.length > 0 && isByHand(known, words)) return answerByHand(call, { asked, from, count });
  if (!isJob && isName(words)) await assertNotElsewhere(known, words);
  const { schedule, delayMs } = scheduleOf(call, words, known);
  const { problem } = call.hostZone;
  if (schedule.timezone === null && problem !== null) {
    call.terminal.error([`warning: ${zoneWarning(problem)}`]);
  }
  const hold = isJob ? await heldJob(known, words, from - delayMs) : unheld;
  const question = { from, count, delayMs, hold, asked };
  if (call.flags.has("json")) call.terminal.json(encodeNext(schedule, question));
  else call.terminal.out(renderNext(schedule, question));
  return 0;
}

/** A word alone is no expression, so a job is meant. */
function isName(words: string): boolean {
  return !/[\s@*]/.test(words);
}

/** @throws {RunnerError} ENTITY: the job lies on other hosts of the cluster. */
async function assertNotElsewhere({ view }: KnownJobs, job: string): Promise<void> {
  const mistake = view === null ? null : await notHere({ verb: "show", job }, view.config);
  if (mistake !== null) throw mistake;
}

/** Whether a job fires only when people ask for it. */
function isByHand({ states }: KnownJobs, name: string): boolean {
  return states.some(({ job, entity }) => job === name && entity?.schedule === null);
}

/** The runs that people have asked for, of a job without a schedule. */
function answerByHand(call: Call, { asked, from, count }: NextQuestion): number {
  const runs = (asked ?? []).slice(0, count);
  if (call.flags.has("json")) {
    const times = runs.map(({ at, run }) => ({ at: new Date(at).toISOString(), run }));
    const none = { expr: null, tz: null, next: [], warnings: [] };
    call.terminal.json(JSON.stringify({ ...none, asked: times }));
  } else {
    call.terminal.out(
      runs.map(
        (run) => `${formatClock(run.at)}  ${formatDistance(run.at, from)}  ${askedText(run)}`,
      ),
    );
  }
  return 0;
}

/** Runs of a job that people have asked for at a time after this. */
function askedRuns(known: KnownJobs, job: string, from: Instant): Promise<readonly AskedRun[]> {
  return readJournal<readonly AskedRun[]>(known, job, {
    unknown: [],
    read: (journal) =>
      journal.timedRequests(ASKED_MAX).flatMap(({ job: of, id: run, notBefore }) => {
        const isShown = of === job && notBefore !== null && notBefore > from;
        return isShown ? [{ at: notBefore, run }] : [];
      }),
  });
}

/** What holds a job after a time. */
function heldJob(known: KnownJobs, job: string, after: Instant): Promise<FireHoldAt> {
  const { blackouts } = known;
  const nobody = holdOf({ journal: { pauses: () => [] }, blackouts }, job, after);
  return readJournal(known, job, {
    unknown: nobody,
    read: (journal) => holdOf({ journal, blackouts }, job, after),
  });
}

/** The tables that are read. */
const TABLES = ["pause", "run"];

/** What the journal says; one that is not there, or cannot be read, says nothing that is known. */
async function readJournal<Value>(
  { view, warn }: KnownJobs,
  job: string,
  { unknown, read }: { readonly unknown: Value; readonly read: (journal: Journal) => Value },
): Promise<Value> {
  if (view === null) return unknown;
  try {
    const reading = await openReadingIfThere(view, { kind: "tables", tables: TABLES, job });
    if (reading === null) return unknown;
    try {
      return read(reading.journal);
    } finally {
      await reading.close();
    }
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    warn(`pauses and runs that were asked for are not known: ${describeError(error)}`);
    return unknown;
  }
}

/** The jobs that a word may mean. Without a configuration there are none. */
interface KnownJobs {
  readonly states: readonly JobState[];
  readonly timezone: string | null;
  readonly view: SpoolView | null;
  warn(text: string): void;
  readonly blackouts: readonly Blackout[];
  /** Why the configuration or its jobs cannot be read; null when they were. */
  readonly failure: RunnerError | RunnerErrors | null;
}

async function loadSpool(call: Call): Promise<KnownJobs> {
  let timezone: string | null = null;
  let view: SpoolView | null = null;
  let blackouts: readonly Blackout[] = [];
  const said = new Set<string>();
  const warn = (text: string): void => {
    if (!said.has(text)) call.terminal.error([`warning: ${text}`]);
    said.add(text);
  };
  try {
    view = await openSpoolView(call);
    ({ timezone, blackouts } = view.config);
    return { states: await loadJobs(view), timezone, view, warn, blackouts, failure: null };
  } catch (error) {
    if (!(error instanceof RunnerError || error instanceof RunnerErrors)) throw error;
    return { states: [], timezone, view, warn, blackouts, failure: error };
  }
}

function scheduleOf(
  call: Call,
  words: string,
  { states, timezone, failure }: KnownJobs,
): { readonly schedule: Schedule; readonly delayMs: Milliseconds } {
  const zone = call.flags.text("tz");
  const state = states.find(({ job }) => job === words);
  if (state !== undefined) return ofJob(state, zone);
  try {
    return { schedule: parseSchedule(words, { timezone: zone ?? timezone }), delayMs: 0 };
  } catch (error) {
    if (isName(words) && failure !== null && call.flags.text("c") !== null) throw failure;
    const jobs = states.map(({ job }) => job);
    if (!isName(words)) throw error;
    const meant = nearest(words, jobs);
    const message = `Cannot show when "${words}" fires: it is neither a job nor an expression`;
    const hint = meant === null ? JOBS_OR_FIELDS : `did you mean "${meant}"?`;
    throw new RunnerError("SCHEDULE", message, { hint });
  }
}

const JOBS_OR_FIELDS =
  'mig-runner status lists the jobs; an expression has five to seven fields, such as "0 3 * * *"';

function ofJob({ job, entity, errors }: JobState, zone: string | null) {
  if (entity === null) throw new RunnerErrors(errors);
  const { schedule, spreadMs } = entity;
  if (schedule === null) {
    throw new RunnerError("SCHEDULE", `Cannot show when job "${job}" fires: it has no schedule`, {
      job,
      path: entity.path,
      hint: "it runs only by mig-runner run",
    });
  }
  const inZone =
    zone === null ? schedule : parseSchedule(schedule.expression, { ...schedule, timezone: zone });
  return { schedule: inZone, delayMs: spreadOffsetMs(job, spreadMs) };
}

async function answerBatch(call: Call, count: number): Promise<number> {
  const { flags, terminal } = call;
  const from = flags.instant("from") ?? systemClock().now();
  const defaults = { from, timezone: flags.text("tz"), count };
  for (const line of terminal.lines()) {
    // At once, and not in larger pieces: who asks may wait for this answer before the next line.
    if (line.trim() !== "") terminal.json(answerBatchLine(line, defaults));
  }
  return 0;
}
