// History: the verb that tells what has happened: runs, the latest first, or all of one run.
import { isThere } from "../edge/files.ts";
import { RunnerError } from "../errors.ts";
import {
  type ActionRecord,
  type DeliveryRecord,
  type HistoryPlace,
  type HistoryQuestion,
  PAGE_MAX,
  type Reading,
  type RunRecord,
  type StepRecord,
} from "../journal/reading.ts";
import { parseActionId } from "../mig/ids.ts";
import { describeStatuses } from "../mig/statuses.ts";
import { cutText } from "../text.ts";
import { type Instant, spanText } from "../time.ts";
import { formatClock, formatDistance, jsonAnswer, plural } from "../view/text.ts";
import { showText } from "../workflow/answers.ts";
import { paramsText } from "../workflow/params.ts";
import { UsageError } from "./flags.ts";
import { loadJobs, unknownJob } from "./jobs.ts";
import { openSpoolView, type SpoolView } from "./open.ts";
import { journalPlace, withReading } from "./reading.ts";
import { COLUMNS_MAX, renderTable, wrapText } from "./text.ts";
import { type Call, JSON_FLAG, type Verb } from "./verb.ts";

/** Characters of what people were asked. */
const SHOWN_MAX = 200;

/** Characters of what a step gave: as many as fit into some lines; --json has all. */
const VALUE_MAX = 200;

/** Runs that are shown without -n. */
const COUNT_DEFAULT = 20;

export const history: Verb = {
  usage: "[JOB|RUN] [--failed] [--since T] [-n N] [--json]",
  flags: [
    {
      name: "failed",
      kind: "switch",
      help: "Only runs that failed, are paused, or have a result that no plugin took",
    },
    {
      name: "since",
      kind: "text",
      value: "T",
      help: "Fired since then: a time in RFC 3339, or how long ago, such as 36h or 7d",
    },
    { name: "n", kind: "number", value: "N", help: `How many runs (default ${COUNT_DEFAULT})` },
    JSON_FLAG,
  ],
  help:
    "Shows the runs of all jobs or of one, the latest first: when each fired, how long it took, how\n" +
    "it ended and why. With a RUN, or the ID of an action, all of that run: its actions with their\n" +
    "commands by status, its deliveries with their tries, the steps of its workflow with their\n" +
    "values, cut to a few lines. With --json one line of JSON a run, with whole values. Reads only,\n" +
    "beside a running mig-runner.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg history nightly --since 7d\n" +
    "  mig-runner -c runner.cfg history --failed --json | jq -r '[.run, .job, .error] | @tsv'\n" +
    "  mig-runner -c runner.cfg history 4711",
  async run(call) {
    const [word = null, ...others] = call.positionals;
    if (others.length > 0) throw new UsageError("history takes one JOB or RUN at the most");
    const count = call.flags.number("n", 1) ?? COUNT_DEFAULT;
    const view = await openSpoolView(call);
    const now = view.clock.now();
    const since = call.flags.moment("since", now, "ago");
    if (word === null && (await hasNone(view))) {
      if (!call.flags.has("json")) call.terminal.out(["no runs: nothing has worked here yet"]);
      return 0;
    }
    const run = word === null ? null : await runNamed(view, word);
    if (run !== null) {
      if (call.flags.has("json")) call.terminal.json(jsonAnswer(run));
      else call.terminal.out(renderRun(run, now));
      return 0;
    }
    const question = { job: word, failed: call.flags.has("failed"), since };
    await withReading(view, { kind: "history", ...question, limit: count }, async (reading) => {
      if (word !== null) await assertKnown(reading, view, word);
      await showRuns(call, reading, { question, count, now });
    });
    return 0;
  },
};

/** Whether there is no journal yet. */
async function hasNone({ config: { cluster, journalPath } }: SpoolView): Promise<boolean> {
  return cluster === null && !(await isThere(journalPath));
}

/** The run that a word means, by its own number or by an action's; null for the name of a job. */
async function runNamed(view: SpoolView, word: string): Promise<RunRecord | null> {
  const id = parseActionId(word);
  if (id === null) return null;
  return await withReading(view, { kind: "run", id }, async (reading) =>
    reading.run((await reading.runOfAction(id)) ?? id),
  );
}

