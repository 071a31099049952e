import { describe, expect, test } from "bun:test";
import { openLive } from "../../src/cli/live.ts";
import type { Config } from "../../src/config/config.ts";
import { systemClock } from "../../src/edge/clock.ts";
import type { LogLevel } from "../../src/lib/ports.ts";
import type { AlarmOrder, DeliveryOrder, Plugins } from "../../src/ports.ts";
import { startSandbox } from "../../src/sandbox/server.ts";
import { publicKeys } from "../support/investigator.ts";
import { homeOf, RUNNER_KEY } from "../support/keys.ts";

const KEY = {
  home: homeOf(),
  secringPath: `${homeOf()}/secring.gpg`,
  keyId: RUNNER_KEY,
  keyIdPlace: { path: "/x/.migrc" },
  useApiKeyAuth: null,
};

function configOf(changes: {
  readonly url: string;
  readonly keyId?: string;
  readonly deliveriesMax?: number;
  readonly macro?: string;
  readonly level?: LogLevel;
}): Config {
  const { url, keyId = RUNNER_KEY, deliveriesMax = 4, macro = "old", level = "info" } = changes;
  return {
    api: { url, skipVerifyCert: false },
    gpg: { ...KEY, keyId, signers: [keyId], signersPlace: KEY.keyIdPlace },
    client: {
      passphrase: null,
      passphrasePlace: { path: "/x/runner.cfg" },
      timeoutMs: 60_000,
      pageSize: 10,
      collectsMax: 1,
      dispatchesMax: 1,
      deliveriesMax,
      delayResultsMs: 0,
    },
    targets: new Map([[macro, "id > 0"]]),
    blackouts: [{ name: macro }],
    logging: { level },
  } as unknown as Config;
}

/** Plugins that say which configuration they are of. */
function pluginsOf(name: string): Plugins {
  return {
    names: async () => [name],
    check: async () => name,
    deliver: async () => ({ kind: "failed", message: name }),
    alarm: async () => ({ kind: "failed", message: `alarm of ${name}` }),
  };
}

describe("openLive()", () => {
  test("replaces what is behind the same objects, once the new key has been opened", async () => {
    const [old, next] = await Promise.all([
      startSandbox({ publicKeys, agents: 3 }),
      startSandbox({ publicKeys, agents: 5 }),
    ]);
    const levels: (LogLevel | null)[] = [];
    const live = openLive({
      config: configOf({ url: old.url }),
      clock: systemClock(),
      environment: {},
      log: { setLevel: (level) => levels.push(level) },
      plugins: ({ api }) => pluginsOf(api.url === old.url ? "old" : "new"),
    });
    const { api, blackouts, limits, macros, plugins } = live;
    const order = {} as unknown as DeliveryOrder;
    const view = async () => ({
      agents: await api.countAgents("id > 0"),
      deliveries: limits.deliveriesMax,
      macros: [...macros.keys()],
      blackouts: blackouts.map(({ name }) => name),
      plugins: [await plugins.names(), await plugins.check(""), await plugins.deliver(order)],
      alarm: await plugins.alarm?.({} as unknown as AlarmOrder),
    });
    const before = {
      agents: { kind: "counted", agents: 3 },
      deliveries: 4,
      macros: ["old"],
      blackouts: ["old"],
      plugins: [["old"], "old", { message: "old" }],
      alarm: { message: "alarm of old" },
    };
    expect(await view()).toMatchObject(before);

    const unknown = "0123456789ABCDEF0123456789ABCDEF01234567";
    const wrong = configOf({ url: next.url, keyId: unknown, deliveriesMax: 9 });
    await expect(live.prepare(wrong, true)).rejects.toMatchObject({ code: "KEYRING" });
    expect(await view()).toMatchObject(before);

    const changes = { url: next.url, deliveriesMax: 9, macro: "new", level: "debug" } as const;
    const commit = await live.prepare(configOf(changes), true);
    expect(await view()).toMatchObject(before);
    commit();
    expect(await view()).toMatchObject({
      agents: { kind: "counted", agents: 5 },
      deliveries: 9,
      macros: ["new"],
      plugins: [["new"], "new", { message: "new" }],
      alarm: { message: "alarm of new" },
    });
    expect(levels).toEqual(["debug"]);
    live.close();
    await Promise.all([old.close(), next.close()]);
  });

  test("does not ask for a key that is not used", async () => {
    const url = "http://127.0.0.1:1/";
    const live = openLive({
      config: configOf({ url }),
      clock: systemClock(),
      environment: {},
      log: { setLevel() {} },
      plugins: () => pluginsOf("any"),
    });
    const commit = await live.prepare(configOf({ url, keyId: "" }), false);
    commit();
    await expect(live.openKey()).rejects.toMatchObject({ code: "KEYRING" });
    live.close();
  });
});
