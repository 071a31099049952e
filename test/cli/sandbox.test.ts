import { describe, expect, test } from "bun:test";
import { runSandbox, type SandboxSettings } from "../../src/cli/sandbox.ts";
import { RunnerError } from "../../src/errors.ts";
import { exchange, publicKeys, RUNNER_FINGERPRINT } from "../support/investigator.ts";

const settings: SandboxSettings = {
  port: 0,
  agents: 3,
  seed: "s",
  rings: [{ path: "/keys/pubring.gpg", bytes: publicKeys }],
  apiKeys: [],
  faults: [],
  speed: 10,
  json: false,
};

/** Runs the verb until it has printed `untilLine`, and then stops it. */
async function run(changes: Partial<SandboxSettings>, untilLine: RegExp): Promise<string[]> {
  const lines: string[] = [];
  const stop = new AbortController();
  const print = async (line: string) => {
    lines.push(line);
    if (!untilLine.test(line)) return;
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(lines.join("\n"))?.[1]);
    const answer = await exchange(port, { method: "GET", path: "/api/v1/heartbeat" });
    lines.push(String(answer.status));
    stop.abort();
  };
  const io = { print: (line: string) => void print(line), note: () => {}, signal: stop.signal };
  expect(await runSandbox({ ...settings, ...changes }, io)).toBe(0);
  return lines;
}

describe("runSandbox()", () => {
  test("prints a configuration to copy, serves, and stops at the signal", async () => {
    const lines = await run({ faults: ["drop@create/once"] }, /^Stop/);
    const text = lines.join("\n").replace(/:\d+\/api/g, ":PORT/api");
    expect(text).toBe(
      [
        "A MIG API with 3 simulated agents on http://127.0.0.1:PORT/api/v1/",
        `It trusts the key ${RUNNER_FINGERPRINT} of runner`,
        "It trusts the key B4AF398F5023C283919CBB0C0C085125A1BD5B2C of runner-pp",
        "It simulates the fault drop@create/once",
        "",
        "# A .migrc for it:",
        "[api]",
        '    url = "http://127.0.0.1:PORT/api/v1/"',
        "[gpg]",
        '    home = "/keys"',
        `    keyid = "${RUNNER_FINGERPRINT}"`,
        "",
        "Stop with Ctrl-C",
        "200",
      ].join("\n"),
    );
  });

  test("prints one line of JSON when asked to", async () => {
    const [line = ""] = await run({ json: true }, /^\{/);
    expect(JSON.parse(line)).toMatchObject({
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/api\/v1\/$/),
      investigators: [{ fingerprint: RUNNER_FINGERPRINT }, {}],
    });
  });

  test("does not start without a key to trust, nor with an unknown fault", async () => {
    const io = { print: () => {}, note: () => {}, signal: AbortSignal.abort() };
    expect(runSandbox({ ...settings, rings: [] }, io)).rejects.toThrow(RunnerError);
    expect(runSandbox({ ...settings, faults: ["x"] }, io)).rejects.toThrow(RunnerError);
  });
});
