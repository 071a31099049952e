// Search: the rows that a search of the API finds, with the oddities of its SQL.

import { encodeText } from "../lib/go/json.ts";
import type { GoTime } from "../lib/go/time.ts";
import { encodeItem } from "./envelope.ts";
import { type Agent, encodeFoundAgent } from "./fleet.ts";
import { commandItem, countersOf, encodeCommandAction, encodeFoundAction } from "./print.ts";
import { ANY, ANY_ID, parseFloatText, type SearchParameters, type SearchQuery } from "./query.ts";
import { hash } from "./random.ts";
import { type FoundCommand, reportOf } from "./reports.ts";
import { isLike } from "./sql.ts";
import { isAfterSet, isBeforeSet, rangeOf } from "./statement.ts";
import {
  agentsByTarget,
  commandsOf,
  foundAnything,
  type Investigator,
  type Store,
  type StoredAction,
  type StoredCommand,
  statusOf,
} from "./store.ts";
import { compareTimestamps, timestampOfMicros } from "./timestamp.ts";

/** What a fault does to a search; see faults.ts. */
export interface Tweaks {
  /** Answers the page before the one that was asked for. */
  readonly repeatPage: boolean;
  /** Counters claim twice as many commands. */
  readonly lieCounts: boolean;
  /** Actions younger than this are not found. */
  readonly hideFreshMs: number;
  /** Results are filled up to this many bytes. */
  readonly resultBytes: number;
}

/** No fault. */
export const NO_TWEAKS: Tweaks = {
  repeatPage: false,
  lieCounts: false,
  hideFreshMs: 0,
  resultBytes: 0,
};

/** The items of an answer, or what went wrong. */
export type SearchAnswer =
  | { readonly kind: "items"; readonly items: readonly string[] }
  | { readonly kind: "none" }
  | { readonly kind: "error"; readonly message: string };

/** What a search needs to know of its surroundings. */
export interface SearchContext {
  readonly now: number;
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly investigators: readonly Investigator[];
  readonly tweaks: Tweaks;
}

/** Runs a search that was understood. */
export function runSearch(store: Store, query: SearchQuery, context: SearchContext): SearchAnswer {
  const { parameters } = query;
  const kinds = ["action", "agent", "command", "investigator", "manifest", "loader"];
  if (!kinds.includes(parameters.type)) return failure("search type is invalid");
  const range = rangeOf(query, context.now);
  if ("message" in range) return { kind: "error", message: range.message };
  const [from, to] = [range.offset, range.offset + range.limit];
  if (parameters.report !== "") {
    const isCommand = parameters.type === "command";
    const found = isCommand ? foundCommands(store, query, { ...context, from, to }) : null;
    return reportOf(store, parameters, found, context);
  }
  switch (parameters.type) {
    case "command":
      return itemsOf(commandRows(store, query, { ...context, from, to }));
    case "action":
      return itemsOf(actionRows(store, query, context).slice(from, to));
    case "agent":
      return parameters.target === ""
        ? itemsOf(agentRows(store, query, context).slice(from, to))
        : targetRows(store, parameters, context);
    case "investigator":
      return itemsOf(investigatorRows(parameters, context).slice(from, to));
    default:
      return { kind: "none" };
  }
}

function failure(message: string): SearchAnswer {
  return { kind: "error", message };
}

function itemsOf(items: readonly string[]): SearchAnswer {
  return items.length === 0 ? { kind: "none" } : { kind: "items", items };
}

function matchesId(wanted: string, id: number): boolean {
  return wanted === ANY_ID || parseFloatText(wanted) === id;
}

function matchesText(pattern: string, value: string): boolean {
  return pattern === ANY || isLike(value, pattern, true);
}

function matchesSigner(parameters: SearchParameters, stored: StoredAction): boolean {
  return stored.investigators.some(
    ({ id, name }) =>
      matchesId(parameters.investigatorid, id) && matchesText(parameters.investigatorname, name),
  );
}

