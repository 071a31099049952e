// Store: the actions and commands that the simulated API knows, and what has become of them by now.
//
//   posted ──launchAt──▶ commands sent ──answersAt──▶ success | failed | timeout
//                                      └─expireAfter─▶ expired (agents that never answer)
//
// Nothing happens over time: every state is computed from `now` when it is read, so that a sandbox
// needs no timers and a test can move the clock as it likes.
import type { Operation, PostedAction } from "./action.ts";
import { answerOperation, EMPTY_RESULT, missingModuleResult } from "./answers.ts";
import type { Agent } from "./fleet.ts";
import type { ModuleResult } from "./module.ts";
import { uniform } from "./random.ts";
import { SqlError, UnsupportedSql } from "./sql.ts";
import { parseTarget } from "./target.ts";
import { millisOf, storedTimestamp } from "./timestamp.ts";

/** What has become of a command. */
export type CommandStatus = "sent" | "success" | "failed" | "timeout" | "expired";

/** A scripted answer. A member that is missing is as the simulation would have it. */
export interface ScriptedAnswer {
  /** "silent" agents never answer; their commands expire. */
  readonly status?: "success" | "failed" | "timeout" | "silent";
  readonly result?: ModuleResult;
  /** Milliseconds from the sending of the command to its answer. */
  readonly afterMs?: number;
}

/** What an agent shall answer to an operation; null or nothing leaves it to the simulation. */
export type AnswerScript = (
  agent: Agent,
  operation: Operation,
  context: { readonly actionId: number; readonly index: number },
) => ScriptedAnswer | null | undefined;

/** How agents behave. Rates are shares of the agents, from 0 to 1. */
export interface Behaviour {
  /** Agents that never answer. */
  readonly silentRate: number;
  /** Agents whose module process fails. */
  readonly failedRate: number;
  /** Agents whose module runs too long. */
  readonly timeoutRate: number;
  /** Agents that find what is asked for. */
  readonly foundRate: number;
  /** 1: answers spread over the life of the action; 10: they come ten times sooner. */
  readonly speed: number;
  /** How long after expireafter the scheduler marks commands expired; up to 2,500 in reality. */
  readonly expiryLagMs: number;
  /** Commands with one start time, on the average. Real ones tie about one time in ten. */
  readonly commandsPerStart: number;
  /** Results are filled up to at least this many bytes. */
  readonly resultBytes: number;
  /** Signatures that an agent asks for: with fewer it refuses the action. @default 0 */
  readonly minimumWeight?: number;
}

/** A fleet as it is: nearly all answer, some find something. */
export const REALISTIC: Behaviour = {
  silentRate: 0.04,
  failedRate: 0.01,
  timeoutRate: 0.01,
  foundRate: 0.3,
  speed: 1,
  expiryLagMs: 0,
  commandsPerStart: 1.1,
  resultBytes: 0,
};

/** An investigator: a key that the sandbox trusts. */
export interface Investigator {
  readonly id: number;
  readonly name: string;
  readonly fingerprint: string;
}

/** One agent's part of an action. */
export interface StoredCommand {
  readonly id: number;
  readonly agent: Agent;
  readonly startMicros: number;
  /** Null for a silent agent. */
  readonly answerMicros: number | null;
  readonly answer: "success" | "failed" | "timeout";
  readonly scripts: readonly (ScriptedAnswer | null)[];
}

/** An action in the database of the API. */
export interface StoredAction {
  readonly id: number;
  /** With its times as the database keeps them. */
  readonly action: PostedAction;
  readonly investigators: readonly Investigator[];
  readonly postedAt: number;
  readonly launchAt: number;
  readonly expireAt: number;
  /** Whether rounding its times broke the signature, so that every agent refuses it. */
  readonly isSpoilt: boolean;
}

/** The state of a sandbox. */
export interface Store {
  readonly seed: string | number;
  readonly fleet: readonly Agent[];
  readonly behaviour: Behaviour;
  readonly script: AnswerScript | null;
  /** Milliseconds since the Unix epoch: the age of the investigators. */
  readonly createdAt: number;
  /** Told why a target matches nothing, one line a time. */
  readonly note: (line: string) => void;
  /** By id, oldest first. */
  readonly actions: Map<number, StoredAction>;
  /** The commands that the scheduler has sent, by the id of their action. */
  readonly commands: Map<number, readonly StoredCommand[]>;
  nextCommandId: number;
}

