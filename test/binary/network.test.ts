// Between the program and the API: certificates, proxies, and an API that is not there.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Sandbox } from "../../src/sandbox/server.ts";
import { underTest } from "../support/binary.ts";
import { type Forward, startForward } from "../support/forward.ts";
import { startRawServer } from "../support/raw-server.ts";
import { ended, Host, NOWHERE, Site } from "../support/site.ts";
import { NAMED } from "../support/tls-names.ts";

const fixture = (name: string): string => `${import.meta.dirname}/../fixtures/tls/${name}`;
const pem = (name: string): string => readFileSync(fixture(name), "utf8");
const CERTIFIED = { key: pem("server.key"), cert: pem("server.pem") };
const EXPIRED = { key: pem("server.key"), cert: pem("expired.pem") };
const TRUSTING = { env: { SSL_CERT_FILE: fixture("ca.pem") } };

/** Posts of actions, as the API saw them. */
function posts(sandbox: Sandbox): number {
  return sandbox.requests().filter(({ method }) => method === "POST").length;
}

describe.concurrent("an API whose certificate", () => {
  test("nobody vouches for gets nothing, and the message says how to trust it", async () => {
    await using site = await Site.create({ sandbox: { tls: CERTIFIED } });
    await site.job("drift");
    const { exit, stdout } = await site.run("run", "drift");
    expect(exit).toBe(1);
    expect(stdout).toContain("its certificate is not signed by an authority that this host trusts");
    expect(stdout).toContain("SSL_CERT_FILE");
    expect(stdout).toContain("skipverifycert = on in [api]");
    expect(posts(site.sandbox)).toBe(0);
  });

  test("SSL_CERT_FILE vouches for is trusted", async () => {
    await using site = await Site.create({ sandbox: { tls: CERTIFIED } });
    await site.job("drift");
    ended(await site.runIn(TRUSTING, "run", "drift", "--wait"));
    expect((await site.result("drift")).document.commands.length).toBe(5);
  });

  test("is not looked at with skipverifycert", async () => {
    await using site = await Site.create({
      sandbox: { tls: EXPIRED },
      migrc: ["[api]", "skipverifycert = true"],
    });
    await site.job("drift");
    ended(await site.run("run", "drift", "--wait"));
    expect((await site.result("drift")).document.commands.length).toBe(5);
  });

  test("has expired gets nothing, and the message says so", async () => {
    await using site = await Site.create({ sandbox: { tls: EXPIRED } });
    await site.job("drift");
    const { exit, stdout } = await site.runIn(TRUSTING, "run", "drift");
    expect(exit).toBe(1);
    // Deno has one error for whatever is wrong with a certificate.
    const why = underTest === "deno" ? "is not signed by an authority" : "has expired";
    expect(stdout).toContain(`its certificate ${why}`);
    expect(posts(site.sandbox)).toBe(0);
  });

  test("is for another name gets nothing, and the message says so", async () => {
    const elsewhere = (sandbox: Sandbox) => `https://elsewhere.test:${sandbox.port}/api/v1/`;
    await using site = await Site.create({ sandbox: { tls: CERTIFIED }, address: elsewhere });
    await using proxy = await proxyTo(site.sandbox);
    await site.job("drift");
    const env = { ...TRUSTING.env, https_proxy: proxy.host };
    const { exit, stdout } = await site.runIn({ env }, "run", "drift");
    expect(exit).toBe(1);
    const names = "localhost, mig.test, address 127.0.0.1";
    expect(stdout).toContain(`its certificate is for ${names}, not for elsewhere.test`);
  });

  test("has the host as its common name only gets nothing, and the message says why", async () => {
    const { authority, certificates, key } = NAMED;
    const tls = { key, cert: certificates["common-address"] ?? "" };
    const address = (sandbox: Sandbox) => `https://localhost:${sandbox.port}/api/v1/`;
    await using site = await Site.create({ sandbox: { tls }, address });
    await site.job("drift");
    const env = { SSL_CERT_FILE: await site.scenario.write("ca.pem", authority) };
    const { exit, stdout } = await site.runIn({ env }, "run", "drift");
    expect(exit).toBe(1);
    expect(stdout).toContain("its certificate is for address 10.0.0.1, not for localhost");
    expect(posts(site.sandbox)).toBe(0);
  });
});

async function proxyTo({ port }: Sandbox): Promise<Forward & AsyncDisposable> {
  const proxy = await startForward(port);
  return { ...proxy, [Symbol.asyncDispose]: () => proxy.close() };
}

/** The sandbox under a name that only a proxy knows. */
function named(scheme: "http" | "https") {
  return ({ port }: Sandbox): string => `${scheme}://mig.test:${port}/api/v1/`;
}

