// Status: the verb that shows what a mig-runner knows: its jobs, what is in flight, what waits
// for a plugin and what was missed. Reads only, beside a daemon or without one.

import { isThere } from "../edge/files.ts";
import { lockHolder } from "../edge/lock.ts";
import { describeError, RunnerError } from "../errors.ts";
import type { JobState } from "../jobs/catalog.ts";
import { isHeldBack } from "../journal/guards.ts";
import type { Reading } from "../journal/reading.ts";
import { openReading } from "../journal/sqlite/reading.ts";
import { cutText } from "../text.ts";
import type { Instant } from "../time.ts";
import {
  type AlarmView,
  type AskedView,
  type InFlightView,
  type JobView,
  type MissedView,
  type Overview,
  overviewOf,
  type UndeliveredView,
} from "../view/overview.ts";
import { describeRun } from "../view/runs.ts";
import { formatClock, formatDistance, jsonAnswer, plural } from "../view/text.ts";
import { showText } from "../workflow/answers.ts";
import { paramsText } from "../workflow/params.ts";
import type { QuestionView, WorkflowView } from "../workflow/view.ts";
import { UsageError } from "./flags.ts";
import { type JobHosts, jobHosts } from "./job-hosts.ts";
import { loadJobs } from "./jobs.ts";
import { openSpoolView, type SpoolView } from "./open.ts";
import { directoryMistakes, isDistrust, toldOnce } from "./owners.ts";
import { journalFile } from "./reading.ts";
import { renderTable, wrapText } from "./text.ts";
import { JSON_FLAG, type Verb } from "./verb.ts";

export const status: Verb = {
  usage: "[--json]",
  flags: [JSON_FLAG],
  help:
    "Shows the jobs with their next fire time and how their last run went, runs that are to start\n" +
    "later, the actions in flight, the results that no plugin has taken yet, workflow runs that\n" +
    "have not ended, and fire times that nobody ran. Reads only: it may be called beside a running\n" +
    "mig-runner. Times are local; with --json they are in UTC.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg status\n" +
    "  mig-runner -c runner.cfg status --json | jq '.undelivered[] | select(.state == \"dead\")'",
  async run(call) {
    if (call.positionals.length > 0) throw new UsageError("status takes no words");
    const view = await openSpoolView(call);
    const { directory, blackouts } = view.config;
    const mistakes = toldOnce(directoryMistakes(view.config)).map(describeError);
    const states = await loadTrusted(view);
    const now = view.clock.now();
    const file = await journalFile(view, { kind: "overview" });
    const { reading, problem } = await openReadable(file.path);
    const holder = lockHolder(directory)?.pid ?? null;
    try {
      const overview = await overviewOf({ reading, directory, holder, states, blackouts, now });
      const hosts = await jobHosts(view.config);
      const elsewhere = hosts === null ? [] : elsewhereOf(hosts, states);
      const jobs = overview.jobs.map((one) =>
        hosts === null ? one : { ...one, host: hosts.hostOf(one.job) },
      );
      const shared = hosts === null ? {} : { elsewhere };
      const whole = { ...overview, jobs, ...shared, mistakes, problem };
      if (call.flags.has("json")) call.terminal.json(jsonAnswer(whole));
      else call.terminal.out(renderOverview(overview, { now, elsewhere, mistakes, problem }));
    } finally {
      await reading?.close();
      await file.close();
    }
    return problem === null ? 0 : 1;
  },
};

/** A job whose files lie on other hosts of the cluster only: this one cannot say when it fires. */
interface ElsewhereView {
  readonly job: string;
  readonly hosts: readonly string[];
}

function elsewhereOf({ liesOn }: JobHosts, states: readonly JobState[]): readonly ElsewhereView[] {
  const here = new Set(states.map(({ job }) => job));
  return [...liesOn]
    .filter(([job]) => !here.has(job))
    .map(([job, hosts]) => ({ job, hosts }))
    .toSorted((left, right) => (left.job < right.job ? -1 : 1));
}

/** The jobs; none of a directory that is not to be trusted, which is told beside them. */
async function loadTrusted(view: SpoolView): Promise<readonly JobState[]> {
  try {
    return await loadJobs(view);
  } catch (error) {
    if (error instanceof RunnerError && isDistrust(error)) return [];
    throw error;
  }
}