/** What a store is made of. */
export type StoreOptions = Pick<
  Store,
  "seed" | "fleet" | "behaviour" | "script" | "createdAt" | "note"
>;

/** Actions that are kept; the oldest is forgotten when there are more. */
export const ACTIONS_MAX = 10_000;

/** The first command id. Real ones grow from the second in which the scheduler was started. */
const FIRST_COMMAND_ID = 28_061_838_148_353;

/** A store without actions. */
export function createStore(options: StoreOptions): Store {
  return {
    ...options,
    actions: new Map(),
    commands: new Map(),
    nextCommandId: FIRST_COMMAND_ID,
  };
}

/** Stores an action that was accepted. */
export function insertAction(
  store: Store,
  posted: PostedAction,
  facts: { id: number; investigators: readonly Investigator[]; now: number },
): StoredAction {
  const validFrom = storedTimestamp(posted.validFrom);
  const expireAfter = storedTimestamp(posted.expireAfter);
  const delayMs = (100 + 800 * uniform(store.seed, "launch", facts.id)) / store.behaviour.speed;
  const stored: StoredAction = {
    id: facts.id,
    action: { ...posted, validFrom, expireAfter, signatures: posted.signatures ?? [] },
    investigators: facts.investigators,
    postedAt: facts.now,
    launchAt: Math.max(facts.now, millisOf(validFrom)) + Math.floor(delayMs),
    expireAt: millisOf(expireAfter),
    isSpoilt:
      (posted.signatures ?? []).length < (store.behaviour.minimumWeight ?? 0) ||
      validFrom.unixSeconds !== posted.validFrom.unixSeconds ||
      expireAfter.unixSeconds !== posted.expireAfter.unixSeconds,
  };
  store.actions.set(stored.id, stored);
  for (const id of store.actions.keys()) {
    if (store.actions.size <= ACTIONS_MAX) break;
    store.actions.delete(id);
    store.commands.delete(id);
  }
  return stored;
}

/** The commands of an action, latest start first; none before the scheduler has sent them. */
export function commandsOf(
  store: Store,
  stored: StoredAction,
  now: number,
): readonly StoredCommand[] {
  if (now < stored.launchAt || stored.launchAt >= stored.expireAt) return [];
  const known = store.commands.get(stored.id);
  if (known !== undefined) return known;
  const agents = agentsByTarget(store, stored.action.target, stored.launchAt);
  if (agents.kind === "refused") {
    store.note(`action ${stored.id} reaches no agent: ${agents.message}`);
  } else if (agents.agents.length === 0) {
    store.note(`action ${stored.id} reaches no agent: its target matches none`);
  }
  const commands = agents.agents.map((agent, index) => createCommand(store, stored, agent, index));
  // Later commands of one action start later, so that the newest come first.
  commands.reverse();
  store.commands.set(stored.id, commands);
  return commands;
}

/** What a target selects, or why it selects nothing. */
export type TargetAnswer =
  | { readonly kind: "agents"; readonly agents: readonly Agent[] }
  | { readonly kind: "refused"; readonly message: string; readonly agents: readonly [] };

/**
 * The online and idle agents that a target matches, as the scheduler asks for them: one a queue.
 * An agent that restarted has a new row beside its old one, which is online for a while.
 *
 * @see database/agents.go `ActiveAgentsByTarget`
 */
export function agentsByTarget(store: Store, target: string, now: number): TargetAnswer {
  const world = {
    nowMicros: now * 1000,
    fleet: store.fleet,
    agentsOf: (actionId: number, found: boolean) => agentsThatFound(store, actionId, found, now),
  };
  try {
    const condition = parseTarget(target);
    const isMatch = (agent: Agent): boolean => condition(agent, world) === true;
    const active = store.fleet.filter(({ status }) => status === "online" || status === "idle");
    return { kind: "agents", agents: oneAQueue(active.filter(isMatch)) };
  } catch (error) {
    if (error instanceof UnsupportedSql) {
      const message = `sandbox: cannot evaluate ${error.message} in a target`;
      return { kind: "refused", message, agents: [] };
    }
    if (!(error instanceof SqlError)) throw error;
    return { kind: "refused", message: `pq: ${error.message}`, agents: [] };
  }
}

