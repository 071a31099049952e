// Inflight: the life of one action, from the decision to post it to its delivered result.
//
//              posted               collected              delivered
//   planned ───────────▶ posted ───────────────▶ collected ───────────▶ settled
//      │  └── refused, lapsed ──▶ failed          ▲  │ with a sweep to come it waits for it
//      │                                          │  └── no plugin, no sweep: straight to settled
//      │                                          └── collected: the sweep found more
//      └────────────── sent (sendonly) ──▶ settled
//   planned, posted ── dropped (by an operator) ──▶ failed
//   posted ── elsewhere (another runner has collected it) ──▶ settled
//
// `delayed` and `watched` keep the state and move `nextAt`: a retry, a look and a sweep are as
// durable as the state itself; so are `sending`, before an action is sent that was proved unsent
// (signed again if it comes late), and `writing`, before a result gets its name.
// `swept` ends the wait for the sweep.
//
// Owns:     which transitions are legal, and what each state must carry.
// Not here: the clock, the journal, the API, the plugin; the order of work (src/runner.ts).
//
// Invariants (numbered as in ARCHITECTURE.md; code and tests cite them):
//   I1. `planned` is durable before the POST, with the signed action in it.
//   I3. A planned action that may have been sent is searched for before it is posted again.
//   I4. posted ends as collected; planned as posted, or as failed with a reason. Only an operator
//       may give up an action that was posted.
//   I6. collected is reached only with a durable result file.
import { assert } from "../errors.ts";
import type { CommandCounts } from "../mig/result.ts";
import type { Instant, Milliseconds } from "../time.ts";
import type { ActionHold, Guards, Refusal } from "./guards.ts";
import { type Try, withTry } from "./tries.ts";

/** The states of an action. */
export const ACTION_STATES = ["planned", "posted", "collected", "settled", "failed"] as const;

export type ActionState = (typeof ACTION_STATES)[number];

/** How complete a result is: the commands in it, and what the action's counters say. */
export interface Completeness {
  /** Commands in the result file, each once. */
  readonly fetched: number;
  /** `counters.sent` as the API gave it last; null when it gave none. */
  readonly sent: number | null;
  /** All of the action's counters, from the answer with that `sent`; null when it gave none. */
  readonly counters: CommandCounts | null;
  /** How many of the fetched commands had each status, such as {"success": 78, "expired": 2}. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Entries of the pages that were no command at all. */
  readonly strays: number;
  /** How many agents the target lists; missing when the target is not a list. */
  readonly listed?: number;
}

/** One action in the journal. */
export interface ActionRow {
  readonly id: number;
  readonly runId: number;
  readonly job: string;
  /** "" for the job's own action, else the name of the workflow step that made it. */
  readonly step: string;
  /** 0, or which one it is when a step has several: a long target is split over some. */
  readonly part: number;
  readonly state: ActionState;
  /** The action's name as posted. */
  readonly name: string;
  /** The signed action as posted (JSON); "" once nothing needs it any more. */
  readonly body: string;
  readonly signature: string;
  /** The action's expireafter. */
  readonly expireAt: Instant;
  /** From its dating to its expireafter. Null: not known, or this runner must not date it again. */
  readonly lifeMs: Milliseconds | null;
  /** Until when it may be posted, if necessary dated again. Null: until it has expired. */
  readonly postBy: Instant | null;
  /** When the POST began that the API has accepted. Null: not posted, or not known. */
  readonly postedAt: Instant | null;
  readonly sendOnly: boolean;
  /** It is not posted when its target matches more agents than this. Null: no limit. */
  readonly agentsMax: number | null;
  /** Other guards that it has to pass before it is posted. Null: none. */
  readonly guards: Guards | null;
  /** What it waits for before it can be posted, or who refused that. Null: nothing, nobody. */
  readonly held: ActionHold | null;
  /** Commands to ask for in one page. Null: the configuration's. */
  readonly pageSize: number | null;
  /** Plugins that get the result, in order. */
  readonly plugins: readonly string[];
  /** The API's id; null until posted. */
  readonly actionId: number | null;
  /** The action's bytes as the API answered them; null until posted and once settled. */
  readonly reply: Uint8Array | null;
  /** True unless it is certain that no POST of these bytes has begun that could reach the API. */
  readonly maybeSent: boolean;
  /** What has failed in this state, on end. */
  readonly failures: number;
  /** When to work on it next; null: never, unless something else happens. */
  readonly nextAt: Instant | null;
  readonly resultPath: string | null;
  /** SHA-256 of that file as it was written, in hexadecimal; null when another program wrote it. */
  readonly resultSha256: string | null;
  /** Whether this runner may have written its result file without having journaled that. */
  readonly writing: boolean;
  readonly completeness: Completeness | null;
  /** When its result was written first; null: not yet, or by a version that did not note it. */
  readonly collectedAt: Instant | null;
  /** The log of posts and collects that failed. */
  readonly tries: readonly Try[];
  /** Why the last try failed, or why the action failed. */
  readonly error: string | null;
  readonly updatedAt: Instant;
}

