// Untrusted: what comes from outside is answered with a value or a named error, whatever it is.
//
//   FUZZ=100 bun test --timeout=600000 ./test/property/untrusted.test.ts    a hundred times as much
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RUNNER_SCHEMA } from "../../src/config/schemas.ts";
import { parseFromPlugin } from "../../src/edge/plugins/work.ts";
import { RunnerError, RunnerErrors } from "../../src/errors.ts";
import { ENTITY_SCHEMA } from "../../src/jobs/keys.ts";
import { DEFINITION_FILES, loadEntity } from "../../src/jobs/load.ts";
import { parseSchedule } from "../../src/jobs/schedule.ts";
import { PageError } from "../../src/lib/json/fault.ts";
import { actionMistakes, parseTemplate } from "../../src/mig/action.ts";
import { openApi } from "../../src/mig/api.ts";
import { PageSplitter } from "../../src/mig/page.ts";
import { encodeInflight, parseInflight } from "../../src/mig/result.ts";
import { readStoredResult } from "../../src/mig/result-file.ts";
import { parseFromBody } from "../../src/workflow/messages.ts";
import { fakeHttp } from "../support/fake-http.ts";
import { parseToml } from "../support/settings-file.ts";

const encoder = new TextEncoder();

/** Bytes of a text of some tokens, cut, flipped, or any bytes at all. */
function bytesLike(...tokens: readonly string[]): fc.Arbitrary<Uint8Array> {
  const text = fc
    .array(fc.constantFrom(...tokens), { maxLength: 40 })
    .map((parts) => encoder.encode(parts.join("")));
  return fc.oneof(text, damaged(text), fc.uint8Array({ maxLength: 80 }));
}

/** The same bytes with some of them changed, and the end cut off. */
function damaged(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
  return fc.tuple(bytes, flips, fc.nat()).map(([source, places, end]) => {
    const copy = source.slice(0, source.length === 0 ? 0 : 1 + (end % source.length));
    for (const [at, value] of places) if (copy.length > 0) copy[at % copy.length] = value;
    return copy;
  });
}

/** Calls `work`; what it throws must be one of these. */
function throwsOnly(work: () => unknown, ...kinds: readonly (new (...args: never) => Error)[]) {
  try {
    work();
  } catch (error) {
    if (!kinds.some((kind) => error instanceof kind)) throw error;
  }
}

const json = (value: fc.Arbitrary<unknown>): fc.Arbitrary<Uint8Array> =>
  value.map((each) => encoder.encode(JSON.stringify(each)));

const FUZZ = Number(process.env.FUZZ ?? 1);

const runs = { numRuns: 1_000 * FUZZ };

describe("readToml()", () => {
  const bytes = bytesLike(
    "[",
    "]",
    "[[",
    "runner",
    "logging",
    "configuration",
    "plugin",
    ".",
    "=",
    '"',
    "'",
    '"""',
    "\n",
    " ",
    "#",
    "true",
    "1",
    "-",
    "0x",
    "1e9",
    "1979-05-27",
    "{",
    "}",
    ",",
    "\\u00",
    "é",
  );
  test("answers any bytes with values, or with mistakes that name a line", () => {
    fc.assert(
      fc.property(bytes, fc.constantFrom(RUNNER_SCHEMA, ENTITY_SCHEMA), (source, schema) => {
        try {
          parseToml(source, { path: "x.toml", schema });
        } catch (error) {
          expect(error).toBeInstanceOf(RunnerErrors);
          for (const { detail } of (error as RunnerErrors).errors) {
            expect(detail.line).toBeGreaterThanOrEqual(1);
          }
        }
      }),
      runs,
    );
  });
});

describe("a job's files", () => {
  const lines = fc.array(
    fc.tuple(
      fc.constantFrom("schedule", "expiry", "plugin", "plugins", "late", "early", "maxagents", "x"),
      fc.oneof(fc.constantFrom("0 0 * * *", "5m", "true", "-1", "../x", ""), fc.string()),
    ),
    { maxLength: 8 },
  );
  const entity = lines.map((pairs) =>
    encoder.encode(
      `[configuration]\n${pairs.map(([key, value]) => `${key} = "${value}"`).join("\n")}\n`,
    ),
  );
  const names = fc.constantFrom(...DEFINITION_FILES.slice(0, 2));

  test("make an entity whose names stay in their directory, or mistakes", () => {
    fc.assert(
      fc.property(fc.oneof(entity, damaged(entity)), names, (source, name) => {
        const files = new Map([[name, source]]);
        throwsOnly(() => {
          const where = { job: "j", path: "/r/runners/j", defaults: { timezone: null } };
          const loaded = loadEntity({ ...where, files });
          for (const plugin of loaded.plugins) expect(plugin).not.toMatch(/[/\0]|^\.{0,2}$/);
          expect(loaded.expiryMs).toBeGreaterThan(0);
        }, RunnerErrors);
      }),
      runs,
    );
  });

  test("hold a schedule that is read or refused", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) =>
        throwsOnly(() => parseSchedule(text, { timezone: "UTC" }), RunnerError),
      ),
      runs,
    );
  });

  test("hold an action that is read, with its mistakes, or refused with a place", () => {
    const members = fc.record(
      {
        name: fc.jsonValue(),
        target: fc.jsonValue(),
        operations: fc.jsonValue(),
        threat: fc.jsonValue(),
        validfrom: fc.oneof(fc.string(), fc.constant("2026-01-01T00:00:00Z")),
        pgpsignatures: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const bytes = fc.oneof(json(members), damaged(json(members)), json(fc.jsonValue()));
    fc.assert(
      fc.property(bytes, (source) =>
        throwsOnly(() => actionMistakes(parseTemplate(source)), RunnerError),
      ),
      runs,
    );
  });
});

