// Simulate: what `import … from "mig-runner/test"` gives: runs a job in virtual time against a
// simulated fleet, and lets its runner die and come back at every write of the journal.
import { readBytes } from "../edge/files.ts";
import { examineModule } from "../edge/modules/examine.ts";
import { RunnerError, RunnerErrors } from "../errors.ts";
import type { Entity } from "../jobs/entity.ts";
import { moduleEntity } from "../jobs/module.ts";
import { problemError } from "../jobs/problem.ts";
import { durationToMs, parseDuration } from "../lib/go/duration.ts";
import type { Duration } from "../sdk/definition.ts";
import { FatalError } from "../sdk/failure.ts";
import type { JobModule } from "../sdk/job.ts";
import type { StepWork } from "../sdk/run.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { readParams } from "../workflow/params.ts";
import { stateText } from "../workflow/run-state.ts";
import { type Answers, makeFleet, type SimulatedAgent, scriptOf } from "./fleet.ts";
import { type History, playHistory } from "./history.ts";
import type { People, PlainValue } from "./people.ts";
import type { Plot } from "./plot.ts";
import type { SimulatedPlugin } from "./plugins.ts";
import { problemsWithin, replayEverywhere } from "./replay.ts";
import { type Simulation, tell } from "./tell.ts";

export type { AnswerKind, Answers, SimulatedAgent, SimulatedAnswer } from "./fleet.ts";
export type { People, SimulatedQuestion } from "./people.ts";
export type { SimulatedPlugin } from "./plugins.ts";
export type {
  SimulatedAction,
  SimulatedDelivery,
  SimulatedStep,
  Simulation,
} from "./tell.ts";

/** What is simulated. Every member has a default. */
export interface SimulateOptions {
  /** The job's name: that of its directory. @default "job" */
  readonly name?: string | undefined;
  /** The agents: how many, or what is to be fixed of each. @default 20 */
  readonly agents?: number | readonly SimulatedAgent[] | undefined;
  /**
   * What an agent answers to an operation: a kind of answer, or the members of its result.
   * Nothing or null leaves it to the simulation. @default one agent in three finds something
   */
  readonly answers?: Answers | undefined;
  /** The fire time: RFC 3339, or milliseconds. @default 2026-01-01T03:00:00Z */
  readonly now?: string | number | Date | undefined;
  /** Plugins by name. @default every plugin takes everything */
  readonly plugins?: Readonly<Record<string, SimulatedPlugin>> | undefined;
  /**
   * What stands in for the functions of steps, by their full names: a function that is called
   * instead, or what it would give. @default the step's `simulated`, else the function itself
   */
  readonly steps?: Readonly<Record<string, StepWork<unknown> | PlainValue>> | undefined;
  /**
   * Answers what steps ask for by `context.fetch`, which is never sent.
   * @default a step that asks fails, and says so
   */
  readonly fetch?: ((request: Request) => Response | Promise<Response>) | undefined;
  /** What people answer to `run.approval` and `run.waitFor`. @default no one answers */
  readonly people?: People | undefined;
  /** The parameters of the run. @default what the job's schema makes of none */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /** What earlier runs of the job have kept, by key. @default nothing */
  readonly state?: Readonly<Record<string, unknown>> | undefined;
  /** Conditions by name, as `[targets]` of the configuration has them. @default none */
  readonly macros?: Readonly<Record<string, string>> | undefined;
  /** The job's directory, where its action.json is: `import.meta.dirname`. */
  readonly directory?: string | undefined;
  /** Whether the runner also dies at every write of its journal. @default true */
  readonly crashes?: boolean | undefined;
  /** How much virtual time the run may take. @default "9600h" */
  readonly limit?: Duration | undefined;
}

/** Parameters as a command line has them. */
export interface PlainParams {
  readonly set?: Readonly<Record<string, string>> | undefined;
}

/** Thrown by `simulate`: the workflow does not survive the death of its runner. */
export class ReplayError extends Error {
  override readonly name = "ReplayError";
  /** One sentence each. */
  readonly problems: readonly string[];

  constructor(job: string, problems: readonly string[]) {
    super(`Cannot replay job "${job}":${problems.map((problem) => `\n  ${problem}`).join("")}`);
    this.problems = problems;
  }
}

const DEFAULTS = {
  name: "job",
  agents: 20,
  now: Date.UTC(2026, 0, 1, 3),
  limit: "9600h",
} as const;

/**
 * Runs a job once, from its fire time to its last delivery: by the runner's own code, in virtual
 * time, against a simulated fleet. A sleep of a day takes no time.
 *
 * Then it is run again, many times, each time with a runner that dies at another write of its
 * journal and goes on from there. The functions of steps and plugins are not called again for
 * that: their outcome of the first time is used.
 *
 * @param job What `job()` gave: the default export of a job.ts.
 * @throws {ReplayError} When a step runs again, an action is posted again, or the workflow does or
 *   sees something else when it is replayed.
 * @throws {RunnerErrors} ENTITY, with the mistakes of the definition.
 * @example
 * ```ts
 * import { job, modules } from "mig-runner";
 * import { simulate } from "mig-runner/test";
 *
 * const hunt = job(
 *   {
 *     action: {
 *       target: "status='online'",
 *       operations: [modules.pkg({ pkgmatch: { matches: ["^telnetd$"] } })],
 *     },
 *   },
 *   async (run) => {
 *     const base = await run.collect("base");
 *     if (base.agents.some((agent) => agent.found)) await run.deliver("slack", base);
 *   },
 * );
 *
 * export const { state, deliveries } = await simulate(hunt, { answers: () => "found" });
 * ```
 */