/** A job may be gone from the spool and still have a history. */
async function assertKnown(reading: Reading, view: SpoolView, word: string): Promise<void> {
  const { runs } = await reading.history({ job: word, limit: 1 });
  if (runs.length > 0) return;
  const jobs = (await loadJobs(view)).map(({ job }) => job);
  if (jobs.includes(word)) return;
  if (!/^\d+$/.test(word)) {
    throw unknownJob({ verb: "show", job: word }, { jobs, path: view.config.runnersDirectory });
  }
  throw new RunnerError("JOURNAL", `Cannot show run "${word}": the journal has none of this id`, {
    ...journalPlace(view.config),
    hint: "mig-runner history lists the runs",
  });
}

async function showRuns(
  call: Call,
  reading: Reading,
  order: {
    readonly question: Omit<HistoryQuestion, "limit">;
    readonly count: number;
    readonly now: Instant;
  },
): Promise<void> {
  const { question, count, now } = order;
  let behind: HistoryPlace | null = null;
  let shown = 0;
  do {
    const limit = Math.min(count - shown, PAGE_MAX);
    const page = await reading.history({ ...question, behind, limit });
    if (call.flags.has("json")) for (const run of page.runs) call.terminal.json(jsonAnswer(run));
    else if (page.runs.length > 0) call.terminal.out(renderRuns(page.runs, now));
    shown += page.runs.length;
    behind = page.next;
  } while (behind !== null && shown < count);
  if (call.flags.has("json")) return;
  if (shown === 0) call.terminal.out(["no runs"]);
  else if (behind !== null)
    call.terminal.out([`  … and earlier ones: -n ${count * 10} shows more`]);
}

/** One line a run. */
function renderRuns(runs: readonly RunRecord[], now: Instant): string[] {
  return renderTable(
    runs.map((run) => [
      String(run.run),
      run.job,
      formatClock(run.firesAt),
      tookText(run, now),
      run.state,
      summaryOf(run, now),
    ]),
  );
}

/** From its begin to its end, or to now. */
function tookText({ startedAt, firesAt, endedAt, state }: RunRecord, now: Instant): string {
  if (state === "requested") return "";
  const span = spanText(Math.max(0, (endedAt ?? now) - (startedAt ?? firesAt)));
  return endedAt === null ? `${span} so far` : span;
}

/** Why it failed, what came of it, and what is left to do. */
function summaryOf(run: RunRecord, now: Instant): string {
  const { error, note, actions, deliveries, cause } = run;
  const undelivered = deliveries.filter(({ state }) => state === "dead");
  const waiting = deliveries.filter(({ state }) => state === "pending");
  const parts = [
    ...(cause === "schedule" ? [] : [cause]),
    ...startText(run, now),
    ...(error === null ? [] : [error]),
    ...(note === null ? [] : [note]),
    ...actions.flatMap(commandsText),
    ...undelivered.map(
      ({ plugin, error: why }) => `${plugin} did not take it: ${why ?? "no reason was recorded"}`,
    ),
    ...(waiting.length === 0 ? [] : [`${plural(waiting.length, "delivery")} to come`]),
  ];
  return parts.join("; ");
}

/** When a run that waits for its time starts. */
function startText({ state, notBeforeAt }: RunRecord, now: Instant): string[] {
  if (state !== "requested" || notBeforeAt === null) return [];
  return [`starts ${formatDistance(Math.max(notBeforeAt, now), now)}`];
}

function commandsText({ completeness }: ActionRecord): string[] {
  if (completeness === null) return [];
  const { fetched, sent, statuses } = completeness;
  const of = sent === null || sent === fetched ? "" : ` of ${sent}`;
  const isPlain = Object.keys(statuses).every((status) => status === "success");
  const how = isPlain ? "" : ` (${describeStatuses(statuses)})`;
  return [`${fetched}${of} ${fetched === 1 && of === "" ? "command" : "commands"}${how}`];
}

