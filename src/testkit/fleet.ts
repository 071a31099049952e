// Fleet: the agents of a simulation, and what they answer.

import type { Agent, AgentEnvironment, ModuleResult, Operation } from "../sdk/action.ts";
import { answerOperation, parametersOf } from "../sim/answers.ts";
import {
  AGENTS_MAX,
  type AgentSpec,
  createFleet,
  type Agent as StoredAgent,
} from "../sim/fleet.ts";
import type { AnswerScript, ScriptedAnswer } from "../sim/store.ts";
import type { Instant } from "../time.ts";

/** What is to be fixed of an agent; the rest is made up, always in the same way. */
export interface SimulatedAgent {
  /** @default grows from 28,061,811,146,753 */
  readonly id?: number | undefined;
  /** The host's full name. */
  readonly name?: string | undefined;
  /**
   * The queue of its host, which stays when the agent restarts and has another id: two agents of
   * one queue are one host. @default each its own
   */
  readonly queueloc?: string | undefined;
  /** Only online and idle agents get actions. @default "online" */
  readonly status?: "online" | "idle" | "offline" | "destroyed" | undefined;
  /** @default "daemon" */
  readonly mode?: "daemon" | "checkin" | undefined;
  readonly version?: string | undefined;
  readonly environment?: Pick<
    AgentEnvironment,
    "addresses" | "arch" | "ident" | "modules" | "os" | "publicip"
  >;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/**
 * How an agent answers to an operation: it finds what is asked for or nothing, its module fails or
 * runs too long, or it never answers. `timedrift` without a drift, `fswatch` and their like find
 * something always.
 */
export type AnswerKind = "found" | "nothing" | "failed" | "timeout" | "silent";

const KINDS: readonly AnswerKind[] = ["found", "nothing", "failed", "timeout", "silent"];

/** A kind of answer, or the members of a result; missing ones say success, found nothing. */
export type SimulatedAnswer = AnswerKind | Partial<ModuleResult>;

/** What an agent answers to an operation; without an answer, one agent in three finds something. */
export type Answers = (agent: Agent, operation: Operation) => SimulatedAnswer | null | undefined;

/** The seed of all that is made up. */
export const SEED = "mig-runner/test";

/**
 * The fleet of a simulation.
 *
 * @throws {RangeError} Above 100,000 agents.
 */
export function makeFleet(
  agents: number | readonly SimulatedAgent[],
  now: Instant,
): readonly StoredAgent[] {
  const count = typeof agents === "number" ? agents : agents.length;
  if (!Number.isInteger(count) || count < 0 || count > AGENTS_MAX) {
    throw new RangeError(`Cannot simulate ${count} agents: 0 to ${AGENTS_MAX} are possible`);
  }
  const specs = typeof agents === "number" ? Array.from({ length: agents }, () => ({})) : agents;
  return createFleet({ agents: specs.map(specOf), seed: SEED, now });
}

function specOf(agent: SimulatedAgent): AgentSpec {
  const { environment = {}, id, name, queueloc, version } = agent;
  const { publicip, ...rest } = environment;
  return {
    ...(id === undefined ? {} : { id }),
    ...(name === undefined ? {} : { name }),
    ...(queueloc === undefined ? {} : { queueLocation: queueloc }),
    ...(version === undefined ? {} : { version }),
    status: agent.status ?? "online",
    mode: agent.mode ?? "daemon",
    ...(agent.tags === undefined ? {} : { tags: agent.tags }),
    environment: { ...rest, ...(publicip === undefined ? {} : { publicIp: publicip }) },
  };
}

/** The answers of a test as the simulated API asks for them. */
export function scriptOf(answers: Answers): AnswerScript {
  return (agent, operation) => {
    const { module } = operation;
    const asked = { module, parameters: parametersOf(operation) };
    const answer = answers(describeAgent(agent), asked) ?? null;
    if (answer === null) return null;
    if (typeof answer === "object") {
      return { status: "success", result: { success: true, ...answer } };
    }
    if (KINDS.includes(answer)) return scriptedKind(answer, agent, operation);
    const wanted = `one of ${KINDS.join(", ")} is wanted, or the members of a result`;
    throw new RangeError(`Cannot simulate the answer "${String(answer)}": ${wanted}`);
  };
}

function scriptedKind(
  kind: AnswerKind,
  agent: StoredAgent,
  operation: Parameters<AnswerScript>[1],
): ScriptedAnswer {
  if (kind !== "found" && kind !== "nothing") return { status: kind };
  const isFound = kind === "found";
  const atMicros = agent.heartbeatMicros;
  const result = answerOperation(agent, operation, {
    seed: SEED,
    foundRate: isFound ? 1 : 0,
    atMicros,
  });
  // A module that the simulation does not know has no rule of its own.
  return { status: "success", result: { foundanything: isFound, ...result } };
}

/** An agent as jobs know it. */
function describeAgent({ id, name, version, environment, tags }: StoredAgent): Agent {
  const { isProxied: isproxied, publicIp: publicip, ...rest } = environment;
  return {
    id,
    name,
    version,
    environment: { ...rest, isproxied, publicip },
    ...(tags === null ? {} : { tags }),
  };
}
