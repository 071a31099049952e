// Rehearse: whether a run can go on with another source than it began with. Its saved steps are
// handed to the new code in their order, as at any replay; nothing is begun and nothing is written.
//
// Owns:     where the journal and the new code part.
// Not here: what is done about it (operate.ts), where the code runs (host.ts).
import type { RunRow } from "../journal/inflight.ts";
import { type BodyRow, bySequence, type StepRow } from "../journal/steps.ts";
import type { Clock } from "../lib/ports.ts";
import { REPLAY_STALL_MS } from "./execution.ts";
import type { BodyHandle, BodyHost } from "./host.ts";
import { answerOf, type FromBody, parseFromBody, type StepAsk, type ToBody } from "./messages.ts";
import { describeStep, mismatch } from "./mismatch.ts";
import { digestOf } from "./record.ts";
import { WORKFLOW_VERSION } from "./version.ts";

/** A run as the journal has it. */
export interface Rehearsed {
  readonly run: RunRow;
  readonly body: BodyRow;
  /** In the order in which they were begun. */
  readonly steps: readonly StepRow[];
  /** Names of steps that are to be tried again: what came of them is not handed out. */
  readonly again: readonly string[];
}

export interface RehearseEdges {
  readonly host: BodyHost;
  readonly clock: Pick<Clock, "sleep">;
}

/** What a rehearsal showed. */
export interface Rehearsal {
  /** Where journal and code part; null when they do not. */
  readonly parting: string | null;
  /** What the code asked for, by name: the digest of it. */
  readonly asked: ReadonlyMap<string, string>;
  /** Where in the code it did, by name. */
  readonly places: ReadonlyMap<string, string>;
  /** The step of the journal at which they part; null when it is none. */
  readonly step: string | null;
  /** Where the code was then, as far as its calls tell. */
  readonly at: string | null;
}

/** Plays a source against what is saved. */
export async function rehearse(
  edges: RehearseEdges,
  { source, ...of }: Rehearsed & { readonly source: string },
): Promise<Rehearsal> {
  const { promise, resolve } = Promise.withResolvers<Rehearsal>();
  new Stand(edges, of, resolve).begin(source);
  return await promise;
}

/** Stands in for the engine. */
class Stand {
  readonly #clock: RehearseEdges["clock"];
  readonly #of: Rehearsed;
  readonly #settle: (rehearsal: Rehearsal) => void;
  readonly #handle: BodyHandle;
  readonly #saved: readonly StepRow[];
  readonly #asked = new Map<string, string>();
  readonly #places = new Map<string, string>();
  #at: string | null = null;
  readonly #again: ReadonlySet<string>;
  #handed = 0;
  #sent = 0;
  #patience = new AbortController();
  #isOver = false;

  constructor(
    { host, clock }: RehearseEdges,
    of: Rehearsed,
    settle: (rehearsal: Rehearsal) => void,
  ) {
    this.#clock = clock;
    this.#of = of;
    this.#settle = settle;
    this.#again = new Set(of.again);
    this.#saved = of.steps
      .filter(({ name, sequence }) => sequence !== null && !this.#again.has(name))
      .toSorted(bySequence);
    this.#handle = host.start({
      onMessage: (raw) => this.#take(raw),
      onLost: (reason) => this.#part(`the code does not get there: ${reason}`, this.#missing()),
    });
  }

  begin(source: string): void {
    const { id, job, firesAt, params } = this.#of.run;
    const { begunAt: now, seed } = this.#of.body;
    const version = WORKFLOW_VERSION;
    const of = { id, job, firesAt };
    this.#post({ kind: "begin", version, run: of, now, seed, params, source, places: true });
  }

  #post(message: ToBody): void {
    this.#sent++;
    this.#handle.post(message);
    this.#wait();
  }

  /** Gives up when nothing is heard for long. */
  #wait(): void {
    this.#patience.abort();
    const patience = new AbortController();
    this.#patience = patience;
    void this.#clock.sleep(REPLAY_STALL_MS, patience.signal).then(() => {
      if (!patience.signal.aborted)
        this.#part(this.#parting("does not ask for it"), this.#missing());
    });
  }

  #take(raw: unknown): void {
    if (this.#isOver) return;
    const message = parseFromBody(raw);
    switch (message?.kind) {
      case undefined:
        this.#part("the code sent an invalid message");
        break;
      case "ask":
        this.#ask(message);
        break;
      case "idle":
        this.#idle(message);
        break;
      case "stuck":
        this.#part(message.message);
        break;
      case "ended":
        this.#ended(message.error);
    }
  }

  #ask({ name, request, at = null }: StepAsk): void {
    this.#at = at;
    if (at !== null) this.#places.set(name, at);
    const row = this.#of.steps.find((step) => step.name === name);
    const digest = digestOf(request);
    // What failed may be asked for otherwise: that is what was mended.
    const isSame = row?.digest === digest || this.#again.has(name);
    if (row !== undefined && (row.kind !== request.kind || !isSame)) {
      this.#part(mismatch(row, request), row);
      return;
    }
    this.#asked.set(name, digest);
    this.#hand();
  }

  /** Hands out what the code has asked for, as far as it is next (E1). */
  #hand(): void {
    for (let next = this.#next(); next !== null; next = this.#next()) {
      if (!this.#asked.has(next.name)) return;
      this.#handed++;
      this.#post(answerOf(next));
    }
  }

  #next(): StepRow | null {
    return this.#saved[this.#handed] ?? null;
  }

  /** Nothing goes on by itself any more: either all was handed out, or the next is never asked. */
  #idle({ received }: Extract<FromBody, { kind: "idle" }>): void {
    if (received !== this.#sent || this.#next() !== null) return;
    this.#endAt("waits for others and does not ask for it");
  }

  #ended(error: string | null): void {
    this.#endAt(error === null ? "ends without asking for it" : `fails before it: ${error}`);
  }

  /** Nothing more is asked for: they part at what is missing, if anything is. */
  #endAt(state: string): void {
    const missing = this.#missing();
    this.#part(missing === null ? null : this.#parting(state), missing);
  }

  /** What the code has not asked for, and has to. A function that failed may be left out. */
  #missing(): StepRow | null {
    const left = this.#of.steps.find(({ name, kind }) => {
      return !this.#asked.has(name) && !(kind === "step" && this.#again.has(name));
    });
    return this.#next() ?? left ?? null;
  }

  #parting(state: string): string {
    const missing = this.#missing();
    const has = missing === null ? "no more" : describeStep(missing);
    return `the journal has ${has}, the code ${state}`;
  }

  #part(parting: string | null, step: StepRow | null = null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#patience.abort();
    this.#handle.stop();
    this.#settle({
      parting,
      step: step?.name ?? null,
      at: this.#at,
      asked: this.#asked,
      places: this.#places,
    });
  }
}
