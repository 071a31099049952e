// History: one run of a job from its fire time to its end, in virtual time, with the real runner
// on simulated ports, and perhaps with one death of its process on the way.
//
//   life 1 ── dies at a write, or when the workflow has ended ──▶ life 2 ── to the end
//
// Owns:     when time moves, when the process dies, what is left at the end.
// Not here: what the ports do (sim/, plugins.ts), what it means (replay.ts).

import { nextTurn, pause } from "../edge/turns.ts";
import { DAEMON_LATENESS } from "../flow/launch.ts";
import { Catalog } from "../jobs/catalog.ts";
import type { ActionRow, DeliveryRow, RunRow } from "../journal/inflight.ts";
import type { Journal } from "../journal/journal.ts";
import { openJournal } from "../journal/sqlite/journal.ts";
import type { StepRow } from "../journal/steps.ts";
import { openApi } from "../mig/api.ts";
import { firstNonce } from "../mig/token.ts";
import { Runner } from "../runner.ts";
import type { LogLevel } from "../sdk/run.ts";
import { VirtualClock } from "../sim/clock.ts";
import { type CrashPoint, Life, lostTries } from "../sim/life.ts";
import {
  API_URL,
  CALM,
  type PostedAction,
  postedActions,
  simulatedApi,
  simulatedHttp,
  simulatedSigner,
} from "../sim/network.ts";
import { MemorySpool } from "../sim/spool.ts";
import { type AnswerScript, createStore, type Store } from "../sim/store.ts";
import { DAY_MS, type Instant, type Milliseconds } from "../time.ts";
import type { EngineEdges } from "../workflow/edges.ts";
import { SEED } from "./fleet.ts";
import { Observer } from "./observer.ts";
import { SimulatedPeople } from "./people.ts";
import type { Plot } from "./plot.ts";
import { simulatedPlugins, type TakenDelivery } from "./plugins.ts";
import type { Transcript } from "./transcript.ts";

/** When the first process of a history dies. */
export type Death = CrashPoint | "when the workflow ends" | null;

/** What is left of a history. */
export interface History {
  readonly run: RunRow;
  readonly steps: readonly StepRow[];
  readonly actions: readonly ActionRow[];
  readonly deliveries: readonly DeliveryRow[];
  /** JSON of what the job keeps at the end, by key. */
  readonly state: ReadonlyMap<string, string>;
  /** What the API got. */
  readonly posted: readonly PostedAction[];
  readonly taken: readonly TakenDelivery[];
  readonly transcripts: readonly Transcript[];
  /** The runner's own log. */
  readonly log: readonly { readonly level: string; readonly message: string }[];
  /** What the API said of targets that match nothing. */
  readonly notes: readonly string[];
  readonly endedAt: Instant;
  /** Steps whose function was wanted again although their outcome was saved. */
  readonly repeated: readonly string[];
  /** Writes of the journal. */
  readonly writes: number;
  /** Writes before which something was done in the world, and not yet written down. */
  readonly risky: ReadonlySet<number>;
  /** False when the moment of the death never came. */
  readonly hasDied: boolean;
}

/** Turns of the event loop in which nothing happens, until nothing will by itself. */
const QUIET_TURNS = 4;

/** How long a function of a step may take in real time before virtual time goes on. */
const PATIENCE_MS: Milliseconds = 2_000;

/** Real time between two looks at functions at work. */
const LOOK_MS: Milliseconds = 5;

/** Naps of the loop in a row after which a workflow is given some real time. */
const NAPS_MAX = 3;

const NEVER_MS: Milliseconds = 100 * 365 * DAY_MS;

/** Plays one history. Rejects when the run does not end in time, or for a bug of the runner. */
export async function playHistory(plot: Plot, death: Death): Promise<History> {
  const stage = new Stage(plot, death);
  try {
    return await stage.play();
  } finally {
    await stage.close();
  }
}

class Stage {
  readonly #plot: Plot;
  readonly #death: Death;
  readonly #clock: VirtualClock;
  readonly #journal: Journal = openJournal({ path: ":memory:" });
  readonly #spool: MemorySpool;
  readonly #store: Store;
  readonly #api: ReturnType<typeof simulatedApi>;
  readonly #observer: Observer;
  readonly #people: SimulatedPeople;
  readonly #notes: string[] = [];
  readonly #log: { level: string; message: string }[] = [];
  readonly #taken: TakenDelivery[] = [];
  readonly #repeated: string[] = [];
  readonly #risky = new Set<number>();
  /** Steps and deliveries of which the process that died had begun a try, and not heard of it. */
  #lost: ReadonlySet<string> = new Set();
  /** Whether anything was done in the world since the last write. */
  #isDirty = false;
  #life: Life = new Life(() => undefined);
  #runId = 0;
  #writes = 0;
  #hasDied = false;
  #activity = 0;
  #broken: { readonly error: unknown } | null = null;