/** The journal, or null without one; a damaged one is told and does not hide the rest. */
async function openReadable(
  path: string,
): Promise<{ readonly reading: Reading | null; readonly problem: string | null }> {
  if (!(await isThere(path))) return { reading: null, problem: null };
  try {
    return { reading: openReading(path), problem: null };
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    return { reading: null, problem: describeError(error) };
  }
}

/** What of the overview is there, one part a heading. */
function renderOverview(
  overview: Overview,
  {
    now,
    elsewhere,
    mistakes = [],
    problem,
  }: {
    readonly now: Instant;
    readonly elsewhere: readonly ElsewhereView[];
    /** What is wrong with the directory as a whole. */
    readonly mistakes?: readonly string[];
    readonly problem: string | null;
  },
): string[] {
  const { directory, holder, alarms, jobs, inFlight, undelivered, counts } = overview;
  const { asked, questions, workflows, missed, skipped, unreadable } = overview;
  const who = holder === null ? "no mig-runner works on it" : `mig-runner runs (process ${holder})`;
  const broken = jobs.flatMap(({ errors }) => errors);
  return [
    `${directory}: ${who}`,
    ...mistakes.flatMap((text) => wrapText(`error: ${text}`, "", "  ")),
    ...(problem === null ? [] : wrapText(`error: ${problem}`, "", "  ")),
    ...part(plural(alarms.length, "alarm"), renderTable(alarms.map((row) => alarmRow(row, now)))),
    ...part(
      `${plural(questions.length, "question")} to people`,
      renderTable(questions.map((row) => questionRow(row, now))),
    ),
    ...part(plural(jobs.length, "job"), renderTable(jobs.map((job) => jobRow(job, now)))),
    ...part(
      `${plural(elsewhere.length, "job")} on other hosts only`,
      renderTable(elsewhere.map(({ job, hosts }) => [job, `its files lie on ${hosts.join(", ")}`])),
    ),
    ...part("held", renderTable(jobs.flatMap(heldRow))),
    ...part(
      `${plural(asked.length, "run")} to start later`,
      renderTable(asked.map((row) => askedRow(row, now))),
    ),
    ...part("signed ahead", renderTable(jobs.flatMap(calendarRow))),
    ...part(`${plural(broken.length, "mistake")} in broken jobs`, broken.flatMap(hanging)),
    ...part(
      `${plural(counts.inFlight, "action")} in flight${andMore(counts.inFlight, inFlight.length)}`,
      renderTable(inFlight.map((row) => inFlightRow(row, now))),
    ),
    ...part(
      `${plural(counts.undelivered, "result")} undelivered` +
        andMore(counts.undelivered, undelivered.length),
      renderTable(undelivered.map((row) => undeliveredRow(row, now))),
    ),
    ...part(
      `${plural(workflows.length, "workflow run")} not ended`,
      workflows.flatMap((row) => workflowLines(row, now)),
    ),
    ...part(
      `${plural(unreadable.length, "row")} of the journal cannot be read, see journal verify`,
      unreadable.flatMap(hanging),
    ),
    ...part("missed fire times", renderTable(missed.map(missedRow))),
    ...part("fire times skipped on purpose", renderTable(skipped.map(missedRow))),
  ];
}

function missedRow({ job, firstAt, lastAt, count, isAtLeast, reason }: MissedView): string[] {
  const until = count === 1 ? "" : ` to ${formatClock(lastAt)}`;
  const times = `${isAtLeast ? "at least " : ""}${count} fire times: `;
  return [job, `${formatClock(firstAt)}${until}`, `${count === 1 ? "" : times}${reason}`];
}

function alarmRow({ event, job, sinceAt, message, hint }: AlarmView, now: Instant): string[] {
  return [
    event,
    job,
    `since ${formatDistance(sinceAt, now).replace(" ago", "")}`,
    `${message} (${hint})`,
  ];
}

/** Characters of what people are asked: what to type stands behind it. */
const SHOWN_MAX = 1_000;

/** A run, what it asks, how long an answer is taken, and what to type. */
function questionRow(row: QuestionView, now: Instant): string[] {
  const { runId, job, name, show, untilAt, error, way } = row;
  const until = untilAt === null ? "" : formatDistance(Math.max(untilAt, now), now);
  const shown = cutText(showText(show), SHOWN_MAX);
  const what = [shown, error ?? ""].filter((text) => text !== "").join("; ");
  return [`run ${runId} ${job}`, name, until, what === "" ? way : `${what} (${way})`];
}

