import { describe, expect, test } from "bun:test";
import { adviceFor, clockHint, isRefusal, placeOf } from "../../src/mig/answers.ts";

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

describe("adviceFor()", () => {
  const place = "https://mig.test/api/v1/search";
  const key = "0123456789ABCDEF0123456789ABCDEF01234567";
  const strange = (status: number, message = "") =>
    adviceFor({ status, apiMessage: null, message, place, key });
  const said = (status: number, apiMessage: string) =>
    adviceFor({ status, apiMessage, message: "", place, key });

  test("names the address that no MIG API answers at", () => {
    for (const status of [301, 400, 403, 404, 405, 413, 418, 500, 502, 503, 504]) {
      expect(strange(status)).toContain(place);
    }
    expect(strange(429)).toContain(`${place} is asked more often than it allows`);
    expect(strange(404, "HTTP 404: 404 page not found")).toContain("url in [api] of .migrc");
  });

  test("knows who is asked in plain HTTP on a port of TLS", () => {
    for (const message of [
      "HTTP 400: Client sent an HTTP request to an HTTPS server.",
      "HTTP 400: The plain HTTP request was sent to HTTPS port nginx",
    ]) {
      expect(strange(400, message)).toContain("begin url in [api] of .migrc with https://");
    }
  });

  test("names the key that the API does not know, for a token and for an action", () => {
    for (const message of [
      "Authorization verification failed with error 'verifySignedToken() -> " +
        "GetFingerprintFromSignature() -> openpgp: signature made by unknown entity'",
      "VerifySignatures() -> openpgp: signature made by unknown entity",
    ]) {
      expect(said(401, message)).toContain(`the API does not know the key ${key}: `);
    }
    expect(said(401, "API key authentication failed")).toContain("useapikeyauth");
  });

  test("adds nothing to words of the API that say it all", () => {
    expect(said(500, "action target is empty")).toBe("");
  });
});

describe("placeOf()", () => {
  test("is where a request goes, without credentials and what is asked", () => {
    const base = "https://me:secret@mig.test:1664/api/v1/";
    expect(placeOf(base, "search?type=command&offset=0")).toBe(
      "https://mig.test:1664/api/v1/search",
    );
  });
});