export type ActionEvent =
  | {
      readonly kind: "posted";
      readonly actionId: number;
      readonly reply: Uint8Array;
      /** @default null, not known */
      readonly postedAt?: Instant | null;
      readonly expireAt: Instant;
      readonly collectAt: Instant;
    }
  | {
      readonly kind: "sent";
      readonly actionId: number;
      readonly reply: Uint8Array;
      readonly postedAt?: Instant | null;
    }
  /** It is about to be sent, and certainly was not before; `anew` if it is signed anew for that. */
  | {
      readonly kind: "sending";
      readonly anew: Pick<ActionRow, "body" | "signature" | "expireAt"> | null;
    }
  | {
      readonly kind: "delayed";
      readonly nextAt: Instant;
      readonly error: string;
      readonly maybeSent?: boolean;
      /** Whether the API has answered, and refused. @default false */
      readonly refused?: boolean;
    }
  /** Nothing went wrong, and it is too early: it waits for a person, or for its canary. */
  | {
      readonly kind: "held";
      readonly by: "approval" | "canary";
      readonly nextAt: Instant;
      readonly error: string | null;
      readonly maybeSent: boolean;
    }
  | { readonly kind: "watched"; readonly nextAt: Instant }
  /** `by`: a guard or a person has ended it. Absent: the API has. */
  | { readonly kind: "refused"; readonly error: string; readonly by?: Refusal }
  | { readonly kind: "lapsed"; readonly error: string; readonly by?: never }
  | { readonly kind: "dropped"; readonly error: string }
  /** Its result is about to be given its name. */
  | { readonly kind: "writing" }
  /** Another runner has collected it, and delivered what there was to deliver. */
  | {
      readonly kind: "elsewhere";
      readonly resultPath: string;
      readonly completeness: Completeness;
    }
  | {
      readonly kind: "collected";
      readonly resultPath: string;
      /** @default null, not known */
      readonly resultSha256?: string | null;
      readonly completeness: Completeness;
      /** When the result is swept. Null: never. */
      readonly sweepAt: Instant | null;
    }
  /** Its result lies on a host that is gone: it is collected once more. */
  | { readonly kind: "lost" }
  /** The sweep has found nothing new. */
  | { readonly kind: "swept" }
  | { readonly kind: "delivered" };

const FAILED = { state: "failed", nextAt: null, body: "" } as const;

/** The row after `event`. Pure. An illegal pair is a bug in the caller: it asserts. */
export function advance(row: ActionRow, event: ActionEvent, now: Instant): ActionRow {
  const fresh = { ...row, updatedAt: now, failures: 0, error: null };
  switch (event.kind) {
    case "posted":
      assert(row.state === "planned", `I1: posted after ${row.state}`);
      assert(!row.sendOnly, "a sendonly action is sent, not posted");
      return {
        ...fresh,
        state: "posted",
        ...takenAs(event),
        reply: event.reply,
        expireAt: event.expireAt,
        maybeSent: true,
        nextAt: event.collectAt,
      };
    case "sent":
      assert(row.state === "planned" && row.sendOnly, `I1: sent after ${row.state}`);
      return settle({ ...fresh, ...takenAs(event), maybeSent: true });
    case "sending":
      assert(row.state === "planned", `I3: sending in ${row.state}`);
      return { ...row, ...event.anew, maybeSent: true, updatedAt: now };
    case "delayed":
      assert(isAwaited(row), `I4: delayed in ${row.state}`);
      return {
        ...fresh,
        failures: row.failures + 1,
        nextAt: event.nextAt,
        error: event.error,
        tries: withTry(row.tries, { ...event, what: triedIn(row) }, now),
        maybeSent: event.maybeSent ?? row.maybeSent,
      };
    case "held":
      return { ...row, ...holdOf(row, event), updatedAt: now };
    case "watched":
      assert(row.state === "posted", `watched in ${row.state}`);
      return { ...fresh, nextAt: event.nextAt };
    case "refused":
    case "lapsed":
      assert(row.state === "planned", `I4: ${event.kind} after ${row.state}`);
      return { ...fresh, ...FAILED, error: event.error, held: event.by ?? row.held };
    case "dropped":
      assert(row.state === "planned" || row.state === "posted", `I4: dropped in ${row.state}`);
      return { ...fresh, ...FAILED, error: event.error, reply: null };
    case "writing":
      assert(row.state === "posted", `I5: writing in ${row.state}`);
      return { ...row, writing: true, updatedAt: now };
    case "elsewhere":
      assert(row.state === "posted", `I9: elsewhere after ${row.state}`);
      return settle({ ...fresh, ...resultIn(event, now) });
    case "collected":
      return collected({ ...fresh, ...resultIn(event, row.collectedAt ?? now) }, event);
    case "lost":
      assert(row.state === "collected", `lost in ${row.state}`);
      // `writing`: a result of it that lies here is no other runner's (I9).
      return { ...fresh, ...NO_RESULT, state: "posted", writing: true, nextAt: now };
    case "swept":
      assert(awaitsSweep(row), `swept in ${row.state}`);
      return { ...fresh, nextAt: null };
    case "delivered":
      assert(row.state === "collected" && !awaitsSweep(row), `I6: delivered after ${row.state}`);
      return settle(fresh);
  }
}

