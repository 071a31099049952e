import { describe, expect, test } from "bun:test";
import { unmarshal } from "../../src/lib/go/struct.ts";
import { ACTION, COUNTERS, OPERATIONS } from "../../src/mig/model.ts";

const NO_PERMISSIONS =
  '"permissions":{"search":false,"action":false,"action_create":false,"command":false,' +
  '"agent":false,"dashboard":false,"loader":false,"loader_status":false,"loader_expect":false,' +
  '"loader_key":false,"loader_new":false,"manifest":false,"manifest_sign":false,' +
  '"manifest_status":false,"manifest_new":false,"manifest_loaders":false,"investigator":false,' +
  '"investigator_create":false,"investigator_update":false}';

function rewrite(type: typeof ACTION | typeof COUNTERS | typeof OPERATIONS, text: string): string {
  const value = unmarshal(type as typeof ACTION, new TextEncoder().encode(text));
  return (type as typeof ACTION).encode(value);
}

describe("ACTION", () => {
  test("carries an investigator through as the original does", () => {
    const given =
      '{"id":0,"name":"","publickey":"QUJD","privatekey":"","createdat":"2026-01-01T00:00:00Z",' +
      '"lastmodified":"2026-01-01T00:00:00+00:00","apikey":"k","permissions":{"search":true}}';
    expect(rewrite(ACTION, `{"investigators":[${given}]}`)).toContain(
      '"investigators":[{"name":"","pgpfingerprint":"","publickey":"QUJD","status":"",' +
        '"createdat":"2026-01-01T00:00:00Z","lastmodified":"2026-01-01T00:00:00Z","apikey":"k",' +
        `${NO_PERMISSIONS.replace("false", "true")}}],"starttime"`,
    );
  });

  test("leaves out what is empty, but never a time or a struct", () => {
    const zero = "0001-01-01T00:00:00Z";
    expect(rewrite(ACTION, "{}")).toBe(
      '{"id":0,"name":"","target":"","description":{},"threat":{},' +
        `"validfrom":"${zero}","expireafter":"${zero}","operations":null,"pgpsignatures":null,` +
        `"starttime":"${zero}","finishtime":"${zero}","lastupdatetime":"${zero}","counters":{}}`,
    );
  });
});

describe("COUNTERS", () => {
  test("have 64 bits", () => {
    expect(rewrite(COUNTERS, '{"sent":9007199254740993,"done":0,"failed":-1}')).toBe(
      '{"sent":9007199254740993,"failed":-1}',
    );
  });
});

describe("OPERATIONS", () => {
  test("write null for a list that was never given", () => {
    expect(rewrite(OPERATIONS, "null")).toBe("null");
    expect(rewrite(OPERATIONS, "[null]")).toBe('[{"module":"","parameters":null}]');
  });
});