function part(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", heading, ...lines];
}

function hanging(text: string): string[] {
  return text
    .split("\n")
    .flatMap((line, index) => wrapText(line, index === 0 ? "  " : "    ", "  "));
}

function andMore(all: number, shown: number): string {
  return all > shown ? `, the first ${shown}` : "";
}

function jobRow(view: JobView, now: Instant): string[] {
  const { job, schedule, nextAt, endedAt, errors, lastRun } = view;
  const last = lastRun === null ? "" : describeRun(lastRun, now);
  if (errors.length > 0) return [job, "broken", "", last];
  if (endedAt !== null) return [job, `ended ${formatClock(endedAt)}`, "", last];
  if (nextAt === null) return [job, schedule === null ? "by hand" : "never", "", last];
  return [job, formatClock(nextAt), formatDistance(nextAt, now), last];
}

function heldRow({ job, held }: JobView): string[][] {
  if (held === null) return [];
  const { untilAt, action, reason } = held;
  const until = untilAt === null ? "until unpause" : `until ${formatClock(untilAt)}`;
  return [[job, action === "skip" ? "skips" : "waits", until, reason]];
}

function askedRow({ job, runId, notBeforeAt, params, note }: AskedView, now: Instant): string[] {
  const what = [paramsText(params), note ?? ""].filter((text) => text !== "").join("; ");
  const when = formatDistance(notBeforeAt, now);
  return [job, `run ${runId}`, formatClock(notBeforeAt), when, what];
}

function calendarRow({ job, calendar }: JobView): string[][] {
  if (calendar === null) return [];
  const { sequence, left, all, lastAt, warning } = calendar;
  const reach = lastAt === null ? "" : `until ${formatClock(lastAt)}`;
  const what = sequence === null ? "no calendar" : `${left} of ${plural(all, "window")}`;
  return [[job, what, reach, warning === null ? "" : `warning: ${warning}`]];
}

function inFlightRow(row: InFlightView, now: Instant): string[] {
  const { job, actionId, state, expireAt, nextAt, attempts, error } = row;
  const what = state === "planned" ? "post" : "collect";
  const next = nextAt === null ? "" : `${what} ${formatDistance(Math.max(nextAt, now), now)}`;
  const id = actionId === null ? "not posted" : `action ${actionId}`;
  if (isHeldBack(row)) {
    const until = nextAt === null ? "" : `given up ${formatDistance(Math.max(nextAt, now), now)}`;
    return [job, id, until, "", error ?? "it waits for its canary"];
  }
  return [job, id, `expires ${formatClock(expireAt)}`, next, failedTries(attempts, error)];
}

function undeliveredRow(row: UndeliveredView, now: Instant): string[] {
  const { job, actionId, plugin, state, attempts, nextAt, error } = row;
  const again = nextAt === null ? "" : `again ${formatDistance(Math.max(nextAt, now), now)}`;
  const next = state === "dead" ? "given up" : again;
  return [job, `action ${actionId}`, plugin, next, failedTries(attempts, error)];
}

/** A run, why it is paused, and what it waits for. */
function workflowLines(view: WorkflowView, now: Instant): string[] {
  const { runId, job, firesAt, state, note, params, deadlineAt, steps } = view;
  const since = formatDistance(firesAt, now).replace(" ago", "");
  const until = deadlineAt === null ? "" : `, given up ${formatDistance(deadlineAt, now)}`;
  const why = note === null ? "" : `: ${note}`;
  const saved = steps.filter((step) => step.state === "saved").length;
  const rows = steps
    .filter((step) => step.state !== "saved")
    .map(({ name, kind, state: how, attempts, nextAt, error }) => {
      const next = nextAt === null ? "" : formatDistance(Math.max(nextAt, now), now);
      return [name, `${kind} ${how}`, next, failedTries(attempts, error)];
    });
  const given = params === null ? "" : paramsText(JSON.stringify(params));
  const set = given === "" ? "" : ` (${given})`;
  const head = `run ${runId} ${job}${set} ${state} since ${since}${until}${why}`;
  const done = saved === 0 ? [] : [`    ${plural(saved, "step")} saved`];
  return [...wrapText(head, "  ", "  "), ...done, ...renderTable(rows, "    ")];
}

function failedTries(attempts: number, error: string | null): string {
  if (error === null) return "";
  return attempts === 0 ? error : `${attempts}x ${error}`;
}
