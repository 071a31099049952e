// Simulate: one seed from beginning to end. The whole runner lives in a world of its own, suffers
// the faults of the seed, is left in peace, and is judged.
import { RunnerError } from "../../src/errors.ts";
import { DAEMON_LATENESS } from "../../src/flow/launch.ts";
import { loadTemplate } from "../../src/flow/template.ts";
import { Catalog } from "../../src/jobs/catalog.ts";
import type { Entity } from "../../src/jobs/entity.ts";
import type { Blackout } from "../../src/jobs/hold.ts";
import { definitionFile, loadEntity } from "../../src/jobs/load.ts";
import { moduleEntity } from "../../src/jobs/module.ts";
import { openApi } from "../../src/mig/api.ts";
import type { JobDirectory, Spool } from "../../src/ports.ts";
import { Runner } from "../../src/runner.ts";
import type { EngineEdges } from "../../src/workflow/edges.ts";
import { PAGER } from "./alarms.ts";
import { writeJob, writeLegacy } from "./files.ts";
import { Ledger } from "./ledger.ts";
import type { CrashPoint, Life } from "./life.ts";
import { makeHttp } from "./network.ts";
import { happen } from "./operator.ts";
import { type Marks, Oracle } from "./oracle.ts";
import { makeClock, makeLog, makePlugins, makeSigner, makeSpool } from "./ports.ts";
import { makeProfile, type Profile } from "./profile.ts";
import { Dice } from "./random.ts";
import { type JobText, makeWorkflows } from "./workflows.ts";
import { World } from "./world.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** Another world than the seed's own. */
  readonly profile?: Profile;
  readonly crashPoint?: CrashPoint;
  readonly traced?: boolean;
}

export interface Outcome {
  readonly violations: readonly string[];
  readonly lines: readonly string[];
  /** Virtual time that went by. */
  readonly virtualMs: number;
  readonly calls: number;
  readonly lives: number;
  readonly actions: number;
  readonly runs: number;
  readonly workflows: number;
  readonly faults: ReadonlyMap<string, number>;
}

/** After chaos, everything must have come to its end within this. */
const PEACE_MAX_MS = 3 * 3_600_000;

/** An action that a clock far ahead has dated to expire later than this is not waited for. */
const DATED_MAX_MS = 15 * 60_000;

/** Within this, records of the original have been adopted and collected. */
const ADOPT_MAX_MS = 10 * 60_000;

/** At least this long after chaos: a job of every schedule that counts has fired once more. */
const PEACE_MIN_MS = 70_000;

/** How soon a process ends after SIGTERM: its grace, and a little. */
const STOP_MAX_MS = 4_000 + 6_000;

/** Who is told of alarms, where somebody is. */
const NOTIFY = { plugins: [PAGER], on: null, repeatMs: null };

/** The configuration's, of all jobs. */
function blackoutsOf({ beginsAt, blackouts }: Profile): readonly Blackout[] {
  return blackouts.map(({ fromMs, untilMs, action }, index) => ({
    name: `blackout ${index}`,
    jobs: ["*"],
    action,
    why: "",
    span: { kind: "once", from: beginsAt + fromMs, until: beginsAt + untilMs },
  }));
}

let ledger: Ledger | null = null;

/** A running simulation: the world, and the process that lives in it. */
export class Simulation {
  readonly world: World;
  readonly oracle = new Oracle();
  runner: Runner | null = null;
  lives = 0;

  constructor(options: SimulationOptions) {
    const dice = new Dice(options.seed);
    const profile = options.profile ?? makeProfile(dice);
    ledger ??= new Ledger();
    this.world = new World({
      profile,
      dice,
      ledger,
      watch: this.oracle,
      crashPoint: options.crashPoint ?? null,
      traced: options.traced === true,
    });
    this.oracle.world = this.world;
    ledger.reset(this.world);
    for (const job of profile.jobs) writeJob(this.world, job);
    for (const job of profile.jobs) {
      if (job.calendar?.isInstalled === true) this.oracle.calendars.install(this.world, job);
    }
    for (const record of profile.legacy) this.oracle.legacy.push(writeLegacy(this.world, record));
    this.world.onDeath = (why) => this.#restart(why);
  }

