// Answers: what a simulated agent finds, in the form that the real module gives it.
//
// The same question to the same agent always has the same answer (but for times and durations),
// so that a job can be run again and again while it is written.
import { gunzipSync } from "node:zlib";
import { encodeJson, encodeText, type JsonValue } from "../lib/go/json.ts";
import { formatRfc3339Nano } from "../lib/go/time.ts";
import type { Operation } from "./action.ts";
import type { Agent } from "./fleet.ts";
import { jsonOf, parseJson, plainOf } from "./json.ts";
import {
  durationText,
  type ModuleResult,
  nameFromPattern,
  objectOf,
  type Question,
  Refusal,
  textsOf,
} from "./module.ts";
import { hash, pick, uniform } from "./random.ts";
import { timestampOfMicros } from "./timestamp.ts";
import { fileAnswer, memoryAnswer, sshkeyAnswer, yaraAnswer } from "./traces.ts";

/** Decompressed parameters never grow beyond this. */
const PARAMETERS_MAX_BYTES = 32 * 1024 * 1024;

const ANSWERS: Readonly<Record<string, (question: Question) => ModuleResult>> = {
  agentdestroy: () => ({ success: true, elements: "agent destroyed" }),
  audit: aliveAnswer,
  dispatch: aliveAnswer,
  file: fileAnswer,
  fswatch: aliveAnswer,
  memory: memoryAnswer,
  netstat: netstatAnswer,
  ping: pingAnswer,
  pkg: pkgAnswer,
  scribe: scribeAnswer,
  sshkey: sshkeyAnswer,
  timedrift: timedriftAnswer,
  yara: yaraAnswer,
};

/** A result before any answer. */
export const EMPTY_RESULT: ModuleResult = {};

/** What an agent without the module answers. @see the recorded scenario `reject` */
export function missingModuleResult(module: string): ModuleResult {
  return { errors: [`module '${module}' is not available`] };
}

/** How often agents find what they are asked for, and what the answers depend on. */
export interface AnswerOptions {
  readonly seed: string | number;
  /** 0 to 1: the share of agents that find something. */
  readonly foundRate: number;
  /** Microseconds since the Unix epoch. */
  readonly atMicros: number;
}

/** What the agent answers to one operation whose module it has. */
export function answerOperation(
  agent: Agent,
  operation: Operation,
  options: AnswerOptions,
): ModuleResult {
  const { module } = operation;
  const answer = Object.hasOwn(ANSWERS, module) ? ANSWERS[module] : undefined;
  if (answer === undefined) return { success: true, errors: null };
  try {
    const parameters = parametersOf(operation);
    const label = [options.seed, agent.name, module, encodeJson(jsonOf(parameters))].join(" ");
    const found = uniform(label, "found") < options.foundRate;
    const { atMicros } = options;
    return answer({ agent, module, parameters, atMicros, found, label });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const elements = module === "file" || module === "memory" ? {} : null;
    return { elements, errors: [error.message] };
  }
}

/**
 * The parameters of an operation, decompressed; empty when they are no object.
 *
 * @throws {Refusal} When they cannot be decompressed.
 */
export function parametersOf(
  operation: Pick<Operation, "parameters" | "isCompressed">,
): Readonly<Record<string, unknown>> {
  let parameters: JsonValue = operation.parameters;
  if (operation.isCompressed) {
    try {
      const packed = Buffer.from(String(parameters), "base64");
      parameters = parseJson(
        gunzipSync(packed, { maxOutputLength: PARAMETERS_MAX_BYTES }).toString(),
      );
    } catch (error) {
      throw new Refusal(`DecompressOperationParam() -> ${(error as Error).message}`);
    }
  }
  const plain = plainOf(parameters);
  return typeof plain === "object" && plain !== null && !Array.isArray(plain)
    ? (plain as Record<string, unknown>)
    : {};
}

/** A result as JSON, all five members in the order of the Go struct. */
export function encodeResult(result: ModuleResult): string {
  const { foundanything = false, success = false, errors = null } = result;
  return (
    `{"foundanything":${foundanything},"success":${success},` +
    `"elements":${encodeJson(jsonOf(result.elements))},` +
    `"statistics":${encodeJson(jsonOf(result.statistics))},` +
    `"errors":${errors === null ? "null" : `[${errors.map(encodeText).join(",")}]`}}`
  );
}

function aliveAnswer(): ModuleResult {
  return { foundanything: true, success: true, elements: { ok: true } };
}

