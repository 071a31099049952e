import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import type { Operation } from "../../src/sim/action.ts";
import {
  answerOperation,
  EMPTY_RESULT,
  encodeResult,
  missingModuleResult,
} from "../../src/sim/answers.ts";
import { type Agent, createFleet } from "../../src/sim/fleet.ts";
import { jsonOf } from "../../src/sim/json.ts";

const [agent] = createFleet({ agents: 1, seed: 1, now: 0 }) as [Agent];

function operation(module: string, parameters: unknown): Operation {
  return { module, parameters: jsonOf(parameters), isCompressed: false, wantCompressed: false };
}

function ask(module: string, parameters: unknown, found = true) {
  const options = { seed: 1, foundRate: found ? 1 : 0, atMicros: 1_795_435_200_000_000 };
  return JSON.parse(encodeResult(answerOperation(agent, operation(module, parameters), options)));
}

describe("encodeResult()", () => {
  test("writes all five members in the order of the original", () => {
    expect(encodeResult(EMPTY_RESULT)).toBe(
      '{"foundanything":false,"success":false,"elements":null,"statistics":null,"errors":null}',
    );
    expect(encodeResult(missingModuleResult("x"))).toContain(
      `"errors":["module 'x' is not available"]`,
    );
  });
});

describe("answerOperation()", () => {
  test("timedrift answers as the recorded agents did", () => {
    expect(ask("timedrift", { drift: "" })).toEqual({
      foundanything: true,
      success: true,
      elements: { hascheckeddrift: false, localtime: "2026-11-23T12:00:00Z" },
      statistics: { exectime: expect.stringMatching(/^[\d.]+µs$/) },
      errors: null,
    });
    expect(ask("timedrift", null).success).toBe(true);
    expect(ask("timedrift", { drift: "5s" }, false).elements.iswithindrift).toBe(true);
    expect(ask("timedrift", { drift: "5 seconds" })).toMatchObject({
      success: false,
      elements: null,
      errors: ['time: invalid duration "5 seconds"'],
    });
  });

  test("pkg lists packages of the asked names", () => {
    const { elements, foundanything } = ask("pkg", { pkgmatch: { matches: ["^openssl$"] } });
    expect(foundanything).toBe(true);
    expect(elements.packages).toMatchObject([{ name: "openssl", arch: agent.environment.arch }]);
    expect(ask("pkg", {}).errors).toEqual(["must specify at least one package to match"]);
  });

  test("file has one entry a search with matchall, one a check without", () => {
    const search = { paths: ["/etc/ssh"], names: ["^sshd_config$"], contents: ["^Permit"] };
    const seen = ask("file", {
      searches: {
        all: { ...search, options: { matchall: true, maxdepth: 1, returnsha256: true } },
        each: search,
        none: { paths: ["/etc"] },
      },
    });
    expect(seen.elements.all).toMatchObject([
      {
        file: expect.stringMatching(/^(\/etc\/ssh\/sshd_config)?$/),
        search: { ...search, options: { matchall: true, maxdepth: 0, mismatch: null } },
      },
    ]);
    expect(seen.elements.each).toHaveLength(2);
    expect(seen.elements.none).toBeNull();
    expect(seen.statistics.totalhits > 0).toBe(seen.foundanything);
    expect(ask("file", { searches: { s: {} } })).toMatchObject({ success: false, elements: {} });
  });

  test("file without a hit has an entry without a name, which is no proof", () => {
    const seen = ask("file", { searches: { s: { paths: ["/"], names: ["x"] } } }, false);
    expect(seen.foundanything).toBe(false);
    expect(seen.elements.s).toMatchObject([{ file: "", fileinfo: { size: 0, mode: "" } }]);
  });

  test("memory, sshkey, yara, netstat, ping and scribe answer as the real modules", () => {
    expect(ask("memory", { searches: { s: { names: ["/sshd$"] } } }).elements.s).toMatchObject([
      { process: { name: "/sshd", pid: expect.any(Number) }, search: { names: ["/sshd$"] } },
    ]);
    expect(ask("sshkey", { paths: ["/home"] }).elements.keys[0]).toMatchObject({
      path: "/home/.ssh/id_rsa",
      type: "private",
      encrypted: expect.any(Boolean),
    });
    expect(ask("sshkey", {}, false).elements.keys).toBeNull();
    expect(
      ask("yara", { yara: "rule evil { }", filesearch: "-path /bin" }).elements.Matches,
    ).toEqual([{ Object: "/bin/sshd", MatchedRules: ["evil"] }]);
    expect(ask("netstat", { listeningport: ["22"] }).elements).toEqual({
      listeningport: { "22": [{ localaddr: "0.0.0.0", localport: 22, namespace: "default" }] },
    });
    expect(ask("netstat", { connectedip: ["203.0.113.0/24"] }, false).elements).toEqual({
      connectedip: { "203.0.113.0/24": null },
    });
    const ping = { destination: "192.0.2.10", protocol: "tcp", destinationport: 443, count: 2 };
    expect(ask("ping", ping).elements).toMatchObject({
      latencies: [expect.any(Number), expect.any(Number)],
      resolvedhost: "192.0.2.10:443 (192.0.2.10)",
      failures: null,
    });
    expect(ask("ping", { protocol: "smoke" }).success).toBe(false);
    const scribedoc = { objects: [], tests: [{ test: "t", name: "n", object: "o" }] };
    expect(ask("scribe", { scribedoc }).elements.results).toMatchObject([
      { testid: "t", name: "n", iserror: false, masterresult: expect.any(Boolean) },
    ]);
    expect(ask("fswatch", {}).elements).toEqual({ ok: true });
  });

  test.each(["one", "two", "three", "four"])("finds when it is to, and only then: %s", (seed) => {
    const scribedoc = { objects: [], tests: ["a", "b"].map((test) => ({ test, object: "o" })) };
    const search = { paths: ["/etc"], names: ["a"] };
    const asked = {
      file: { searches: { s: search, t: { ...search, options: { matchall: true } } } },
      memory: { searches: { s: { names: ["a"] } } },
      pkg: { pkgmatch: { matches: ["^a$", "^b$"] } },
      ping: { destination: "192.0.2.1", protocol: "icmp" },
      scribe: { scribedoc, onlytrue: true },
      sshkey: { paths: ["/home"] },
      timedrift: { drift: "5s" },
    };
    for (const [module, parameters] of Object.entries(asked)) {
      const found = [1, 0].map((foundRate) => {
        const options = { seed, foundRate, atMicros: 0 };
        return answerOperation(agent, operation(module, parameters), options).foundanything;
      });
      expect([module, ...found]).toEqual([module, true, false]);
    }
  });

  test("reads compressed parameters, and refuses what is not gzip", () => {
    const parameters = gzipSync(JSON.stringify({ pkgmatch: { matches: ["bash"] } }));
    const packed = { ...operation("pkg", parameters.toString("base64")), isCompressed: true };
    const options = { seed: 1, foundRate: 1, atMicros: 0 };
    expect(answerOperation(agent, packed, options)).toMatchObject({ success: true });
    const broken = { ...operation("pkg", "notgzip"), isCompressed: true };
    expect(answerOperation(agent, broken, options).errors?.[0]).toStartWith(
      "DecompressOperationParam() -> ",
    );
  });

  test("gives the same answer to the same question", () => {
    const question = { searches: { s: { paths: ["/etc"], names: ["a"] } } };
    expect(ask("file", question)).toEqual(ask("file", question));
  });
});