  /** Starts a process: the first one, or one more after the last has died. */
  boot(): void {
    const { world } = this;
    const bornAt = world.timeline.now;
    const life: Life = { number: ++this.lives, bornAt, alive: true, stopping: false };
    world.life = life;
    world.disk.temporaries = 0;
    world.say(() => `process ${life.number} starts`);
    const clock = makeClock(world, life);
    const signer = makeSigner(world, life);
    const spool = makeSpool(world, life);
    let nonce = 1;
    const api = openApi({
      http: makeHttp(world, life),
      clock,
      url: "https://api.test/api/v1/",
      nonce: () => nonce++,
      signer,
      apiKey: null,
    });
    const edges: EngineEdges = {
      clock,
      signer,
      spool,
      results: spool,
      api,
      random: world.dice,
      log: makeLog(world, life),
      journal: world.ledger.open(life),
      plugins: makePlugins(world, life),
      limits: world.profile.limits,
      blackouts: blackoutsOf(world.profile),
      macros: new Map(),
      workflows: makeWorkflows(world, life),
      ...(world.profile.alarms ? { notify: NOTIFY } : {}),
    };
    const catalog = new Catalog((directory) => loadJob(spool, directory));
    const { checkDirectoryMs } = world.profile;
    const options = { checkDirectoryMs, lateness: DAEMON_LATENESS, once: false };
    this.runner = new Runner(edges, catalog, options);
    void this.#live(life, this.runner);
  }

  async #live(life: Life, runner: Runner): Promise<void> {
    let started = false;
    try {
      await runner.start();
      started = true;
      await runner.run();
      this.#ended(life, null, started);
    } catch (error) {
      this.#ended(life, error, started);
    }
  }

  #ended(life: Life, error: unknown, started: boolean): void {
    if (!life.alive) return;
    const { world } = this;
    life.alive = false;
    if (error === null) {
      if (!life.stopping) world.violate("I8: the runner ended by itself");
    } else {
      world.count("process ended by an error");
      const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      world.say(() => `  process ended: ${text}`);
      // Nothing that is wrong with one job may keep a process from starting.
      const code = (error as { readonly code?: unknown } | null)?.code;
      const isHost = code === "SPOOL" || code === "JOURNAL";
      if (started || !isHost) world.violate(`I8: the runner was ended by ${text}`);
    }
    world.onDeath("exit");
  }

  #restart(why: string): void {
    const { world } = this;
    const downMs = world.calm ? 1_000 : world.dice.int(0, world.profile.downMaxMs);
    world.say(() => `process ${world.life.number} is dead (${why}), the next in ${downMs} ms`);
    world.timeline.after(downMs, () => this.boot());
  }

  /** SIGTERM, and the patience of a service manager. */
  terminate(): void {
    const { world, runner } = this;
    const { life } = world;
    if (!life.alive || life.stopping || runner === null) return;
    life.stopping = true;
    runner.stop();
    world.timeline.after(4_000, () => {
      if (life.alive) runner.abort();
    });
    world.timeline.after(STOP_MAX_MS, () => {
      if (life.alive) world.violate(`I8: not ended ${STOP_MAX_MS} ms after SIGTERM`);
    });
  }
}

/** As the command line loads a job. */
export async function loadJob(spool: Spool, { job, path, files }: JobDirectory): Promise<Entity> {
  const name = definitionFile(
    { job, path },
    files.map((file) => file.name),
  );
  const bytes = await spool.read(job, name, 1_000_000);
  const defaults = { timezone: "UTC" };
  if (name === "job.ts") {
    const text = new TextDecoder().decode(bytes);
    const outline = { definition: definitionOf(text, job), workflow: true };
    return moduleEntity(outline, { job, path: `${path}/${name}`, text, defaults });
  }
  const entity = loadEntity({ job, path, files: new Map([[name, bytes]]), defaults });
  await loadTemplate({ spool }, entity);
  return entity;
}

function definitionOf(text: string, job: string): unknown {
  try {
    return (JSON.parse(text) as JobText).definition;
  } catch (cause) {
    throw new RunnerError("ENTITY", `Cannot load job "${job}": it is broken`, { job }, { cause });
  }
}

