// Laws of the sandbox: it judges any input, and is stopped by none.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RunnerError } from "../../src/errors.ts";
import { encodeJson } from "../../src/lib/go/json.ts";
import { parseFault } from "../../src/sandbox/faults.ts";
import { answerRequest } from "../../src/sim/api.ts";
import { createFleet } from "../../src/sim/fleet.ts";
import { jsonOf, parseJson, plainOf } from "../../src/sim/json.ts";
import { NO_TWEAKS } from "../../src/sim/search.ts";
import { isLike, SqlError, UnsupportedSql } from "../../src/sim/sql.ts";
import { createStore, REALISTIC } from "../../src/sim/store.ts";
import { parseTarget } from "../../src/sim/target.ts";

const now = Date.parse("2026-11-23T12:00:00Z");

describe("parseJson() and encodeJson()", () => {
  test("read what JSON.stringify writes, and write what JSON.parse reads", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        const read = plainOf(parseJson(text));
        expect(JSON.parse(encodeJson(jsonOf(read)))).toEqual(JSON.parse(text));
      }),
    );
  });

  test("accept and refuse what JSON.parse does", () => {
    const piece = fc.constantFrom(...'{}[]":,0123456789.-+eE\\u tnfalsrue\n'.split(""));
    fc.assert(
      fc.property(fc.string({ unit: piece, maxLength: 12 }), (text) => {
        const accepts = (read: (text: string) => unknown) => {
          try {
            read(text);
            return true;
          } catch {
            return false;
          }
        };
        // Numbers beyond a double are infinite to one and an error to the other.
        fc.pre(!/\d[eE]\+?\d{3}/.test(text));
        expect(accepts(parseJson)).toBe(accepts(JSON.parse));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("parseTarget()", () => {
  const words =
    "name status environment tags and or not in is null like ( ) = <> ->> -> :: jsonb 'a' 'x%' 1 " +
    ", ? " +
    "now interval select true \" ' ; -- case";
  const word = fc.constantFrom(...words.split(" "));

  test("gives a condition that decides, or an error of PostgreSQL or of its own", () => {
    const fleet = createFleet({ agents: 3, seed: 1, now });
    const world = { nowMicros: 0, fleet: [], agentsOf: () => new Set<number>() };
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word).map((list) => list.join(" ")),
        ),
        (text) => {
          try {
            const condition = parseTarget(text);
            for (const agent of fleet)
              expect(condition(agent, world)).toBeOneOf([true, false, null]);
          } catch (error) {
            expect(error instanceof SqlError || error instanceof UnsupportedSql).toBe(true);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("finds an agent by its quoted name, whatever that is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (name) => {
        const [agent] = createFleet({ agents: [{ name }], seed: 1, now });
        const condition = parseTarget(`name='${name.replaceAll("'", "''")}'`);
        const world = { nowMicros: 0, fleet: [], agentsOf: () => new Set<number>() };
        expect(agent !== undefined && condition(agent, world)).toBe(true);
      }),
    );
  });
});

describe("isLike()", () => {
  test("takes every text for itself when its wildcards are escaped", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(isLike(text, text.replace(/[\\%_]/g, "\\$&"), false)).toBe(true);
        expect(isLike(text, "%", false)).toBe(true);
        expect(isLike(text, `${"_".repeat([...text].length)}`, false)).toBe(true);
      }),
    );
  });
});

describe("parseFault()", () => {
  test("gives a fault or a mistake of the operator", () => {
    const piece = fc.constantFrom(
      "drop",
      "500",
      "-after",
      "=7",
      "@create",
      "/once",
      "/every2",
      "x",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 5 }), (pieces) => {
        try {
          expect(parseFault(pieces.join("")).value).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toBeInstanceOf(RunnerError);
        }
      }),
    );
  });
});

describe("answerRequest()", () => {
  test("answers any request with a status and a body that can be read", async () => {
    const store = createStore({
      seed: 1,
      fleet: createFleet({ agents: 3, seed: 1, now }),
      behaviour: REALISTIC,
      script: null,
      createdAt: now,
      note: () => {},
    });
    const trust = {
      investigators: [{ id: 1, name: "r", fingerprint: "A" }],
      apiKeys: new Set(["key"]),
      verify: async () => ({ kind: "good", fingerprint: "A" }) as const,
    };
    const api = { store, trust, host: "http://h", nextId: 1 };
    const path = fc.constantFrom("search", "action/create/", "action", "command", "agent", "ip");
    const name = fc.constantFrom(
      "type",
      "limit",
      "offset",
      "actionid",
      "target",
      "status",
      "after",
    );
    const value = fc.oneof(
      fc.constantFrom("command", "action", "agent", "1", "-1", "1e9", "NaN", "%25", "name%3D'a'"),
      fc.string(),
    );
    const query = fc
      .array(fc.tuple(name, value))
      .map((list) => list.map((p) => p.join("=")).join("&"));
    const action = fc.record({
      name: fc.oneof(fc.string(), fc.jsonValue()),
      target: fc.oneof(fc.constant("id > 0"), fc.string()),
      validfrom: fc.oneof(fc.constant("2026-11-23T12:00:00Z"), fc.string()),
      expireafter: fc.constant("2026-11-23T12:10:00Z"),
      operations: fc.oneof(
        fc.jsonValue(),
        fc.array(
          fc.record({ module: fc.constantFrom("file", "ping", "x"), parameters: fc.jsonValue() }),
        ),
      ),
      pgpsignatures: fc.oneof(fc.constant(["s"]), fc.jsonValue()),
      syntaxversion: fc.constantFrom(2, 2, 1, "2"),
    });
    const body = fc.oneof(
      fc.string(),
      action.map((value) => `action=${encodeURIComponent(JSON.stringify(value).toWellFormed())}`),
    );
    await fc.assert(
      fc.asyncProperty(path, query, body, fc.nat(1_000_000), async (route, search, text, later) => {
        const headers: Record<string, string> = {
          "x-migapikey": "key",
          "content-type": "application/x-www-form-urlencoded",
        };
        const request = {
          method: route === "action/create/" ? "POST" : "GET",
          url: `/api/v1/${route}?${search}`,
          header: (wanted: string) => headers[wanted] ?? null,
          body: Buffer.from(text),
        };
        const reply = await answerRequest(api, request, { now: now + later, tweaks: NO_TWEAKS });
        expect([200, 202, 400, 404, 500]).toContain(reply.status);
        const { body } = reply;
        if (body.startsWith("{")) expect(JSON.parse(body).collection.version).toBe("1.0");
      }),
      { numRuns: 500 },
    );
  });
});
