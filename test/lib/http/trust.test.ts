import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { connect, type SecureVersion } from "node:tls";
import { openHttp } from "../../../src/lib/http/client.ts";
import type { HttpAnswer } from "../../../src/lib/ports.ts";

const fixtures = resolve(import.meta.dirname, "../../fixtures/tls");
const certified = {
  key: readFileSync(`${fixtures}/server.key`, "utf8"),
  cert: readFileSync(`${fixtures}/server.pem`, "utf8"),
};
const trusting = { SSL_CERT_FILE: `${fixtures}/ca.pem` };

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Whether a client that takes any version comes to terms with the server: so it is a sound one. */
async function isSound(port: number): Promise<boolean> {
  const options = {
    minVersion: "TLSv1",
    maxVersion: "TLSv1.3",
    rejectUnauthorized: false,
  } as const;
  const socket = connect({ host: "127.0.0.1", port, ...options });
  const connected = await new Promise<boolean>((done) => {
    socket.once("secureConnect", () => done(true)).once("error", () => done(false));
  });
  socket.destroy();
  return connected;
}

/** Asks a server that speaks this version of TLS and no other. */
async function ask(version: SecureVersion, skipVerifyCert: boolean): Promise<HttpAnswer> {
  const server = createServer(
    { ...certified, minVersion: version, maxVersion: version },
    (_request, response) => response.end("hello"),
  );
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const time = 2_000;
  const http = openHttp({
    skipVerifyCert,
    environment: trusting,
    connectionsMax: 1,
    connectTimeoutMs: time,
    headersTimeoutMs: time,
    idleTimeoutMs: time,
    exchangeTimeoutMs: 5_000,
  });
  closers.push(
    () => http.close(),
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const { port } = server.address() as AddressInfo;
  expect(await isSound(port)).toBe(true);
  return await http.send({ method: "GET", url: `https://127.0.0.1:${port}/`, headers: [] });
}

describe("a connection to the API", () => {
  for (const skipVerifyCert of [false, true]) {
    const how = skipVerifyCert ? "also with skipverifycert" : "with verified certificates";
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      test(`is made by ${version}, ${how}`, async () => {
        expect(await ask(version, skipVerifyCert)).toMatchObject({ kind: "answer", status: 200 });
      });
    }

    for (const version of ["TLSv1", "TLSv1.1"] as const) {
      test(`is not made by ${version}, ${how}`, async () => {
        expect(await ask(version, skipVerifyCert)).toMatchObject({
          kind: "unreachable",
          sent: false,
        });
      });
    }
  }
});
