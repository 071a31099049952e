import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { parseFlags } from "../../src/cli/flags.ts";
import { sandbox } from "../../src/cli/sandbox.ts";
import { CONFIG_FLAG } from "../../src/cli/verb.ts";
import { findHostZone } from "../../src/edge/timezone.ts";
import { homeOf, RUNNER_KEY } from "../support/keys.ts";
import { callVerb, Directory } from "../support/verb.ts";

/** Runs the verb until its first line, then ends it as a service manager would. */
async function greet(...argv: readonly string[]): Promise<{ line: string; exit: number }> {
  const { flags, positionals } = parseFlags(argv, [CONFIG_FLAG, ...sandbox.flags]);
  const { promise, resolve } = Promise.withResolvers<string>();
  const terminal = {
    out() {},
    error() {},
    progress() {},
    file() {},
    lines: () => [],
    json: resolve,
  };
  const configPath = flags.text("c") ?? "/nowhere/runner.cfg";
  const environment = { HOME: "/nowhere" };
  const call = {
    flags,
    positionals,
    terminal,
    configPath,
    environment,
    hostZone: findHostZone(""),
  };
  const ended = sandbox.run(call);
  const line = await Promise.race([promise, ended.then(() => "")]);
  process.kill(process.pid, "SIGTERM");
  return { line, exit: await ended };
}

describe("sandbox", () => {
  test("trusts the keys of --keyring, and ends at SIGTERM with 0", async () => {
    const ring = join(homeOf(), "pubring.gpg");
    const { line, exit } = await greet("--keyring", ring, "--json", "--agents", "3");
    expect(exit).toBe(0);
    const { url, investigators } = JSON.parse(line);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/api\/v1\/$/);
    expect(investigators[0].fingerprint).toBe(RUNNER_KEY);
  });

  test("trusts the key of the runner that -c names", async () => {
    await using directory = await Directory.create();
    const { line } = await greet("-c", directory.runnerConfig, "--json");
    expect(JSON.parse(line).investigators[0].fingerprint).toBe(RUNNER_KEY);
  });

  test("says what it cannot start with", async () => {
    const say = async (...argv: string[]) => (await callVerb(sandbox, argv)).thrown;
    expect(await say("--keyring", "/nowhere/ring")).toContain(
      'Cannot read keyring "/nowhere/ring": ',
    );
    expect(await say()).toContain("open /nowhere/runner.cfg: no such file or directory");
    expect(await say("agents")).toBe("sandbox takes flags only");
    const ring = join(homeOf(), "pubring.gpg");
    expect(await say("--keyring", ring, "--port", "0", "--fault", "nonsense")).toContain(
      "nonsense",
    );
    expect(await say("--agents", "9999999")).toContain("flag -agents goes up to");
    expect(await say("--port", "99999")).toContain("flag -port goes up to 65535");
  });
});
