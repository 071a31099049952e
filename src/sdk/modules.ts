// Modules: the builders of operations, one for each module of MIG's agent.
//
// A build of the agent has agentdestroy, file, fswatch, netstat, ping, pkg, scribe, sshkey and
// timedrift; the others need a build option. `environment.modules` of an agent tells what it has.
import { RunnerError } from "../errors.ts";
import type { Operation } from "./action.ts";
import { agentdestroy } from "./modules/agentdestroy.ts";
import { example } from "./modules/example.ts";
import { examplepersist } from "./modules/examplepersist.ts";
import { file } from "./modules/file.ts";
import { memory } from "./modules/memory.ts";
import { makeOperation, type OperationOptions } from "./modules/module.ts";
import { netstat } from "./modules/netstat.ts";
import { audit, dispatch, fswatch } from "./modules/persistent.ts";
import { ping } from "./modules/ping.ts";
import { pkg } from "./modules/pkg.ts";
import { scribe } from "./modules/scribe.ts";
import { sshkey } from "./modules/sshkey.ts";
import { timedrift } from "./modules/timedrift.ts";
import { yara } from "./modules/yara.ts";

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
 *   const { elements } = modules.file.read(command.results[0]);
 *   return (elements?.sshd ?? []).map((match) => match.fileinfo.size);
 * }
 * ```
 */
export const modules = {
  /** Kills another agent on the host and deletes its program. Destructive. Never finds anything. */
  agentdestroy,
  /** Tells whether the audit module runs: it reads the kernel's audit messages. */
  audit,
  /** Tells whether the dispatch module runs: it hands alerts on. */
  dispatch,
  /** MIG's sample: the host's name, its addresses, names that it looks up. */
  example,
  /** MIG's sample of a persistent module: echoes a text. */
  examplepersist,
  /** Lists files by name, size, mode, time, content or hash. An entry is no proof of a hit. */
  file,
  /** Tells whether the fswatch module runs: it watches files. */
  fswatch,
  /** Finds processes by name, library or bytes in their memory. */
  memory,
  /** Finds local, neighbour and connected addresses and open ports. */
  netstat,
  /**
   * Tries an address by ICMP, TCP or UDP. A refused TCP port comes back as a failed result; a UDP
   * port that says nothing counts as found.
   */
  ping,
  /** Lists installed packages (dpkg, rpm) whose name matches. */
  pkg,
  /**
   * Evaluates a document of vulnerability or policy tests. `foundanything` is true as soon as one
   * test came back, true or not.
   */
  scribe,
  /** Finds RSA and DSA keys: private, public, and in authorized_keys. */
  sshkey,
  /**
   * Gives the local time and compares it with an NTP server. With a drift `foundanything` means
   * that the clock is off by more; without one it is always true.
   */
  timedrift,
  /** Scans files with yara rules. */
  yara,
  raw,
} as const;

/**
 * An operation of any module, with parameters that are only checked to be JSON.
 *
 * @param module The exact name by which agents know it.
 * @throws {RunnerError} ACTION, when the name is empty or the parameters are not JSON.
 */
function raw(module: string, parameters: unknown, options?: OperationOptions): Operation {
  if (typeof module === "string" && module !== "") {
    return makeOperation(module, parameters, options);
  }
  throw new RunnerError("ACTION", "Cannot use modules.raw: the name of a module is wanted");
}