function matchesAction(parameters: SearchParameters, stored: StoredAction): boolean {
  const { action } = stored;
  return (
    matchesId(parameters.actionid, stored.id) &&
    matchesText(parameters.actionname, action.name) &&
    (parameters.threatfamily === ANY ||
      (action.threatFamily !== null && matchesText(parameters.threatfamily, action.threatFamily)))
  );
}

function matchesAgent(parameters: SearchParameters, agent: Agent): boolean {
  return (
    matchesId(parameters.agentid, agent.id) &&
    matchesText(parameters.agentname, agent.name) &&
    matchesText(parameters.agentversion, agent.version)
  );
}

function visibleActions(
  store: Store,
  parameters: SearchParameters,
  { now, tweaks }: SearchContext,
): StoredAction[] {
  const single = parseFloatText(parameters.actionid);
  const one = single === null ? undefined : store.actions.get(single);
  const all = single === null ? [...store.actions.values()] : one === undefined ? [] : [one];
  return all.filter(
    (stored) => now - stored.postedAt >= tweaks.hideFreshMs && matchesAction(parameters, stored),
  );
}

/**
 * The commands of a page. They are sorted by start time alone; how equal ones lie depends on how
 * many rows the page needs to be found, so that small pages lose some and repeat others.
 *
 * @see the recorded measurement in pagination-stability
 */
function foundCommands(
  store: Store,
  query: SearchQuery,
  context: SearchContext & { from: number; to: number },
): readonly FoundCommand[] {
  const { parameters } = query;
  const { now, tweaks } = context;
  const rows: FoundCommand[] = [];
  for (const stored of visibleActions(store, parameters, context)) {
    if (!matchesSigner(parameters, stored)) continue;
    for (const command of commandsOf(store, stored, now)) {
      if (matchesCommand(store, query, { stored, command, now })) rows.push({ stored, command });
    }
  }
  const bound = context.to >= rows.length ? "all" : context.to;
  rows.sort(
    (left, right) =>
      right.command.startMicros - left.command.startMicros ||
      hash(store.seed, bound, left.command.id) - hash(store.seed, bound, right.command.id),
  );
  const limit = context.to - context.from;
  const from = tweaks.repeatPage ? Math.max(context.from - limit, 0) : context.from;
  return rows.slice(from, from + limit);
}

function commandRows(
  store: Store,
  query: SearchQuery,
  context: SearchContext & { from: number; to: number },
): string[] {
  const { now, tweaks, baseUrl } = context;
  const actions = new Map<StoredAction, string>();
  return foundCommands(store, query, context).map(({ stored, command }) => {
    const action = actions.get(stored) ?? actionOf(store, stored, context);
    actions.set(stored, action);
    const resultBytes = Math.max(tweaks.resultBytes, store.behaviour.resultBytes);
    return commandItem(store, stored, command, { now, action, baseUrl, resultBytes });
  });
}

function actionOf(store: Store, stored: StoredAction, context: SearchContext): string {
  const counters = countersOf(store, stored, context.now);
  const sent = context.tweaks.lieCounts ? counters.sent * 2 : counters.sent;
  return encodeCommandAction(store, stored, { ...counters, sent });
}

function matchesCommand(
  store: Store,
  { parameters, hasFound }: SearchQuery,
  { stored, command, now }: { stored: StoredAction; command: StoredCommand; now: number },
): boolean {
  const startAt = timestampOfMicros(command.startMicros);
  if (!isWithin(parameters, now, startAt, startAt)) return false;
  if (!matchesId(parameters.commandid, command.id)) return false;
  if (!matchesAgent(parameters, command.agent)) return false;
  const status = statusOf(store, stored, command, now);
  if (!matchesText(parameters.status, status)) return false;
  if (!hasFound) return true;
  const found = parameters.foundanything;
  return status === "success" && foundAnything(store, stored, command, { found, now });
}

function isWithin(parameters: SearchParameters, now: number, first: GoTime, last: GoTime): boolean {
  if (isBeforeSet(parameters, now) && compareTimestamps(last, parameters.before) > 0) return false;
  return !isAfterSet(parameters, now) || compareTimestamps(first, parameters.after) >= 0;
}

