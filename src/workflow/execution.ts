// Execution: one run while its body is at work: the conversation between body and journal.
//
//   handed ──▶ all outcomes that the journal has, in the order in which they were recorded
//   asked  ──▶ begun only when none of those is left: what is new happens at the end of a replay
//
// Owns:     what a body gets and when, what a replay must match, when a body is not needed.
// Not here: which runs have a body (engine.ts), what a step does (work.ts), workers (host.ts).
//
// Invariants:
//   E1. The body gets outcomes in the order of their sequence, each after it was recorded.
//   E2. Nothing new is begun while the journal has an outcome that the body has not got.
//   E3. What the code asks for and what the journal has are the same, or the run is paused.
import { messageOf } from "../errors.ts";
import { type Edges, restAfter, say } from "../flow/edges.ts";
import type { ActionRow, RunRow } from "../journal/inflight.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import { asksPeople, type StepRow } from "../journal/steps.ts";
import type { Instant, Milliseconds } from "../time.ts";
import type { ActiveRun } from "./actions.ts";
import type { BodyHandle, BodyHost, Lost } from "./host.ts";
import { answerOf, type FromBody, parseFromBody, type StepAsk, type ToBody } from "./messages.ts";
import { describeStep, mismatch } from "./mismatch.ts";
import { wayOut } from "./operate.ts";
import {
  afterLook,
  afterParking,
  afterSent,
  afterTaken,
  BUSY,
  isGoing,
  type Phase,
} from "./phase.ts";
import { digestOf, newStep, recordParked, recordRun, recordStopped } from "./record.ts";
import { WORKFLOW_VERSION } from "./version.ts";
import { type Asked, Work } from "./work.ts";

/** Steps of one run: bounds what a loop without an end can write. */
export const STEPS_MAX = 10_000;

/** Log lines of one execution. */
const LINES_MAX = 10_000;

/** A run is worth a worker when it goes on within this. */
const PARK_MS: Milliseconds = 1_000;

/** How long a replay may do nothing before it asks for what the journal has next. */
export const REPLAY_STALL_MS: Milliseconds = 10_000;

/** How long an aborted body has to end what it does. */
const ABORT_GRACE_MS: Milliseconds = 1_000;

/** What an execution tells the engine. */
export interface ExecutionHooks {
  /** Actions were journaled that were never sent. */
  planned(rows: readonly ActionRow[]): void;
  /** The body is gone; `lost` says why when nobody wanted it. */
  over(lost: Lost | null): void;
  /** The run was recorded as failed or paused. */
  failed(): void;
  /** Something was recorded that may have a time of its own. */
  recorded(): void;
}

export interface ExecutionOptions {
  readonly host: BodyHost;
  readonly hooks: ExecutionHooks;
  /** How long a body may do nothing that the engine knows of. */
  readonly stallMs: Milliseconds;
  /** Aborts when the process is about to end. */
  readonly signal: AbortSignal;
}

type End = "done" | "failed" | "paused";

/** One run of a body in a host, from its start to its end, its park or its fall. */
export class Execution {
  readonly #edges: Edges;
  readonly #active: ActiveRun;
  readonly #options: ExecutionOptions;
  readonly #work: Work;
  readonly #handle: BodyHandle;
  /** All that was asked for, what of it waits for an answer, and what of that is to be begun. */
  readonly #known = new Set<string>();
  readonly #asked = new Map<string, Asked>();
  readonly #unbegun = new Set<string>();
  #phase: Phase = BUSY;
  /** The place of the last outcome that the body got, and how many messages it was sent. */
  #handed = 0;
  #sent = 0;
  #lines = 0;

