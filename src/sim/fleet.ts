// Fleet: the simulated agents, and how the API prints them.
import { encodeJson, encodeText } from "../lib/go/json.ts";
import { formatRfc3339Nano, ZERO_TIME } from "../lib/go/time.ts";
import { jsonOf } from "./json.ts";
import { hash, hexDigits, pick, shuffled, uniform } from "./random.ts";
import { timestampOfMicros } from "./timestamp.ts";

/** The environment of an agent, as its heartbeat reports it. */
export interface Environment {
  readonly init: string;
  readonly ident: string;
  readonly os: string;
  readonly arch: string;
  readonly isProxied: boolean;
  readonly addresses: readonly string[];
  readonly publicIp: string;
  readonly modules: readonly string[];
}

/** A simulated agent. */
export interface Agent {
  readonly id: number;
  readonly name: string;
  readonly queueLocation: string;
  readonly mode: "daemon" | "checkin";
  readonly version: string;
  readonly pid: number;
  /** Microseconds since the Unix epoch. */
  readonly startMicros: number;
  readonly heartbeatMicros: number;
  /** Only online and idle agents get commands. */
  readonly status: "online" | "idle" | "offline" | "destroyed";
  readonly environment: Environment;
  /** Null is the JSON null that agents without tags have. */
  readonly tags: Readonly<Record<string, string>> | null;
}

/** What a test may fix of an agent; the rest is made up from the seed. */
export type AgentSpec = Partial<Omit<Agent, "environment">> & {
  readonly environment?: Partial<Environment>;
};

/** How the fleet is made. */
export interface FleetOptions {
  /** How many agents, or what is to be fixed of each. */
  readonly agents: number | readonly AgentSpec[];
  readonly seed: string | number;
  /** Milliseconds since the Unix epoch: when the sandbox began. */
  readonly now: number;
}

/** More agents than this are refused: a page of all their commands would not fit in memory. */
export const AGENTS_MAX = 100_000;

const SITES = ["scl3", "phx1", "ams1", "use1"] as const;
const ROLES = ["web", "db", "build", "mail", "proxy", "admin"] as const;
const OPERATORS = ["IT", "opsec", "releng", "<ops & co>"] as const;
const LINUXES = [
  "Debian 12 bookworm",
  "Ubuntu 22.04 jammy",
  "Ubuntu 16.04 xenial",
  "CentOS Linux 7 (Core)",
] as const;
/** The modules of a default build, and the two that need a build option but that jobs like most. */
const MODULES = [
  "agentdestroy",
  "file",
  "fswatch",
  "memory",
  "netstat",
  "ping",
  "pkg",
  "scribe",
  "sshkey",
  "timedrift",
  "yara",
] as const;
const VERSION = "20190611-0.9e7e4f52.prod";
const OLD_VERSION = "20170913-0.a1b2c3d.prod";
const HOUR_MICROS = 3_600_000_000;
/** The first agent id. Real ids grow from the second in which the agent's API was started. */
const FIRST_AGENT_ID = 28_061_811_146_753;

/**
 * The fleet, in the order of its ids.
 *
 * @throws {RangeError} above AGENTS_MAX agents.
 */
export function createFleet(options: FleetOptions): Agent[] {
  const specs =
    typeof options.agents === "number"
      ? Array.from({ length: options.agents }, (): AgentSpec => ({}))
      : options.agents;
  if (specs.length > AGENTS_MAX) {
    throw new RangeError(`Cannot simulate ${specs.length} agents: the limit is ${AGENTS_MAX}`);
  }
  return specs.map((spec, index) => createAgent(spec, index, options));
}

function createAgent(spec: AgentSpec, index: number, { seed, now }: FleetOptions): Agent {
  const label = [seed, "agent", index];
  const number = String(index + 1).padStart(2, "0");
  const role = pick(ROLES, ...label, "role");
  const site = pick(SITES, ...label, "site");
  const os = osOf(uniform(...label, "os"));
  const { environment, ...rest } = spec;
  return {
    id: FIRST_AGENT_ID + index,
    name: `${role}${number}.${site}.example.net`,
    queueLocation: `${os}.${hexDigits(40, ...label, "queue")}`,
    mode: uniform(...label, "mode") < 0.9 ? "daemon" : "checkin",
    version: uniform(...label, "version") < 0.85 ? VERSION : OLD_VERSION,
    pid: 300 + (hash(...label, "pid") % 60_000),
    startMicros: now * 1000 - Math.floor((1 + uniform(...label, "up") * 2000) * HOUR_MICROS),
    heartbeatMicros: now * 1000 - Math.floor(uniform(...label, "heartbeat") * 300_000_000),
    status: uniform(...label, "status") < 0.9 ? "online" : "idle",
    environment: { ...createEnvironment(os, index, label), ...environment },
    tags: uniform(...label, "tags") < 0.1 ? null : tagsOf(site, role, label),
    ...rest,
  };
}