/** All of one run. */
function renderRun(run: RunRecord, now: Instant): string[] {
  const { firesAt, startedAt, endedAt, state, error, note, params, notBeforeAt } = run;
  const times = [
    ["fire time", formatClock(firesAt), formatDistance(firesAt, now)],
    ...startText(run, now).map((text) => ["asked for", formatClock(notBeforeAt ?? 0), text]),
    ...(startedAt === null ? [] : [["begun", formatClock(startedAt), ""]]),
    ...(params === null ? [] : [["parameters", paramsText(params), ""]]),
    ...(endedAt === null ? [] : [["ended", formatClock(endedAt), `took ${tookText(run, now)}`]]),
  ];
  const why = error ?? note;
  const head = `run ${run.run} of ${run.job} (${run.cause}): ${state}`;
  return [
    ...wrapText(why === null ? head : `${head}: ${why}`, "", "  "),
    ...renderTable(times).map(cutLine),
    ...part(plural(run.actions.length, "action"), run.actions.map(actionLine)),
    ...part(
      plural(run.deliveries.length, "delivery"),
      run.deliveries.map((row) => deliveryLine(row, now)),
    ),
    ...part("tried in vain", triedLines(run)),
    ...part(plural(run.steps.length, "step"), run.steps.map(stepLine)).map(cutLine),
  ];
}

/** A value without blanks may be wider than the screen. */
function cutLine(line: string): string {
  return cutText(line, COLUMNS_MAX);
}

function part(heading: string, rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : ["", heading, ...renderTable(rows)];
}

function actionLine(action: ActionRecord): string[] {
  const { actionId, step, state, postedAt, resultPath, resultSha256, error } = action;
  const posted = postedAt === null ? "" : `posted ${formatClock(postedAt)}`;
  const seal = resultSha256 === null ? [] : [`sha256 ${resultSha256}`];
  const rest = [...commandsText(action), ...(resultPath === null ? [] : [resultPath]), ...seal];
  const what = error === null ? rest : [error, ...rest];
  return [
    actionId === null ? "not posted" : `action ${actionId}`,
    step,
    state,
    posted,
    what.join("; "),
  ];
}

function deliveryLine(row: DeliveryRecord, now: Instant): string[] {
  const { plugin, actionId, state, attempts, nextAt, error } = row;
  const again = nextAt === null ? "" : `, again ${formatDistance(Math.max(nextAt, now), now)}`;
  const id = `action ${actionId ?? "not posted"}`;
  return [plugin, id, state, `${plural(attempts, "try")}${again}`, error ?? ""];
}

/** Also of what has succeeded since. */
function triedLines({ actions, deliveries }: RunRecord): readonly (readonly string[])[] {
  const tried = (name: string, tries: ActionRecord["tries"]) =>
    tries.map(({ what, count, firstAt, lastAt, error }) => [
      `${what} ${name}`,
      `${count}x`,
      count === 1 ? formatClock(firstAt) : `${formatClock(firstAt)} to ${formatClock(lastAt)}`,
      error,
    ]);
  return [
    ...actions.flatMap(({ actionId, step, tries }) => tried(`${actionId ?? step}`, tries)),
    ...deliveries.flatMap(({ actionId, plugin, tries }) =>
      tried(`${actionId ?? ""} to ${plugin}`, tries),
    ),
  ];
}

function stepLine(step: StepRecord): string[] {
  const { name, kind, state, attempts, error, value, endedAt } = step;
  const ended = endedAt === null ? "" : formatClock(endedAt);
  const failed = attempts === 0 ? "" : `failed ${attempts}x`;
  const told = [failed, error ?? cutText(value ?? "", VALUE_MAX)]
    .filter((x) => x !== "")
    .join(": ");
  const last = [told, ...askedTexts(step)].filter((text) => text !== "").join("; ");
  return [name, kind, state, ended, last];
}

/** What people were asked, and who answered. */
function askedTexts({ show = null, answer = null }: StepRecord): string[] {
  const shown = showText(show);
  const why = answer?.why ?? null;
  return [
    ...(shown === "" ? [] : [`asked: ${cutText(shown, SHOWN_MAX)}`]),
    ...(answer === null ? [] : [`by ${answer.by}${why === null ? "" : `: ${why}`}`]),
  ];
}
