// Sandbox: the verb that runs a MIG API with a simulated fleet until it is told to stop.
import { RunnerError } from "../errors.ts";
import { parseFault } from "../sandbox/faults.ts";
import { type Sandbox, startSandbox } from "../sandbox/server.ts";

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
