// Work: begins the steps that a body asks for, and records what came of them.
//
// Owns:     what each kind of step does, and that a step is at work once at a time.
// Not here: whether a step may begin yet (execution.ts), the rows (record.ts).
import { isJournalError, messageOf } from "../errors.ts";
import { backoffMs } from "../flow/backoff.ts";
import { beginBy, canBeMet, deferMs } from "../flow/defer.ts";
import { type Edges, restAfter, say } from "../flow/edges.ts";
import type { ActionRow } from "../journal/inflight.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import { due, type NewStep, type StepOutcome, type StepRow } from "../journal/steps.ts";
import { againText, type Instant, type Milliseconds } from "../time.ts";
import { type ActiveRun, emptyOutcome, partsOf, planStep } from "./actions.ts";
import { answererOf, askedText, recordAccepted, recordAsked, recordRefused } from "./answers.ts";
import { deliverStep } from "./deliver.ts";
import type {
  ActionRequest,
  FromBody,
  PeopleRequest,
  StepRequest,
  ToBody,
  TryOutcome,
  WorkRequest,
} from "./messages.ts";
import { recordBegun, recordEnd, recordTry } from "./record.ts";
import { getStep, setStep } from "./state.ts";

/** A step that a body waits for. */
export interface Asked {
  readonly step: NewStep;
  readonly request: StepRequest;
}

/** Whom the work of a run reports to. */
export interface WorkHooks {
  post(message: ToBody): void;
  /** Actions were journaled that were never sent. */
  planned(rows: readonly ActionRow[]): void;
  /** Something was recorded; or failed to be, then `toBegin` is the step that is begun again. */
  changed(toBegin: string | null): void;
  /** Something happened that cannot be: the run must not go on. */
  broken(message: string): void;
  /** Aborts when the process is about to end. */
  readonly signal: AbortSignal;
}

interface PlanFailure {
  readonly text: string;
  readonly isPassing: boolean;
}

/** What the engine does for the steps of its runs. */
export class Work {
  readonly #edges: Edges;
  readonly #active: ActiveRun;
  readonly #hooks: WorkHooks;
  readonly #busy = new Set<string>();
  /** The number of the try that a step's function is called for, and how many failed before. */
  readonly #trying = new Map<string, { readonly attempt: number; readonly failures: number }>();
  /** Waits whose answer the body looks at. */
  readonly #checking = new Set<string>();
  readonly #leaving = new AbortController();
  #planning = 0;

  constructor(edges: Edges, active: ActiveRun, hooks: WorkHooks) {
    this.#edges = edges;
    this.#active = active;
    this.#hooks = hooks;
  }

  /** Ends the waits for another try: a new process begins what was not begun. */
  stop(): void {
    this.#leaving.abort();
  }

  /** Whether anything is being begun, tried or recorded. */
  get isBusy(): boolean {
    return this.#busy.size > 0;
  }

  /** Whether actions are being signed and journaled, which nobody may take for old ones. */
  get isPlanning(): boolean {
    return this.#planning > 0;
  }