function timedriftAnswer({ parameters, atMicros, found, label }: Question): ModuleResult {
  const drift = typeof parameters.drift === "string" ? parameters.drift : "";
  const localtime = formatRfc3339Nano(timestampOfMicros(atMicros));
  const exectime = `${Number((20 + uniform(label, "exec") * 30).toFixed(3))}µs`;
  if (drift === "") {
    return {
      foundanything: true,
      success: true,
      elements: { hascheckeddrift: false, localtime },
      statistics: { exectime },
    };
  }
  if (!/^[+-]?(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/.test(drift)) {
    throw new Refusal(`time: invalid duration ${encodeText(drift)}`);
  }
  const host = "time.nist.gov";
  const text = `${found ? "" : "-"}${Number((uniform(label, "drift") * 900).toFixed(6))}ms`;
  return {
    foundanything: found,
    success: true,
    elements: { hascheckeddrift: true, iswithindrift: !found, drifts: [text], localtime },
    statistics: {
      exectime: durationText(label),
      ntpstats: [{ host, time: localtime, latency: "31.6ms", drift: text, reachable: true }],
    },
  };
}

function pkgAnswer({ agent, parameters, found, label }: Question): ModuleResult {
  const matches = textsOf(objectOf(parameters, "pkgmatch"), "matches");
  if (matches.length === 0) throw new Refusal("must specify at least one package to match");
  const type = /^(?:CentOS|Fedora|Red Hat)/.test(agent.environment.ident) ? "rpm" : "dpkg";
  const packages = matches
    // Whoever finds something has the first package, and perhaps the others.
    .filter((_, index) => found && (index === 0 || uniform(label, "package", index) < 0.5))
    .map((match) => ({
      name: nameFromPattern(match, "package"),
      version: pick(["1.0.2g-1ubuntu4", "1.1.1n-0+deb11u5", "3.0.15-1"], label, match),
      type,
      arch: agent.environment.arch,
    }));
  return {
    foundanything: packages.length > 0,
    success: true,
    elements: { packages },
    statistics: { execruntime: durationText(label) },
  };
}

function netstatAnswer({ agent, parameters, found, label }: Question): ModuleResult {
  const namespace = { namespace: "default" };
  const address = (agent.environment.addresses[0] ?? "192.0.2.1/24").split("/")[0];
  const mac = "52:54:00:12:34:56";
  const hits: Readonly<Record<string, (asked: string) => object>> = {
    localmac: () => ({ localmacaddr: mac, ...namespace }),
    localip: () => ({ localaddr: address, ...namespace }),
    neighbormac: () => ({ remotemacaddr: mac, remoteaddr: "192.0.2.254", ...namespace }),
    neighborip: (asked) => ({ remotemacaddr: mac, remoteaddr: plainIp(asked), ...namespace }),
    connectedip: (asked) => ({
      localaddr: address,
      localport: 32_768 + (hash(label, asked) % 28_000),
      remoteaddr: plainIp(asked),
      remoteport: 443,
      ...namespace,
    }),
    listeningport: (asked) => ({ localaddr: "0.0.0.0", localport: Number(asked), ...namespace }),
  };
  const elements: Record<string, unknown> = {};
  for (const [name, hit] of Object.entries(hits)) {
    const asked = textsOf(parameters, name);
    if (asked.length === 0) continue;
    elements[name] = Object.fromEntries(asked.map((value) => [value, found ? [hit(value)] : null]));
  }
  return {
    foundanything: found && Object.keys(elements).length > 0,
    success: true,
    elements,
    statistics: {
      examined: hash(label, "examined") % 200,
      exectime: durationText(label),
      totalhits: 0,
    },
  };
}

function plainIp(asked: string): string {
  return asked.replace(/\/\d+$/, "").replace(/\.0$/, ".7");
}

function pingAnswer({ parameters, found, label }: Question): ModuleResult {
  const { destination, protocol } = parameters;
  if (protocol !== "icmp" && protocol !== "tcp" && protocol !== "udp") {
    throw new Refusal(`${String(protocol)} is not a supported protocol`);
  }
  if (typeof destination !== "string" || destination === "") {
    throw new Refusal("no destination to ping");
  }
  const count = Math.min(Number(parameters.count) || 3, 100);
  const port = protocol === "icmp" ? "" : `:${Number(parameters.destinationport) || 0}`;
  const latency = (index: number) =>
    Number((0.2 + uniform(label, "latency", index) * 40).toFixed(6));
  return {
    foundanything: found,
    success: true,
    elements: {
      latencies: Array.from({ length: count }, (_, index) => (found ? latency(index) : 9_999_999)),
      protocol,
      resolvedhost: `${destination}${port} (${destination})`,
      failures: found ? null : Array.from({ length: count }, () => "i/o timeout"),
    },
  };
}

function scribeAnswer({ parameters, found, label }: Question): ModuleResult {
  const tests = objectOf(parameters, "scribedoc").tests;
  const list = Array.isArray(tests) ? (tests as Record<string, unknown>[]) : [];
  const results = list
    .map((test, index) => ({
      testid: String(test.test ?? ""),
      name: String(test.name ?? ""),
      description: String(test.description ?? ""),
      tags: Array.isArray(test.tags) ? test.tags : undefined,
      iserror: false,
      error: "",
      masterresult: found && (index === 0 || uniform(label, "test", index) < 0.8),
    }))
    .filter((result) => parameters.onlytrue !== true || result.masterresult)
    .map((result) => ({
      ...result,
      hastrueresults: result.masterresult,
      results: [{ result: result.masterresult, identifier: "openssl" }],
    }));
  return {
    foundanything: results.length > 0,
    success: true,
    elements: {
      results,
      humanoutput: parameters.humanoutput === true,
      jsonoutput: parameters.jsonoutput === true,
    },
    statistics: { execruntime: durationText(label) },
  };
}