function oneAQueue(agents: readonly Agent[]): readonly Agent[] {
  const byQueue = new Map<string, Agent>();
  for (const agent of agents) {
    const other = byQueue.get(agent.queueLocation);
    if (other !== undefined && other.heartbeatMicros > agent.heartbeatMicros) continue;
    byQueue.set(agent.queueLocation, agent);
  }
  return [...byQueue.values()];
}

function agentsThatFound(store: Store, actionId: number, found: boolean, now: number): Set<number> {
  const agents = new Set<number>();
  const stored = store.actions.get(actionId);
  if (stored === undefined) return agents;
  for (const command of commandsOf(store, stored, now)) {
    if (foundAnything(store, stored, command, { found, now })) agents.add(command.agent.id);
  }
  return agents;
}

/** Whether a result of the command has this value of foundanything. */
export function foundAnything(
  store: Store,
  stored: StoredAction,
  command: StoredCommand,
  { found, now }: { found: boolean; now: number },
): boolean {
  const results = resultsOf(store, stored, command, statusOf(store, stored, command, now));
  return results.some((result) => (result.foundanything === true) === found);
}

function createCommand(
  store: Store,
  stored: StoredAction,
  agent: Agent,
  index: number,
): StoredCommand {
  const { behaviour, seed } = store;
  const operations = stored.action.operations ?? [];
  const scripts = operations.map((operation, at) => {
    return store.script?.(agent, operation, { actionId: stored.id, index: at }) ?? null;
  });
  const first = scripts.find((script) => script !== null) ?? {};
  const label = [seed, stored.id, agent.id] as const;
  const group = Math.floor(index / behaviour.commandsPerStart);
  const startMicros = Math.floor(stored.launchAt * 1000) + group * 3;
  const lifeMs = Math.max(stored.expireAt - stored.launchAt, 0) * 0.9;
  const afterMs = first.afterMs ?? (lifeMs * uniform(...label, "answer")) / behaviour.speed;
  const answerMicros = startMicros + Math.floor(afterMs * 1000);
  const draw = uniform(...label, "outcome");
  const isSilent =
    first.status === undefined ? draw < behaviour.silentRate : first.status === "silent";
  return {
    id: store.nextCommandId++,
    agent,
    startMicros,
    answerMicros: isSilent || answerMicros >= stored.expireAt * 1000 ? null : answerMicros,
    answer: outcomeOf(store, stored, { agent, first, draw }),
    scripts,
  };
}

function outcomeOf(
  { behaviour }: Store,
  stored: StoredAction,
  { agent, first, draw }: { agent: Agent; first: ScriptedAnswer; draw: number },
): "success" | "failed" | "timeout" {
  if (stored.isSpoilt) return "failed";
  if (first.status !== undefined && first.status !== "silent") return first.status;
  if (first.result !== undefined) return "success";
  const operations = stored.action.operations ?? [];
  const isMissing = operations.some(({ module }) => !agent.environment.modules.includes(module));
  const failedFrom = behaviour.silentRate + behaviour.failedRate;
  if (isMissing || draw < failedFrom) return "failed";
  return draw < failedFrom + behaviour.timeoutRate ? "timeout" : "success";
}

/** The status of a command by now. */
export function statusOf(
  store: Store,
  stored: StoredAction,
  command: StoredCommand,
  now: number,
): CommandStatus {
  if (command.answerMicros !== null) {
    return now * 1000 >= command.answerMicros ? command.answer : "sent";
  }
  return now >= stored.expireAt + store.behaviour.expiryLagMs ? "expired" : "sent";
}

/** The results of a command in this status, one an operation. */
export function resultsOf(
  store: Store,
  stored: StoredAction,
  command: StoredCommand,
  status: CommandStatus,
): readonly ModuleResult[] {
  const operations = stored.action.operations ?? [];
  const hasAnswer = status === "success" || status === "failed";
  return operations.map((operation, index) => {
    const scripted = command.scripts[index]?.result;
    if (!hasAnswer || stored.isSpoilt) return EMPTY_RESULT;
    if (scripted !== undefined) return scripted;
    if (!command.agent.environment.modules.includes(operation.module)) {
      return missingModuleResult(operation.module);
    }
    if (status === "failed") return EMPTY_RESULT;
    return answerOperation(command.agent, operation, {
      seed: store.seed,
      foundRate: store.behaviour.foundRate,
      atMicros: command.answerMicros ?? command.startMicros,
    });
  });
}
