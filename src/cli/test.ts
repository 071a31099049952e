// Test: the verb that runs TypeScript jobs in virtual time. Each job is tested in a worker of its
// own, which is ended when the job does not come to an end.

import { loadConfig } from "../config/config.ts";
import { systemClock } from "../edge/clock.ts";
import { absolutePath, readBytes } from "../edge/files.ts";
import { bundleJob } from "../edge/modules/bundle.ts";
import { checkParams } from "../edge/modules/params.ts";
import { describeEnd, startWorker } from "../edge/worker.ts";
import { RunnerError, RunnerErrors } from "../errors.ts";
import type { JobState } from "../jobs/catalog.ts";
import type { Entity } from "../jobs/entity.ts";
import { isModuleFile } from "../jobs/load.ts";
import { durationToMs, parseDuration } from "../lib/go/duration.ts";
import { parsePlain, TooLarge } from "../lib/json/plain.ts";
import { errnoText } from "../lib/os/errno.ts";
import { SCENARIOS, type ScenarioOutcome } from "../testkit/scenarios.ts";
import type { TestMessage, TestOrder } from "../testkit/worker.ts";
import { DAY_MS, type Milliseconds } from "../time.ts";
import { plural } from "../view/text.ts";
import { UsageError } from "./flags.ts";
import { undelivered } from "./job-check.ts";
import { chooseJobs, describeErrors, errorsOf, loadJobs } from "./jobs.ts";
import { openSpoolView, sourcesOf } from "./open.ts";
import { renderTable, wrapText } from "./text.ts";
import { type Call, JSON_FLAG, SET_FLAG, type Verb } from "./verb.ts";

const AGENTS = 20;

/** How long one scenario may take in real time. */
const SCENARIO_MAX = "2m";

export const test: Verb = {
  usage:
    "[JOB...] [--set NAME=VALUE...] [--answer NAME=JSON...] [--state FILE|JSON] [--agents N] " +
    "[--timeout TIME] [--json]",
  flags: [
    SET_FLAG,
    {
      name: "answer",
      kind: "list",
      value: "NAME=JSON",
      help: "What a person answers to a `run.waitFor`; once for each",
    },
    {
      name: "state",
      kind: "text",
      value: "FILE|JSON",
      help: "What the job keeps at first (`run.state`): an object, a value for each key",
    },
    { name: "agents", kind: "number", value: "N", help: `Simulated agents (default ${AGENTS})` },
    {
      name: "timeout",
      kind: "text",
      value: "TIME",
      help: `How long nothing may go on (default ${SCENARIO_MAX}): a job that hangs is ended`,
    },
    JSON_FLAG,
  ],
  help:
    "Runs the jobs that are programs (job.ts) in virtual time against a simulated fleet, in several\n" +
    "scenarios: no agent finds anything, all do, every other one does, three of four fail, none\n" +
    "answers. Each scenario is repeated many times, and each time the runner is killed at another\n" +
    "write of its journal and goes on. Nothing is posted and nothing is delivered. The functions of\n" +
    "steps do run, or a step's `simulated` function in their place; their fetch sends nothing and is\n" +
    "answered by {}. Approvals are given; a job that asks for one is also tried with a refusal, and\n" +
    "with no answer.\n\n" +
    "Ends with 1 when a job cannot be replayed, is wrong, or fails whatever the fleet answers.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg test\n" +
    "  mig-runner -c runner.cfg test hunt --set sha256=ab12\n" +
    "  mig-runner -c runner.cfg test dig --answer ticket=4711\n" +
    '  mig-runner -c runner.cfg test ports --state \'{"known":["web1"]}\'\n' +
    "  mig-runner -c runner.cfg test hunt --agents 100 --json",
  async run(call) {
    const { flags, positionals, terminal } = call;
    const agents = flags.number("agents", 1) ?? AGENTS;
    const limit = flags.text("timeout") ?? SCENARIO_MAX;
    const limitMs = limitOf(limit);
    const view = await openSpoolView(call);
    const path = view.config.runnersDirectory;
    const states = await loadJobs(view);
    const { chosen, unknown } = chooseJobs(states, { verb: "test", names: positionals, path });
    if (unknown.length > 0) throw new RunnerErrors(unknown);
    const programs = chosen.filter(isProgram);
    const table = chosen.find((state) => positionals.length > 0 && !isProgram(state));
    if (table !== undefined) {
      throw new UsageError(`job "${table.job}" is not a job.ts: only show and check look at it`);
    }
    const macros = await macrosOf(call);
    const set = setOf(call);
    const said = saidOf(call);
    const state = await stateOf(call);
    if (positionals.length > 0) await assertParams(programs, set, view.config.directory);
    const tested: Tested[] = [];
    for (const program of programs) {
      const below = view.config.directory;
      const waits = positionals.length === 0 ? wantsParams(program) : null;
      if (waits !== null) {
        if (!flags.has("json")) terminal.out([program.job, `  not tested: ${waits}`]);
        continue;
      }
      const of = { agents, macros, set, said, state, below, directory: `${path}/${program.job}` };
      const progress = (scenario: string): void => terminal.progress(`${program.job}: ${scenario}`);
      const one = await testJob(program, of, { limit, limitMs, progress });
      terminal.progress("");
      // Each as soon as it is known: the next may take its whole limit.
      if (!flags.has("json")) terminal.out(describeJob(one));
      tested.push(one);
    }
    if (flags.has("json")) terminal.json(JSON.stringify({ jobs: tested }));
    else terminal.out([describeAll(tested)]);
    return tested.some(({ isBroken }) => isBroken) ? 1 : 0;
  },
};