/** @param row The row with its result, in the state before. */
function collected(row: ActionRow, { sweepAt }: Extract<ActionEvent, { kind: "collected" }>) {
  assert(row.state === "posted" || awaitsSweep(row), `I4: collected after ${row.state}`);
  const next = { ...row, state: "collected", nextAt: sweepAt } as const;
  return row.plugins.length === 0 && sweepAt === null ? settle(next) : next;
}

function holdOf(
  { state }: ActionRow,
  { by, nextAt, error, maybeSent }: Extract<ActionEvent, { readonly kind: "held" }>,
): Pick<ActionRow, "held" | "nextAt" | "error" | "maybeSent"> {
  assert(state === "planned", `held in ${state}`);
  return { held: by, nextAt, error, maybeSent };
}

function triedIn({ state }: ActionRow): Try["what"] {
  return state === "planned" ? "post" : "collect";
}

/** The members that an action gets when the API has accepted it. */
function takenAs(event: {
  readonly actionId: number;
  readonly postedAt?: Instant | null;
}): Pick<ActionRow, "actionId" | "postedAt"> {
  return { actionId: event.actionId, postedAt: event.postedAt ?? null };
}

type Collected = Extract<ActionEvent, { readonly kind: "collected" }>;

function resultIn(
  event: Pick<Collected, "resultPath" | "resultSha256" | "completeness">,
  collectedAt: Instant,
): Pick<ActionRow, "resultPath" | "resultSha256" | "completeness" | "collectedAt"> {
  const { resultPath, resultSha256 = null, completeness } = event;
  return { resultPath, resultSha256, completeness, collectedAt };
}

const NO_RESULT = { resultPath: null, resultSha256: null, completeness: null } as const;

/** Whether a collected action still waits for its sweep. */
export function awaitsSweep({ state, nextAt }: Pick<ActionRow, "state" | "nextAt">): boolean {
  return state === "collected" && nextAt !== null;
}

/** Whether an action needs nothing more but deliveries. */
export function hasEnded({ state }: Pick<ActionRow, "state">): boolean {
  return state !== "planned" && state !== "posted";
}

function isAwaited(row: ActionRow): boolean {
  return row.state === "planned" || row.state === "posted" || awaitsSweep(row);
}

/** Settled is final: nothing needs the action's bytes any more, so the journal drops them. */
function settle(row: ActionRow): ActionRow {
  return { ...row, state: "settled", nextAt: null, body: "", reply: null };
}

/** The states of a delivery. */
export const DELIVERY_STATES = ["pending", "delivered", "dead", "dropped"] as const;

export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** One result on its way to one plugin: a row of the outbox. */
export interface DeliveryRow {
  readonly id: number;
  /** The journal id of the action whose result this is. */
  readonly actionRow: number;
  readonly job: string;
  readonly plugin: string;
  /** Stable across attempts, so that a plugin can tell a retry from a new result. */
  readonly key: string;
  /** The file with the results of several actions; null for the action's own result. */
  readonly resultPath: string | null;
  readonly state: DeliveryState;
  /** How many were begun since it was queued, or queued again. */
  readonly attempts: number;
  readonly nextAt: Instant | null;
  /** Why the last attempt failed; null before the first failure. */
  readonly error: string | null;
  /** The log of those that failed, since it was queued. */
  readonly tries: readonly Try[];
  /** The progress that the plugin has saved, as JSON; null when it has saved none. */
  readonly progress: string | null;
  readonly updatedAt: Instant;
}

