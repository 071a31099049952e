// The API client, its HTTP and its signatures against the simulated API: the wire from end to end.
import { afterEach, describe, expect, test } from "bun:test";
import { openHttp } from "../../src/lib/http/client.ts";
import { openSigner } from "../../src/lib/pgp/signer.ts";
import {
  dateAction,
  encodeAction,
  parseTemplate,
  signedText,
  withSignature,
} from "../../src/mig/action.ts";
import { openApi } from "../../src/mig/api.ts";
import { type SandboxOptions, startSandbox } from "../../src/sandbox/server.ts";
import { publicKeys, RUNNER_FINGERPRINT } from "../support/investigator.ts";
import { homeOf } from "../support/keys.ts";

const home = homeOf();
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function setup(options: Partial<SandboxOptions> = {}) {
  let now = Date.parse("2026-11-23T12:00:00Z");
  const clock = { now: () => now, sleep: async () => {} };
  const steady = { silentRate: 0, failedRate: 0, timeoutRate: 0 };
  const sandbox = await startSandbox({ publicKeys, clock, behaviour: steady, ...options });
  const http = openHttp({
    skipVerifyCert: false,
    environment: {},
    connectTimeoutMs: 2_000,
    headersTimeoutMs: 5_000,
    idleTimeoutMs: 5_000,
    exchangeTimeoutMs: 10_000,
    connectionsMax: 4,
  });
  closers.push(() => http.close(), sandbox.close);
  const signer = await openSigner({
    home,
    keyId: RUNNER_FINGERPRINT,
    passphrase: null,
    clock,
    environment: { PATH: "" },
  });
  let nonce = 1;
  const { url } = sandbox;
  const api = openApi({ http, clock, url, nonce: () => nonce++, signer, apiKey: null });
  const signed = async (job: string, target: string) => {
    const template = { target, operations: [{ module: "timedrift", parameters: { drift: "" } }] };
    const bytes = new TextEncoder().encode(JSON.stringify(template));
    const action = dateAction(parseTemplate(bytes), {
      name: `mig-runner: ${job}`,
      now,
      expiryMs: 60_000,
    });
    const signature = await signer.sign(new TextEncoder().encode(signedText(action)));
    const { name } = action;
    return { name, signature, body: encodeAction(withSignature(action, signature)) };
  };
  const pass = (ms: number): void => {
    now += ms;
  };
  return { api, pass, sandbox, signed };
}

describe("the API client", () => {
  test("posts, finds again, and collects from 120 agents in pages of 50", async () => {
    const { api, pass, sandbox, signed } = await setup({ agents: 120 });
    const { body, name, signature } = await signed("a_b", "id > 0");
    const posted = await api.create(body);
    if (posted.kind !== "posted") throw new Error(posted.message);
    expect(await api.findAction({ name, signature })).toMatchObject({
      kind: "found",
      actionId: posted.actionId,
      expireAt: posted.expireAt,
    });
    expect(await api.findAction({ name, signature: "other" })).toEqual({ kind: "absent" });
    pass(120_000);
    const ids = new Set<number>();
    for (let offset = 0; ; ) {
      const onCommand = (bytes: Uint8Array) => {
        ids.add(JSON.parse(new TextDecoder().decode(bytes)).id);
      };
      const page = await api.commands(posted.actionId, { offset, limit: 50, onCommand });
      if (page.kind === "failed") throw new Error(page.message);
      if (page.kind === "end") break;
      offset += page.entries;
    }
    expect(ids.size).toBe(120);
    const tokens = sandbox.requests().map(({ headers }) => headers["x-pgpauthorization"]);
    // One token serves all: they came within half its life.
    expect(new Set(tokens).size).toBe(1);
  });

  test("counts the agents of a target", async () => {
    const { api } = await setup({ agents: 7 });
    expect(await api.countAgents("id > 0")).toMatchObject({ kind: "counted", agents: 7 });
    expect(await api.countAgents("name = 'nobody'")).toMatchObject({ agents: 0 });
    expect(await api.countAgents("bogus sql")).toMatchObject({ kind: "failed", status: 500 });
  });

  test("is told why an action is refused", async () => {
    const { api, signed } = await setup();
    const { body } = await signed("job", "");
    expect(await api.create(body)).toMatchObject({
      kind: "unclear",
      refusal: true,
      message: "HTTP 500: action target is empty",
    });
    const tampered = (await signed("job", "id > 0")).body.replace("\\u003e 0", "\\u003e 1");
    expect(await api.create(tampered)).toMatchObject({
      kind: "unclear",
      refusal: true,
    });
  });
});