  constructor(edges: Edges, active: ActiveRun, options: ExecutionOptions) {
    this.#edges = edges;
    this.#active = active;
    this.#options = options;
    this.#work = new Work(edges, active, {
      post: (message) => this.#post(message),
      planned: (rows) => options.hooks.planned(rows),
      changed: (toBegin) => this.#changed(toBegin),
      broken: (message) => void this.#finish("failed", message),
      signal: options.signal,
    });
    this.#handle = options.host.start({
      onMessage: (message) => this.#take(message),
      onLost: (reason, cause = "body") => this.#close({ reason, cause }),
    });
  }

  get run(): RunRow {
    return this.#active.run;
  }

  /** Whether actions are being signed and journaled, which nobody may take for old ones. */
  get isPlanning(): boolean {
    return this.#work.isPlanning;
  }

  /** Sends the body on its way. */
  begin(source: string): void {
    const { id, job, firesAt, params } = this.#active.run;
    const { begunAt: now, seed } = this.#active.body;
    const version = WORKFLOW_VERSION;
    this.#post({ kind: "begin", version, run: { id, job, firesAt }, now, seed, params, source });
  }

  #take(raw: unknown): void {
    if (this.#phase.kind === "over") return;
    const message = parseFromBody(raw);
    switch (message?.kind) {
      case undefined:
        void this.#finish("failed", "its code sent an invalid message");
        break;
      case "ask":
        this.#ask(message);
        break;
      case "tried":
        this.#tried(message);
        break;
      case "checked":
        this.#checked(message);
        break;
      case "log":
        this.#log(message);
        break;
      case "idle":
        if (message.received === this.#sent) this.#phase = afterTaken(this.#phase);
        this.#park();
        break;
      case "stuck":
        void this.#finish("paused", message.message);
        break;
      case "ended":
        this.#onEnded(message.error);
    }
  }

  #ask({ name, request }: StepAsk): void {
    const runId = this.#active.run.id;
    if (this.#known.has(name)) {
      const note = `the code asks for "${name}" a second time, names must be unique in a run`;
      void this.#finish("paused", note);
      return;
    }
    this.#known.add(name);
    if (this.#known.size > STEPS_MAX) {
      void this.#finish("failed", `it has more than ${STEPS_MAX} steps`);
      return;
    }
    const digest = digestOf(request);
    const row = this.#edges.journal.stepNamed(runId, name);
    if (row !== null && (row.kind !== request.kind || row.digest !== digest)) {
      void this.#finish("paused", mismatch(row, request));
      return;
    }
    const step = newStep(runId, name, {
      kind: request.kind,
      digest,
      begunAt: this.#edges.clock.now(),
    });
    this.#asked.set(name, { step, request });
    this.#unbegun.add(name);
    this.pump();
  }

  /** Hands out what there is to hand out, then begins what there is to begin. */
  pump(): void {
    if (!isGoing(this.#phase)) return;
    for (let next = this.#next(); next !== null; next = this.#next()) {
      if (!this.#asked.delete(next.name)) return;
      this.#unbegun.delete(next.name);
      this.#handed = next.sequence ?? this.#handed;
      this.#post(answerOf(next));
    }
    for (const name of this.#unbegun) {
      this.#unbegun.delete(name);
      const asked = this.#asked.get(name);
      if (asked !== undefined) this.#work.begin(asked);
    }
    this.#park();
  }

  /** The first outcome in the journal that the body has not got. */
  #next(): StepRow | null {
    return this.#edges.journal.stepAt(this.#active.run.id, this.#handed + 1);
  }

  #post(message: ToBody): void {
    if (this.#phase.kind === "over") return;
    this.#sent++;
    this.#phase = afterSent(this.#phase);
    this.#handle.post(message);
  }

  #tried(message: Extract<FromBody, { kind: "tried" }>): void {
    const asked = this.#asked.get(message.name);
    if (asked !== undefined) this.#work.tried(asked, message);
    else void this.#finish("failed", `its code ran "${message.name}", which it never asked for`);
  }

  #checked(message: Extract<FromBody, { kind: "checked" }>): void {
    const asked = this.#asked.get(message.name);
    if (asked !== undefined) this.#work.checked(asked, message);
    else
      void this.#finish("failed", `its code checked "${message.name}", which it never asked for`);
  }

  /** Lines of a replay were written before. */
  #log({ level, message }: Extract<FromBody, { kind: "log" }>): void {
    if (this.#next() !== null) return;
    this.#lines++;
    if (this.#lines > LINES_MAX) return;
    const more = this.#lines === LINES_MAX ? " (further lines of this run are left out)" : "";
    // Each line gets the job's name: none can pass for one of the runner's own.
    for (const line of `${message}${more}`.split("\n")) say(this.#edges, this.run, level, line);
  }

  #changed(toBegin: string | null): void {
    if (toBegin !== null && this.#asked.has(toBegin)) this.#unbegun.add(toBegin);
    this.pump();
    if (this.#phase.kind === "leaving" && !this.#work.isBusy) void this.#windDown();
    this.#options.hooks.recorded();
  }

  /** The time for another try of a step has come. */
  retry(name: string): void {
    if (this.#asked.has(name)) this.#unbegun.add(name);
    this.pump();
  }

  /** Looks at the journal again: somebody else may have ended the run, or one of its steps. */
  check(now: Instant): void {
    if (!isGoing(this.#phase)) return;
    const run = this.#edges.journal.run(this.#active.run.id);
    if (run?.state !== "open") {
      this.#tellToAbort(run?.note ?? "the run has ended");
      return;
    }
    this.pump();
    this.#phase = afterLook(this.#phase, this.#work.isBusy, now);
    const { stallsAt } = this;
    if (stallsAt !== null && now >= stallsAt) this.#stalled();
  }

  /** When a body that has been seen to do nothing has done so for too long; null for any other. */
  get stallsAt(): Instant | null {
    const quietAt = this.#phase.kind === "idle" ? this.#phase.quietAt : null;
    return quietAt === null ? null : quietAt + this.#patienceMs();
  }

  /** What was asked for once is asked for soon in a replay, or never: nothing is done in between. */
  #patienceMs(): Milliseconds {
    const { stallMs } = this.#options;
    return this.#next() === null ? stallMs : Math.min(stallMs, REPLAY_STALL_MS);
  }

  /** Nothing has happened for long, and nothing that the engine knows of is going to. */
  #stalled(): void {
    const next = this.#next();
    const waits = [...this.#asked.values()].map(({ step }) => `"${step.name}" (${step.kind})`);
    if (next !== null) {
      const waiting = waits.length === 0 ? "waits for no step" : `waits for ${waits.join(", ")}`;
      const note = `the journal has ${describeStep(next)}, the code ${waiting} and never asks for it`;
      void this.#finish("paused", note);
    } else if (waits.length === 0) {
      const note = "it waits for something that is not a step: put that into run.step";
      void this.#finish("failed", note);
    }
  }

  /** A body whose steps all take their time is not needed until one of them has ended. */
  #park(): void {
    if (this.#phase.kind !== "idle" || this.#work.isBusy) return;
    if (this.#asked.size === 0 || this.#next() !== null || !this.#waitsLong()) return;
    this.#phase = { kind: "parking", isIdle: true };
    const parked = { runId: this.#active.run.id, handed: this.#handed };
    void this.#write((transaction) => recordParked(transaction, parked))
      .then((isParked) => isParked && this.abort())
      .catch((error: unknown) => say(this.#edges, this.run, "err", messageOf(error)))
      .finally(() => {
        this.#phase = afterParking(this.#phase);
      });
  }

  #waitsLong(): boolean {
    const soon = this.#edges.clock.now() + PARK_MS;
    for (const { step } of this.#asked.values()) {
      const row = this.#edges.journal.stepNamed(step.runId, step.name);
      if (row === null || (row.nextAt !== null && row.nextAt <= soon)) return false;
      // A try that has become due is about to begin, an answer about to be checked.
      if ((row.kind === "step" || asksPeople(row)) && row.nextAt === null) return false;
    }
    return true;
  }

  /** No new work; what is at work may end. */
  stop(): void {
    if (isGoing(this.#phase)) void this.#windDown();
  }

  /** Noted also when a step is at work that will not end in time: the start was not in vain. */
  async #windDown(): Promise<void> {
    this.#phase = { kind: "leaving" };
    this.#work.stop();
    try {
      await this.#write((tables, now) => recordStopped(tables, this.#active.run.id, now));
    } catch (error) {
      say(this.#edges, this.run, "err", messageOf(error));
    }
    if (!this.#work.isBusy) this.abort();
  }

  /** The run has been ended by somebody else: the body may hear of it. */
  #tellToAbort(reason: string): void {
    this.#phase = { kind: "leaving" };
    this.#post({ kind: "abort", reason });
    const { clock } = this.#edges;
    void clock.sleep(ABORT_GRACE_MS, this.#options.signal).then(() => this.abort());
  }

  /** Ends it now. The journal knows how to go on. */
  abort(): void {
    if (this.#phase.kind === "over") return;
    this.#handle.stop();
    this.#close(null);
  }

  #onEnded(error: string | null): void {
    const steps = this.#edges.journal.stepsOf(this.#active.run.id);
    const missing = steps.find(({ name }) => !this.#known.has(name));
    if (error !== null) {
      void this.#finish("failed", error);
    } else if (missing !== undefined) {
      const note = `the journal has ${describeStep(missing)}, the code ends without asking for it`;
      void this.#finish("paused", note);
    } else {
      for (const { step } of this.#asked.values()) {
        const what = `${step.kind} "${step.name}"`;
        say(this.#edges, this.run, "warning", `the workflow ended without waiting for ${what}`);
      }
      void this.#finish("done", null);
    }
  }

  async #finish(state: End, note: string | null): Promise<void> {
    if (this.#phase.kind === "over") return;
    this.#phase = { kind: "over" };
    this.#handle.stop();
    try {
      const ended = { runId: this.#active.run.id, state, note };
      const isEnded = await this.#write((transaction, now) => recordRun(transaction, ended, now));
      if (isEnded) this.#report(state, note);
    } catch (error) {
      // The run is still open in the journal: it is replayed, and comes to the same end.
      await restAfter(this.#edges, error, { about: this.run, signal: this.#options.signal });
    }
    this.#options.hooks.over(null);
  }

  #report(state: End, note: string | null): void {
    const { id, job } = this.#active.run;
    if (state === "done") {
      say(this.#edges, this.run, "info", `run ${id} is done`);
      return;
    }
    this.#options.hooks.failed();
    const what = state === "failed" ? `run ${id} failed` : `run ${id} is paused`;
    say(this.#edges, this.run, "err", `${what}: ${note} (${wayOut({ id, job, state })})`);
  }

  #close(lost: Lost | null): void {
    if (this.#phase.kind === "over") return;
    this.#phase = { kind: "over" };
    this.#options.hooks.over(lost);
  }

  async #write<T>(work: (transaction: JournalTransaction, now: Instant) => T): Promise<T> {
    return await this.#edges.journal.write((transaction) =>
      work(transaction, this.#edges.clock.now()),
    );
  }
}
