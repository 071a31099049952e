import { describe, expect, test } from "bun:test";
import { openWire } from "../../src/cli/wire.ts";
import { Secret } from "../../src/config/secret.ts";
import { systemClock } from "../../src/edge/clock.ts";
import { startSandbox } from "../../src/sandbox/server.ts";
import { publicKeys } from "../support/investigator.ts";
import { homeOf, LOCKED_KEY, RUNNER_KEY, RUNNER_PASSPHRASE } from "../support/keys.ts";

/** As the configuration has it, with this key. */
function configOf(url: string, keyId: string, signers: readonly string[] = [keyId]) {
  return {
    api: { url, skipVerifyCert: false },
    gpg: {
      home: homeOf(),
      secringPath: `${homeOf()}/secring.gpg`,
      keyId,
      keyIdPlace: { path: "/x/.migrc" },
      useApiKeyAuth: null,
      signers,
      signersPlace: { path: "/x/.migrc", line: 7 },
    },
    client: {
      passphrase: new Secret(RUNNER_PASSPHRASE),
      passphrasePlace: { path: "/x/runner.cfg" },
      passphraseFile: null,
      delayResultsMs: 0,
      pageSize: 10,
      timeoutMs: 60_000,
      collectsMax: 1,
      dispatchesMax: 1,
      deliveriesMax: 1,
      pluginTimeoutMs: 1_000,
      pluginGraceMs: 1_000,
    },
  };
}

describe("openWire()", () => {
  test("reads the key and sends something only when it is asked to", async () => {
    const sandbox = await startSandbox({ publicKeys, agents: 3 });
    const seen: (number | null)[] = [];
    const wire = openWire({
      config: configOf(sandbox.url, RUNNER_KEY),
      clock: systemClock(),
      environment: {},
      seen: (answer) => seen.push(answer.kind === "answer" ? answer.status : null),
    });
    expect([wire.signers[0].fingerprint(), sandbox.requests()]).toEqual([null, []]);
    expect(await wire.api.countAgents("id > 0")).toMatchObject({ kind: "counted", agents: 3 });
    expect(await wire.api.mayCreate()).toEqual({ kind: "allowed" });
    expect([wire.signers[0].fingerprint(), seen]).toEqual([RUNNER_KEY, [200, 200]]);
    wire.close();
    await sandbox.close();
  });

  test("tries a key again that could not be opened", async () => {
    const wire = openWire({
      config: configOf("http://127.0.0.1:1/", "0123456789ABCDEF0123456789ABCDEF01234567"),
      clock: systemClock(),
      environment: {},
    });
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(wire.openKeys()).rejects.toMatchObject({ code: "KEYRING" });
    }
    wire.close();
  });

  test("opens each key that signs, and says which of them cannot be opened", async () => {
    const options = { clock: systemClock(), environment: {} };
    const both = configOf("http://127.0.0.1:1/", RUNNER_KEY, [LOCKED_KEY, RUNNER_KEY]);
    const wire = openWire({ ...options, config: both });
    await wire.openKeys();
    expect(wire.signers.map((signer) => signer.fingerprint())).toEqual([LOCKED_KEY, RUNNER_KEY]);
    wire.close();
    const unknown = "0123456789ABCDEF0123456789ABCDEF01234567";
    const wrong = configOf("http://127.0.0.1:1/", RUNNER_KEY, [RUNNER_KEY, unknown]);
    const broken = openWire({ ...options, config: wrong });
    await expect(broken.openKeys()).rejects.toMatchObject({
      code: "KEYRING",
      detail: { path: "/x/.migrc", line: 7 },
    });
    broken.close();
    // The API would store the action, and no agent would take it.
    const twice = configOf("http://127.0.0.1:1/", RUNNER_KEY, [RUNNER_KEY, RUNNER_KEY.slice(-16)]);
    const doubled = openWire({ ...options, config: twice });
    const refusal = {
      code: "KEYRING",
      message: expect.stringContaining(`${RUNNER_KEY} is listed twice`),
    };
    await expect(doubled.openKeys()).rejects.toMatchObject(refusal);
    await expect(doubled.signers[0].sign(new Uint8Array(3))).rejects.toMatchObject(refusal);
    doubled.close();
  });
});
