// Stage: a runner with workflows in virtual time: bodies without threads, an API that answers for a
// fleet, a journal that outlives the process. A crash cuts off everything that the process does.
import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import { DAEMON_LATENESS } from "../../src/flow/launch.ts";
import { Catalog } from "../../src/jobs/catalog.ts";
import type { Entity } from "../../src/jobs/entity.ts";
import type { Journal } from "../../src/journal/journal.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import type { Clock } from "../../src/lib/ports.ts";
import { type CreateAnswer, type MigApi, openApi } from "../../src/mig/api.ts";
import { Runner } from "../../src/runner.ts";
import { type JobBody, job as makeJob } from "../../src/sdk/job.ts";
import { type AgentSpec, createFleet } from "../../src/sim/fleet.ts";
import { Life } from "../../src/sim/life.ts";
import {
  API_KEY,
  API_URL,
  CALM,
  simulatedApi,
  simulatedHttp,
  simulatedSigner,
} from "../../src/sim/network.ts";
import { MemorySpool } from "../../src/sim/spool.ts";
import { createStore, type Store } from "../../src/sim/store.ts";
import type { EngineEdges } from "../../src/workflow/edges.ts";
import type { BodyHost } from "../../src/workflow/host.ts";
import { inlineHost } from "../../src/workflow/inline.ts";
import type { Scope } from "../../src/workflow/scope.ts";
import { VirtualClock } from "./clock.ts";
import { entity, NOON } from "./world.ts";

