// Sandbox: the verb that runs a MIG API with a simulated fleet until it is told to stop.
import { loadConfig } from "../config/config.ts";
import { readBytes } from "../edge/files.ts";
import { onSignals } from "../edge/signals.ts";
import { RunnerError } from "../errors.ts";
import { errnoText } from "../lib/os/errno.ts";
import { loadPublicRing } from "../lib/pgp/public.ts";
import { FAULT_FORM, FAULT_NAMES, parseFault } from "../sandbox/faults.ts";
import { type Sandbox, startSandbox } from "../sandbox/server.ts";
import { UsageError } from "./flags.ts";
import { sourcesOf } from "./open.ts";
import { wrapText } from "./text.ts";
import { type Call, JSON_FLAG, type Verb } from "./verb.ts";

/** A key ring whose owner the sandbox trusts. */
export interface TrustedRing {
  /** Where it was read from, for the printed configuration. */
  readonly path: string;
  /** Armored or binary, of public or secret keys. */
  readonly bytes: Uint8Array;
}

/** The parsed command line of `mig-runner sandbox`. */
export interface SandboxSettings {
  /** 0 takes any free port. */
  readonly port: number;
  readonly agents: number;
  readonly seed: string;
  /** From --keyring, or the key ring of the runner that -c names. */
  readonly rings: readonly TrustedRing[];
  readonly apiKeys: readonly string[];
  /** As in sandbox/faults.ts. */
  readonly faults: readonly string[];
  /** How many times sooner answers come; 1 spreads them over the expiry. */
  readonly speed: number;
  readonly json: boolean;
}

