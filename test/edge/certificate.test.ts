import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Fit, fitOf } from "../../src/edge/certificate.ts";
import { NAMED } from "../support/tls-names.ts";

const FOLDER = resolve(import.meta.dirname, "../fixtures/tls");
const KEY = readFileSync(`${FOLDER}/server.key`);
const SERVER = readFileSync(`${FOLDER}/server.pem`);

function fit(certificate: string | Uint8Array, key: string | Uint8Array): Fit {
  const bytes = (text: string | Uint8Array) =>
    typeof text === "string" ? new TextEncoder().encode(text) : text;
  return fitOf({ certificate: bytes(certificate), key: bytes(key) });
}

describe("fitOf()", () => {
  test("knows for which names a certificate is, and until when", () => {
    const { isFor, namesHosts, validFrom, validUntil } = fit(SERVER, KEY);
    expect(["localhost", "mig.test", "127.0.0.1"].map(isFor)).toEqual([true, true, true]);
    const others = ["", "test", "a.mig.test", "mig.test.evil.example", "127.0.0.2", "[::1]"];
    expect(others.filter(isFor)).toEqual([]);
    expect(namesHosts).toBe(true);
    expect(new Date(validFrom).toISOString()).toBe("2020-01-01T00:00:00.000Z");
    expect(new Date(validUntil).toISOString()).toBe("2120-01-01T00:00:00.000Z");
  });

  test("takes a star for one label, and addresses of IPv6 as a Host header has them", () => {
    const star = fit(NAMED.certificates.star ?? "", NAMED.key);
    expect(star.isFor("a.example.test")).toBe(true);
    expect(star.isFor("a.b.example.test")).toBe(false);
    const address = fit(NAMED.certificates.address6 ?? "", NAMED.key);
    expect(address.isFor("[::1]")).toBe(true);
    expect(address.isFor("[::2]")).toBe(false);
    expect(fit(NAMED.certificates.common ?? "", NAMED.key).namesHosts).toBe(false);
  });

  test("says which of the two is wrong, and what is wanted", () => {
    const wrong = (certificate: string | Uint8Array, key: string | Uint8Array) => {
      try {
        fit(certificate, key);
        return "";
      } catch (error) {
        const { which, message } = error as { which: string; message: string };
        return `${which}: ${message}`;
      }
    };
    expect(wrong("nonsense", KEY)).toStartWith("certificate: it holds no certificate in PEM");
    expect(wrong(KEY, KEY)).toStartWith("certificate: it holds no certificate in PEM");
    expect(wrong(SERVER, "nonsense")).toStartWith("key: it holds no private key in PEM");
    expect(wrong(SERVER, SERVER)).toStartWith("key: it holds no private key in PEM");
    expect(wrong(SERVER, NAMED.key)).toBe("key: it is not the key of the certificate");
    const encrypted =
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    expect(wrong(SERVER, encrypted)).toStartWith("key: it is encrypted");
  });
});
