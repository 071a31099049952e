// Messages: the contract of a run's two sides: all that the engine and the body say to each other.
//
//   engine ── begin ──▶ body            body ── ask ─────▶ engine   "do this step, or tell me"
//   engine ── answer ─▶ body            body ── tried ───▶ engine   "this came of the try"
//   engine ── try ────▶ body            body ── log, idle, stuck, ended ─▶ engine
//   engine ── check ──▶ body            body ── checked ─▶ engine   "this the schema made of it"
//   engine ── abort ──▶ body
//
//   the author calls       asks for    until its answer (work.ts)            the step keeps
//   run.collect            collect     actions posted, collected, merged     CollectValue
//   run.dispatch           dispatch    actions posted                        DispatchValue
//   run.step               step        try ▶ ◀ tried, again by its retries   what the function gave
//   run.sleep              sleep       its time passes                       nothing
//   run.deliver            deliver     a delivery saved, for each plugin     nothing
//   run.state.get, .set    get, set    read or written as it is saved        what the key has
//   run.waitFor            wait        a person answers, check ▶ ◀ checked   what the schema made
//   run.approval           approval    a person says yes or no               Approval
//   run.parallel, .map     nothing of their own: their branches do, under longer names
//   run.log                nothing: a message without an answer
//
// A body runs a job's own code, which can send anything: the engine checks all that it gets.

import * as v from "valibot";
import { pluginNameFault } from "../jobs/name.ts";
import type { StepRow } from "../journal/steps.ts";
import type { LogLevel } from "../sdk/run.ts";
import { cutText } from "../text.ts";
import { DAY_MS, type Instant } from "../time.ts";

/** Characters of a step's name with the names of the branches around it. */
export const STEP_NAME_SIZE_MAX = 512;

/** Characters of the JSON that one step may save. */
export const STEP_VALUE_SIZE_MAX = 1024 * 1024;

/** Characters of a line for the log, and of an error. Longer ones are cut. */
export const TEXT_SIZE_MAX = 8 * 1024;

/** Characters of a key of `run.state`. */
export const STATE_KEY_SIZE_MAX = 100;

/** Characters of the JSON of what people are shown when they are asked. */
export const SHOW_SIZE_MAX = 64 * 1024;

/** Commands that a step may ask for in one page. */
export const PAGE_SIZE_MAX = 100_000;

/** Actions that the targets of one step may come to. */
const TARGETS_MAX = 10_000;

const Name = v.pipe(v.string(), v.minLength(1), v.maxLength(STEP_NAME_SIZE_MAX));
const Text = v.pipe(v.string(), v.maxLength(TEXT_SIZE_MAX));
const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** Longer than Go's longest duration: a moment so far ahead is still one. */
const WAIT_MAX_MS = 300 * 366 * DAY_MS;

const Wait = v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(WAIT_MAX_MS));

/** What an action of a step is made of; null is the job's own. */
const ActionRequest = v.strictObject({
  kind: v.picklist(["collect", "dispatch"]),
  /** One for each part; empty when there is no agent to dispatch to. */
  targets: v.nullable(v.pipe(v.array(v.string()), v.maxLength(TARGETS_MAX))),
  /** How many agents the targets list; null when they are conditions. */
  agents: v.nullable(Count),
  /** JSON of the members that replace those of the job's own action. */
  changes: v.nullable(v.string()),
  expiryMs: v.nullable(v.pipe(Count, v.minValue(1))),
  agentsMax: v.nullable(v.pipe(Count, v.minValue(1))),
  pageSize: v.nullable(v.pipe(Count, v.minValue(1), v.maxValue(PAGE_SIZE_MAX))),
});

const WorkRequest = v.strictObject({
  kind: v.literal("step"),
  retriesMax: Count,
  /** The same after an error that says by itself that another try can succeed. */
  passingMax: Count,
  firstMs: Wait,
  capMs: Wait,
});

const SleepRequest = v.strictObject({ kind: v.literal("sleep"), ms: Wait });

const DeliverRequest = v.strictObject({
  kind: v.literal("deliver"),
  /** A name in plugins/, which cannot leave it. */
  plugin: v.pipe(
    v.string(),
    v.maxLength(255),
    v.check((name) => pluginNameFault(name) === null),
  ),
  /** The step that collected the result. */
  result: Name,
});

/** What a job keeps under a key. */
const Key = v.pipe(v.string(), v.minLength(1), v.maxLength(STATE_KEY_SIZE_MAX));

const GetRequest = v.strictObject({ kind: v.literal("get"), key: Key });

const SetRequest = v.strictObject({
  kind: v.literal("set"),
  key: Key,
  /** JSON; null: the key is forgotten. */
  value: v.nullable(v.pipe(v.string(), v.maxLength(STEP_VALUE_SIZE_MAX), v.check(isJson))),
});

/** What people are asked: a value, or a yes or no. */
const PeopleRequest = v.strictObject({
  kind: v.picklist(["wait", "approval"]),
  /** How long an answer is taken. */
  ms: v.pipe(Wait, v.minValue(1)),
  /** JSON of what they are shown; null for nothing. */
  show: v.nullable(v.pipe(v.string(), v.maxLength(SHOW_SIZE_MAX))),
  /** Whether the body checks an answer before it is taken. */
  isChecked: v.boolean(),
});