  constructor(plot: Plot, death: Death) {
    this.#plot = plot;
    this.#death = death;
    this.#people = new SimulatedPeople(plot);
    this.#clock = new VirtualClock(plot.firesAt);
    this.#spool = new MemorySpool({
      directory: "/simulation",
      jobs: [plot.entity.job],
      file: (_, name) => plot.file(name),
    });
    const script = plot.script === null ? null : this.#watched(plot.script);
    this.#store = createStore({
      seed: SEED,
      fleet: plot.fleet,
      behaviour: CALM,
      script,
      createdAt: plot.firesAt,
      note: (line) => void this.#notes.push(line),
    });
    this.#api = simulatedApi(this.#store);
    const { standIns, attempts, load } = plot;
    this.#observer = new Observer({
      load,
      standIns,
      attempts,
      clock: this.#clock,
      readFile: (path) => this.#spool.stream(path),
      fetch: (request) => plot.fetch(request),
      isLost: (step) => this.#lost.has(step),
      active: () => void this.#activity++,
      wanted: (step) => this.#noteCall(step),
      intercept: (message) => message.kind === "ended" && this.#dieAtTheEnd(),
    });
  }

  async play(): Promise<History> {
    const { entity, firesAt, limitMs, params, state } = this.#plot;
    const { job } = entity;
    const order = { job, firesAt, cause: "manual", params } as const;
    const run = await this.#journal.write((to) => {
      for (const [key, value] of state) to.setState({ job, key, value, runId: null, setAt: 0 });
      return to.insertRun(order, "requested", firesAt);
    });
    this.#runId = run?.id ?? 0;
    while (!this.#isOver()) {
      if (!this.#life.isAlive || this.#runner === null) this.#boot();
      const isAtWork = await this.#settle();
      if (this.#broken !== null) throw this.#broken.error;
      if (!this.#life.isAlive || this.#isOver()) continue;
      if (await this.#people.reply(this.#journal, this.#runId, this.#clock.now())) {
        this.#runner?.poke();
        continue;
      }
      const at = await this.#nextMoment(isAtWork);
      if (at > firesAt + limitMs) throw this.#late();
      this.#clock.passTo(at);
    }
    return this.#told();
  }

  async close(): Promise<void> {
    this.#life.end();
    this.#observer.close();
    for (let turn = 0; turn < QUIET_TURNS; turn++) await nextTurn();
    await this.#journal.close();
  }

  #runner: Runner | null = null;

  #boot(): void {
    if (this.#hasDied) this.#lost = lostTries(this.#journal, this.#runId);
    const life = new Life(() => this.#clock.forget());
    this.#life = life;
    const { entity } = this.#plot;
    const catalog = new Catalog(() => Promise.resolve(entity));
    const runner = new Runner(this.#edges(life), catalog, {
      checkDirectoryMs: NEVER_MS,
      lateness: DAEMON_LATENESS,
      once: false,
      runId: this.#runId,
    });
    this.#runner = runner;
    const failed = (error: unknown): void => {
      if (life.isAlive) this.#broken = { error };
    };
    void runner.start().then(() => runner.run().catch(failed), failed);
  }

  #edges(life: Life): EngineEdges {
    const { entity, macros, plugins, attempts } = this.#plot;
    const clock = life.clock(this.#clock);
    const http = life.port(simulatedHttp(this.#api, this.#clock), ["send"]);
    const send: typeof http.send = (request) => {
      if (request.method === "POST") this.#isDirty = true;
      return http.send(request);
    };
    const signer = simulatedSigner();
    let nonce = firstNonce(this.#clock.now());
    const readFile = (path: string): AsyncIterable<Uint8Array> => this.#spool.stream(path);
    const log = (level: string, message: string): void => {
      this.#activity++;
      if (life.isAlive) this.#log.push({ level, message });
    };
    const taken = this.#taken;
    const own = simulatedPlugins({
      plugins,
      attempts,
      taken,
      readFile,
      isLost: (key) => this.#lost.has(key),
      active: () => {
        this.#isDirty = true;
      },
      log: (level: LogLevel, message) => log(level, message),
    });
    return {
      clock,
      random: { next: () => 0.5 },
      log: { emit: log },
      api: openApi({
        http: { send },
        clock,
        url: API_URL,
        signer,
        apiKey: null,
        nonce: () => nonce++,
      }),
      signer,
      spool: this.#spool,
      results: this.#spool,
      journal: life.journal(this.#journal, {
        before: () => this.#beforeWrite(life),
        after: (write) => this.#dieAt(life, { write, side: "after" }),
      }),
      plugins: life.port(own, ["deliver"]),
      limits: {
        pageSize: 1_000,
        dispatchesMax: 8,
        collectsMax: 8,
        deliveriesMax: 4,
        delayResultsMs: 0,
      },
      macros,
      workflows: {
        host: this.#observer.host(() => life.isAlive),
        bundle: () => Promise.resolve({ source: entity.job, hash: entity.job }),
      },
    };
  }

  /** The answers of a test, whose error is the test's own and no trouble of a network. */
  #watched(script: AnswerScript): AnswerScript {
    return (...asked) => {
      try {
        return script(...asked);
      } catch (error) {
        this.#broken ??= { error };
        return null;
      }
    };
  }

  #beforeWrite(life: Life): number {
    const write = ++this.#writes;
    if (this.#isDirty) this.#risky.add(write);
    this.#isDirty = false;
    this.#dieAt(life, { write, side: "before" });
    return write;
  }

  #dieAt(life: Life, { write, side }: CrashPoint): void {
    this.#activity++;
    if (this.#hasDied || this.#death === null || typeof this.#death === "string") return;
    if (this.#death.write !== write || this.#death.side !== side) return;
    this.#hasDied = true;
    life.end();
  }

  #dieAtTheEnd(): boolean {
    if (this.#hasDied || this.#death !== "when the workflow ends") return false;
    this.#hasDied = true;
    this.#life.end();
    return true;
  }

  #noteCall(name: string): void {
    this.#isDirty = true;
    const row = this.#journal.stepNamed(this.#runId, name);
    if (row !== null && row.state !== "begun") this.#repeated.push(name);
  }

  /**
   * Lets everything happen that can without time.
   *
   * @returns Whether something is still at work in real time. It may have ended when this is read,
   *   and what follows from it is then not settled.
   */
  async #settle(): Promise<boolean> {
    let [seen, quiet, isAtWork] = [-1, 0, false];
    while (quiet < QUIET_TURNS && this.#life.isAlive) {
      await nextTurn();
      const activity = this.#activity + this.#clock.waits;
      quiet = activity === seen ? quiet + 1 : 0;
      seen = activity;
      isAtWork = this.#plot.attempts.running > this.#hung;
    }
    return isAtWork;
  }

  #naps = 0;
  /** Functions that nobody waits for any more: they take too long. */
  #hung = 0;

  /** Waits for functions that are at work in real time, but not for ever. */
  async #rest(wasAtWork: boolean): Promise<void> {
    const { attempts } = this.#plot;
    let isAtWork = wasAtWork;
    for (let waitedMs = 0; isAtWork; waitedMs += LOOK_MS) {
      if (waitedMs >= PATIENCE_MS) this.#hung = attempts.running;
      await pause(waitedMs === 0 ? 1 : LOOK_MS);
      isAtWork = await this.#settle();
    }
    this.#hung = Math.min(this.#hung, attempts.running);
  }

  /** When something happens next, once nothing is at work in real time. */
  async #nextMoment(isAtWork: boolean): Promise<Instant> {
    await this.#rest(isAtWork);
    const now = this.#clock.now();
    const known = [this.#clock.nextSleep(), this.#journal.nextAt(now)].filter((at) => at !== null);
    const nap = this.#clock.nextNap() ?? now + 1;
    if (known.length > 0 && !this.#isDue(now)) {
      this.#naps = 0;
      return Math.min(...known);
    }
    // A workflow may wait for something that is not a step, and that comes soon.
    if (this.#naps++ >= NAPS_MAX) await pause(1);
    return Math.min(nap, ...known);
  }

  /** Whether the journal has something to do now: the loop will look at it. */
  #isDue(now: Instant): boolean {
    const journal = this.#journal;
    return (
      journal.dueActions("planned", now, 1).length > 0 ||
      journal.dueActions("posted", now, 1).length > 0 ||
      journal.dueDeliveries(now, 1).length > 0 ||
      journal.dueSteps(now, 1).length > 0
    );
  }

  #isOver(): boolean {
    const run = this.#journal.run(this.#runId);
    if (run === null || run.state === "requested" || run.state === "open") return false;
    const { pendingActions, pendingDeliveries } = this.#journal.counts();
    return pendingActions === 0 && pendingDeliveries === 0;
  }

  #late(): Error {
    const days = Math.round(this.#plot.limitMs / DAY_MS);
    const last = this.#log.slice(-5).map(({ message }) => `\n  ${message}`);
    const { job } = this.#plot.entity;
    const text = `Cannot simulate job "${job}": it has not ended after ${days} days`;
    return new Error(`${text}${last.join("")}`);
  }

  #told(): History {
    const journal = this.#journal;
    const run = journal.run(this.#runId);
    if (run === null) throw new Error("the journal has lost the run");
    const actions = journal.actionsOf(run.id);
    const endedAt = this.#clock.now();
    return {
      run,
      actions,
      endedAt,
      steps: journal.stepsOf(run.id),
      state: new Map(journal.stateOf(run.job).map(({ key, value }) => [key, value])),
      deliveries: actions.flatMap(({ id }) => journal.deliveriesOf(id)),
      posted: postedActions(this.#store, endedAt),
      taken: this.#taken,
      transcripts: this.#observer.transcripts,
      log: this.#log,
      notes: this.#notes,
      hasDied: this.#hasDied,
      repeated: this.#repeated,
      writes: this.#writes,
      risky: this.#risky,
    };
  }
}