describe.concurrent("a proxy", () => {
  for (const variable of ["http_proxy", "HTTP_PROXY"]) {
    test(`in ${variable} is used, with its user and password`, async () => {
      await using site = await Site.create({ address: named("http") });
      await using proxy = await proxyTo(site.sandbox);
      await site.job("drift");
      const env = { [variable]: `http://us%40er:p%3Aw@${proxy.host}` };
      ended(await site.runIn({ env }, "run", "drift", "--wait"));
      const target = `http://mig.test:${site.sandbox.port}/api/v1/action/create/`;
      expect(proxy.lines[0]).toBe(`POST ${target} HTTP/1.1`);
      expect(proxy.credentials[0]).toBe(`Basic ${btoa("us@er:p:w")}`);
      expect((await site.result("drift")).document.commands.length).toBe(5);
    });
  }

  test("in https_proxy is asked for a tunnel", async () => {
    await using site = await Site.create({
      sandbox: { tls: CERTIFIED },
      address: named("https"),
    });
    await using proxy = await proxyTo(site.sandbox);
    await site.job("drift");
    const env = { ...TRUSTING.env, https_proxy: `http://${proxy.host}` };
    ended(await site.runIn({ env }, "run", "drift", "--wait"));
    expect(proxy.lines[0]).toBe(`CONNECT mig.test:${site.sandbox.port} HTTP/1.1`);
    expect((await site.result("drift")).document.commands.length).toBe(5);
  });

  const unused: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "for a name in no_proxy": { no_proxy: ".test" },
    "that only ALL_PROXY names": { http_proxy: "", ALL_PROXY: "http://127.0.0.1:1" },
  };
  for (const [what, variables] of Object.entries(unused)) {
    test(`${what} is not used`, async () => {
      await using site = await Site.create({ address: named("http") });
      await using proxy = await proxyTo(site.sandbox);
      await site.job("drift");
      const env = { http_proxy: proxy.host, ...variables };
      const { exit, stdout } = await site.runIn({ env }, "run", "drift");
      expect(exit).toBe(1);
      expect(stdout).toMatch(/name (is not known|could not be looked up)/);
      expect(proxy.lines).toEqual([]);
    });
  }

  test("is never used for this machine itself", async () => {
    await using site = await Site.create();
    await site.job("drift");
    const env = { http_proxy: "http://127.0.0.1:1", HTTPS_PROXY: "http://127.0.0.1:1" };
    ended(await site.runIn({ env }, "run", "drift"));
  });
});

describe.concurrent("an API that redirects to another port", () => {
  test.each([["a token"], ["an API key"]])("gets no %s there, and is named", async (what) => {
    let port = 0;
    const heads: string[] = [];
    const elsewhere = await startRawServer({
      onRequest: ({ head }, socket) => {
        heads.push(head);
        socket.end("HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n");
      },
    });
    port = elsewhere.port;
    const here = await startRawServer({
      onRequest: (_, socket) => {
        const to = `http://127.0.0.1:${port}/api/v1/action/create/`;
        socket.end(`HTTP/1.1 307 X\r\nLocation: ${to}\r\nContent-Length: 0\r\n\r\n`);
      },
    });
    await using _ = {
      async [Symbol.asyncDispose]() {
        await Promise.all([here.close(), elsewhere.close()]);
      },
    };
    const migrc = what === "a token" ? [] : ['useapikeyauth = "k3y-k3y"'];
    await using site = await Site.create({ address: () => `${here.url}/api/v1/`, migrc });
    await site.job("drift");
    const { exit, stdout } = await site.run("run", "drift");
    expect(exit).toBe(1);
    expect(stdout).toContain(`a redirect led to http://127.0.0.1:${port}, which gets no token`);
    expect(heads.length).toBeGreaterThan(0);
    expect(heads.join("\n")).not.toMatch(/x-pgpauthorization|x-migapikey|authorization/i);
    expect(here.requests.every(({ head }) => /x-(pgpauthorization|migapikey): /i.test(head))).toBe(
      true,
    );
  });
});

describe.concurrent("an API that is not there", () => {
  test("ends run with 1, says why, and the action is tried again by the next one", async () => {
    await using host = await Host.create({ url: NOWHERE });
    await host.job("drift", ['expiry = "5m"']);
    const { exit, stdout } = await host.run("run", "drift");
    expect(exit).toBe(1);
    expect(stdout).toContain(
      'not posted: Cannot reach "http://127.0.0.1:1": nothing listens there',
    );
    expect(stdout).toContain("; the daemon or --once goes on with it\n");
    const { stdout: status } = await host.run("status", "--json");
    expect(JSON.parse(status).inFlight).toMatchObject([{ job: "drift", state: "planned" }]);
  });

  test("ends --once with 1, and --once --wait when the action has expired unposted", async () => {
    await using host = await Host.create();
    await host.job("due", ['schedule = "* * * * *"', 'expiry = "2s"']);
    ended(await host.run("--once"), 1);
    const { exit, stderr } = await host.run("--once", "--wait");
    expect(exit).toBe(1);
    expect(stderr).toContain("due: Cannot post action: ");
    expect(stderr).toContain("the action has expired unposted");
  });

  test("does not end the daemon", async () => {
    await using host = await Host.create({ url: NOWHERE });
    await host.job("often", ['schedule = "* * * * * * *"', 'expiry = "20s"']);
    const daemon = await host.daemon();
    await daemon.prints(/often: Cannot post action: Cannot reach .*; trying again in \d+ s/);
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
  });

  test("costs no result: it is collected when the API is back", async () => {
    await using site = await Site.create({ client: ['timeout = "2s"'] });
    await site.job("drift");
    const daemon = await site.daemon();
    ended(await site.run("run", "drift"));
    site.sandbox.setFaults(["drop@search/first4"]);
    await daemon.prints(/results error for drift: .*; trying again in \d+ s/);
    await daemon.prints(/wrote results for/);
    expect((await site.result("drift")).document.commands.length).toBe(5);
  });
});
