// Print: the JSON of stored actions and commands, as a search answers them.

import { encodeText } from "../lib/go/json.ts";
import { formatRfc3339Nano, type GoTime, ZERO_TIME } from "../lib/go/time.ts";
import { encodeAction } from "./action.ts";
import { encodeResult } from "./answers.ts";
import { encodeItem } from "./envelope.ts";
import { encodeCommandAgent, encodeSingleCommandAgent } from "./fleet.ts";
import { jsonOf, plainOf } from "./json.ts";
import {
  type CommandStatus,
  commandsOf,
  resultsOf,
  type Store,
  type StoredAction,
  type StoredCommand,
  statusOf,
} from "./store.ts";
import { parseTimestamp, timestampOfMicros } from "./timestamp.ts";

/** What the API gives to a time that has not come yet, and to a new action. */
export const NEVER = parseTimestamp("9998-01-11T11:11:11.000000011Z") as GoTime;
const NOT_STARTED = parseTimestamp("0009-01-11T11:11:11.000000011Z") as GoTime;

/** The counters of an action. */
export interface Counters {
  readonly sent: number;
  readonly done: number;
  readonly inflight: number;
  readonly success: number;
  readonly expired: number;
  readonly failed: number;
  readonly timeout: number;
}

/** Counts the commands of an action by their status at `now`. */
export function countersOf(store: Store, stored: StoredAction, now: number): Counters {
  const counts = { sent: 0, done: 0, inflight: 0, success: 0, expired: 0, failed: 0, timeout: 0 };
  for (const command of commandsOf(store, stored, now)) {
    const status = statusOf(store, stored, command, now);
    counts.sent++;
    if (status === "sent") counts.inflight++;
    else {
      counts.done++;
      counts[status]++;
    }
  }
  return counts;
}

/** Counters as JSON, members in the order of the Go struct, zeros left out. */
function encodeCounters(counters: Counters): string {
  const known = Object.entries(counters).filter(([, count]) => count > 0);
  return `{${known.map(([name, count]) => `"${name}":${count}`).join(",")}}`;
}

function encodeInvestigators(store: Store, stored: StoredAction): string | null {
  if (stored.investigators.length === 0) return null;
  const time = formatRfc3339Nano(timestampOfMicros(Math.floor(store.createdAt) * 1000));
  const items = stored.investigators.map(
    ({ id, name, fingerprint }) =>
      `{"id":${id},"name":${encodeText(name)},"pgpfingerprint":"${fingerprint}",` +
      `"status":"active","createdat":"${time}","lastmodified":"${time}",` +
      `"permissions":${PERMISSIONS}}`,
  );
  return `[${items.join(",")}]`;
}

const PERMISSIONS = JSON.stringify(
  Object.fromEntries(
    (
      "search action action_create command agent dashboard loader loader_status loader_expect " +
      "loader_key loader_new manifest manifest_sign manifest_status manifest_new " +
      "manifest_loaders investigator investigator_create investigator_update"
    )
      .split(" ")
      .map((name) => [name, true]),
  ),
);

/** The action as its commands hold it: without its status, and with the counters of `counters`. */
export function encodeCommandAction(
  store: Store,
  stored: StoredAction,
  counters: Counters,
): string {
  return encodeAction(stored.action, {
    id: stored.id,
    investigators: encodeInvestigators(store, stored),
    counters: encodeCounters(counters),
    ...UNTOLD,
  });
}

/** What the API leaves out of the action of a command. */
const UNTOLD = { status: "", startAt: ZERO_TIME, finishAt: ZERO_TIME, updateAt: ZERO_TIME };

/**
 * A command as an item of a page. `baseUrl` ends without a slash.
 *
 * @param at `action` is that of encodeCommandAction, which all commands of an action share.
 */
export function commandItem(
  store: Store,
  stored: StoredAction,
  command: StoredCommand,
  at: { now: number; action: string; baseUrl: string; resultBytes: number },
): string {
  const status = statusOf(store, stored, command, at.now);
  const own = encodeOwn(store, stored, command, { status, resultBytes: at.resultBytes });
  const json = `{"id":${command.id},"action":${at.action},${own}}`;
  return encodeItem(`${at.baseUrl}/command?commandid=${command.id}`, "command", json);
}

/**
 * A command as it is asked for by its id: without the counters and the signers of its action, and
 * without the environment and the tags of its agent, but with the queue of that.
 */