/** Runs one seed. Pure but for the journal's database, which is emptied before. */
export function simulate(options: SimulationOptions): Outcome {
  const simulation = new Simulation(options);
  const { world } = simulation;
  const { beginsAt, chaosMs, happenings } = world.profile;
  for (const { atMs, what } of happenings) {
    world.timeline.after(atMs, () => happen(simulation, what));
  }
  world.timeline.after(chaosMs, () => pacify(world));
  simulation.boot();
  world.settle();
  const calmAt = beginsAt + chaosMs;
  while (!world.calm && world.violations.length === 0) world.step();
  const limits = marksOf(world);
  let lookAt = calmAt + PEACE_MIN_MS;
  while (world.violations.length === 0 && world.step()) {
    if (world.timeline.now < lookAt) continue;
    lookAt = world.timeline.now + 5_000;
    const isEarly = lookAt < calmAt + ADOPT_MAX_MS;
    if (isAtRest(simulation, limits, isEarly) || lookAt > calmAt + PEACE_MAX_MS) break;
  }
  if (world.violations.length === 0) restOnce(simulation, limits);
  const { calls, counts: faults, violations } = world;
  world.life.alive = false;
  const [counted] = world.ledger.rows("SELECT count(*) AS runs, count(source) AS flows FROM run");
  return {
    violations,
    lines: world.lines ?? [],
    virtualMs: world.timeline.now - beginsAt,
    calls,
    lives: simulation.lives,
    actions: world.api.actions.size,
    runs: Number(counted?.runs),
    workflows: Number(counted?.flows),
    faults,
  };
}

/** One orderly restart at the end, then the judgement. */
function restOnce(simulation: Simulation, limits: Marks): void {
  const { world, oracle } = simulation;
  oracle.inPeace();
  simulation.terminate();
  const before = simulation.lives;
  const until = world.timeline.now + 30_000;
  while (simulation.lives === before && world.timeline.now < until && world.step());
  const restedAt = world.timeline.now + 1_000;
  while (world.timeline.now < restedAt && world.step());
  oracle.atRest(limits);
}

function pacify(world: World): void {
  world.say(() => "peace: no more faults");
  if (world.outage !== null) world.watch.outageEnds();
  [world.calm, world.api.calm, world.diskFull] = [true, true, false];
  world.outage = null;
  // The clock is set right, by however much it was wrong.
  world.offsetMs = 0;
  world.calmAt = world.wall;
  world.missingPlugins.clear();
  for (const job of world.profile.jobs) {
    if (world.disk.jobs.has(job.job)) writeJob(world, job, { mend: true });
  }
}

function marksOf({ ledger, wall }: World): Marks {
  const last = (table: string): number =>
    Number(ledger.rows(`SELECT coalesce(max(id), 0) AS last FROM ${table}`)[0]?.last);
  const expireAt = wall + DATED_MAX_MS;
  return { actions: last("action"), runs: last("run"), expireAt };
}

/** Whether all that was begun in chaos has ended. A request for a job that is gone does not. */
function isAtRest(
  { oracle, world }: Simulation,
  { actions, runs, expireAt }: Marks,
  isEarly: boolean,
): boolean {
  const { disk, ledger, life } = world;
  if (!life.alive || (oracle.isAdopting && isEarly)) return false;
  const [waiting] = ledger.rows(
    "SELECT EXISTS (SELECT 1 FROM action WHERE id <= ?1 AND " +
      "next_at IS NOT NULL AND (state = 'planned' OR expire_at <= ?2)) OR " +
      "EXISTS (SELECT 1 FROM delivery WHERE state = 'pending' AND action_row <= ?1) OR " +
      "EXISTS (SELECT 1 FROM notice WHERE state = 'pending') OR " +
      "EXISTS (SELECT 1 FROM run WHERE state = 'open' AND id <= ?3 AND NOT EXISTS " +
      "(SELECT 1 FROM action WHERE run_id = run.id AND next_at IS NOT NULL AND expire_at > ?2)) " +
      "AS yes",
    actions,
    expireAt,
    runs,
  );
  if (waiting?.yes !== 0) return false;
  // As is what people are told: the runner looks at it every few seconds.
  const { problem, isLasting } = oracle.alarms.state(world);
  if (problem !== null && !isLasting) return false;
  const requested = ledger.rows(
    "SELECT job FROM run WHERE state = 'requested' AND id <= ? AND coalesce(not_before, 0) <= ?",
    runs,
    // One that was asked for by a clock far ahead is not waited for.
    world.wall + 3_600_000,
  );
  return !requested.some(({ job }) => disk.jobs.has(String(job)));
}
