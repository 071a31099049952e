import { describe, expect, test } from "bun:test";
import { refuseAccess, TOKEN_WINDOW_MS, type Trust } from "../../src/sim/auth.ts";

const now = Date.parse("2026-11-23T12:00:00Z");
const asked: string[] = [];
const trust: Trust = {
  investigators: [{ id: 1, name: "runner", fingerprint: "F" }],
  apiKeys: new Set(["key"]),
  verify: async (text, signature) => {
    asked.push(text);
    return signature === "good"
      ? { kind: "good", fingerprint: "F" }
      : signature === "stranger"
        ? { kind: "good", fingerprint: "G" }
        : { kind: "bad", message: "EOF" };
  },
};

function refuse(headers: Record<string, string>): Promise<string | null> {
  return refuseAccess(trust, (name) => headers[name] ?? null, now);
}

function token(at: number, signature = "good"): Record<string, string> {
  const time = `${new Date(at).toISOString().slice(0, 19)}Z`;
  return { "x-pgpauthorization": `1;${time};nonce;${signature}` };
}

describe("refuseAccess()", () => {
  test("verifies version, time and nonce with a newline at their end", async () => {
    expect(await refuse(token(now))).toBeNull();
    expect(asked.at(-1)).toBe("1;2026-11-23T12:00:00Z;nonce\n");
  });

  test("allows ten minutes to both sides", async () => {
    for (const side of [-1, 1]) {
      expect(await refuse(token(now + side * TOKEN_WINDOW_MS))).toBeNull();
      expect(await refuse(token(now + side * (TOKEN_WINDOW_MS + 1_000)))).toContain(
        "token timestamp is not within acceptable time limits",
      );
    }
  });

  test("refuses bad signatures, strangers and times of another form", async () => {
    expect(await refuse(token(now, "bad"))).toBe(
      "Authorization verification failed with error " +
        "'verifySignedToken() -> GetFingerprintFromSignature() -> EOF'",
    );
    expect(await refuse(token(now, "stranger"))).toContain("no rows in result set");
    const times = ["now", "2026-11-23T12:00:00", "2026-11-23T12:00:00Zx", "2026-02-31T12:00:00Z"];
    for (const time of times) {
      expect(await refuse({ "x-pgpauthorization": `1;${time};n;good` })).toContain("parsing time");
    }
  });

  test("takes an API key only when there is no token", async () => {
    expect(await refuse({ "x-migapikey": "key" })).toBeNull();
    expect(await refuse({ "x-migapikey": "other" })).toContain("API key authentication failed");
    expect(await refuse({ "x-migapikey": "key", "x-pgpauthorization": "x" })).toContain("format");
    expect(await refuse({ "x-pgpauthorization": "" })).toBe(
      "Valid authentication header not found",
    );
  });
});