export function simulate(job: JobModule, options: SimulateOptions = {}): Promise<Simulation> {
  return simulateLoaded(() => Promise.resolve(job), options);
}

/** As `simulate`, of a job that is loaded again for each execution: its variables begin again. */
export async function simulateLoaded(
  load: () => Promise<JobModule>,
  options: SimulateOptions & PlainParams = {},
): Promise<Simulation> {
  const plot = await plotOf(load, options);
  const { crashes: withCrashes = true } = options;
  const base = await playHistory(plot, withCrashes ? "when the workflow ends" : null);
  refuseTargets(plot, base);
  const { job } = plot.entity;
  const problems = problemsWithin(base);
  if (problems.length > 0) throw new ReplayError(job, problems);
  if (!withCrashes || base.run.state === "paused") return tell(base, 0);
  const verdict = await replayEverywhere(plot, base);
  if (verdict.problems.length > 0) throw new ReplayError(job, verdict.problems);
  return tell(base, verdict.crashes);
}

async function plotOf(
  load: () => Promise<JobModule>,
  options: SimulateOptions & PlainParams,
): Promise<Plot> {
  const { name = DEFAULTS.name, agents = DEFAULTS.agents, answers } = options;
  const job = await load();
  const entity = entityOf(job, name);
  const template = await templateOf(entity, options.directory);
  const firesAt = instantOf(options.now ?? DEFAULTS.now);
  return {
    entity,
    load,
    file: (file) => (file === template?.name ? template.bytes : null),
    fleet: makeFleet(agents, firesAt),
    script: answers === undefined ? null : scriptOf(answers),
    plugins: new Map(Object.entries(options.plugins ?? {})),
    fetch: options.fetch ?? unanswered,
    standIns: new Map(Object.entries(options.steps ?? {})),
    people: options.people ?? {},
    sayings: new Map(),
    attempts: { outcomes: new Map(), running: 0 },
    macros: new Map(Object.entries(options.macros ?? {})),
    firesAt,
    params: paramsOf(job, { name, ...options }),
    state: stateOf(options.state ?? {}),
    limitMs: limitOf(options.limit ?? DEFAULTS.limit),
  };
}

function unanswered({ url }: Request): never {
  const answer = '{ fetch: () => new Response("{}") }';
  throw new FatalError(`nothing answers ${new URL(url).origin} in a simulation: say ${answer}`);
}

/** @throws {TypeError} For a value that JSON cannot hold. */
function stateOf(state: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const texts = Object.entries(state).flatMap(([key, value]) => {
    const text = stateText(value);
    return text === null ? [] : [[key, text] as const];
  });
  return new Map(texts);
}

/** @throws {RunnerErrors} ENTITY, with each parameter that is wrong or missing. */
function paramsOf(job: JobModule, { name, params, set }: SimulateOptions & PlainParams): string {
  const given = params ?? set ?? {};
  const read = readParams(job.params ?? null, given, params === undefined);
  if (read.kind === "sound") return read.json;
  const of = name === undefined ? {} : { job: name };
  throw new RunnerErrors(read.problems.map((text) => new RunnerError("ENTITY", text, of)));
}

function entityOf(job: JobModule, name: string): Entity {
  const examined = examineModule({ default: job });
  const path = `${name}/job.ts`;
  if (examined.kind === "problem") {
    const where = { job: name, path, textOf: () => null };
    throw new RunnerErrors([problemError(examined.problem, where)]);
  }
  const defaults = { timezone: "UTC" };
  return moduleEntity(examined.outline, { job: name, path, text: "", defaults });
}

async function templateOf(
  { job, template, workflow }: Entity,
  directory: string | undefined,
): Promise<{ readonly name: string; readonly bytes: Uint8Array } | null> {
  if (template.kind === "inline") return null;
  const { name } = template;
  if (directory !== undefined) {
    const bytes = await readBytes(`${directory}/${name}`).catch((error: unknown) => {
      if (workflow) return null;
      throw error;
    });
    return bytes === null ? null : { name, bytes };
  }
  if (workflow) return null;
  const where = `say where by { directory: import.meta.dirname }`;
  throw new Error(`Cannot simulate job "${job}": its action is in ${name}, ${where}`);
}

function instantOf(now: string | number | Date): Instant {
  const at = new Date(now).getTime();
  if (Number.isFinite(at)) return at;
  throw new RangeError(`Cannot simulate "${String(now)}": a time in RFC 3339 is wanted`);
}

function limitOf(limit: Duration): Milliseconds {
  return durationToMs(parseDuration(limit));
}

/** A target that the simulation does not understand would match nothing, without a word. */
function refuseTargets({ entity }: Plot, { notes }: History): void {
  const note = notes.find((line) => !line.endsWith("its target matches none"));
  if (note === undefined) return;
  throw new Error(`Cannot simulate job "${entity.job}": ${note}`);
}
