import { describe, expect, test } from "bun:test";
import {
  AGENTS_MAX,
  createFleet,
  encodeCommandAgent,
  encodeFoundAgent,
} from "../../src/sim/fleet.ts";

const options = { agents: 300, seed: "s", now: Date.parse("2026-11-23T12:00:00Z") };

describe("createFleet()", () => {
  test("is the same for the same seed, and another for another", () => {
    expect(createFleet(options)).toEqual(createFleet(options));
    expect(createFleet({ ...options, seed: "t" })).not.toEqual(createFleet(options));
  });

  test("does not change the first agents when there are more", () => {
    expect(createFleet({ ...options, agents: 5 })).toEqual(createFleet(options).slice(0, 5));
  });

  test("is varied, and every agent has its own name, id and address", () => {
    const fleet = createFleet(options);
    const kinds = new Set(fleet.map(({ environment }) => environment.os));
    expect([...kinds].toSorted()).toEqual(["darwin", "linux", "windows"]);
    for (const values of [
      fleet.map(({ name }) => name),
      fleet.map(({ id }) => id),
      fleet.map(({ environment }) => environment.addresses[0]),
    ]) {
      expect(new Set<unknown>(values).size).toBe(300);
    }
  });

  test("keeps what a test fixes", () => {
    const [agent] = createFleet({ ...options, agents: [{ name: "a", environment: { os: "x" } }] });
    expect(agent).toMatchObject({ name: "a", environment: { os: "x", isProxied: false } });
  });

  test("has a limit", () => {
    expect(() => createFleet({ ...options, agents: AGENTS_MAX + 1 })).toThrow(RangeError);
  });
});

describe("encodeCommandAgent() and encodeFoundAgent()", () => {
  const [agent] = createFleet({
    ...options,
    agents: [
      {
        id: 5,
        name: "a",
        version: "v",
        tags: { b: "<1>", a: "2" },
        environment: {
          init: "upstart",
          ident: "Debian",
          os: "linux",
          arch: "amd64",
          addresses: ["192.0.2.2/24"],
          publicIp: "127.0.0.1",
          modules: ["file"],
        },
      },
    ],
  });
  if (agent === undefined) throw new Error("no agent");
  const environment =
    '"environment":{"init":"upstart","ident":"Debian","os":"linux","arch":"amd64",' +
    '"isproxied":false,"addresses":["192.0.2.2/24"],"publicip":"127.0.0.1","aws":{},' +
    '"modules":["file"]},"tags":{"a":"2","b":"\\u003c1\\u003e"}}';

  test("fill in what the API fills in", () => {
    const zero = '"0001-01-01T00:00:00Z"';
    expect(encodeCommandAgent(agent)).toBe(
      `{"id":5,"name":"a","queueloc":"","mode":"","version":"v","starttime":${zero},` +
        `"destructiontime":${zero},"heartbeatts":${zero},"refreshts":${zero},${environment}`,
    );
    expect(encodeFoundAgent(agent, { byTarget: false })).toContain(`"refreshts":${zero},"status"`);
    expect(encodeFoundAgent(agent, { byTarget: true })).not.toContain(zero);
  });

  test("leave out what is empty", () => {
    const empty = { ident: "", addresses: [], publicIp: "", modules: [] };
    const bare = { ...agent, tags: null, environment: { ...agent.environment, ...empty } };
    expect(encodeCommandAgent(bare)).toEndWith(
      '"environment":{"init":"upstart","os":"linux","arch":"amd64","isproxied":false,"aws":{}}}',
    );
  });
});