const Request = v.variant("kind", [
  ActionRequest,
  WorkRequest,
  SleepRequest,
  DeliverRequest,
  GetRequest,
  SetRequest,
  PeopleRequest,
]);

const Tried = v.variant("kind", [
  v.strictObject({
    kind: v.literal("value"),
    json: v.nullable(v.pipe(v.string(), v.maxLength(STEP_VALUE_SIZE_MAX))),
  }),
  v.strictObject({
    kind: v.literal("thrown"),
    message: Text,
    /** No other try can succeed. */
    fatal: v.boolean(),
    /** What the error asked to wait; null for the step's own wait. */
    afterMs: v.nullable(Wait),
  }),
]);

const LEVELS = ["err", "warning", "notice", "info", "debug"] as const satisfies LogLevel[];

const FromBody = v.variant("kind", [
  v.strictObject({
    kind: v.literal("ask"),
    name: Name,
    request: Request,
    /** Where the author's code does, such as "job.ts:12"; only when `begin` has asked for that. */
    at: v.optional(v.nullable(Text)),
  }),
  v.strictObject({ kind: v.literal("tried"), name: Name, attempt: Count, outcome: Tried }),
  v.strictObject({
    kind: v.literal("checked"),
    name: Name,
    outcome: v.variant("kind", [
      v.strictObject({
        kind: v.literal("sound"),
        json: v.nullable(v.pipe(v.string(), v.maxLength(STEP_VALUE_SIZE_MAX))),
      }),
      v.strictObject({ kind: v.literal("refused"), why: Text }),
    ]),
  }),
  v.strictObject({ kind: v.literal("log"), level: v.picklist(LEVELS), message: Text }),
  /** Nothing goes on before another message; `received` of them have come so far. */
  v.strictObject({ kind: v.literal("idle"), received: Count }),
  /** The run cannot go on, and not by its own fault: it is paused. */
  v.strictObject({ kind: v.literal("stuck"), message: Text }),
  v.strictObject({ kind: v.literal("ended"), error: v.nullable(Text) }),
]);

/** What a body says. */
export type FromBody = v.InferOutput<typeof FromBody>;

/** What the schema of a wait says of an answer. */
export type CheckOutcome = Extract<FromBody, { kind: "checked" }>["outcome"];

/** What a step asks for. */
export type StepRequest = v.InferOutput<typeof Request>;

/** A collect or a dispatch. */
export type ActionRequest = v.InferOutput<typeof ActionRequest>;

/** The function of a step: how it is tried. */
export type WorkRequest = v.InferOutput<typeof WorkRequest>;

/** A wait or an approval. */
export type PeopleRequest = v.InferOutput<typeof PeopleRequest>;

/** What one try of a step's function came to. */
export type TryOutcome = v.InferOutput<typeof Tried>;

/** The message with which a body asks for a step. */
export type StepAsk = Extract<FromBody, { kind: "ask" }>;

/** What the engine says. */
export type ToBody =
  | {
      readonly kind: "begin";
      /** Of all that is said from now on: see version.ts. */
      readonly version: number;
      readonly run: { readonly id: number; readonly job: string; readonly firesAt: Instant };
      readonly now: Instant;
      readonly seed: number;
      /** JSON. @default null, none */
      readonly params?: string | null;
      readonly source: string;
      /** Whether what is asked for is to come with its place in the code. @default false */
      readonly places?: boolean;
    }
  /** What a step came to, at the time that the body's clock shows from then on. */
  | {
      readonly kind: "answer";
      readonly name: string;
      readonly now: Instant;
      readonly outcome:
        | { readonly kind: "saved"; readonly value: string | null }
        | { readonly kind: "failed"; readonly error: string };
    }
  | {
      readonly kind: "try";
      readonly name: string;
      readonly attempt: number;
      readonly key: string;
    }
  /** Is the answer that somebody gave one that the schema of a wait takes? */
  | { readonly kind: "check"; readonly name: string; readonly json: string }
  | { readonly kind: "abort"; readonly reason: string };

/** What came of a collect, as the journal keeps it; the result itself stays in its file. */
export interface CollectValue {
  readonly actionIds: readonly number[];
  /** Null when there was no agent to dispatch to. */
  readonly path: string | null;
  readonly completeness: {
    readonly fetched: number;
    readonly sent: number | null;
    readonly statuses: Readonly<Record<string, number>>;
    readonly listed?: number;
  };
}

/** What came of a dispatch, as the journal keeps it. */
export type DispatchValue = Pick<CollectValue, "actionIds">;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A message of a body, or null when it is none. */
export function parseFromBody(message: unknown): FromBody | null {
  const parsed = v.safeParse(FromBody, message);
  return parsed.success ? parsed.output : null;
}

/** The message that hands a body the outcome of a step that has ended. */
export function answerOf({ name, state, value, error, endedAt }: StepRow): ToBody {
  const outcome =
    state === "failed"
      ? ({ kind: "failed", error: error ?? "" } as const)
      : ({ kind: "saved", value } as const);
  return { kind: "answer", name, now: endedAt ?? 0, outcome };
}

/** A text cut to what a message may hold. */
export function cut(text: string): string {
  return cutText(text, TEXT_SIZE_MAX);
}
