import { describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { openHttp } from "../../../src/lib/http/client.ts";
import { type Certificate, identityProblem, serverNameOf } from "../../../src/lib/http/identity.ts";
import { Scratch } from "../../support/edge.ts";
import { answerWith, startRawServer } from "../../support/raw-server.ts";
import { CHAIN_CASES, NAME_CASES, NAMED } from "../../support/tls-names.ts";

/** A certificate as a connection has it, with the authority above it. */
function certificate(name: string): Certificate {
  const [raw, ...others] = [NAMED.certificates[name] ?? "", NAMED.authority].flatMap((text) =>
    text.split(/(?<=-----END CERTIFICATE-----\n)/).map((pem) => new X509Certificate(pem).raw),
  );
  if (raw === undefined) throw new Error(`there is no certificate ${name}`);
  const chain = others.reduceRight<Certificate | undefined>(
    (issuer, above) => ({ raw: above, issuerCertificate: issuer }),
    undefined,
  );
  const subject = /^CN=(.*)$/m.exec(new X509Certificate(raw).subject)?.[1] ?? "";
  return { raw, subject: { CN: subject }, issuerCertificate: chain };
}

describe("identityProblem()", () => {
  test.each(NAME_CASES)("of %s for %j: is meant: %p", (name, host, isMeant) => {
    expect(identityProblem(host, certificate(name)) === null).toBe(isMeant);
  });

  test("has a case for each certificate", () => {
    const tried = new Set([...NAME_CASES, ...CHAIN_CASES].map(([name]) => name));
    expect([...tried].toSorted()).toEqual(Object.keys(NAMED.certificates).toSorted());
  });

  test.each([
    ["common-name", "localhost", "its certificate is for other.example, not for localhost"],
    ["address", "localhost", "its certificate is for address 127.0.0.1, not for localhost"],
    [
      "common",
      "localhost",
      "its certificate names no host; its common name localhost does not count: " +
        "it needs localhost as a DNS name in subjectAltName",
    ],
    [
      "common-email",
      "127.0.0.1",
      "its certificate names no host; its common name localhost does not count: " +
        "it needs 127.0.0.1 as an IP address in subjectAltName",
    ],
    ["latin", "localhost", "its certificate cannot be read: a DNS name in it is not ASCII"],
    ["nul", "localhost", String.raw`its certificate is for localhost\u0000.evil.eg, not for`],
    ["sha1", "localhost", "its certificate is signed with SHA-1, which can be forged"],
    ["by-middle-sha1", "localhost", "an authority above its certificate is signed with SHA-1"],
  ])("of %s for %s says what to do", (name, host, told) => {
    expect(identityProblem(host, certificate(name))).toContain(told);
  });

  test("does not mind how the anchor is signed", () => {
    const [{ raw }] = [certificate("sha1")];
    const leaf = certificate("name");
    expect(identityProblem("localhost", { ...leaf, issuerCertificate: { raw } })).toBeNull();
  });

  test("says of bytes that are no certificate that they are none", () => {
    const { raw } = certificate("name");
    for (let size = 0; size < raw.length; size += 7) {
      const torn = { raw: raw.subarray(0, size) };
      expect(identityProblem("localhost", torn)).toStartWith("its certificate cannot be read: ");
    }
  });
});

describe("serverNameOf()", () => {
  test.each([
    ["api.example", "api.example"],
    ["api.example.", "api.example"],
    ["127.0.0.1", undefined],
    ["::1", undefined],
    [".", undefined],
  ])("of %s is %p", (host, name) => expect(serverNameOf(host)).toBe(name));
});

describe("a connection", () => {
  const here = NAME_CASES.filter(([, host]) => host === "localhost" || host === "127.0.0.1");

  test.each([...here, ...CHAIN_CASES])("to %s for %s is made: %p", async (name, host, isMeant) => {
    using scratch = new Scratch();
    const tls = { key: NAMED.key, cert: NAMED.certificates[name] ?? "" };
    const hello = answerWith("hello");
    const server = await startRawServer({
      tls,
      onRequest: (_, socket) => socket.write(hello),
    });
    await using _ = { [Symbol.asyncDispose]: () => server.close() };
    const environment = { SSL_CERT_FILE: scratch.file("ca.pem", NAMED.authority) };
    const limits = { connectTimeoutMs: 20_000, headersTimeoutMs: 20_000, idleTimeoutMs: 20_000 };
    const exchange = { exchangeTimeoutMs: 60_000, connectionsMax: 1 };
    const open = (skipVerifyCert: boolean) =>
      openHttp({ skipVerifyCert, environment, ...limits, ...exchange });
    const request = { method: "GET", url: `https://${host}:${server.port}/`, headers: [] } as const;
    const answer = await open(false).send(request);
    expect(answer.kind).toBe(isMeant ? "answer" : "unreachable");
    if (answer.kind === "unreachable") expect(answer.message).toMatch(/certificate|subtree/);
    expect(server.requests).toHaveLength(isMeant ? 1 : 0);
    expect((await open(true).send(request)).kind).toBe("answer");
  });
});
