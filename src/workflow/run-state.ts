// Run state: `run.state`, in the worker of the body: two calls of the engine, whose names are made
// from their keys, so that an author need not think of any.
import { messageOf } from "../errors.ts";
import { encodeValue } from "../lib/json/plain.ts";
import type { RunState } from "../sdk/run.ts";
import { STATE_KEY_SIZE_MAX, STEP_VALUE_SIZE_MAX } from "./messages.ts";
import type { Ask } from "./requests.ts";

/** What the state needs of its run. */
interface StateEdges {
  /** A name that is not given out again in this branch. */
  nameOf(what: string): string;
  ask<Value>(kind: string, name: string, make: () => Ask): Promise<Value>;
}

/** The state of the job, as a body reads and sets it. */
export function runState({ ask, nameOf }: StateEdges): RunState {
  return {
    get: (key) =>
      ask("get", nameOf(`state.get ${key}`), () => {
        checkKey(key);
        return {
          request: { kind: "get", key },
          decode: (value) => (value === null ? null : JSON.parse(value)),
        };
      }),
    set: (key, value) =>
      ask("set", nameOf(`state.set ${key}`), () => {
        checkKey(key);
        return {
          request: { kind: "set", key, value: stateText(value) },
          decode: () => undefined,
        };
      }),
  };
}

function checkKey(key: unknown): void {
  if (typeof key !== "string" || key === "")
    throw new TypeError("a key is wanted, such as 'known'");
  if (key.length <= STATE_KEY_SIZE_MAX) return;
  const size = `${key.length} characters, at most ${STATE_KEY_SIZE_MAX} fit`;
  throw new TypeError(`its key has ${size}`);
}

/**
 * A value as the journal keeps it; null: the key is forgotten.
 *
 * @throws {TypeError} When JSON cannot hold it, or it is too large.
 */
export function stateText(value: unknown): string | null {
  if (value === null) return null;
  let text: string | null;
  try {
    text = encodeValue(value);
  } catch (error) {
    throw new TypeError(`its value cannot be kept: ${messageOf(error)}, wanted JSON`);
  }
  if (text === null) {
    throw new TypeError("its value is undefined, wanted JSON, or null to forget the key");
  }
  if (text.length <= STEP_VALUE_SIZE_MAX) return text;
  const size = `${text.length} characters of JSON, wanted at most ${STEP_VALUE_SIZE_MAX}`;
  throw new TypeError(`its value has ${size}`);
}
