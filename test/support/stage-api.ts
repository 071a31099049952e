// Stage API: the API of a stage. It takes and finds actions, and answers for their fleet.
import type { MigApi } from "../../src/mig/api.ts";
import type { VirtualClock } from "./clock.ts";

/** An action that the API of the stage has. */
export interface StageAction {
  readonly id: number;
  readonly name: string;
  readonly target: string;
  readonly module: string;
  readonly signature: string;
  readonly postedAt: number;
}

/** What the agents of an action answer. */
export interface StageAgent {
  readonly id: number;
  readonly name: string;
  readonly found?: boolean;
}

export const FLEET: readonly StageAgent[] = [
  { id: 101, name: "web1.example.net" },
  { id: 102, name: "web2.example.net", found: true },
  { id: 103, name: "db1.example.net" },
];

/** How the API answers. */
export interface StageApiOptions {
  /** How many agents the API counts for a target. @default 5 */
  readonly agents?: number;
  /** Called before and after an action is stored by the API; a throw there is a crash. */
  readonly onPost?: (when: "before" | "after", count: number) => void;
  /** Who answers an action. @default three agents, of which the second finds something */
  readonly fleet?: (action: StageAction) => readonly StageAgent[];
  /** Why the API refuses an action; null when it takes it. @default never */
  readonly refuse?: (name: string) => string | null;
}

/** A process of the stage; what a dead one does reaches nobody. */
export interface Life {
  alive: boolean;
}

const encoder = new TextEncoder();

/** What outlives a process, and what belongs to it. */
export interface StageApiOrder {
  readonly actions: StageAction[];
  /** The posted text of each action, by its id. */
  readonly bodies: Map<number, string>;
  readonly clock: VirtualClock;
  readonly options: StageApiOptions;
  readonly life: Life;
  /** Called at each request. */
  event(): void;
}

/** The API as one process sees it. */
export function stageApi(order: StageApiOrder): MigApi {
  const { actions, bodies, clock, options, life, event } = order;
  const { fleet = () => FLEET, refuse = () => null } = options;
  const alive = <T>(value: T): Promise<T> => {
    event();
    return life.alive ? Promise.resolve(value) : new Promise(() => undefined);
  };
  const stored = (action: StageAction, bytes: string) => {
    const { expireafter } = JSON.parse(bytes) as { expireafter: string };
    const actionBytes = encoder.encode(JSON.stringify({ ...JSON.parse(bytes), id: action.id }));
    return { actionId: action.id, actionBytes, expireAt: Date.parse(expireafter) };
  };
  return {
    create: (json) => {
      if (!life.alive) return new Promise(() => undefined);
      const { name, target, operations, pgpsignatures } = JSON.parse(json);
      const why = refuse(name);
      if (why !== null) {
        const refused = { kind: "unclear", refusal: true, message: why, status: 500 } as const;
        return alive({ ...refused, retryAfterMs: null });
      }
      const id = 1_000 + actions.length;
      const count = actions.length + 1;
      try {
        options.onPost?.("before", count);
      } catch {
        life.alive = false;
        return alive(null as never);
      }
      const module = operations?.[0]?.module ?? "";
      const signature = pgpsignatures[0];
      const action = { id, name, target, module, signature, postedAt: clock.now() };
      actions.push(action);
      bodies.set(id, json);
      try {
        options.onPost?.("after", count);
      } catch {
        life.alive = false;
      }
      return alive({ kind: "posted", ...stored(action, json) } as const);
    },
    commands: async (actionId, { offset, onCommand }) => {
      const action = actions.find(({ id }) => id === actionId);
      if (action === undefined || offset > 0) return await alive({ kind: "end" } as const);
      const agents = fleet(action);
      for (const [index, agent] of agents.entries()) {
        const command = {
          id: actionId * 1_000 + index,
          action: { id: actionId, counters: { sent: agents.length } },
          agent: { id: agent.id, name: agent.name },
          status: "success",
          results: [{ foundanything: agent.found === true, success: true, errors: null }],
        };
        await onCommand(encoder.encode(JSON.stringify(command)));
      }
      const entries = agents.length;
      if (entries === 0) return await alive({ kind: "end" } as const);
      return await alive({ kind: "page", commands: entries, strays: 0, entries } as const);
    },
    findAction: ({ signature }) => {
      const action = actions.find((each) => each.signature === signature);
      if (action === undefined) return alive({ kind: "absent" } as const);
      return alive({ kind: "found", ...stored(action, bodies.get(action.id) ?? "") } as const);
    },
    countAgents: () =>
      alive({ kind: "counted", agents: options.agents ?? 5, isAtLeast: false } as const),
  };
}
