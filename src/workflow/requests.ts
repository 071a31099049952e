// Requests: what an author wrote in a call, checked and as the engine is asked for it.

import { nearest } from "../errors.ts";
import { EXPIRY_MAX_MS } from "../jobs/keys.ts";
import { durationToMs, parseDuration } from "../lib/go/duration.ts";
import { agentsTarget } from "../mig/target.ts";
import type { CollectAction, StepWork } from "../sdk/run.ts";
import { visible } from "../text.ts";
import type { Milliseconds } from "../time.ts";
import {
  type ActionRequest,
  type CheckOutcome,
  PAGE_SIZE_MAX,
  type StepRequest,
} from "./messages.ts";

/** A call as the engine is asked for it. */
export interface Ask {
  readonly request: StepRequest;
  /** Makes the value that the body gets. */
  decode(value: string | null): unknown;
  /** The function of a step, and the time for one try. */
  readonly work?: { readonly run: StepWork<unknown>; readonly timeoutMs: Milliseconds } | null;
  /** What the schema of a wait makes of an answer. */
  readonly check?: ((json: string) => CheckOutcome) | null;
  /** The error that it fails with, where that is no plain one. */
  readonly failure?: (message: string, asked: Error) => Error;
}

const ACTION_OPTIONS: readonly (keyof CollectAction)[] = [
  ...(["target", "operations", "description", "threat", "expiry", "maxAgents"] as const),
  "pageSize",
];

/** Characters of one name. */
const NAME_SIZE_MAX = 128;

/** @throws {TypeError} When it can be no name of a call. */
export function checkName(what: string, name: unknown): void {
  if (typeof name !== "string" || name === "") {
    throw new TypeError(`it has no name, a ${what} is known by its name`);
  }
  if (name.length > NAME_SIZE_MAX && what !== "deliver") {
    throw new TypeError(`its name has ${name.length} characters, at most ${NAME_SIZE_MAX} fit`);
  }
  if (/\p{Cc}/u.test(name)) throw new TypeError("its name has a control character in it");
  if ((what === "wait" || what === "approval") && visible(name) !== name) {
    throw new TypeError("its name has a character that people cannot see, and so not type");
  }
  // The journal would keep another name, by which a replay finds nothing.
  if (!name.isWellFormed()) throw new TypeError("its name has half a surrogate pair in it");
}

/** @throws {TypeError} For an option that there is not: a slip would be no option at all. */
export function checkOptions(given: unknown, known: readonly string[]): void {
  if (typeof given !== "object" || given === null) {
    throw new TypeError(`its options are ${given === null ? "null" : typeof given}, no object`);
  }
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const meant = nearest(unknown, known);
  const advice = meant === null ? `there are ${known.join(", ")}` : `did you mean "${meant}"?`;
  throw new TypeError(`it has no option "${unknown}", ${advice}`);
}

/** A duration from 0, in milliseconds. */
export function waitOf(what: string, text: unknown): Milliseconds {
  if (typeof text !== "string") throw new TypeError(`${what} is ${typeof text}, wanted "10m"`);
  let ms: Milliseconds;
  try {
    ms = durationToMs(parseDuration(text));
  } catch {
    throw new TypeError(`${what} is "${text}", wanted a duration such as "10m"`);
  }
  if (ms < 0) throw new RangeError(`${what} is "${text}", it cannot be negative`);
  return ms;
}

function wholeOf(what: string, value: number | undefined, max: number): number | null {
  if (value === undefined) return null;
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
  throw new RangeError(`${what} is ${value}, wanted a whole number from 1 to ${max}`);
}

/** What a collect or a dispatch asks for. */
export function actionRequest(
  kind: "collect" | "dispatch",
  action: CollectAction = {},
): ActionRequest {
  checkOptions(action, ACTION_OPTIONS);
  const { target, operations, description, threat, expiry, maxAgents, pageSize } = action;
  const agents = target === undefined || typeof target === "string" ? null : target;
  const changed = operations ?? description ?? threat;
  const expiryMs = expiry === undefined ? null : waitOf("expiry", expiry);
  if (expiryMs !== null && (expiryMs < 1 || expiryMs > EXPIRY_MAX_MS)) {
    throw new RangeError(`expiry is "${expiry}", wanted above 0 and at most 1176h`);
  }
  return {
    kind,
    targets:
      agents !== null ? [...agentsTarget(agents)] : target === undefined ? null : [String(target)],
    agents: agents === null ? null : new Set(agents.map(({ id }) => id)).size,
    changes: changed === undefined ? null : JSON.stringify({ operations, description, threat }),
    expiryMs,
    agentsMax: wholeOf("maxAgents", maxAgents, Number.MAX_SAFE_INTEGER),
    pageSize: wholeOf("pageSize", pageSize, PAGE_SIZE_MAX),
  };
}