const action = fc.record(
  {
    id: fc.oneof(fc.maxSafeNat(), fc.jsonValue()),
    name: fc.oneof(fc.string(), fc.jsonValue()),
    expireafter: fc.oneof(fc.constant("2026-01-01T00:00:00Z"), fc.jsonValue()),
    pgpsignatures: fc.jsonValue(),
    counters: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const record = fc.record(
  { action: fc.oneof(action, fc.jsonValue()), commands: fc.jsonValue(), name: fc.jsonValue() },
  { requiredKeys: [] },
);

describe("an in-flight record (I9)", () => {
  test("is one with an id, or refused by name", () => {
    fc.assert(
      fc.property(fc.oneof(json(record), damaged(json(record))), (source) =>
        throwsOnly(() => {
          const { actionId, actionBytes, expireAt } = parseInflight(source);
          expect(Number.isSafeInteger(actionId) && actionId > 0).toBe(true);
          expect(Number.isFinite(expireAt)).toBe(true);
          // What was adopted can be written, and is then the same.
          const again = parseInflight(encodeInflight(actionBytes, "j", { plugin: "" }));
          expect(again.actionId).toBe(actionId);
        }, RunnerError),
      ),
      runs,
    );
  });
});

describe("a result file", () => {
  test("is one, or refused as none", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(json(record), damaged(json(record))), async (source) => {
        const chunks = (async function* () {
          yield source;
        })();
        await readStoredResult(chunks).catch((error: unknown) => {
          expect(String(error)).toContain("it is not a result: ");
        });
      }),
      runs,
    );
  });
});

const collection = fc.record({
  collection: fc.record(
    {
      items: fc.oneof(
        fc.array(
          fc.record({
            data: fc.array(
              fc.record({
                name: fc.constantFrom("command", "action", "action ID 7", "agent", "x"),
                value: fc.oneof(action, fc.jsonValue()),
              }),
              { maxLength: 3 },
            ),
          }),
          { maxLength: 3 },
        ),
        fc.jsonValue(),
      ),
      error: fc.jsonValue(),
    },
    { requiredKeys: [] },
  ),
});
const bodies = fc.oneof(
  json(collection),
  damaged(json(collection)),
  bytesLike("<html>", "{", "[", '"', "collection", ":", "items", "]", "}", "no results found"),
);

describe("an answer of the API", () => {
  const status = fc.constantFrom(200, 201, 202, 204, 301, 400, 401, 404, 429, 500, 502, 503);
  test("means something to every question, whatever it is, and is never thrown (T2)", async () => {
    await fc.assert(
      fc.asyncProperty(status, bodies, fc.boolean(), async (code, body, isCut) => {
        const http = fakeHttp(() => ({
          status: code,
          body: [body],
          ...(isCut ? { cut: "the connection was cut" } : {}),
        }));
        const api = openApi({
          http,
          clock: { now: () => 0 },
          url: "http://api.test/",
          nonce: () => 1,
          signer: { sign: () => Promise.resolve("s") },
          apiKey: null,
        });
        const ids: unknown[] = [];
        const created = await api.create("{}");
        if (created.kind === "posted") ids.push(created.actionId);
        const found = await api.findAction({ name: "n", signature: "s" });
        if (found.kind === "found") ids.push(found.actionId);
        for (const id of ids) expect(Number.isSafeInteger(id) && Number(id) > 0).toBe(true);
        const onCommand = (bytes: Uint8Array) =>
          void JSON.parse(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
        await api.commands(7, { offset: 0, limit: 10, onCommand });
        await api.countAgents("id=1");
        expect(http.open()).toBe(0);
      }),
      { numRuns: 500 * FUZZ },
    );
  });

  test("is split or refused, however it is cut", () => {
    fc.assert(
      fc.property(bodies, fc.nat(80), (body, at) =>
        throwsOnly(() => {
          const splitter = new PageSplitter({ itemSizeMax: 1_000, onCommand: () => 0 });
          splitter.push(body.subarray(0, at));
          splitter.push(body.subarray(at));
          splitter.finish();
        }, PageError),
      ),
      runs,
    );
  });
});

describe("what a plugin's or a workflow's thread says", () => {
  const kinds = fc.constantFrom("log", "ended", "begin", "now", "done", "x");
  const message = fc.oneof(
    fc.anything({ withBigInt: true, withDate: true, withMap: true, withSparseArray: true }),
    fc.record({
      kind: kinds,
      level: fc.anything(),
      message: fc.anything(),
      outcome: fc.anything(),
    }),
  );
  test("is a message or nothing", () => {
    fc.assert(
      fc.property(message, (said) => {
        for (const known of [parseFromPlugin(said), parseFromBody(said)]) {
          if (known !== null) expect(typeof known.kind).toBe("string");
        }
      }),
      runs,
    );
  });
});