/** What came of a job. Plain data. */
interface Tested {
  readonly job: string;
  readonly isBroken: boolean;
  /** What is wrong with the job as a whole, one line each. */
  readonly problems: readonly string[];
  readonly notes: readonly string[];
  readonly scenarios: readonly ScenarioOutcome[];
}

/** Whether a job is defined by a program, or would be if that were not broken. */
function isProgram({ entity, errors }: JobState): boolean {
  const paths = [entity?.path, ...errors.map(({ detail }) => detail.path)];
  return paths.some((path) => path !== undefined && isModuleFile(path.replace(/^.*\//, "")));
}

/** @throws {UsageError} Parameters belong to one job. */
function setOf({ flags, positionals }: Call): Readonly<Record<string, string>> {
  const set = flags.pairs("set");
  if (Object.keys(set).length === 0 || positionals.length === 1) return set;
  throw new UsageError("--set is for one JOB");
}

/**
 * Parameters that a job refuses are no fault of it: nothing is played.
 *
 * @throws {RunnerErrors} ENTITY, as `run` says it, with each that is wrong or missing.
 */
async function assertParams(
  programs: readonly JobState[],
  set: Readonly<Record<string, string>>,
  below: string,
): Promise<void> {
  for (const { job, entity } of programs) {
    const isUnset = entity?.params != null && entity.params.unset === null;
    if (entity === null || !(isUnset || Object.keys(set).length > 0)) continue;
    await checkParams({ job, path: entity.path, below }, set);
  }
}

/** @throws {UsageError} For what is no JSON. */
function saidOf({ flags }: Call): Readonly<Record<string, unknown>> {
  const given = Object.entries(flags.pairs("answer")).map(([name, text]) => {
    try {
      return [name, parsePlain(text)] as const;
    } catch (error) {
      if (error instanceof TooLarge) throw new UsageError(`--answer ${name}: ${error.message}`);
      const meant = JSON.stringify(text);
      throw new UsageError(`--answer ${name}=${text} is no JSON; a text has quotes: ${meant}`);
    }
  });
  return Object.fromEntries(given);
}

/** What jobs keep at first. @throws {UsageError} For what is no object. */
async function stateOf({ flags, positionals }: Call): Promise<Readonly<Record<string, unknown>>> {
  const given = flags.text("state");
  if (given === null) return {};
  if (positionals.length !== 1) throw new UsageError("--state is for one JOB");
  const isText = given.trimStart().startsWith("{");
  const text = isText ? given : new TextDecoder().decode(await readStateFile(given));
  let value: unknown = null;
  try {
    value = parsePlain(text);
  } catch (error) {
    // Else told below.
    if (error instanceof TooLarge) throw new UsageError(`--state: ${error.message}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  const where = isText ? "" : ` in "${given}"`;
  throw new UsageError(`--state wants a JSON object${where}, such as '{"known":["web1"]}'`);
}

async function readStateFile(path: string): Promise<Uint8Array> {
  try {
    return await readBytes(absolutePath(path));
  } catch (error) {
    throw new UsageError(`--state: cannot read "${path}": ${errnoText(error)}`);
  }
}

/** Why a job can only be tested by its name; null when it needs no parameters. */
function wantsParams({ job, entity }: JobState): string | null {
  const faults = entity?.params?.faults ?? [];
  if (faults.length === 0) return null;
  return `${faults.join("; ")} (mig-runner test ${job} --set NAME=VALUE)`;
}

/** Those of the client configuration, if it can be read: a test needs no key. */
async function macrosOf(call: Call): Promise<Readonly<Record<string, string>>> {
  try {
    const { config } = await loadConfig(sourcesOf(call));
    return Object.fromEntries(config.targets);
  } catch (error) {
    if (error instanceof RunnerError || error instanceof RunnerErrors) return {};
    throw error;
  }
}

function limitOf(text: string): Milliseconds {
  try {
    const ms = durationToMs(parseDuration(text));
    if (ms >= 1 && ms <= LIMIT_MAX_MS) return ms;
  } catch {
    // Told below.
  }
  throw new UsageError(`invalid value "${text}" for flag -timeout: a time such as 30s or 5m`);
}

const LIMIT_MAX_MS = DAY_MS;

/** How long nothing may go on in a job, and who is told when a scenario is done. */
interface Watch {
  /** As it was written. */
  readonly limit: string;
  readonly limitMs: Milliseconds;
  progress(scenario: string): void;
}

async function testJob(
  { job, entity, errors }: JobState,
  {
    agents,
    below,
    directory,
    macros,
    set,
    said,
    state,
  }: Omit<TestOrder, "job" | "source"> & { readonly below: string },
  watch: Watch,
): Promise<Tested> {
  if (entity === null) return broken(job, describeErrors(errors));
  let source: string;
  try {
    ({ source } = await bundleJob(entity.path, { below }));
  } catch (error) {
    return broken(job, describeErrors(errorsOf(error)));
  }
  const order = { agents, directory, macros, set, said, state, job, source };
  const { scenarios, lost } = await play(order, watch);
  const notes = lost === null ? notesOf(entity, scenarios) : [];
  // Where no one answers, a job may fail for want of it.
  const failsAlways = scenarios.every(
    ({ state, unanswered }) => state === "failed" && unanswered.length === 0,
  );
  const always = failsAlways && lost === null ? ["it fails whatever the fleet answers"] : [];
  const problems = lost === null ? always : [lost];
  const isBroken = problems.length > 0 || scenarios.some((outcome) => outcome.isBroken);
  return { job, isBroken, problems, notes, scenarios };
}

/** What is no mistake, and hardly meant. */
function notesOf(
  { plugins, workflow }: Entity,
  scenarios: readonly ScenarioOutcome[],
): readonly string[] {
  if (!workflow || plugins.length === 0) return [];
  // A run that fails may have failed before it delivers, and that is told.
  const isTold = scenarios.some(({ deliveries, state }) => deliveries > 0 || state !== "done");
  const hasActions = scenarios.some(({ actions }) => actions > 0);
  return isTold || !hasActions ? [] : [undelivered(plugins)];
}

function broken(job: string, problems: readonly string[]): Tested {
  return { job, isBroken: true, problems, notes: [], scenarios: [] };
}

interface Played {
  readonly scenarios: readonly ScenarioOutcome[];
  /** Why there are no more of them; null when all were played. */
  readonly lost: string | null;
}

/** Plays all scenarios of a job in a worker. */
async function play(order: TestOrder, { limit, limitMs, progress }: Watch): Promise<Played> {
  const worker = startWorker({ role: "test", data: order });
  const scenarios: ScenarioOutcome[] = [];
  const { promise: ended, resolve: end } = Promise.withResolvers<string | null>();
  let heard = new AbortController();
  const watch = async (): Promise<void> => {
    const { signal } = heard;
    await systemClock().sleep(limitMs, signal);
    if (!signal.aborted) end(hungText(scenarios.length, limit));
  };
  worker.onMessage((message) => {
    heard.abort();
    // Null: the job itself wrote where only the worker writes.
    const said = message as TestMessage | null;
    if (said === null) return end("its code wrote to a descriptor that it did not open");
    if (said.kind === "done") return end(null);
    if (said.kind === "outcome") {
      scenarios.push(said.outcome);
      progress(said.outcome.scenario);
    }
    heard = new AbortController();
    void watch();
  });
  void worker.exited.then((exit) => end(describeEnd(exit)));
  void watch();
  const lost = await ended;
  heard.abort();
  await worker.terminate();
  return { scenarios, lost };
}

function hungText(played: number, limit: string): string {
  const scenario = SCENARIOS[played]?.name ?? "its last scenario";
  return (
    `it hangs: "${scenario}" did not go on for ${limit} and was stopped ` +
    "(look for a loop without an end; --timeout gives slow code more time)"
  );
}

function describeJob({ job, notes, problems, scenarios }: Tested): string[] {
  return [
    job,
    ...problems.flatMap((problem) => problem.split("\n").map((line) => `  ${line}`)),
    ...renderTable(scenarios.map(row)),
    ...details(scenarios),
    ...notes.flatMap((note) => wrapText(`note: ${note}`, "    ", "  ")),
  ];
}

function describeAll(tested: readonly Tested[]): string {
  if (tested.length === 0) return "there is no job.ts to test";
  const runs = tested.flatMap(({ scenarios }) => scenarios);
  const bad = tested.filter(({ isBroken }) => isBroken).length;
  const crashes = runs.reduce((sum, run) => sum + run.crashes, 0);
  const of = `${plural(tested.length, "job")}, ${plural(runs.length, "run")}`;
  const verdict = bad === 0 ? "all replayed" : `${plural(bad, "job")} broken`;
  return `${of}, ${crashes} ${crashes === 1 ? "crash" : "crashes"}: ${verdict}`;
}

function row(outcome: ScenarioOutcome): string[] {
  if (outcome.state === "broken") return [outcome.scenario, outcome.state];
  const { scenario, state, isBroken, actions, steps, deliveries, crashes, requests } = outcome;
  const asked = requests.length === 0 ? [] : [`${plural(requests.length, "request")} not sent`];
  const counts = [
    plural(actions, "action"),
    plural(steps, "step"),
    plural(deliveries, "delivery"),
    ...asked,
  ];
  const ended = isBroken ? `${state}!` : state;
  return [scenario, ended, counts.join(", "), `${crashes} crashes`];
}

/** What went wrong, each thing once although it did in several scenarios. */
function details(scenarios: readonly ScenarioOutcome[]): string[] {
  const told = new Map<string, string[]>();
  for (const { scenario, problems } of scenarios) {
    for (const problem of problems) told.set(problem, [...(told.get(problem) ?? []), scenario]);
  }
  const used = new Set(scenarios.flatMap((outcome) => outcome.used));
  const unanswered = new Set(scenarios.flatMap((outcome) => outcome.unanswered));
  const isAnswered = scenarios.some(({ requests }) => requests.length > 0);
  return [
    ...[...told].flatMap(([problem, names]) => {
      const where = names.length === scenarios.length ? "always" : names.join(", ");
      return wrapText(`${where}: ${problem}`, "    ", "  ");
    }),
    ...[...unanswered].flatMap((name) =>
      wrapText(`note: no one answered "${name}": --answer ${name}=JSON does`, "    ", "  "),
    ),
    ...(isAnswered ? wrapText(`note: ${STAND_IN}`, "    ", "  ") : []),
    ...[...used].flatMap((what) => wrapText(`note: ${what} shows ${ITS_OWN}`, "    ", "  ")),
  ];
}

/** What a run that used the stand-in answer does not show, and what to do about it. */
const STAND_IN =
  "requests of steps are answered by {} here, which is no answer of a real service: what a step " +
  "makes of one, and what comes behind it, was not tried; say what the step gives by " +
  "{ simulated: () => ... } in its options, or write a test with simulate({ fetch })";

/** Why the clock and the dice do no harm outside of a step. */
const ITS_OWN =
  "the run's own there, the same at each replay; the machine's is to be had in a step";
