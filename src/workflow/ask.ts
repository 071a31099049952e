// Ask: the body's side of `run.waitFor` and `run.approval`: what is asked, and what a schema says
// of an answer. The other side is answers.ts.
import { messageOf } from "../errors.ts";
import { encodeValue } from "../lib/json/plain.ts";
import { isSchema, issuePath, type Schema, validateNow } from "../sdk/standard.ts";
import type { AskOptions, WaitOptions } from "../sdk/wait.ts";
import {
  type CheckOutcome,
  cut,
  type PeopleRequest,
  SHOW_SIZE_MAX,
  STEP_VALUE_SIZE_MAX,
} from "./messages.ts";
import { waitOf } from "./requests.ts";

/** @throws {TypeError|RangeError} When people cannot be asked like that. */
export function peopleRequest(
  kind: PeopleRequest["kind"],
  options: AskOptions,
  isChecked: boolean,
): PeopleRequest {
  if (typeof options !== "object" || options === null || options.timeout === undefined) {
    throw new TypeError('it has no timeout, wanted { timeout: "24h" }');
  }
  const ms = waitOf("timeout", options.timeout);
  if (ms < 1)
    throw new RangeError(`timeout is "${options.timeout}", wanted a millisecond at least`);
  return { kind, ms, show: showOf(options.show), isChecked };
}

function showOf(show: unknown): string | null {
  let json: string | null;
  try {
    json = encodeValue(show);
  } catch (error) {
    throw new TypeError(`show cannot be kept: ${messageOf(error)}, wanted JSON`);
  }
  if (json === null || json.length <= SHOW_SIZE_MAX) return json;
  const size = `${json.length} characters, at most ${SHOW_SIZE_MAX} fit`;
  throw new RangeError(`show has ${size}: show how many there are, and the first of them`);
}

/** @returns Null without a schema: every answer is taken. */
export function answerCheck({ schema }: Partial<WaitOptions> = {}) {
  if (schema === undefined) return null;
  if (!isSchema(schema)) throw new TypeError("its schema is none, wanted one such as v.string()");
  return (json: string): CheckOutcome => {
    try {
      return outcomeOf(schema, JSON.parse(json));
    } catch (error) {
      return { kind: "refused", why: cut(messageOf(error)) };
    }
  };
}

function outcomeOf(schema: Schema, value: unknown): CheckOutcome {
  const answer = validateNow(schema, value);
  if (answer.issues !== undefined) {
    const texts = answer.issues.map((issue) => {
      const path = issuePath(issue);
      return `${path === "" ? "" : `${path}: `}${issue.message.replace(/\.$/, "")}`;
    });
    return { kind: "refused", why: cut(texts.join("; ")) };
  }
  const json = encodeValue(answer.value);
  if ((json?.length ?? 0) <= STEP_VALUE_SIZE_MAX) return { kind: "sound", json };
  throw new Error(`its schema makes ${json?.length} characters of it: ${STEP_VALUE_SIZE_MAX} fit`);
}