/** Where the verb prints, and what ends it. */
export interface SandboxIo {
  /** One line to standard output. */
  readonly print: (line: string) => void;
  /** One line to standard error. */
  readonly note: (line: string) => void;
  /** Aborts at SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

/** Where init's .migrc points: the port of a real MIG API. */
const PORT_DEFAULT = 1664;

const AGENTS_DEFAULT = 20;
const AGENTS_MAX = 1_000_000;
const PORT_MAX = 65_535;

export const sandbox: Verb = {
  usage: "[--keyring FILE] [--port N] [--agents N] [--speed N] [--fault F,...] [--json]",
  flags: [
    { name: "keyring", kind: "text", value: "FILE", help: "Trust the keys in this file" },
    {
      name: "port",
      kind: "number",
      value: "N",
      help: `Port on 127.0.0.1, 0 for any free one (default ${PORT_DEFAULT}; with --json 0)`,
    },
    { name: "agents", kind: "number", value: "N", help: `Agents (default ${AGENTS_DEFAULT})` },
    { name: "seed", kind: "text", value: "TEXT", help: "What all made-up values depend on" },
    {
      name: "speed",
      kind: "number",
      value: "N",
      help: "How many times sooner than in a real fleet the answers come (default 1)",
    },
    { name: "apikey", kind: "text", value: "KEY,...", help: "Accept these API keys as well" },
    { name: "fault", kind: "text", value: "F,...", help: "What is to go wrong, see below" },
    JSON_FLAG,
  ],
  help:
    "Runs a MIG API with a simulated fleet on loopback until Ctrl-C, to try jobs and plugins\n" +
    "without MIG. It refuses what the real API refuses: an action must be signed by a key that it\n" +
    "trusts. Without --keyring it trusts the key of the runner that -c names. With --json it\n" +
    'prints one line, {"url","investigators"}.\n\n' +
    `A fault is ${FAULT_FORM}, with NAME\n` +
    `${wrapText(`one of ${FAULT_NAMES.join(", ")}.`, "").join("\n")}\n\n` +
    "Examples:\n" +
    "  mig-runner -c runner.cfg sandbox --agents 500 --speed 20\n" +
    "  mig-runner sandbox --keyring secring.gpg --fault 500@create/once,cut@search/every3",
  async run(call) {
    const { flags, terminal, positionals } = call;
    if (positionals.length > 0) throw new UsageError("sandbox takes flags only");
    const agents = flags.number("agents", 0) ?? AGENTS_DEFAULT;
    if (agents > AGENTS_MAX) throw new UsageError(`flag -agents goes up to ${AGENTS_MAX}`);
    const port = flags.number("port", 0) ?? (flags.has("json") ? 0 : PORT_DEFAULT);
    const faults = listOf(flags.text("fault"));
    // Before a configuration is asked for.
    for (const fault of faults) parseFault(fault);
    if (port > PORT_MAX) throw new UsageError(`flag -port goes up to ${PORT_MAX}`);
    const settings = {
      port,
      agents,
      seed: flags.text("seed") ?? "mig",
      rings: await ringsOf(call),
      apiKeys: listOf(flags.text("apikey")),
      faults,
      speed: flags.number("speed", 1) ?? 1,
      json: flags.has("json"),
    };
    const stop = new AbortController();
    const signals = onSignals({ stop: () => stop.abort(), scan() {} });
    try {
      return await runSandbox(settings, {
        print: (line) => (settings.json ? terminal.json(line) : terminal.out([line])),
        note: (line) => terminal.error([line]),
        signal: stop.signal,
      });
    } finally {
      signals.close();
    }
  },
};

function listOf(text: string | null): readonly string[] {
  return text === null ? [] : text.split(",").filter((part) => part !== "");
}

/** The key ring of --keyring, or that of the runner whose configuration -c names. */
async function ringsOf(call: Call): Promise<readonly TrustedRing[]> {
  const path = call.flags.text("keyring");
  if (path !== null) return [{ path, bytes: await readRing(path) }];
  const { config } = await loadConfig(sourcesOf(call));
  return [await loadPublicRing({ home: config.gpg.home, environment: call.environment })];
}

async function readRing(path: string): Promise<Uint8Array> {
  try {
    return await readBytes(path);
  } catch (cause) {
    const message = `Cannot read keyring "${path}": ${errnoText(cause)}`;
    throw new RunnerError("KEYRING", message, {}, { cause });
  }
}

/**
 * Runs a sandbox until the signal. It is strict, as MIG is: without a key to trust it does not
 * start, because a job that is not signed by the right key must fail here as well.
 *
 * @returns The exit status, 0.
 * @throws {RunnerError} USAGE without a key, for an unknown fault, or when the port is taken.
 */
export async function runSandbox(settings: SandboxSettings, io: SandboxIo): Promise<number> {
  if (settings.rings.length === 0) {
    throw new RunnerError("USAGE", "Cannot start sandbox: it has no key to trust", {
      hint: "Use --keyring FILE, or -c FILE to trust the key of that runner",
    });
  }
  const sandbox = await startSandbox({
    port: settings.port,
    agents: settings.agents,
    seed: settings.seed,
    publicKeys: settings.rings.map(({ bytes }) => bytes),
    apiKeys: settings.apiKeys,
    faults: settings.faults.map(parseFault),
    behaviour: { speed: settings.speed },
    note: io.note,
  });
  try {
    for (const line of settings.json ? [jsonLine(sandbox)] : greeting(sandbox, settings)) {
      io.print(line);
    }
    await aborted(io.signal);
  } finally {
    await sandbox.close();
  }
  return 0;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function jsonLine(sandbox: Sandbox): string {
  const { url, investigators } = sandbox;
  return JSON.stringify({ url, investigators });
}

function greeting(sandbox: Sandbox, settings: SandboxSettings): string[] {
  const [first] = sandbox.investigators;
  const home = settings.rings[0]?.path.replace(/\/?[^/]*$/, "") ?? "";
  return [
    `A MIG API with ${settings.agents} simulated agents on ${sandbox.url}`,
    ...sandbox.investigators.map(
      ({ name, fingerprint }) => `It trusts the key ${fingerprint} of ${name}`,
    ),
    ...settings.faults.map((fault) => `It simulates the fault ${fault}`),
    "",
    "# A .migrc for it:",
    "[api]",
    `    url = "${sandbox.url}"`,
    "[gpg]",
    `    home = "${home === "" ? "." : home}"`,
    `    keyid = "${first?.fingerprint ?? ""}"`,
    "",
    "Stop with Ctrl-C",
  ];
}