function osOf(draw: number): "linux" | "darwin" | "windows" {
  if (draw < 0.8) return "linux";
  return draw < 0.92 ? "darwin" : "windows";
}

function tagsOf(site: string, role: string, label: readonly (string | number)[]) {
  return { operator: pick(OPERATORS, ...label, "operator"), role, site };
}

function createEnvironment(
  os: "linux" | "darwin" | "windows",
  index: number,
  label: readonly (string | number)[],
): Environment {
  const third = Math.floor(index / 250) % 256;
  const fourth = (index % 250) + 2;
  const ident = { linux: pick(LINUXES, ...label, "ident"), darwin: "10.14.6", windows: "Windows" };
  const init = { linux: "systemd", darwin: "launchd", windows: "windows" };
  return {
    init: init[os],
    ident: ident[os],
    os,
    arch: uniform(...label, "arch") < 0.95 ? "amd64" : "arm64",
    isProxied: false,
    addresses: [`10.22.${third}.${fourth}/24`, `fe80::${(index + 2).toString(16)}/64`],
    publicIp: `203.0.113.${(index % 250) + 2}`,
    modules: shuffled(MODULES, ...label, "modules"),
  };
}

/** The environment as JSON, its members in the order of the Go struct. */
export function encodeEnvironment(environment: Environment): string {
  const { init, ident, os, arch, isProxied, addresses, publicIp, modules } = environment;
  const members = [
    ["init", init],
    ["ident", ident],
    ["os", os],
    ["arch", arch],
  ].filter(([, value]) => value !== "");
  const texts = members.map(([name, value]) => `"${name}":${encodeText(value ?? "")},`).join("");
  const list = addresses.length === 0 ? "" : `"addresses":${encodeJson(addresses)},`;
  const ip = publicIp === "" ? "" : `"publicip":${encodeText(publicIp)},`;
  const loaded = modules.length === 0 ? "" : `,"modules":${encodeJson(modules)}`;
  return `{${texts}"isproxied":${isProxied},${list}${ip}"aws":{}${loaded}}`;
}

function encodeTags({ tags }: Agent): string {
  return tags === null ? "" : `,"tags":${encodeJson(jsonOf(tags))}`;
}

const UNSET = formatRfc3339Nano(ZERO_TIME);
const FOREVER = "9998-01-11T11:11:11Z";

/** Agents as their commands hold them: a fleet has many commands for each. */
const commandAgents = new WeakMap<Agent, string>();

/** The agent as a command holds it: the API fills in five of its members. */
export function encodeCommandAgent(agent: Agent): string {
  const known = commandAgents.get(agent);
  if (known !== undefined) return known;
  const encoded =
    `{"id":${agent.id},"name":${encodeText(agent.name)},"queueloc":"","mode":"",` +
    `"version":${encodeText(agent.version)},"starttime":"${UNSET}",` +
    `"destructiontime":"${UNSET}","heartbeatts":"${UNSET}","refreshts":"${UNSET}",` +
    `"environment":${encodeEnvironment(agent.environment)}${encodeTags(agent)}}`;
  commandAgents.set(agent, encoded);
  return encoded;
}

/** The agent as a command holds it that was asked for by its id. */
export function encodeSingleCommandAgent(agent: Agent): string {
  return (
    `{"id":${agent.id},"name":${encodeText(agent.name)},` +
    `"queueloc":${encodeText(agent.queueLocation)},"mode":"${agent.mode}",` +
    `"version":${encodeText(agent.version)},"starttime":"${UNSET}",` +
    `"destructiontime":"${UNSET}","heartbeatts":"${UNSET}","refreshts":"${UNSET}",` +
    `"environment":{"isproxied":false,"aws":{}}}`
  );
}

/** The agent as a search prints it; only a search by target knows the time of its last refresh. */
export function encodeFoundAgent(agent: Agent, { byTarget }: { byTarget: boolean }): string {
  const time = (micros: number) => formatRfc3339Nano(timestampOfMicros(micros));
  return (
    `{"id":${agent.id},"name":${encodeText(agent.name)},` +
    `"queueloc":${encodeText(agent.queueLocation)},"mode":"${agent.mode}",` +
    `"version":${encodeText(agent.version)},"pid":${agent.pid},` +
    `"starttime":"${time(agent.startMicros)}","destructiontime":"${FOREVER}",` +
    `"heartbeatts":"${time(agent.heartbeatMicros)}",` +
    `"refreshts":"${byTarget ? time(agent.startMicros) : UNSET}","status":"${agent.status}",` +
    `"environment":${encodeEnvironment(agent.environment)}${encodeTags(agent)}}`
  );
}