  /** Begins a step, or leaves it alone when it was begun before and only waits. */
  begin({ step, request }: Asked): void {
    if (this.#busy.has(step.name)) return;
    const row = this.#edges.journal.stepNamed(step.runId, step.name);
    switch (request.kind) {
      case "collect":
      case "dispatch":
        if (row === null || partsOf(this.#edges, row).length === 0) this.#plan(step, request);
        break;
      case "sleep":
        if (row === null) this.#sleep(step, request.ms);
        break;
      case "deliver":
        this.record(step, (transaction, now) =>
          deliverStep(transaction, { step, request, job: this.#active.run.job }, now),
        );
        break;
      case "get":
        this.record(step, (transaction) => getStep(transaction, this.#active.run, request));
        break;
      case "set":
        this.record(step, (to, now) => setStep(to, { run: this.#active.run, request }, now));
        break;
      case "wait":
      case "approval":
        if (row === null || row.nextAt === null) this.#askPeople(step, request, row);
        break;
      case "step":
        if (row === null || row.nextAt === null) this.#try(step);
    }
  }

  /** Records what a try came to. */
  tried({ step, request }: Asked, message: Extract<FromBody, { kind: "tried" }>): void {
    const { outcome } = message;
    const trying = this.#trying.get(step.name);
    if (request.kind !== "step" || trying?.attempt !== message.attempt) {
      this.#hooks.broken(`its code ran step "${step.name}" without being asked to`);
      return;
    }
    this.#trying.delete(step.name);
    // A try that died with its process is none of the retries that a step is given.
    const attempt = trying.failures + 1;
    this.#do(step.name, async () => {
      await this.#insist((transaction, now) => {
        const end = (ended: StepOutcome) => recordEnd(transaction, { step, outcome: ended }, now);
        if (outcome.kind === "value") return end({ kind: "saved", value: outcome.json });
        const tries = attempt === 1 ? "" : ` after ${attempt} tries`;
        const error = `step "${step.name}" failed${tries}: ${outcome.message}`;
        const waitMs = this.#waitMs(outcome, attempt, request);
        if (waitMs === null) return end({ kind: "failed", error });
        return recordTry(transaction, { step, attempt, error, ...due(now + waitMs, now) });
      });
      if (outcome.kind === "value") return;
      const of = `${attempt} of ${attemptsMax(outcome, request)}`;
      this.#say("warning", `step "${step.name}", try ${of}: ${outcome.message}`);
    });
  }

  /** Records what the schema of a wait says of the answer that somebody gave. */
  checked({ step }: Asked, { outcome }: Extract<FromBody, { kind: "checked" }>): void {
    const { name } = step;
    if (!this.#checking.delete(name)) {
      this.#hooks.broken(`its code checked an answer to "${name}" without being asked to`);
      return;
    }
    this.#do(name, async () => {
      await this.#insist((transaction, now) =>
        outcome.kind === "sound"
          ? recordAccepted(transaction, { step, json: outcome.json }, now)
          : recordRefused(transaction, { step, why: outcome.why }, now),
      );
      if (outcome.kind === "sound") return;
      this.#say("warning", `an answer to "${name}" was refused: ${outcome.why}`);
    });
  }

  /** Asks people, or hands the answer that one has given to the schema of the wait. */
  #askPeople(step: NewStep, request: PeopleRequest, row: StepRow | null): void {
    const { name, runId } = step;
    const json = row === null ? undefined : answererOf(row)?.json;
    if (json !== undefined) {
      this.#busy.add(name);
      this.#checking.add(name);
      this.#hooks.post({ kind: "check", name, json });
      return;
    }
    this.#do(name, async () => {
      const asked = await this.#write((tables, now) => recordAsked(tables, { step, request }, now));
      if (asked !== null) this.#say("notice", `run ${runId} waits for ${askedText(asked)}`);
    });
  }

