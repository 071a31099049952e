// Site: a host that runs mig-runner beside a MIG API: a scenario with a configuration, a key ring
// and, in a Site, a sandbox that trusts its key.
import { chmod, copyFile, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/server.ts";
import { type Outcome, type Program, type Running, Scenario, type StartOptions } from "./binary.ts";
import { homeOf, keyFile, LOCKED_KEY, RUNNER_KEY, RUNNER_PASSPHRASE } from "./keys.ts";
import { lifeSeconds } from "./patience.ts";

export interface HostOptions {
  /** `[api] url`. @default a port where nobody listens */
  readonly url?: string;
  /** The key with a passphrase instead of the open one. */
  readonly locked?: boolean;
  /** Lines for the sections of runner.cfg, after those that every host has. */
  readonly runner?: readonly string[];
  readonly client?: readonly string[];
  /** Lines for `[logging]` instead of stdout and debug. */
  readonly logging?: readonly string[];
  /** What to call instead of the form under test. */
  readonly program?: Program;
  /** Lines for `[gpg]` of .migrc, after those that every host has. */
  readonly migrc?: readonly string[];
}

/** Where nobody listens: a connection is refused at once. */
export const NOWHERE = "http://127.0.0.1:1/api/v1/";

/** An action over all agents that asks for their local time. */
export const ACTION = JSON.stringify({
  name: "what time is it",
  target: "status='online' OR status='idle'",
  operations: [{ module: "timedrift", parameters: { drift: "" } }],
  syntaxversion: 2,
});

/** A runner directory with its configuration and key ring; there may be no API. */
export class Host {
  readonly scenario: Scenario;
  /** The path of runner.cfg. */
  readonly config: string;

  protected constructor(scenario: Scenario, config: string) {
    this.scenario = scenario;
    this.config = config;
  }

  static async create(options: HostOptions = {}): Promise<Host> {
    const scenario = await Scenario.create(options.program);
    return new Host(scenario, await furnish(scenario, options));
  }

  /** A job that expires after two seconds or some more, with a schedule that comes in no test. */
  async job(job: string, lines: readonly string[] = [], action: string = ACTION): Promise<void> {
    const expiry = `expiry = "${lifeSeconds(2)}s"`;
    const entity = ["[configuration]", 'schedule = "0 0 1 1 *"', expiry, ...lines];
    await this.scenario.job(job, {
      "entity.cfg": `${entity.join("\n")}\n`,
      "action.json": action,
    });
  }

  run(...argv: string[]): Promise<Outcome> {
    return this.runIn({}, ...argv);
  }

  /** With variables or standard input of its own. */
  runIn(options: StartOptions, ...argv: string[]): Promise<Outcome> {
    return this.scenario.run([...argv, "-c", this.config], options);
  }

  start(...argv: string[]): Running {
    return this.startIn({}, ...argv);
  }

  startIn(options: StartOptions, ...argv: string[]): Running {
    return this.scenario.start([...argv, "-c", this.config], options);
  }

  /** Starts the daemon and waits until it looks after its jobs. */
  async daemon(options: StartOptions = {}): Promise<Running> {
    const daemon = this.startIn(options);
    await daemon.prints(/results processing routine started/);
    return daemon;
  }

  /** The result files of a job, oldest first. */
  async results(job: string): Promise<readonly string[]> {
    const folder = this.scenario.path(`runners/${job}/results`);
    const names = await readdir(folder, { recursive: true }).catch(() => []);
    return names
      .filter((name) => name.endsWith(".json"))
      .sort()
      .map((name) => join(folder, name));
  }

  /** The only result of a job, decoded. */
  async result(job: string): Promise<{ text: string; document: ResultDocument }> {
    const [path, ...others] = await this.results(job);
    if (path === undefined || others.length > 0) throw new Error(`${others.length} more results`);
    const text = await readFile(path, "utf8");
    return { text, document: JSON.parse(text) as ResultDocument };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scenario[Symbol.asyncDispose]();
  }
}

export interface SiteOptions extends Omit<HostOptions, "url"> {
  readonly sandbox?: Partial<SandboxOptions>;
  /** `[api] url` instead of the sandbox's own. */
  readonly address?: (sandbox: Sandbox) => string;
}

/** A host and the API that it speaks to. */
export class Site extends Host {
  readonly sandbox: Sandbox;

  private constructor(scenario: Scenario, config: string, sandbox: Sandbox) {
    super(scenario, config);
    this.sandbox = sandbox;
  }

  static override async create(options: SiteOptions = {}): Promise<Site> {
    const scenario = await Scenario.create(options.program);
    const sandbox = await startSandbox({
      agents: 5,
      publicKeys: keyFile("keys/pubring.gpg"),
      behaviour: { speed: 1_000, silentRate: 0, failedRate: 0, timeoutRate: 0 },
      ...options.sandbox,
    });
    const config = await furnish(scenario, {
      ...options,
      url: options.address?.(sandbox) ?? sandbox.url,
    });
    return new Site(scenario, config, sandbox);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.sandbox.close();
  }
}

/** Writes the key ring, .migrc and runner.cfg; resolves with the path of the last. */
async function furnish(scenario: Scenario, options: HostOptions): Promise<string> {
  const { locked = false, url = NOWHERE } = options;
  await scenario.write("home/.gnupg/README", "keys of this test");
  const ring = scenario.path("home/.gnupg/secring.gpg");
  await copyFile(join(homeOf(), "secring.gpg"), ring);
  await chmod(ring, 0o600);
  const migrc = [
    "[api]",
    `url = "${url}"`,
    "[gpg]",
    `home = "${scenario.path("home/.gnupg")}"`,
    `keyid = "${locked ? LOCKED_KEY : RUNNER_KEY}"`,
    ...(options.migrc ?? []),
  ];
  await scenario.write("home/.migrc", `${migrc.join("\n")}\n`);
  const runner = [
    "[runner]",
    `directory = "${scenario.directory}" ; the scenario`,
    "checkdirectory = 1",
    ...(options.runner ?? []),
    "[client]",
    'clientconfpath = "default"',
    ...(locked ? [`passphrase = "${RUNNER_PASSPHRASE}"`] : []),
    ...(options.client ?? []),
    "[logging]",
    ...(options.logging ?? ['mode = "stdout"', 'level = "debug"']),
  ];
  return await scenario.write("runner.cfg", `${runner.join("\n")}\n`);
}

/** The outcome, when it has this exit status; else an error with all that was printed. */
export function ended(outcome: Outcome, status = 0): Outcome {
  const { exit, signal, stdout, stderr } = outcome;
  if (exit === status) return outcome;
  throw new Error(`Exit ${exit ?? signal}, ${status} is wanted:\n${stdout}${stderr}`);
}

export interface ResultDocument {
  readonly action: { readonly id: number; readonly name: string };
  readonly commands: readonly { readonly id: number; readonly status: string }[];
  readonly name: string;
  readonly plugin: string;
}