export interface StageOptions {
  readonly body: JobBody;
  /** The agents, all online. @default three, of which the second finds something */
  readonly fleet?: readonly AgentSpec[];
  /** Why the API refuses an action; null when it takes it. @default never */
  readonly refuse?: (name: string) => string | null;
  /** Called before and after an action is stored by the API; a throw there is a crash. */
  readonly onPost?: (when: "before" | "after", count: number) => void;
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

const FLEET: readonly AgentSpec[] = [
  { id: 101, name: "web1.example.net" },
  { id: 102, name: "web2.example.net" },
  { id: 103, name: "db1.example.net" },
];

/** An action that the API of the stage has. */
interface StageAction {
  readonly id: number;
  readonly name: string;
  readonly target: string;
  readonly module: string;
  readonly signature: string;
}

export class Stage {
  readonly clock = new VirtualClock(NOON);
  readonly spool: MemorySpool;
  readonly journal: Journal = openJournal({ path: ":memory:", schedule: queueMicrotask });
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
  readonly #store: Store;
  readonly #api: ReturnType<typeof simulatedApi>;
  #life = new Life(() => undefined);
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
    const { fleet = FLEET } = options;
    const agents = fleet.map((agent) => ({ status: "online", ...agent }) as const);
    this.#store = createStore({
      seed: "stage",
      behaviour: CALM,
      createdAt: NOON,
      note: () => undefined,
      fleet: createFleet({ agents, seed: "stage", now: NOON }),
      script: ({ id }) => ({ result: { success: true, foundanything: id === 102 } }),
    });
    this.#api = simulatedApi(this.#store, () => true);
    this.spool = new MemorySpool({ jobs: [this.entity.job, ...others].sort() });
  }

  get isAlive(): boolean {
    return this.#runner !== null && this.#life.isAlive;
  }

  get writes(): number {
    return this.#writes;
  }

  /** What the API has, in the order in which it was posted. */
  get actions(): readonly StageAction[] {
    return [...this.#store.actions.values()].map(({ id, action }) => {
      const { name, target, operations, signatures } = action;
      const [module = "", signature = ""] = [operations?.[0]?.module, signatures?.[0]];
      return { id, name, target, module, signature };
    });
  }

  /** The names of actions, in the order in which they were posted. */
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
    const life = new Life(() => this.clock.forget());
    this.#life = life;
    const catalog = new Catalog(({ job }) => {
      const path = `/runner/runners/${job}/job.ts`;
      return Promise.resolve(
        (job === this.entity.job ? this.entity : { ...this.entity, job, path }) as never,
      );
    });
    const runner = new Runner(this.#edges(life), catalog, {
      checkDirectoryMs: 3_600_000,
      lateness: DAEMON_LATENESS,
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
      if (!this.isAlive) await this.boot();
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
    this.#life.end();
  }

  /** Ends the process in order, with time for what is at work. */
  async end(): Promise<void> {
    this.#runner?.stop();
    await this.#running;
    this.#life.end();
  }

  /** The process is gone, at once. */
  crash(): void {
    this.#life.end();
  }

  poke(): void {
    this.#runner?.poke();
  }

  #edges(life: Life): EngineEdges {
    let signatures = this.#store.actions.size * 1_000 + this.#writes;
    const clock = life.clock(this.clock);
    return {
      clock,
      random: { next: () => 0.5 },
      log: {
        emit: (level, message) => void (life.isAlive && this.lines.push(`${level} ${message}`)),
      },
      api: this.#apiOf(life, clock),
      signer: { sign: () => this.sign() ?? Promise.resolve(`signature ${signatures++}`) },
      spool: this.spool,
      results: this.spool,
      journal: this.#journalOf(life),
      plugins: {
        names: () => Promise.resolve([]),
        check: () => Promise.resolve(null),
        deliver: ({ plugin, actionId, key, resultPath }) => {
          if (!life.isAlive) return new Promise(() => undefined);
          this.deliveries.push({ plugin, actionId, key, resultPath });
          return Promise.resolve({ kind: "delivered", message: "taken" });
        },
      },
      limits: {
        pageSize: 1_000,
        dispatchesMax: 8,
        collectsMax: 8,
        deliveriesMax: 4,
        delayResultsMs: 0,
      },
      macros: this.#options.macros ?? new Map(),
      workflows: {
        host: this.#host(life, clock),
        bundle: (path) => {
          const job = path.split("/").at(-2) ?? "";
          const source = job === this.entity.job ? this.source : job;
          const hash = createHash("sha256").update(source).digest("hex");
          return Promise.resolve({ source, hash });
        },
      },
    };
  }

  #host(life: Life, clock: Clock): BodyHost {
    const host = inlineHost({
      clock,
      scopes: new AsyncLocalStorage<Scope>(),
      openFetch: () => () => Promise.reject(new TypeError("nobody is there")),
      turn: () => new Promise((resolve) => setImmediate(resolve)),
      readFile: (path) => this.spool.stream(path),
      load: (source) => {
        const body = this.bodies.get(source);
        return body === undefined
          ? Promise.reject(new Error("no body"))
          : Promise.resolve(makeJob({ plugin: this.entity.plugins }, body));
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
            if (life.isAlive) listener.onMessage(message);
          },
          onLost: (reason, cause) => void (life.isAlive && listener.onLost(reason, cause)),
        });
        return {
          post: (message) => {
            this.#events++;
            if (life.isAlive) handle.post(message);
          },
          stop: () => {
            this.atWork--;
            handle.stop();
          },
        };
      },
    };
  }

  #journalOf(life: Life): Journal {
    let writes = 0;
    const moment = (when: "before" | "after", write: number): void => {
      this.#events++;
      orDie(life, () => this.#options.onWrite?.(when, write));
    };
    return life.journal(this.journal, {
      before: () => {
        writes = ++this.#writes;
        moment("before", writes);
        return writes;
      },
      after: (write) => moment("after", write),
    });
  }

  /** The simulated API as one process sees it, over its own client. */
  #apiOf(life: Life, clock: Clock): MigApi {
    const { refuse = () => null, onPost = () => undefined } = this.#options;
    const { send } = life.port(simulatedHttp(this.#api, this.clock), ["send"]);
    let nonce = 0;
    const api = openApi({
      clock,
      url: API_URL,
      signer: simulatedSigner(),
      nonce: () => nonce++,
      apiKey: { reveal: () => API_KEY },
      http: {
        send: (request) => {
          this.#events++;
          return send(request);
        },
      },
    });
    const post = api.create.bind(api);
    const create = async (json: string): Promise<CreateAnswer> => {
      const message = refuse(JSON.parse(json).name);
      if (message !== null) {
        return { kind: "unclear", refusal: true, message, status: 500, retryAfterMs: null };
      }
      const count = this.#store.actions.size + 1;
      orDie(life, () => onPost("before", count));
      const answer = await post(json);
      orDie(life, () => onPost("after", count));
      return answer;
    };
    return Object.assign(api, { create: (json: string) => life.heard(() => create(json)) });
  }
}

/** Does something of a test, which may be the death of the process. */
function orDie(life: Life, what: () => void): void {
  try {
    what();
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
    life.end();
  }
}
