// Action: what a calendar holds of a job's action, and the action of a window.
//
//   template ─▶ undated, compressed, one JSON text ─▶ with a window's times ─▶ signed text, body
//
// Owns:     which members a calendar's action has, and the hash that tells templates apart.
// Not here: reading a template (flow/), signing (sign.ts).

import { assert, messageOf, RunnerError } from "../errors.ts";
import { decodeJson } from "../lib/go/json.ts";
import { timeAt, ZERO_TIME } from "../lib/go/time.ts";
import { createHash, gunzipSync } from "../lib/late.ts";
import {
  type Action,
  actionMistakes,
  actionName,
  compressAction,
  encodeAction,
  parseTemplate,
  signedText,
  sizeMistake,
  withSignature,
} from "../mig/action.ts";
import type { Operation } from "../mig/model.ts";
import { type Calendar, CalendarProblem, type Window } from "./file.ts";

/** The most bytes of one operation's parameters after unpacking. */
const PARAMETERS_SIZE_MAX = 64 * 1024 * 1024;

/**
 * A template as a calendar holds it: named, without times and signatures, compressed.
 *
 * @param name Of the action, whole, such as "mig-runner: my-job".
 * @throws {CalendarProblem} When the API would refuse it, whatever the signature.
 */
export function undated(template: Action, name: string): Action {
  const times = { validfrom: ZERO_TIME, expireafter: ZERO_TIME };
  const plain = { ...template, ...times, name, pgpsignatures: null, syntaxversion: 2n };
  const compressed = compressAction(plain);
  const mistake = actionMistakes(plain)[0] ?? sizeMistake(compressed);
  if (mistake === null) return compressed;
  throw new CalendarProblem(`its action cannot be posted: ${mistake.message}`, mistake.hint);
}

/**
 * Tells one template from another: the same before and after it is compressed, by whatever program.
 *
 * @throws {CalendarProblem} When parameters that should be compressed are not.
 */
export function templateHash(action: Action): string {
  return createHash("sha256")
    .update(encodeAction(plainAction(action)))
    .digest("hex");
}

/** The action with the parameters of each operation as agents will see them. */
export function plainAction(action: Action): Action {
  const operations = action.operations?.map(plainOperation) ?? null;
  return { ...action, operations };
}

function plainOperation(operation: Operation, index: number): Operation {
  if (!operation.is_compressed) return operation;
  try {
    const { parameters } = operation;
    if (typeof parameters !== "string") throw new Error("they are no text");
    const packed = Uint8Array.fromBase64(parameters);
    const text = gunzipSync(packed, { maxOutputLength: PARAMETERS_SIZE_MAX });
    return { ...operation, parameters: decodeJson(text), is_compressed: false };
  } catch (error) {
    const state = `the parameters of operation ${index + 1} cannot be unpacked`;
    throw new CalendarProblem(`${state}: ${messageOf(error)}`, "request it again");
  }
}

/**
 * The action of a calendar.
 *
 * @throws {CalendarProblem} When it is no action, is not written in the one form, does not belong
 * to the job, or does not have the calendar's template hash.
 */
export function actionOf(calendar: Pick<Calendar, "job" | "action" | "template">): Action {
  const action = readAction(calendar.action);
  const isOurs = encodeAction(action) === calendar.action;
  if (!isOurs) throw new CalendarProblem("its action was changed", "request it again");
  const { name, target } = action;
  if (name !== actionName(calendar.job)) {
    const message = `its action is named "${name}", which is not that of job "${calendar.job}"`;
    throw new CalendarProblem(message, "request it again");
  }
  if (action.pgpsignatures !== null || target === "") {
    throw new CalendarProblem("its action is not one that can be signed", "request it again");
  }
  if (templateHash(action) !== calendar.template) {
    throw new CalendarProblem("its template hash is not that of its action", "request it again");
  }
  return action;
}

function readAction(text: string): Action {
  try {
    return parseTemplate(new TextEncoder().encode(text));
  } catch (error) {
    assert(error instanceof RunnerError);
    throw new CalendarProblem(`its action is none: ${error.message}`, "request it again");
  }
}

/** The action of one window, as it is posted but for its signatures. */
function windowAction(action: Action, { validFrom, expireAfter }: Window): Action {
  return { ...action, validfrom: timeAt(validFrom), expireafter: timeAt(expireAfter) };
}

/** What each signer of a window signs. */
export function windowText(action: Action, window: Window): string {
  return signedText(windowAction(action, window));
}

/** The action of a window as it is posted: JSON, with all its signatures. */
export function windowBody(action: Action, window: Window): string {
  const dated = windowAction(action, window);
  return encodeAction(window.signatures.reduce(withSignature, dated));
}