function actionRows(store: Store, query: SearchQuery, context: SearchContext): string[] {
  const { parameters } = query;
  const { now, baseUrl } = context;
  const isJoined = [parameters.agentid, parameters.commandid].some((id) => id !== ANY_ID);
  const isNamed = [parameters.agentname, parameters.agentversion].some((text) => text !== ANY);
  const isSigned = parameters.investigatorid !== ANY_ID || parameters.investigatorname !== ANY;
  return visibleActions(store, parameters, context)
    .filter(({ action }) => isWithin(parameters, now, action.validFrom, action.expireAfter))
    .filter((stored) => !isSigned || matchesSigner(parameters, stored))
    .filter(
      (stored) =>
        (!isJoined && !isNamed) ||
        commandsOf(store, stored, now).some(
          ({ id, agent }) => matchesId(parameters.commandid, id) && matchesAgent(parameters, agent),
        ),
    )
    .sort((left, right) => compareTimestamps(right.action.validFrom, left.action.validFrom))
    .map((stored) => {
      const href = `${baseUrl}/action?actionid=${stored.id}`;
      return encodeItem(href, "action", encodeFoundAction(store, stored, now));
    });
}

function agentRows(store: Store, query: SearchQuery, context: SearchContext): string[] {
  const { parameters } = query;
  const { now } = context;
  const isJoined =
    parameters.actionid !== ANY_ID ||
    parameters.commandid !== ANY_ID ||
    [parameters.actionname, parameters.threatfamily].some((text) => text !== ANY);
  const reached = new Set<number>();
  if (isJoined) {
    for (const stored of visibleActions(store, parameters, context)) {
      for (const { id, agent } of commandsOf(store, stored, now)) {
        if (matchesId(parameters.commandid, id)) reached.add(agent.id);
      }
    }
  }
  return store.fleet
    .filter((agent) => matchesAgent(parameters, agent) && (!isJoined || reached.has(agent.id)))
    .filter(({ status }) => matchesText(parameters.status, status))
    .filter(({ heartbeatMicros }) => {
      const heartbeatAt = timestampOfMicros(heartbeatMicros);
      return isWithin(parameters, now, heartbeatAt, heartbeatAt);
    })
    .sort((left, right) => right.heartbeatMicros - left.heartbeatMicros)
    .map((agent) => agentItem(agent, context, false));
}

function agentItem(agent: Agent, { baseUrl }: SearchContext, byTarget: boolean): string {
  const href = `${baseUrl}/agent?agentid=${agent.id}`;
  return encodeItem(href, "agent", encodeFoundAgent(agent, { byTarget }));
}

/** The agents of a target: one for each queue, sorted by it; the limit is looked at too late. */
function targetRows(
  store: Store,
  parameters: SearchParameters,
  context: SearchContext,
): SearchAnswer {
  const answer = agentsByTarget(store, parameters.target, context.now);
  if (answer.kind === "refused") {
    return failure(`Error while finding agents: '${answer.message}'`);
  }
  const sorted = answer.agents.toSorted((left, right) =>
    left.queueLocation < right.queueLocation ? -1 : 1,
  );
  // The API stops after the first item whose index is above the limit: two too many.
  const shown = sorted.slice(0, Math.max(Math.floor(parameters.limit) + 2, 1));
  return itemsOf(shown.map((agent) => agentItem(agent, context, true)));
}

function investigatorRows(
  parameters: SearchParameters,
  { investigators, baseUrl }: SearchContext,
): string[] {
  return investigators
    .filter(({ id }) => matchesId(parameters.investigatorid, id))
    .filter(({ name }) => matchesText(parameters.investigatorname, name))
    .map(({ id, name, fingerprint }) =>
      encodeItem(
        `${baseUrl}/investigator?investigatorid=${id}`,
        "investigator",
        `{"id":${id},"name":${encodeText(name)},` +
          `"pgpfingerprint":"${fingerprint}","status":"active"}`,
      ),
    );
}
