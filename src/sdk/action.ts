// Action: what is posted and what comes back, in the words and with the members of MIG's own JSON.
//
// Types only. Times are RFC 3339 text; one that was never set is "0001-01-01T00:00:00Z".

/** One call of an agent's module. Made by `modules`, which checks the parameters. */
export interface Operation {
  readonly module: string;
  /** JSON; base64 of gzipped JSON once it is compressed. */
  readonly parameters: unknown;
  /** Ask for parameters that travel compressed. */
  readonly want_compressed?: boolean;
  readonly is_compressed?: boolean;
}

/** Who wrote an action, for people. */
export interface ActionDescription {
  readonly author?: string | undefined;
  readonly email?: string | undefined;
  readonly url?: string | undefined;
  readonly revision?: number | undefined;
}

/** What an action looks for, for people and plugins. */
export interface Threat {
  readonly ref?: string | undefined;
  readonly level?: string | undefined;
  readonly family?: string | undefined;
  readonly type?: string | undefined;
}

/** An action as the API returned it. */
export interface PostedAction {
  /** Up to 53 bits. */
  readonly id: number;
  readonly name: string;
  /** The SQL condition over the agents. */
  readonly target: string;
  readonly description?: ActionDescription;
  readonly threat?: Threat;
  readonly validfrom: string;
  readonly expireafter: string;
  readonly operations: readonly Operation[];
  readonly status: string;
  /** How many commands are in which state, such as {"sent": 80, "success": 78}. */
  readonly counters?: Readonly<Record<string, number>>;
}

/** What is known of an agent's host. Empty members are left out by the agent. */
export interface AgentEnvironment {
  readonly init?: string;
  /** Such as "Ubuntu 16.04 xenial". */
  readonly ident?: string;
  /** "linux", "darwin" or "windows". */
  readonly os?: string;
  readonly arch?: string;
  readonly isproxied?: boolean;
  readonly proxy?: string;
  /** Such as "10.22.75.4/24", without the loopback ones. */
  readonly addresses?: readonly string[];
  readonly publicip?: string;
  readonly aws?: {
    readonly instanceid?: string;
    readonly localipv4?: string;
    readonly amiid?: string;
    readonly instancetype?: string;
  };
  /** The modules that the agent can run. */
  readonly modules?: readonly string[];
}

/** An agent as a command names it. */
export interface Agent {
  /** Up to 53 bits. It changes when the agent is restarted. */
  readonly id: number;
  /** The host's full name. */
  readonly name: string;
  readonly version: string;
  readonly environment?: AgentEnvironment;
  readonly tags?: Readonly<Record<string, string>>;
}

/**
 * How a command ended. `success` says only that the operations ran: each result has a `success` of
 * its own. `expired` commands got no answer; `failed` and `timeout` have what came before.
 */
export type CommandStatus = "sent" | "success" | "failed" | "timeout" | "expired" | "cancelled";

/**
 * What one operation gave on one agent. `modules.NAME.read` gives the members their types.
 */
export interface ModuleResult<Elements = unknown, Statistics = unknown> {
  /** At least one hit, by each module's own rule. */
  readonly foundanything: boolean;
  /** The module ran without a fatal error. False also when nothing has been answered. */
  readonly success: boolean;
  /** What the module found; null when it failed early. */
  readonly elements: Elements | null;
  /** What the module counted; null when it counts nothing or failed early. */
  readonly statistics: Statistics | null;
  /** Soft errors, or the one fatal error. */
  readonly errors: readonly string[] | null;
}

/** One agent's part of an action. */
export interface Command {
  /** Up to 53 bits. */
  readonly id: number;
  readonly action: PostedAction;
  readonly agent: Agent;
  readonly status: CommandStatus;
  /** One for each operation, in the same order; empty ones before the agent has answered. */
  readonly results: readonly ModuleResult[];
  readonly starttime: string;
  readonly finishtime: string;
}

/** A result as a plugin gets it. */
export interface Result {
  readonly job: string;
  /** The action as it was posted; the first one when a list of agents needed several. */
  readonly action: PostedAction;
  /**
   * The result file: one JSON document with all commands. A plugin that gets a result can read it;
   * in a workflow it may be an object of a store, `s3://…`: read `commands`.
   */
  readonly path: string;
  /**
   * The commands, read from the file as they are asked for: memory holds one at a time. Can be
   * iterated again, from the beginning.
   */
  readonly commands: AsyncIterable<Command>;
}
