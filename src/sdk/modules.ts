// Modules: the builders of operations, one for each module of MIG's agent.
//
// A build of the agent has agentdestroy, file, fswatch, netstat, ping, pkg, scribe, sshkey and
// timedrift; the others need a build option. `environment.modules` of an agent tells what it has.
import { RunnerError } from "../errors.ts";
import type { Operation } from "./action.ts";
import type { Module, OperationOptions, PlainModule, SearchModule } from "./module.ts";
import { type AgentdestroyParameters, agentdestroy } from "./modules/agentdestroy.ts";
import {
  type ExampleElements,
  type ExampleParameters,
  type ExampleStatistics,
  example,
} from "./modules/example.ts";
import {
  type ExamplepersistElements,
  type ExamplepersistParameters,
  examplepersist,
} from "./modules/examplepersist.ts";
import {
  type FileElements,
  type FileMatch,
  type FileParameters,
  type FileStatistics,
  file,
} from "./modules/file.ts";
import {
  type MemoryElements,
  type MemoryMatch,
  type MemoryParameters,
  type MemoryStatistics,
  memory,
} from "./modules/memory.ts";
import { makeOperation } from "./modules/module.ts";
import {
  type NetstatElements,
  type NetstatParameters,
  type NetstatStatistics,
  netstat,
} from "./modules/netstat.ts";
import { type AliveElements, audit, dispatch, fswatch } from "./modules/persistent.ts";
import { type PingElements, type PingParameters, ping } from "./modules/ping.ts";
import { type PkgElements, type PkgParameters, type PkgStatistics, pkg } from "./modules/pkg.ts";
import {
  type ScribeElements,
  type ScribeParameters,
  type ScribeStatistics,
  scribe,
} from "./modules/scribe.ts";
import { type SshkeyElements, type SshkeyParameters, sshkey } from "./modules/sshkey.ts";
import {
  type TimedriftElements,
  type TimedriftParameters,
  type TimedriftStatistics,
  timedrift,
} from "./modules/timedrift.ts";
import { type YaraElements, type YaraParameters, yara } from "./modules/yara.ts";

/** A builder for each module of the agent. */
export interface Modules {
  /** Kills another agent on the host and deletes its program. Destructive. Finds nothing. */
  readonly agentdestroy: Module<AgentdestroyParameters, string, unknown>;
  /** Tells whether the audit module runs: it reads the kernel's audit messages. */
  readonly audit: PlainModule<AliveElements, unknown>;
  /** Tells whether the dispatch module runs: it hands alerts on. */
  readonly dispatch: PlainModule<AliveElements, unknown>;
  /** MIG's sample: the host's name, its addresses, names that it looks up. */
  readonly example: Module<ExampleParameters, ExampleElements, ExampleStatistics>;
  /** MIG's sample of a persistent module: echoes a text. */
  readonly examplepersist: Module<ExamplepersistParameters, ExamplepersistElements, unknown>;
  /** Lists files by name, size, mode, time, content or hash; `hits` is what a host found. */
  readonly file: SearchModule<FileParameters, FileElements, FileStatistics, FileMatch>;
  /** Tells whether the fswatch module runs: it watches files. */
  readonly fswatch: PlainModule<AliveElements, unknown>;
  /** Finds processes by name, library or bytes in their memory; `hits` is what a host found. */
  readonly memory: SearchModule<MemoryParameters, MemoryElements, MemoryStatistics, MemoryMatch>;
  /** Finds local, neighbour and connected addresses and open ports. */
  readonly netstat: Module<NetstatParameters, NetstatElements, NetstatStatistics>;
  /**
   * Tries an address by ICMP, TCP or UDP. A refused TCP port comes back as a failed result; a UDP
   * port that says nothing counts as found.
   */
  readonly ping: Module<PingParameters, PingElements, unknown>;
  /** Lists installed packages (dpkg, rpm) whose name matches. */
  readonly pkg: Module<PkgParameters, PkgElements, PkgStatistics>;
  /**
   * Evaluates a document of vulnerability or policy tests. `foundanything` is true as soon as one
   * test came back, true or not: look at `masterresult`.
   */
  readonly scribe: Module<ScribeParameters, ScribeElements, ScribeStatistics>;
  /** Finds RSA and DSA keys: private, public, and in authorized_keys. */
  readonly sshkey: Module<SshkeyParameters, SshkeyElements, unknown>;
  /**
   * Gives the local time and compares it with an NTP server. With a drift `foundanything` means
   * that the clock is off by more; without one it is always true.
   */
  readonly timedrift: Module<TimedriftParameters, TimedriftElements, TimedriftStatistics>;
  /** Scans files with yara rules. */
  readonly yara: Module<YaraParameters, YaraElements, unknown>;
  /**
   * An operation of any module, with parameters that are only checked to be JSON.
   *
   * @param module The exact name by which agents know it.
   * @throws {RunnerError} ACTION, when the name is empty or the parameters are not JSON.
   */
  raw(module: string, parameters: unknown, options?: OperationOptions): Operation;
}

/**
 * Operations of the agent's modules, with parameters in MIG's own names. `modules.NAME(..)` makes
 * one, and throws when the agent would refuse it; `modules.NAME.read(..)` reads what it gave.
 *
 * @example
 * ```ts
 * import { type Command, modules } from "mig-runner";
 *
 * export const operation = modules.file(
 *   { searches: { sshd: { paths: ["/etc/ssh"], names: ["^sshd_config$"] } } },
 *   { compress: true },
 * );
 *
 * export function sizes(command: Command): number[] {
 *   return modules.file.hits(command.results[0]).map(({ fileinfo }) => fileinfo.size);
 * }
 * ```
 */
export const modules: Modules = Object.freeze({
  agentdestroy,
  audit,
  dispatch,
  example,
  examplepersist,
  file,
  fswatch,
  memory,
  netstat,
  ping,
  pkg,
  scribe,
  sshkey,
  timedrift,
  yara,
  raw,
});

function raw(module: string, parameters: unknown, options?: OperationOptions): Operation {
  if (typeof module === "string" && module !== "") {
    return makeOperation(module, parameters, options);
  }
  throw new RunnerError("ACTION", "Cannot use modules.raw: the name of a module is wanted");
}
