// World: opened edges that live in memory, for tests of the flow and the runner: a clock that a
// test moves, an API that answers what a test says, a spool without a disk, the real journal.

import { RunnerError } from "../../src/errors.ts";
import type { Edges, Limits } from "../../src/flow/edges.ts";
import type { Entity } from "../../src/jobs/entity.ts";
import { parseSchedule } from "../../src/jobs/schedule.ts";
import type { Journal } from "../../src/journal/journal.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import type { CreateAnswer, FindAnswer, MigApi, PageAnswer } from "../../src/mig/api.ts";
import type { DeliveryAnswer, DeliveryOrder } from "../../src/ports.ts";
import { MemorySpool } from "../../src/sim/spool.ts";
import { VirtualClock } from "./clock.ts";
import { ENTITY_DEFAULTS } from "./entity.ts";

const encoder = new TextEncoder();

/** 2026-11-23T12:00:00Z, where every world begins. */
export const NOON = Date.UTC(2026, 10, 23, 12);

const NEVER = new AbortController().signal;

/** A signal that never comes. */
export function never(): AbortSignal {
  return NEVER;
}

/** The bytes of a command as the API sends it. */
export function command(id: number, sent: number, status = "success"): Uint8Array {
  return encoder.encode(
    `{"id":${id},"action":{"id":7,"counters":{"sent":${sent}}},"status":"${status}"}`,
  );
}

/** An entity with an inline action; `changes` says what differs. */
export function entity(changes: Partial<Entity> = {}): Entity {
  const json = JSON.stringify({
    target: "status='online'",
    operations: [{ module: "timedrift", parameters: {} }],
  });
  return {
    job: "nightly",
    ...ENTITY_DEFAULTS,
    path: "/runner/runners/nightly/entity.cfg",
    schedule: parseSchedule("0 * * * *", { timezone: "UTC" }),
    plugins: [],
    template: { kind: "inline", json },
    workflow: false,
    params: null,
    warnings: [],
    ...changes,
  };
}

/** What the API answers, in order; the last answer stays. */
export class ScriptedApi implements MigApi {
  readonly posted: string[] = [];
  readonly asked: { actionId: number; offset: number; limit: number }[] = [];
  searches = 0;
  creates: CreateAnswer[] = [];
  finds: FindAnswer[] = [{ kind: "absent" }];
  /** Each page is the commands to hand out, "end", or a failure after some commands. */
  pages: (readonly Uint8Array[] | "end" | { after: readonly Uint8Array[]; message: string })[] = [];
  agents = 5;

  create(body: string, _signal?: AbortSignal, mayLeave?: () => boolean): Promise<CreateAnswer> {
    if (mayLeave?.() === false) {
      const none = {
        refusal: false as const,
        message: "not sent",
        status: null,
        retryAfterMs: null,
      };
      return Promise.resolve({ kind: "unsent", ...none });
    }
    this.posted.push(body);
    return Promise.resolve(take(this.creates));
  }

  async commands(
    actionId: number,
    request: Parameters<MigApi["commands"]>[1],
  ): Promise<PageAnswer> {
    const { offset, limit, onCommand } = request;
    this.asked.push({ actionId, offset, limit });
    const page = take(this.pages);
    if (page === "end") return { kind: "end" };
    const commands = "after" in page ? page.after : page;
    for (const bytes of commands) await onCommand(bytes);
    if ("after" in page) {
      return { kind: "failed", message: page.message, status: null, retryAfterMs: null };
    }
    return { kind: "page", commands: page.length, strays: 0, entries: page.length };
  }

  findAction(): Promise<FindAnswer> {
    this.searches++;
    return Promise.resolve(take(this.finds));
  }

  countAgents() {
    return Promise.resolve({ kind: "counted", agents: this.agents, isAtLeast: false } as const);
  }
}

function take<T>(answers: T[]): T {
  const [first] = answers;
  if (first === undefined) throw new Error("the test gave the API nothing to answer");
  if (answers.length > 1) answers.shift();
  return first;
}

/** A posted answer whose action expires at `expireAt`. */
export function postedAs(actionId: number, expireAt: number): CreateAnswer & { kind: "posted" } {
  return { kind: "posted", actionId, actionBytes: encoder.encode(`{"id":${actionId}}`), expireAt };
}

export interface World {
  readonly edges: Edges;
  readonly clock: VirtualClock;
  readonly api: ScriptedApi;
  readonly spool: MemorySpool;
  readonly journal: Journal;
  readonly lines: string[];
  readonly orders: DeliveryOrder[];
  /** What the plugins answer, in order; the last answer stays. */
  readonly deliveries: DeliveryAnswer[];
}

/** Fills the disk under the journal: no write is remembered until what it answers is called. */
export function fillDisk({ journal }: World): () => void {
  const { write } = journal;
  journal.write = () =>
    Promise.reject(new RunnerError("JOURNAL", "Cannot use the journal: the disk is full"));
  return () => {
    journal.write = write;
  };
}

/** A new world at noon. */
export function openWorld(
  limits: Partial<Limits> = {},
  journal = openJournal({ path: ":memory:", schedule: queueMicrotask }),
): World {
  const clock = new VirtualClock(NOON);
  const api = new ScriptedApi();
  const spool = new MemorySpool();
  const lines: string[] = [];
  const orders: DeliveryOrder[] = [];
  const deliveries: DeliveryAnswer[] = [{ kind: "delivered", message: "wrote 2 bytes to plugin" }];
  const edges: Edges = {
    clock,
    random: { next: () => 0.5 },
    log: { emit: (level, message) => void lines.push(`${level} ${message}`) },
    api,
    signer: { sign: (text) => Promise.resolve(`signed ${text.length}`) },
    spool,
    results: spool,
    journal,
    plugins: {
      names: () => Promise.resolve(["mail"]),
      check: () => Promise.resolve(null),
      deliver: (order) => {
        orders.push(order);
        return Promise.resolve(take(deliveries));
      },
    },
    limits: {
      pageSize: 1_000,
      dispatchesMax: 8,
      collectsMax: 8,
      deliveriesMax: 4,
      delayResultsMs: 0,
      ...limits,
    },
    macros: new Map(),
  };
  return { edges, clock, api, spool, journal, lines, orders, deliveries };
}
