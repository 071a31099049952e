// Result: the RunnerResult document, around an action and commands whose bytes are not touched.
//
//   {"action":{…},"commands":[…],"name":"JOB","plugin":"PLUGIN"}
//
// The same document with `null` commands is the in-flight record of an action that has not been
// collected. The API sends actions in the form in which they are written here, so their bytes are
// carried through: what a plugin reads is what the API said.
import { Buffer } from "node:buffer";
import { assert, RunnerError } from "../errors.ts";
import { encodeText } from "../lib/go/json.ts";
import { FLOAT, RAW, slice, struct, TEXT, TIME, type Type, unmarshal } from "../lib/go/struct.ts";
import { JsonError } from "../lib/go/syntax.ts";
import { instantOf, ZERO_TIME } from "../lib/go/time.ts";
import { decodeUtf8 } from "../lib/go/utf8.ts";
import type { Instant } from "../time.ts";
import { ACTION_ID_MAX, isActionId, isCount } from "./ids.ts";
import { type Action, COUNTERS, type Counters } from "./model.ts";

/** What comes before the first command. @param actionBytes The action as JSON. */
export function resultHead(actionBytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from('{"action":'), actionBytes, Buffer.from(',"commands":[')]);
}

/** What comes after the last command. No newline follows. @param name Of the job. */
export function resultTail(name: string, plugin: string): Uint8Array {
  return Buffer.from(`],"name":${encodeText(name)},"plugin":${encodeText(plugin)}}`);
}

/**
 * The in-flight record of a posted action.
 *
 * @param plugin The job's, or empty when it has none.
 * @see runner/entity.go `launchAction` of the original; test/golden/result
 */
export function encodeInflight(
  actionBytes: Uint8Array,
  job: string,
  { plugin = "" }: { readonly plugin?: string } = {},
): Uint8Array {
  const tail = `,"commands":null,"name":${encodeText(job)},"plugin":${encodeText(plugin)}}`;
  return Buffer.concat([Buffer.from('{"action":'), actionBytes, Buffer.from(tail)]);
}

/** How many commands of an action are in which state. */
export type CommandCounts = { readonly [State in keyof Counters]: number };

/** What the runner needs to know of an action that the API has accepted. */
export interface PostedAction {
  /** A whole number from 1 to ACTION_ID_MAX. */
  readonly actionId: number;
  readonly name: string;
  readonly signatures: readonly string[];
  /** Its `expireafter`, rounded up to a millisecond: never before the API's own time. */
  readonly expireAt: Instant;
  /** Null until the API has counted. */
  readonly counters: CommandCounts | null;
}

/** An in-flight record: the action's own bytes, and what is in them. */
export interface InflightRecord extends Omit<PostedAction, "name" | "counters"> {
  /** A part of the record's bytes, unchanged. Its `expireAt` is the epoch when it has none. */
  readonly actionBytes: Uint8Array;
  readonly actionName: string;
  readonly job: string;
  /** That the job had when it was launched; empty when it had none. */
  readonly plugin: string;
}

/**
 * An action as the API returns it. Other members than those of PostedAction are not looked at, so
 * that none of them can cost an action its result.
 *
 * @throws {RunnerError} API, when it is not JSON or has no id or no `expireafter`.
 */
export function parsePostedAction(bytes: Uint8Array): PostedAction {
  return readAs("API", "Cannot read the action that the API returned", () => {
    const { expireAt, ...posted } = readPosted(bytes);
    if (expireAt === null) throw new JsonError("its action has no expireafter", 0);
    return { ...posted, expireAt };
  });
}

/**
 * An action of a list; null for one that cannot be read and carries other signatures than this:
 * what is wrong with it is no reason not to find another.
 *
 * @throws {RunnerError} API, when it may be the one with the signature.
 */
export function parseListedAction(bytes: Uint8Array, signature: string): PostedAction | null {
  try {
    return parsePostedAction(bytes);
  } catch (error) {
    const { pgpsignatures } = JSON.parse(decodeUtf8(bytes)) as { pgpsignatures?: unknown };
    const isList = Array.isArray(pgpsignatures) && pgpsignatures.length > 0;
    if (isList && !pgpsignatures.includes(signature)) return null;
    throw error;
  }
}

/**
 * A record of the original or of `encodeInflight`.
 *
 * @throws {RunnerError} SPOOL, when it is empty or torn, or its action has no id.
 */
export function parseInflight(bytes: Uint8Array): InflightRecord {
  return readAs("SPOOL", "Cannot read the in-flight record", () => {
    if (bytes.length === 0) throw new JsonError("it is empty", 0);
    const { action: actionBytes, name: job, plugin } = unmarshal(RECORD, bytes);
    if (actionBytes === null) throw new JsonError("it has no action", 0);
    const { actionId, name: actionName, signatures, expireAt } = readPosted(actionBytes);
    // Without an expiry the original collects at once: the epoch is long ago.
    return { actionBytes, actionId, actionName, signatures, expireAt: expireAt ?? 0, job, plugin };
  });
}

interface Document {
  readonly action: Uint8Array | null;
  readonly name: string;
  readonly plugin: string;
}

const RECORD: Type<Document> = struct("mig.RunnerResult", {
  action: RAW,
  name: TEXT,
  plugin: TEXT,
});

const POSTED: Type<Pick<Action, "id" | "name" | "expireafter" | "pgpsignatures" | "counters">> =
  struct("mig.Action", {
    id: FLOAT,
    name: TEXT,
    expireafter: TIME,
    pgpsignatures: slice(TEXT),
    counters: COUNTERS,
  });

function readPosted(
  bytes: Uint8Array,
): Omit<PostedAction, "expireAt"> & { readonly expireAt: Instant | null } {
  const { id, name, expireafter, pgpsignatures, counters } = unmarshal(POSTED, bytes);
  if (!isActionId(id)) {
    const wanted = `a whole number from 1 to ${ACTION_ID_MAX}`;
    throw new JsonError(`its action has the id ${id}, wanted ${wanted}`, 0);
  }
  const isUnset = expireafter.unixSeconds === ZERO_TIME.unixSeconds;
  const lastPart = expireafter.nanoseconds % 1_000_000 === 0 ? 0 : 1;
  return {
    actionId: id,
    name,
    signatures: pgpsignatures ?? [],
    expireAt: isUnset ? null : instantOf(expireafter) + lastPart,
    counters: countsOf(counters),
  };
}

/** Null also for counters with a number that counts nothing, such as one below 0. */
function countsOf(counters: Counters): CommandCounts | null {
  const counts = Object.entries(counters).map(([state, count]) => [state, Number(count)] as const);
  const isCounted = counts.some(([, count]) => count !== 0);
  const areCounts = counts.every(([, count]) => isCount(count));
  return isCounted && areCounts ? (Object.fromEntries(counts) as CommandCounts) : null;
}

function readAs<Value>(code: "API" | "SPOOL", what: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    assert(error instanceof JsonError);
    throw new RunnerError(code, `${what}: ${error.message}`, {}, { cause: error });
  }
}
