// Engine: the workflow runs of the journal, some of them with a body at work.
//
//   due body ──▶ started ──▶ at work ──▶ done, failed, paused
//      ▲                        └──▶ parked, with nothing but its rows: a step that ends calls it
//      └────────────────────────────────┘
//
// Each tick asks the journal what is due, as the runner does: so a restart needs no special path,
// and a run that waits for days costs a row.
//
// Owns:     how many bodies there are at a time, and what happens when one is lost.
// Not here: what a body gets and asks for (execution.ts), when to tick (runner.ts).
import { assert, isJournalError, messageOf } from "../errors.ts";
import { restAfter, say } from "../flow/edges.ts";
import type { ActionRow, RunRow } from "../journal/inflight.ts";
import { asksPeople, type BodyRow, due, type StepOutcome, type StepRow } from "../journal/steps.ts";
import { type Instant, MINUTE_MS, type Milliseconds } from "../time.ts";
import { settleStep } from "./actions.ts";
import { recordLapsed } from "./answers.ts";
import type { EngineEdges, WorkflowEdges } from "./edges.ts";
import { Execution } from "./execution.ts";
import type { Lost } from "./host.ts";
import { wayOut } from "./operate.ts";
import {
  recordDelay,
  recordEnd,
  recordLost,
  recordRetry,
  recordRun,
  recordStart,
} from "./record.ts";
import { versionFault } from "./version.ts";

export interface EngineOptions {
  /** Bodies at work at the same time, of all jobs and of one. @default 8 and 3 */
  readonly bodiesMax?: number;
  readonly bodiesPerJobMax?: number;
  /** How long a body may do nothing that the engine knows of. @default 5 minutes */
  readonly stallMs?: Milliseconds;
  /** Whether a run is to be worked on. */
  isMine(runId: number): boolean;
  /** Actions were journaled that were never sent: they can be posted without a search. */
  planned(rows: readonly ActionRow[]): void;
  /** There may be something to do. */
  changed(): void;
}

const BODIES_MAX = 8;
const BODIES_PER_JOB_MAX = 3;
const STALL_MS: Milliseconds = 5 * MINUTE_MS;

/** Steps whose results are put together and recorded at the same time. */
const SETTLING_MAX = 8;

/** Due rows that are looked at in one tick; those of other processes are among them. */
const DUE_MAX = 1_000;

/** After the results of a step could not be put together, how long until it is tried again. */
const MERGE_RETRY_MS: Milliseconds = MINUTE_MS;

/**
 * Starts that the process did not outlive, without a step that ended since, until the run is
 * paused. They come further and further apart (record.ts), so that kills and reboots, which have
 * nothing to do with the run, do not add up to so many.
 */
const STARTS_MAX = 5;

/** Bodies lost without a step that ended since, until their run has failed. */
const LOST_MAX = 3;

/** What a sleep comes to. */
const SLEPT: StepOutcome = { kind: "saved", value: null };

/** Drives the open runs that have a workflow; the runner ticks it. */
export class Engine {
  readonly #edges: EngineEdges;
  readonly #options: EngineOptions;
  readonly #active = new Map<number, Execution>();
  /** Runs that are being started, or whose lost body is being recorded. */
  readonly #busy = new Set<number>();
  readonly #settling = new Set<number>();
  readonly #stop = new AbortController();
  #stopping = false;
  #failures = 0;

  constructor(edges: EngineEdges, options: EngineOptions) {
    this.#edges = edges;
    this.#options = options;
  }

  /** Runs that were recorded as failed or paused since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether nothing is at work. */
  get isIdle(): boolean {
    return this.#active.size === 0 && this.#busy.size === 0 && this.#settling.size === 0;
  }

