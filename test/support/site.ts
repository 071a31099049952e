// Site: a host that runs mig-runner beside a MIG API: a scenario and a sandbox that trusts its key.
import { copyFile, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/server.ts";
import { Scenario } from "./binary.ts";
import { homeOf, keyFile, LOCKED_KEY, RUNNER_KEY, RUNNER_PASSPHRASE } from "./keys.ts";

export interface SiteOptions {
  /** The key with a passphrase instead of the open one. */
  readonly locked?: boolean;
  readonly sandbox?: Partial<SandboxOptions>;
  /** Lines for the sections of runner.cfg, after those that every site has. */
  readonly runner?: readonly string[];
  readonly client?: readonly string[];
  readonly migrc?: readonly string[];
}

/** An action over all agents that asks for their local time. */
export const ACTION = JSON.stringify({
  name: "what time is it",
  target: "status='online' OR status='idle'",
  operations: [{ module: "timedrift", parameters: { drift: "" } }],
  syntaxversion: 2,
});

export class Site {
  readonly scenario: Scenario;
  readonly sandbox: Sandbox;
  /** The path of runner.cfg. */
  readonly config: string;

  private constructor(scenario: Scenario, sandbox: Sandbox, config: string) {
    this.scenario = scenario;
    this.sandbox = sandbox;
    this.config = config;
  }

  static async create(options: SiteOptions = {}): Promise<Site> {
    const { locked = false } = options;
    const scenario = await Scenario.create();
    const sandbox = await startSandbox({
      agents: 5,
      publicKeys: keyFile("keys/pubring.gpg"),
      behaviour: { speed: 1_000, silentRate: 0, failedRate: 0, timeoutRate: 0 },
      ...options.sandbox,
    });
    await scenario.write("home/.gnupg/README", "keys of this test");
    await copyFile(join(homeOf(), "secring.gpg"), scenario.path("home/.gnupg/secring.gpg"));
    const migrc = [
      "[api]",
      `url = "${sandbox.url}"`,
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
      'mode = "stdout"',
      'level = "debug"',
    ];
    const config = await scenario.write("runner.cfg", `${runner.join("\n")}\n`);
    return new Site(scenario, sandbox, config);
  }

  /** A job that expires after a second, with a schedule that never comes in a test. */
  async job(job: string, lines: readonly string[] = [], action: string = ACTION): Promise<void> {
    const entity = ["[configuration]", 'schedule = "0 0 1 1 *"', 'expiry = "1s"', ...lines];
    await this.scenario.job(job, {
      "entity.cfg": `${entity.join("\n")}\n`,
      "action.json": action,
    });
  }

  run(...argv: string[]) {
    return this.scenario.run([...argv, "-c", this.config]);
  }

  start(...argv: string[]) {
    return this.scenario.start([...argv, "-c", this.config]);
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
    await this.sandbox.close();
  }
}

export interface ResultDocument {
  readonly action: { readonly id: number; readonly name: string };
  readonly commands: readonly { readonly id: number; readonly status: string }[];
  readonly name: string;
  readonly plugin: string;
}
