import { describe, expect, test } from "bun:test";
import { clockHint, isRefusal } from "../../src/mig/answers.ts";

const now = Date.UTC(2026, 10, 23, 15, 56, 19);

describe("isRefusal()", () => {
  test("knows what the API says before it stores an action", () => {
    const refusals = [
      "action name is empty",
      "action target is empty",
      "action operations is empty",
      "action pgpsignatures is empty",
      "action expireafter is in the past",
      "action expireafter is set before action validfrom",
      "wring syntax version, expected 2",
      "VerifySignatures() -> EOF",
      "VerifySignatures() -> openpgp: invalid signature: hash tag doesn't match",
      "unexpected end of JSON input",
      'invalid URL escape "%zz"',
      "Failed to store action: 'pq: value too long for type character varying(2048)'",
    ];
    expect(refusals.filter((message) => !isRefusal(message))).toEqual([]);
  });

  test("leaves open what may have been stored", () => {
    const open = [
      "",
      "something else",
      "Failed to store signature: 'pq: duplicate key value violates unique constraint'",
      "Failed to store signature: 'pq: value too long for type character varying(2048)'",
      "Failed to store action: 'driver: bad connection'",
      "runtime error: invalid memory address or nil pointer dereference",
    ];
    expect(open.filter(isRefusal)).toEqual([]);
  });
});

describe("clockHint()", () => {
  const late = "verifySignedToken() -> token timestamp is not within acceptable time limits";

  test("says by how much the clocks differ", () => {
    expect(clockHint(late, "Mon, 23 Nov 2026 15:45:19 GMT", now)).toContain("660 s ahead of");
    expect(clockHint(late, "Mon, 23 Nov 2026 16:56:19 GMT", now)).toContain("3600 s behind");
    expect(clockHint(late, null, now)).toContain("compare");
  });

  test("says nothing when time is not the matter", () => {
    expect(clockHint("API key authentication failed", null, now)).toBe("");
  });
});
