// Stage: a runner with workflows in virtual time: bodies without threads, an API that answers for a
// fleet, a journal that outlives the process. A crash cuts off everything that the process does.
import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import { DAEMON_WINDOW } from "../../src/flow/launch.ts";
import { Catalog } from "../../src/jobs/catalog.ts";
import type { Entity } from "../../src/jobs/entity.ts";
import type { Journal, JournalTransaction } from "../../src/journal/journal.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import type { Clock } from "../../src/lib/ports.ts";
import type { MigApi } from "../../src/mig/api.ts";
import { Runner } from "../../src/runner.ts";
import { type JobBody, job as makeJob } from "../../src/sdk/job.ts";
import { MemorySpool } from "../../src/sim/spool.ts";
import type { EngineEdges } from "../../src/workflow/edges.ts";
import type { BodyHost } from "../../src/workflow/host.ts";
import { inlineHost } from "../../src/workflow/inline.ts";
import type { Scope } from "../../src/workflow/scope.ts";
import { VirtualClock } from "./clock.ts";
import { type Life, type StageAction, type StageApiOptions, stageApi } from "./stage-api.ts";
import { entity, NOON } from "./world.ts";

export interface StageOptions extends StageApiOptions {
  readonly body: JobBody;
  readonly entity?: Partial<Entity>;
  /** Other jobs, by name; their source is their name. */
  readonly others?: Readonly<Record<string, JobBody>>;
  readonly macros?: ReadonlyMap<string, string>;
  /** Called before and after each write of the journal; a throw there is a crash. */
  readonly onWrite?: (when: "before" | "after", count: number) => void;
  readonly stallMs?: number;
}

/** Turns of the event loop without an event, after which nothing goes on without time. */
const QUIET_TURNS = 6;

/** Thrown by `onWrite`: the process is gone. */
export class Crash extends Error {
  override readonly name = "Crash";
}

export class Stage {
  readonly clock = new VirtualClock(NOON);
  readonly spool: MemorySpool;
  readonly journal: Journal = openJournal({ path: ":memory:", schedule: queueMicrotask });
  readonly actions: StageAction[] = [];
  readonly deliveries: {
    plugin: string;
    actionId: number;
    key: string;
    resultPath: string;
  }[] = [];
  readonly lines: string[] = [];
  /** What the key gives instead of a signature. @default null: a signature */
  sign: () => Promise<string> | null = () => null;
  /** Bodies at work. */
  atWork = 0;
  readonly entity: Entity;
  /** The body of a run that begins now, and those of runs that began before. */
  source = "v1";
  readonly bodies = new Map<string, JobBody>();
  #options: StageOptions;
  #life: Life = { alive: false };
  #runner: Runner | null = null;
  #running: Promise<void> = Promise.resolve();
  #writes = 0;
  /** Messages, writes and requests so far: as long as there are more, something goes on. */
  #events = 0;

  constructor(options: StageOptions) {
    this.#options = options;
    this.bodies.set(this.source, options.body);
    for (const [job, body] of Object.entries(options.others ?? {})) this.bodies.set(job, body);
    this.entity = entity({
      workflow: true,
      schedule: null,
      path: "/runner/runners/nightly/job.ts",
      ...options.entity,
    });
    const others = Object.keys(options.others ?? {});
    this.spool = new MemorySpool({ jobs: [this.entity.job, ...others].sort() });
  }

  get isAlive(): boolean {
    return this.#life.alive;
  }

  get writes(): number {
    return this.#writes;
  }

  /** The texts of actions by name, in the order in which they were posted. */
  get names(): readonly string[] {
    return this.actions.map(({ name }) => name);
  }

  /** The only run, or that with an id. */
  run(id = 1) {
    const run = this.journal.run(id);
    if (run === null) throw new Error(`there is no run ${id}`);
    return run;
  }