  /** Ends a step at once, with an outcome that one transaction decides. */
  record(
    step: NewStep,
    decide: (transaction: JournalTransaction, now: Instant) => StepOutcome,
  ): void {
    this.#do(step.name, async () => {
      await this.#write((transaction, now) =>
        recordEnd(transaction, { step, outcome: () => decide(transaction, now) }, now),
      );
    });
  }

  #plan(step: NewStep, request: ActionRequest): void {
    if (request.targets?.length === 0) {
      this.record(step, () => emptyOutcome(request));
      return;
    }
    this.#do(step.name, async () => {
      const { clock } = this.#edges;
      const until = beginBy(
        { expiryMs: request.expiryMs ?? this.#active.body.expiryMs },
        clock.now(),
      );
      for (let failures = 1; ; failures++) {
        const failure = await this.#planOnce(step, request);
        if (failure === null) return;
        const waitMs = deferMs(failures, this.#edges.random.next());
        const isOver = clock.now() + waitMs >= until || !failure.isPassing;
        if (isOver) return await this.#failPlan(step, failure.text);
        this.#say("warning", `launchAction() -> ${failure.text}; ${againText(waitMs)}`);
        await clock.sleep(waitMs, this.#leaving.signal);
        if (this.#leaving.signal.aborted) return;
      }
    });
  }

  /** Why the actions of a step could not be planned; null when they were. */
  async #planOnce(step: NewStep, request: ActionRequest): Promise<PlanFailure | null> {
    this.#planning++;
    try {
      const rows = await planStep(this.#edges, this.#active, { step, request });
      if (rows !== null) this.#hooks.planned(rows);
      return null;
    } catch (error) {
      if (isJournalError(error)) throw error;
      const { job } = this.#active.run;
      return { text: messageOf(error), isPassing: await canBeMet(this.#edges, job, error) };
    } finally {
      this.#planning--;
    }
  }

  async #failPlan(step: NewStep, error: string): Promise<void> {
    this.#say("err", `launchAction() -> ${error}`);
    await this.#write((transaction, now) =>
      recordEnd(transaction, { step, outcome: { kind: "failed", error } }, now),
    );
  }

  #sleep(step: NewStep, ms: Milliseconds): void {
    if (ms === 0) {
      this.record(step, () => ({ kind: "saved", value: null }));
      return;
    }
    this.#do(step.name, async () => {
      await this.#write((transaction, now) => {
        if (transaction.run(step.runId)?.state !== "open") return;
        transaction.insertStep({ ...step, ...due(now + ms, now) });
      });
    });
  }

  /** Has the body try a step, once it is journaled that it does (I1). It is busy until it has. */
  #try(step: NewStep): void {
    const { name, runId } = step;
    this.#busy.add(name);
    void (async () => {
      let begun: StepRow | null = null;
      const isOver = await this.#attempt(async () => {
        begun = await this.#write((transaction) => recordBegun(transaction, step));
      });
      if (begun === null) {
        this.#busy.delete(name);
        this.#hooks.changed(isOver ? null : name);
        return;
      }
      const { attempts: attempt, failures } = begun as StepRow;
      this.#trying.set(name, { attempt, failures });
      const key = `${this.#active.run.job}/${runId}/${name}`;
      this.#hooks.post({ kind: "try", name, attempt, key });
    })();
  }

  /** How long to wait for the next try; null when there is none. */
  #waitMs(
    outcome: Extract<TryOutcome, { kind: "thrown" }>,
    attempt: number,
    request: WorkRequest,
  ): Milliseconds | null {
    if (outcome.fatal || attempt >= attemptsMax(outcome, request)) return null;
    const { firstMs, capMs } = request;
    if (outcome.afterMs !== null) return Math.ceil(outcome.afterMs);
    const backoff = { firstMs, capMs, failuresMax: null };
    return backoffMs(backoff, attempt, this.#edges.random.next());
  }

  /** Does one piece of work on a step; what cannot be journaled is begun again later. */
  #do(name: string, work: () => Promise<void>): void {
    this.#busy.add(name);
    void (async () => {
      const isOver = await this.#attempt(work);
      this.#busy.delete(name);
      this.#hooks.changed(isOver ? null : name);
    })();
  }

  /** False, after a rest, when it could not be journaled: then it is to be begun again. */
  async #attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!isJournalError(error)) {
        this.#hooks.broken(messageOf(error));
        return true;
      }
      await this.#rest(error);
      return false;
    }
  }

  /** Writes what cannot be had again, however long that takes: the function has been called. */
  async #insist(work: (transaction: JournalTransaction, now: Instant) => unknown): Promise<void> {
    for (;;) {
      try {
        await this.#write(work);
        return;
      } catch (error) {
        if (!isJournalError(error) || this.#hooks.signal.aborted) throw error;
        await this.#rest(error);
      }
    }
  }

  async #write<T>(work: (transaction: JournalTransaction, now: Instant) => T): Promise<T> {
    return await this.#edges.journal.write((transaction) =>
      work(transaction, this.#edges.clock.now()),
    );
  }

  async #rest(error: unknown): Promise<void> {
    const { job, id: runId } = this.#active.run;
    await restAfter(this.#edges, error, { about: { job, runId }, signal: this.#hooks.signal });
  }

  #say(level: "err" | "warning" | "notice", message: string): void {
    const { job, id: runId } = this.#active.run;
    say(this.#edges, { job, runId }, level, message);
  }
}

/** How often a step is tried at most, when it fails like this. */
function attemptsMax(
  { afterMs }: Extract<TryOutcome, { kind: "thrown" }>,
  { retriesMax, passingMax }: WorkRequest,
): number {
  return 1 + (afterMs === null ? retriesMax : Math.max(retriesMax, passingMax));
}