  /** When one of the bodies at work will have done nothing for too long; null for never. */
  nextAt(now: Instant): Instant | null {
    const stalls = [...this.#active.values()].flatMap(({ stallsAt }) => stallsAt ?? []);
    const times = stalls.filter((at) => at > now);
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Whether a run is planning actions right now, which are new and not to be searched for. */
  isPlanning(runId: number): boolean {
    return this.#active.get(runId)?.isPlanning === true;
  }

  /** Looks at what is at work and at what has become due. */
  tick(now: Instant): void {
    for (const execution of this.#active.values()) execution.check(now);
    if (this.#stopping || this.#edges.workflows === undefined) return;
    for (const step of this.#edges.journal.dueSteps(now, DUE_MAX)) this.#settle(step);
    this.#startDue(now);
  }

  /** Whether a body of a job that `isOf` means is at work. */
  isAtWork(isOf: (job: string) => boolean): boolean {
    return [...this.#active.values()].some(({ run }) => isOf(run.job));
  }

  /** Ends the bodies of runs that another host has by now: it goes on with them. */
  abortMoved(): void {
    for (const [runId, execution] of this.#active) {
      if (this.#edges.journal.run(runId) === null) execution.abort();
    }
  }

  /** No new bodies; what is at work may end its attempts. */
  stop(): void {
    this.#stopping = true;
    for (const execution of this.#active.values()) execution.stop();
  }

  /** Ends all bodies now. The journal knows how to go on. */
  abort(): void {
    this.#stopping = true;
    this.#stop.abort();
    for (const execution of this.#active.values()) execution.abort();
  }

  #startDue(now: Instant): void {
    const { bodiesMax = BODIES_MAX, bodiesPerJobMax = BODIES_PER_JOB_MAX } = this.#options;
    const crowded = this.#crowded(bodiesPerJobMax);
    const taken = this.#active.size + this.#busy.size;
    if (taken >= bodiesMax) return;
    for (const body of this.#edges.journal.dueBodies(now, DUE_MAX, crowded)) {
      if (this.#active.size + this.#busy.size >= bodiesMax) return;
      if (this.#active.has(body.runId) || this.#busy.has(body.runId)) continue;
      if (this.#options.isMine(body.runId)) this.#do(body.runId, () => this.#start(body));
    }
  }

  /** Jobs that have all the bodies that one job may have. */
  #crowded(bodiesPerJobMax: number): readonly string[] {
    const counts = new Map<string, number>();
    for (const { run } of this.#active.values()) {
      counts.set(run.job, (counts.get(run.job) ?? 0) + 1);
    }
    return [...counts].filter(([, count]) => count >= bodiesPerJobMax).map(([job]) => job);
  }

  async #start({ runId }: BodyRow): Promise<void> {
    const { clock, journal } = this.#edges;
    const body = await journal.write((tables) => recordStart(tables, runId, clock.now()));
    const run = journal.run(runId);
    if (body === null || run === null || this.#stopping) return;
    if (body.starts > STARTS_MAX) {
      const times = `it was started ${STARTS_MAX} times`;
      const note = `${times}, and each time the runner ended before a step did`;
      return await this.#pause(run, note);
    }
    const newer = versionFault(body.version);
    if (newer !== null) return await this.#pause(run, newer);
    const step = journal.unreadableStep(runId);
    if (step !== null) {
      const way = `\`mig-runner journal salvage\` or \`mig-runner drop ${runId}\` takes it out`;
      return await this.#pause(run, `the journal's ${step}; ${way}`);
    }
    const source = run.source === null ? null : journal.source(run.source);
    if (source === null) {
      const state = `its source ${run.source} is not in the journal any more`;
      return await this.#pause(run, `${state}; \`mig-runner drop ${runId}\` gives it up`);
    }
    const { host } = this.#workflows();
    const { planned, stallMs = STALL_MS } = this.#options;
    const execution = new Execution(
      this.#edges,
      { run, body },
      {
        host,
        stallMs,
        signal: this.#stop.signal,
        hooks: {
          planned: (rows) => planned(rows),
          over: (lost) => this.#over(run, lost),
          failed: () => this.#failures++,
          recorded: () => this.#options.changed(),
        },
      },
    );
    this.#active.set(runId, execution);
    execution.begin(source);
  }

  async #pause(run: RunRow, note: string): Promise<void> {
    const { clock, journal } = this.#edges;
    const paused = { runId: run.id, state: "paused", note } as const;
    await journal.write((tables) => recordRun(tables, paused, clock.now()));
    this.#failures++;
    say(this.#edges, { job: run.job, runId: run.id }, "err", `run ${run.id} is paused: ${note}`);
  }

  #over(run: RunRow, lost: Lost | null): void {
    this.#active.delete(run.id);
    if (lost === null || this.#stopping) this.#options.changed();
    else this.#do(run.id, () => this.#lose(run, lost));
  }

  /** A body that went by itself is started again, some times. */
  async #lose(run: RunRow, lost: Lost): Promise<void> {
    const { clock, journal } = this.#edges;
    const order = { runId: run.id, lostMax: LOST_MAX, ...lost };
    const failed = await journal.write((tables) => recordLost(tables, order, clock.now()));
    if (!failed) {
      const isOpen = journal.run(run.id)?.state === "open";
      const again = `run ${run.id} is tried again: ${lost.reason}`;
      if (isOpen) say(this.#edges, { job: run.job, runId: run.id }, "warning", again);
      return;
    }
    this.#failures++;
    const way = wayOut({ id: run.id, job: run.job, state: "failed" });
    say(
      this.#edges,
      { job: run.job, runId: run.id },
      "err",
      `run ${run.id} failed: ${lost.reason} (${way})`,
    );
  }

  #settle(step: StepRow): void {
    if (this.#settling.has(step.id) || this.#settling.size >= SETTLING_MAX) return;
    if (!this.#options.isMine(step.runId)) return;
    this.#settling.add(step.id);
    void (async () => {
      try {
        await this.#settleNow(step).catch((error: unknown) => this.#delay(step, error));
      } catch (error) {
        await restAfter(this.#edges, error, { signal: this.#stop.signal });
      }
      this.#settling.delete(step.id);
      this.#active.get(step.runId)?.pump();
      this.#options.changed();
    })();
  }

  async #settleNow(step: StepRow): Promise<void> {
    const { clock, journal } = this.#edges;
    // An answer of a person is checked by the body, as a step is tried by it.
    if (step.kind === "step" || step.answer !== null) {
      await journal.write((tables) => recordRetry(tables, step.id, clock.now()));
      this.#active.get(step.runId)?.retry(step.name);
      return;
    }
    if (asksPeople(step)) {
      await journal.write((tables) => recordLapsed(tables, step, clock.now()));
      return;
    }
    const outcome =
      step.kind === "sleep" ? SLEPT : await settleStep(this.#edges, step, this.#stop.signal);
    await journal.write((tables) => recordEnd(tables, { step, outcome }, clock.now()));
  }

  /** The results of a step cannot be put together now: a file is gone, or the disk is full. */
  async #delay(step: StepRow, error: unknown): Promise<void> {
    if (isJournalError(error)) throw error;
    // The next process begins it anew, at once.
    if (this.#stop.signal.aborted) return;
    const { clock, journal, log } = this.#edges;
    const why = messageOf(error);
    const job = journal.run(step.runId)?.job;
    log.emit("err", `step "${step.name}" of run ${step.runId}: ${why}`, {
      run: step.runId,
      step: step.name,
      ...(job === undefined ? {} : { job }),
    });
    const now = clock.now();
    const delay = { id: step.id, error: why, ...due(now + MERGE_RETRY_MS, now) };
    await journal.write((tables) => recordDelay(tables, delay));
  }

  #workflows(): WorkflowEdges {
    const { workflows } = this.#edges;
    assert(workflows !== undefined, "a workflow was begun where none can run");
    return workflows;
  }

  /** Does something about a run, of which there is one at a time. */
  #do(runId: number, work: () => Promise<void>): void {
    this.#busy.add(runId);
    void (async () => {
      try {
        await work();
      } catch (error) {
        await restAfter(this.#edges, error, { signal: this.#stop.signal });
      }
      this.#busy.delete(runId);
      this.#options.changed();
    })();
  }
}