export function singleCommandItem(
  store: Store,
  stored: StoredAction,
  command: StoredCommand,
  { baseUrl, now }: { readonly baseUrl: string; readonly now: number },
): string {
  const status = statusOf(store, stored, command, now);
  const shared = { id: stored.id, investigators: null, counters: "{}", ...UNTOLD };
  const agent = encodeSingleCommandAgent(command.agent);
  const own = encodeOwn(store, stored, command, { status, resultBytes: 0, agent });
  const json = `{"id":${command.id},"action":${encodeAction(stored.action, shared)},${own}}`;
  const item = encodeItem(`${baseUrl}/command?commandid=${command.id}`, "command", json);
  const action = encodeText(`${baseUrl}/action?actionid=${stored.id}`);
  return `${item.slice(0, -1)},"links":[{"rel":"action","href":${action}}]}`;
}

/** The members of a command from its agent on. */
function encodeOwn(
  store: Store,
  stored: StoredAction,
  command: StoredCommand,
  options: { status: CommandStatus; resultBytes: number; agent?: string },
): string {
  const { status, resultBytes, agent = encodeCommandAgent(command.agent) } = options;
  const results = resultsOf(store, stored, command, status);
  const finishAt = finishOf(store, stored, command, status);
  let encoded = results.map(encodeResult).join(",");
  const missing = resultBytes - encoded.length;
  const [first, ...others] = results;
  if (missing > 0 && first !== undefined) {
    const elements = plainOf(jsonOf(first.elements ?? {}));
    const padded = { ...first, elements: { found: elements, padding: "x".repeat(missing) } };
    encoded = [padded, ...others].map(encodeResult).join(",");
  }
  return (
    `"agent":${agent},"status":"${status}","results":[${encoded}],` +
    `"starttime":"${formatRfc3339Nano(timestampOfMicros(command.startMicros))}",` +
    `"finishtime":"${formatRfc3339Nano(finishAt)}"`
  );
}

/** When a command in this status has finished; a time far away when it has not. */
export function finishOf(
  store: Store,
  stored: StoredAction,
  command: StoredCommand,
  status: CommandStatus,
): GoTime {
  if (status === "sent") return { ...NEVER, nanoseconds: 0 };
  const expiredMicros = (stored.expireAt + store.behaviour.expiryLagMs) * 1000;
  return timestampOfMicros(Math.floor(command.answerMicros ?? expiredMicros));
}

/** An action as a search for actions prints it. */
export function encodeFoundAction(store: Store, stored: StoredAction, now: number): string {
  const counters = countersOf(store, stored, now);
  const isLaunched = now >= stored.launchAt;
  const isCompleted = counters.sent > 0 && counters.inflight === 0;
  const never = { ...NEVER, nanoseconds: 0 };
  const notStarted = { ...NOT_STARTED, nanoseconds: 0 };
  const status = !isLaunched
    ? "pending"
    : counters.sent === 0
      ? "invalid"
      : isCompleted
        ? "completed"
        : "inflight";
  const launchedAt = timestampOfMicros(Math.floor(stored.launchAt * 1000));
  return encodeAction(stored.action, {
    id: stored.id,
    investigators: encodeInvestigators(store, stored),
    counters: encodeCounters(counters),
    status,
    startAt: isLaunched ? launchedAt : notStarted,
    finishAt: isCompleted ? lastFinishOf(store, stored, now) : never,
    updateAt: isLaunched ? launchedAt : notStarted,
  });
}

function lastFinishOf(store: Store, stored: StoredAction, now: number): GoTime {
  let last = 0;
  for (const command of commandsOf(store, stored, now)) {
    const expiredMicros = (stored.expireAt + store.behaviour.expiryLagMs) * 1000;
    last = Math.max(last, Math.floor(command.answerMicros ?? expiredMicros));
  }
  return timestampOfMicros(last);
}

/** An action as the answer to its creation prints it: as posted, but pending and with an id. */
export function encodeCreatedAction(stored: StoredAction, posted: StoredAction["action"]): string {
  return encodeAction(posted, {
    id: stored.id,
    investigators: posted.investigators,
    counters: posted.counters,
    status: "pending",
    startAt: NOT_STARTED,
    finishAt: NEVER,
    updateAt: NOT_STARTED,
  });
}