export type DeliveryEvent =
  /** An attempt is about to be made. If the process dies meanwhile, the next one is at `nextAt`. */
  | { readonly kind: "begun"; readonly nextAt: Instant }
  | { readonly kind: "delivered" }
  | {
      readonly kind: "failed";
      readonly error: string;
      readonly nextAt: Instant | null;
      /** No other attempt can succeed. The saved progress is dropped. @default false */
      readonly isFinal?: boolean;
    }
  /** The plugin has saved its progress: the next attempt goes on from there. */
  | { readonly kind: "progress"; readonly progress: string | null }
  | {
      readonly kind: "redeliver";
      /** The result has changed since. @default false */
      readonly isNew?: boolean;
    }
  | { readonly kind: "drop" };

/**
 * The delivery after `event`. Pure. `failed` without a `nextAt` was the last try: the delivery is
 * dead, stays listed, and lives again by `redeliver`.
 */
export function advanceDelivery(row: DeliveryRow, event: DeliveryEvent, now: Instant): DeliveryRow {
  switch (event.kind) {
    case "begun": {
      assert(row.state === "pending", `I6: begun after ${row.state}`);
      const attempts = row.attempts + 1;
      // The last error stays until this attempt has ended: `status` shows it.
      return { ...row, attempts, nextAt: event.nextAt, updatedAt: now };
    }
    case "delivered":
      assert(row.state === "pending", `I6: delivered after ${row.state}`);
      return {
        ...row,
        state: "delivered",
        nextAt: null,
        error: null,
        progress: null,
        updatedAt: now,
      };
    case "progress":
      assert(row.state === "pending", `progress after ${row.state}`);
      // `updatedAt` stays: it tells this attempt from another one.
      return { ...row, progress: event.progress };
    case "failed":
      assert(row.state === "pending", `I6: failed after ${row.state}`);
      return {
        ...row,
        state: event.nextAt === null ? "dead" : "pending",
        nextAt: event.nextAt,
        error: event.error,
        tries: withTry(row.tries, { what: "deliver", error: event.error }, now),
        progress: event.isFinal === true ? null : row.progress,
        updatedAt: now,
      };
    case "redeliver": {
      const goesOn = row.state === "pending" || row.state === "dead";
      const progress = goesOn && event.isNew !== true ? row.progress : null;
      return {
        ...row,
        state: "pending",
        attempts: 0,
        nextAt: now,
        error: null,
        progress,
        updatedAt: now,
      };
    }
    case "drop":
      assert(row.state !== "delivered", "a delivered result cannot be dropped");
      return { ...row, state: "dropped", nextAt: null, progress: null, updatedAt: now };
  }
}

/** The states of a run. */
export const RUN_STATES = ["requested", "open", "done", "failed", "paused"] as const;

export type RunState = (typeof RUN_STATES)[number];

/** Why a run exists: its schedule, an operator's `run`, or the original's inflight file. */
export const RUN_CAUSES = ["schedule", "manual", "adopted"] as const;

export type RunCause = (typeof RUN_CAUSES)[number];

/** One firing of a job. (job, firesAt) is unique: I2. */
export interface RunRow {
  readonly id: number;
  readonly job: string;
  readonly firesAt: Instant;
  readonly cause: RunCause;
  readonly state: RunState;
  /** The hash of the workflow source that the run began with; null without a workflow. */
  readonly source: string | null;
  /** Why it failed or paused. */
  readonly note: string | null;
  /** JSON of its parameters; null: none, or those of its job when it begins. */
  readonly params: string | null;
  /** When it began, or was first tried to begin. Null: not yet. */
  readonly begunAt: Instant | null;
  /**
   * When it is ended as failed if it is still open, or still has not begun. Null: never; while it
   * is requested: it was not tried yet (see `wasTried`).
   */
  readonly deadlineAt: Instant | null;
  readonly endedAt: Instant | null;
  /** Somebody wants it to begin at this time, not before. Null: as soon as it can. */
  readonly notBefore: Instant | null;
}

/** Whether a requested run was tried before, and could not begin: since then it has a deadline. */
export function wasTried({ deadlineAt }: Pick<RunRow, "deadlineAt">): boolean {
  return deadlineAt !== null;
}
