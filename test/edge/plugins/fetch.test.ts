// Fetch: the web's fetch over the runner's own client, as far as plugins will use it.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { openFetch } from "../../../src/edge/plugins/fetch.ts";
import { messageOf } from "../../../src/errors.ts";
import { type HttpOptions, openHttp } from "../../../src/lib/http/client.ts";
import { type Heard, Listener, type Reply } from "../../support/shipped.ts";

const TLS = join(import.meta.dirname, "../../fixtures/tls");

function open(changes: Partial<HttpOptions> = {}, signal = new AbortController().signal) {
  const options: HttpOptions = {
    skipVerifyCert: false,
    environment: {},
    connectTimeoutMs: 5_000,
    headersTimeoutMs: 5_000,
    idleTimeoutMs: 5_000,
    exchangeTimeoutMs: 5_000,
    connectionsMax: 8,
    ...changes,
  };
  return openFetch(
    ({ direct }) => openHttp({ ...options, ...(direct ? { environment: {} } : {}) }),
    signal,
  );
}

type Replies = readonly Reply[] | ((heard: Heard) => Reply);

async function listen(replies: Replies = [{ status: 200, body: "ok" }]) {
  const listener = await Listener.open(replies);
  return {
    listener,
    url: listener.url,
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

describe("openFetch()", () => {
  test("sends method, headers and body, and says who asks", async () => {
    await using there = await listen();
    const answer = await open()(`${there.url}/in?x=1`, {
      method: "PUT",
      headers: { "X-Team": "blue" },
      body: new URLSearchParams({ a: "é" }),
    });
    expect([answer.status, answer.ok, await answer.text()]).toEqual([200, true, "ok"]);
    const [{ body, headers, method, path } = {} as Heard] = there.listener.heard;
    expect({ body, method, path }).toEqual({ body: "a=%C3%A9", method: "PUT", path: "/in?x=1" });
    expect(headers).toMatchObject({
      "content-length": "8",
      "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
      "x-team": "blue",
      "user-agent": expect.stringMatching(/^mig-runner\//),
    });
  });

  test("asks as the user whom the URL names", async () => {
    await using there = await listen();
    const url = there.url.replace("//", "//blue:s%C3%A9cret@");
    expect((await open()(`${url}/in`)).status).toBe(200);
    const [heard] = there.listener.heard;
    const expected = Buffer.from("blue:sécret").toString("base64");
    expect(heard?.headers.authorization).toBe(`Basic ${expected}`);
  });

  test("asks no Request for a URL with a user, which the web's own refuses", async () => {
    await using there = await listen();
    // That of Bun takes it; this is what the standard says, and Deno does.
    class StrictRequest extends Request {
      constructor(input: string, init?: RequestInit) {
        const { username, password } = new URL(input);
        if (username !== "" || password !== "") throw new TypeError("it has credentials");
        super(input, init);
      }
    }
    const { Request: own } = globalThis;
    globalThis.Request = StrictRequest as typeof Request;
    try {
      for (const user of ["blue@", "blue:secret@", ":secret@"]) {
        expect((await open()(there.url.replace("//", `//${user}`))).status).toBe(200);
      }
    } finally {
      globalThis.Request = own;
    }
  });

  test("gives headers, also those that came twice", async () => {
    const server = createServer((_, response) => {
      response
        .writeHead(201, [
          ["Set-Cookie", "a=1"],
          ["Set-Cookie", "b=2"],
          ["X-One", "1"],
        ])
        .end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const answer = await open()(`http://127.0.0.1:${port}/`);
    server.close();
    expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(answer.headers.get("x-one")).toBe("1");
  });

  test("unpacks an answer, and does not say that it is packed", async () => {
    const packed = gzipSync("x".repeat(5_000));
    const server = createServer((_, response) => {
      response.writeHead(200, { "Content-Encoding": "gzip", "Content-Length": packed.length });
      response.end(packed);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const answer = await open()(`http://127.0.0.1:${port}/`);
    expect(answer.headers.has("content-encoding")).toBe(false);
    expect((await answer.text()).length).toBe(5_000);
    server.close();
  });

  test.each(["POST", "GET", "HEAD", "DELETE"])("sends %s without a body", async (method) => {
    await using there = await listen([{ status: 200, body: method === "HEAD" ? "" : "ok" }]);
    const answer = await open()(there.url, { method });
    expect(await answer.text()).toBe(method === "HEAD" ? "" : "ok");
    expect(there.listener.heard[0]?.method).toBe(method);
  });

  test("gives an answer without a body", async () => {
    await using there = await listen([{ status: 204 }]);
    const answer = await open()(there.url, { method: "POST" });
    expect([answer.status, answer.body]).toEqual([204, null]);
    for (const [status, hasBody] of [
      [204, false],
      [205, false],
      [206, true],
      [304, false],
      [307, true],
    ] as const) {
      await using other = await listen([{ status, body: "" }]);
      const { body } = await open()(other.url, { redirect: "manual" });
      expect([status, body !== null]).toEqual([status, hasBody]);
    }
  });

  test("follows redirects, returns them, or refuses them", async () => {
    await using there = await listen(({ path }) =>
      path === "/there"
        ? { status: 200, body: "there" }
        : { status: 302, headers: { Location: "/there" } },
    );
    const fetch = open();
    expect(await (await fetch(there.url)).text()).toBe("there");
    const returned = await fetch(there.url, { redirect: "manual" });
    expect([returned.status, returned.headers.get("location")]).toEqual([302, "/there"]);
    await expect(fetch(there.url, { redirect: "error" })).rejects.toThrow("it redirects");
  });

  test.each([307, 308])(
    "hands no secret and no body to another origin after %d",
    async (status) => {
      await using elsewhere = await listen();
      await using there = await listen([
        { status, headers: { Location: `${elsewhere.url}/in` }, body: "moved" },
      ]);
      const secrets = {
        Authorization: "s3cret",
        Cookie: "a=s3cret",
        "Proxy-Authorization": "s3cret",
        "X-Auth-Token": "s3cret",
        "Private-Token": "s3cret",
        "DD-API-KEY": "s3cret",
        "X-Team": "blue",
      };
      const fetch = open();
      // The other one listens on another port of the same host.
      const url = `${there.url}/path/s3cret?key=s3cret`;
      await fetch(url, { headers: { ...secrets, Accept: "text/plain" } });
      expect(elsewhere.listener.heard.length).toBe(1);
      expect(JSON.stringify(elsewhere.listener.heard)).not.toMatch(/s3cret|blue/);
      expect(elsewhere.listener.heard[0]?.headers.accept).toBe("text/plain");
      const withBody = fetch(url, {
        method: "POST",
        headers: secrets,
        body: "client_secret=s3cret",
      });
      await expect(withBody).rejects.toThrow(
        `Cannot use the answer of "${there.url}": it redirects to "${elsewhere.url}", ` +
          "which gets no body of another origin: write its URL",
      );
      expect(elsewhere.listener.heard.length).toBe(1);
    },
  );

  test("repeats a body at the same origin, and becomes a GET where the answer says so", async () => {
    const steps: Readonly<Record<string, Reply>> = {
      "/": { status: 307, headers: { Location: "/a" }, body: "moved" },
      "/a": { status: 308, headers: { Location: "/b" } },
      "/b": { status: 303, headers: { Location: "/c" } },
    };
    await using there = await listen(({ path }) => steps[path] ?? { status: 200, body: "ok" });
    const init = { method: "POST", headers: { Authorization: "t0ken" }, body: "x" };
    expect(await (await open()(there.url, init)).text()).toBe("ok");
    const { heard } = there.listener;
    expect(heard.map(({ body, method, path }) => [method, path, body])).toEqual([
      ["POST", "/", "x"],
      ["POST", "/a", "x"],
      ["POST", "/b", "x"],
      ["GET", "/c", ""],
    ]);
    expect(heard.map(({ headers }) => headers.authorization)).toEqual(Array(4).fill("t0ken"));
  });

  test("follows no circle and no place that is not of the web", async () => {
    await using circle = await listen([{ status: 307, headers: { Location: "/" } }]);
    await using odd = await listen([{ status: 307, headers: { Location: "file:///etc/passwd" } }]);
    const init = { method: "POST", body: "x" };
    await expect(open()(circle.url, init)).rejects.toThrow("over 10 redirects");
    await expect(open()(circle.url)).rejects.toThrow("over 10 redirects");
    await expect(open()(odd.url, init)).rejects.toThrow("not an http or https URL");
    await expect(open()(odd.url)).rejects.toThrow("not an http or https URL");
  });

  test("says why nothing came, and nothing of the path", async () => {
    await using there = await listen([{ action: "close" }]);
    const fetch = open();
    await expect(fetch(`${there.url}/s3cret`)).rejects.toThrow(
      `Cannot get an answer from "${there.url}": the connection was cut`,
    );
    const refused = fetch("http://user:s3cret@127.0.0.1:1/s3cret");
    await expect(refused).rejects.toThrow('Cannot reach "http://127.0.0.1:1": nothing listens');
    await expect(refused).rejects.not.toThrow("s3cret");
    await expect(fetch("s3cret")).rejects.toThrow("Cannot fetch a URL that is not absolute");
    await expect(fetch("ftp://x/")).rejects.toThrow("it is not an http or https URL");
    await expect(fetch(there.url, { method: "PURGE" })).rejects.toThrow("Cannot send a PURGE");
  });

  test("refuses a certificate that nobody signed, with advice that is for plugins", async () => {
    const tls = {
      cert: readFileSync(join(TLS, "server.pem")),
      key: readFileSync(join(TLS, "server.key")),
    };
    const server = createTlsServer(tls, (_, response) => void response.end("in"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const failure: unknown = await open()(`https://localhost:${port}/`).catch((error) => error);
    expect(failure).toBeInstanceOf(TypeError);
    expect(messageOf(failure)).toContain("SSL_CERT_FILE");
    expect(messageOf(failure)).not.toContain("skipverifycert");
    const trusting = open({ environment: { SSL_CERT_FILE: join(TLS, "ca.pem") } });
    expect(await (await trusting(`https://localhost:${port}/`)).text()).toBe("in");
    server.close();
  });

  test("asks the proxy of the environment, or passes it by", async () => {
    await using proxy = await listen([{ status: 200, body: "proxied" }]);
    await using there = await listen([{ status: 200, body: "straight" }]);
    const fetch = open({ environment: { http_proxy: proxy.url } });
    expect(await (await fetch("http://far.invalid/x")).text()).toBe("proxied");
    expect(proxy.listener.heard[0]?.path).toBe("http://far.invalid/x");
    // Loopback never goes through a proxy.
    expect(await (await fetch(there.url)).text()).toBe("straight");
    await expect(fetch("http://far.invalid/x", { direct: true })).rejects.toThrow("not known");
  });

  test("ends with its own signal and with the delivery's", async () => {
    await using there = await listen([{ action: "hang" }]);
    const delivery = new AbortController();
    const fetch = open({}, delivery.signal);
    const own = new AbortController();
    const first = fetch(there.url, { signal: own.signal });
    own.abort(new Error("own"));
    await expect(first).rejects.toThrow("own");
    const second = fetch(there.url);
    delivery.abort(new Error("delivery"));
    await expect(second).rejects.toThrow("delivery");
    await expect(fetch(there.url)).rejects.toThrow("delivery");
  });
});