  /** Starts a process on what the one before has left. */
  async boot(): Promise<void> {
    const life: Life = { alive: true };
    this.#life = life;
    const catalog = new Catalog(({ job }) => {
      const path = `/runner/runners/${job}/job.ts`;
      return Promise.resolve(
        (job === this.entity.job ? this.entity : { ...this.entity, job, path }) as never,
      );
    });
    const runner = new Runner(this.#edges(life), catalog, {
      checkDirectoryMs: 3_600_000,
      window: DAEMON_WINDOW,
      once: false,
    });
    this.#runner = runner;
    // A process that crashes while it starts never gets to run.
    this.#running = runner.start().then(() => runner.run());
    await this.rest();
  }

  /** Asks for a run, as `mig-runner run` does. */
  async request(job = this.entity.job): Promise<number> {
    const now = this.clock.now();
    const id = await this.journal.write((tables) => {
      for (let firesAt = now; ; firesAt++) {
        const run = tables.insertRun({ job, firesAt, cause: "manual" }, "requested", now);
        if (run !== null) return run.id;
      }
    });
    this.#runner?.poke();
    await this.rest();
    return id;
  }

  /** Boots, asks for one run, and moves on until it has ended or is paused. */
  async play(): Promise<void> {
    await this.boot();
    await this.request();
    await this.finish();
  }

  /** Moves on until a run has ended or is paused; a crash boots the next process. */
  async finish(id = 1, limitMs = 86_400_000 * 3): Promise<void> {
    const end = this.clock.now() + limitMs;
    while (!["done", "failed", "paused"].includes(this.run(id).state)) {
      if (this.clock.now() > end)
        throw new Error(`run ${id} does not end: ${this.lines.join("\n")}`);
      if (!this.#life.alive) await this.boot();
      await this.move(5_000);
    }
    await this.rest();
  }

  /** Moves time on from wait to wait; at each, everything goes on that can. */
  async move(ms: number): Promise<void> {
    const end = this.clock.now() + ms;
    await this.rest();
    while (this.clock.step(end)) await this.rest();
    await this.rest();
  }

  /** Lets everything go on that can without time. */
  async rest(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      const before = this.#events;
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.#events !== before) quiet = 0;
    }
  }

  /** Ends the process at once, in order. */
  async stop(): Promise<void> {
    this.#runner?.stop();
    await this.rest();
    this.#runner?.abort();
    await this.rest();
    this.#life.alive = false;
  }

  /** Ends the process in order, with time for what is at work. */
  async end(): Promise<void> {
    this.#runner?.stop();
    await this.#running;
    this.#life.alive = false;
  }

  /** The process is gone, at once. */
  crash(): void {
    this.#life.alive = false;
  }

  poke(): void {
    this.#runner?.poke();
  }

  #edges(life: Life): EngineEdges {
    let signatures = this.actions.length * 1_000 + this.#writes;
    return {
      clock: this.#clock(life),
      random: { next: () => 0.5 },
      log: {
        emit: (level, message) => void (life.alive && this.lines.push(`${level} ${message}`)),
      },
      api: this.#api(life),
      signer: { sign: () => this.sign() ?? Promise.resolve(`signature ${signatures++}`) },
      spool: this.spool,
      journal: this.#journalOf(life),
      plugins: {
        names: () => Promise.resolve([]),
        check: () => Promise.resolve(null),
        deliver: ({ plugin, actionId, key, resultPath }) => {
          if (!life.alive) return new Promise(() => undefined);
          this.deliveries.push({ plugin, actionId, key, resultPath });
          return Promise.resolve({ kind: "delivered", message: "taken" });
        },
      },
      limits: {
        ...{ pageSize: 1_000, dispatchesMax: 8, collectsMax: 8, deliveriesMax: 4 },
        delayResultsMs: 0,
      },
      macros: this.#options.macros ?? new Map(),
      workflows: {
        host: this.#host(life),
        bundle: (path) => {
          const job = path.split("/").at(-2) ?? "";
          const source = job === this.entity.job ? this.source : job;
          const hash = createHash("sha256").update(source).digest("hex");
          return Promise.resolve({ source, hash });
        },
        readFile: (path) => this.spool.readResult(path),
      },
    };
  }

  #host(life: Life): BodyHost {
    const host = inlineHost({
      clock: this.#clock(life),
      scopes: new AsyncLocalStorage<Scope>(),
      openFetch: () => () => Promise.reject(new TypeError("nobody is there")),
      turn: () => new Promise((resolve) => setImmediate(resolve)),
      readFile: (path) => this.spool.readResult(path),
      load: (source) => {
        const body = this.bodies.get(source);
        return body === undefined
          ? Promise.reject(new Error("no body"))
          : Promise.resolve(makeJob({}, body));
      },
      locate: () => null,
    });
    // What a dead process would have done next is not done.
    return {
      start: (listener) => {
        this.atWork++;
        const handle = host.start({
          onMessage: (message) => {
            this.#events++;
            if (life.alive) listener.onMessage(message);
          },
          onLost: (reason, cause) => void (life.alive && listener.onLost(reason, cause)),
        });
        return {
          post: (message) => {
            this.#events++;
            if (life.alive) handle.post(message);
          },
          stop: () => {
            this.atWork--;
            handle.stop();
          },
        };
      },
    };
  }

  #clock(life: Life): Clock {
    const dead = (): Promise<void> => new Promise(() => undefined);
    return {
      now: () => this.clock.now(),
      until: (at, signal) =>
        life.alive
          ? this.clock.until(at, signal).then(() => (life.alive ? undefined : dead()))
          : dead(),
      sleep: (ms, signal) =>
        life.alive
          ? this.clock.sleep(ms, signal).then(() => (life.alive ? undefined : dead()))
          : dead(),
    };
  }

  #journalOf(life: Life): Journal {
    const { journal } = this;
    const write = async <T>(work: (tables: JournalTransaction) => T): Promise<T> => {
      const dead = new Promise<never>(() => undefined);
      if (!life.alive) return await dead;
      this.#writes++;
      this.#events++;
      try {
        this.#options.onWrite?.("before", this.#writes);
        const count = this.#writes;
        const value = await journal.write(work);
        this.#options.onWrite?.("after", count);
        return life.alive ? value : await dead;
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
        life.alive = false;
        return await dead;
      }
    };
    return new Proxy(journal, {
      get: (target, name) => {
        if (name === "write") return write;
        const value = Reflect.get(target, name) as unknown;
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  #api(life: Life): MigApi {
    const { actions, clock } = this;
    const event = () => void this.#events++;
    return stageApi({ actions, bodies: this.#posted, clock, event, life, options: this.#options });
  }

  readonly #posted = new Map<number, string>();
}
