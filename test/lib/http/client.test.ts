import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { type HttpOptions, openHttp } from "../../../src/lib/http/client.ts";
import type { Http, HttpAnswer, HttpRequest } from "../../../src/lib/ports.ts";
import {
  answerWith,
  type RawRequest,
  type RawServer,
  type RawServerOptions,
  startRawServer,
} from "../../support/raw-server.ts";

const fixtures = resolve(import.meta.dirname, "../../fixtures/tls");
const key = readFileSync(`${fixtures}/server.key`, "utf8");
const tls = { key, cert: readFileSync(`${fixtures}/server.pem`, "utf8") };
const expired = { key, cert: readFileSync(`${fixtures}/expired.pem`, "utf8") };
const trusting = { SSL_CERT_FILE: `${fixtures}/ca.pem` };

const closers: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(options: RawServerOptions): Promise<RawServer> {
  const server = await startRawServer(options);
  closers.push(() => server.close());
  return server;
}

function client(options: Partial<HttpOptions> = {}): Http {
  const http = openHttp({
    skipVerifyCert: false,
    environment: {},
    connectTimeoutMs: 2_000,
    headersTimeoutMs: 2_000,
    idleTimeoutMs: 2_000,
    exchangeTimeoutMs: 30_000,
    connectionsMax: 4,
    ...options,
  });
  closers.push(() => http.close());
  return http;
}

const headers = [
  ["User-Agent", "MIG Client mig-runner"],
  ["Content-Type", "application/x-www-form-urlencoded"],
  ["X-Pgpauthorization", "1;t;n;s"],
] as const;

function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: "GET", url, headers: [["User-Agent", "U"]], ...more };
}

function post(url: string, text: string): HttpRequest {
  return { method: "POST", url, headers, body: new TextEncoder().encode(text) };
}

async function textOf(answer: HttpAnswer): Promise<string> {
  if (answer.kind !== "answer") throw new Error(answer.message);
  const parts: Uint8Array[] = [];
  for await (const part of answer.body) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function failureOf(answer: HttpAnswer): Promise<string> {
  return await textOf(answer).then(
    () => "none",
    (error: Error) => error.message,
  );
}

const hello = answerWith("hello");

describe("send()", () => {
  test("sends a POST in the order and spelling of the original", async () => {
    const server = await serve({ onRequest: (_, socket) => socket.write(hello) });
    const answer = await client().send(
      post(`${server.url}/api/v1/action/create/`, "action=%7B%7D"),
    );
    expect(await textOf(answer)).toBe("hello");
    expect(server.requests[0]).toMatchObject({
      head:
        "POST /api/v1/action/create/ HTTP/1.1\r\n" +
        `Host: ${server.host}\r\n` +
        "User-Agent: MIG Client mig-runner\r\n" +
        "Content-Length: 13\r\n" +
        "Content-Type: application/x-www-form-urlencoded\r\n" +
        "X-Pgpauthorization: 1;t;n;s\r\n" +
        "Accept-Encoding: gzip\r\n\r\n",
      body: "action=%7B%7D",
    });
  });

  test("sends nothing of what may not leave any more (H6)", async () => {
    const server = await serve({ onRequest: (_, socket) => socket.write(hello) });
    const http = client();
    const asked: boolean[] = [];
    const send = (may: boolean) =>
      http.send({ ...post(`${server.url}/x`, "a=b"), mayLeave: () => asked.push(may) > 0 && may });
    expect(await send(false)).toMatchObject({ kind: "unreachable", sent: false });
    expect(await textOf(await send(true))).toBe("hello");
    expect(server.requests.map(({ body }) => body)).toEqual(["a=b"]);
    expect(asked).toEqual([false, true]);
  });

  test("sends a GET with its query as given", async () => {
    const server = await serve({ onRequest: (_, socket) => socket.write(hello) });
    const path = "/s?type=command&limit=37&actionname=a%25+b%27&x=%C3%A9";
    await textOf(await client().send(get(server.url + path)));
    expect(server.requests[0]?.head).toBe(
      `GET ${path} HTTP/1.1\r\nHost: ${server.host}\r\n` +
        "User-Agent: U\r\nAccept-Encoding: gzip\r\n\r\n",
    );
  });

  test("gives status, headers in any case, and body", async () => {
    const bytes = answerWith("x", { status: "503 X", headers: ["Retry-After: 7"] });
    const server = await serve({ onRequest: (_, socket) => socket.write(bytes) });
    const answer = await client().send(get(server.url));
    expect(answer).toMatchObject({ kind: "answer", status: 503 });
    if (answer.kind !== "answer") return;
    expect(answer.header("retry-AFTER")).toBe("7");
    expect(answer.header("nothing")).toBeNull();
    expect(await textOf(answer)).toBe("x");
  });

  test("decodes gzip", async () => {
    const text = "0123456789".repeat(50_000);
    const packed = answerWith(gzipSync(text), { headers: ["Content-Encoding: gzip"] });
    const server = await serve({ onRequest: (_, socket) => socket.write(packed) });
    expect(await textOf(await client().send(get(server.url)))).toBe(text);
  });

  test("reads a chunked body", async () => {
    const chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    const server = await serve({ onRequest: (_, socket) => socket.write(chunked) });
    expect(await textOf(await client().send(get(server.url)))).toBe("abcde");
  });

  test("refuses what is no http URL without sending anything", async () => {
    for (const url of ["", "nonsense", "ftp://x/"]) {
      expect(await client().send(get(url))).toMatchObject({ kind: "unreachable", sent: false });
    }
  });

  test("proves that nothing was sent when nobody listens", async () => {
    const server = await startRawServer({});
    await server.close();
    const answer = await client().send(post(`${server.url}/x`, "a=b"));
    expect(answer).toMatchObject({ kind: "unreachable", sent: false });
    if (answer.kind === "answer") return;
    expect(answer.message).toContain(`Cannot reach "${server.url}": nothing listens there`);
    expect(answer.message).toContain("ECONNREFUSED");
  });

  test("names the other scheme when a port speaks TLS and the URL does not, or the reverse", async () => {
    const plain = await serve({ onRequest: (_, socket) => socket.write(hello) });
    const secured = await serve({ tls, onRequest: (_, socket) => socket.write(hello) });
    const said = async (url: string): Promise<string> => {
      const answer = await client({ environment: trusting }).send(get(url));
      return answer.kind === "answer" ? "an answer" : answer.message;
    };
    expect(await said(plain.url.replace("http:", "https:"))).toEndWith(
      "; if it does not speak TLS, its URL begins with http://",
    );
    expect(await said(secured.url.replace("https:", "http:"))).toEndWith(
      "; if it speaks TLS, its URL begins with https://",
    );
  });

  test("proves that nothing was sent when the host has no address", async () => {
    const answer = await client().send(get("http://no-such-host.invalid/"));
    expect(answer).toMatchObject({ kind: "unreachable", sent: false });
  });

  test("says that a POST may have been acted on when the connection is cut after it", async () => {
    const server = await serve({ onRequest: (_, socket) => socket.destroy() });
    const answer = await client().send(post(server.url, "a=b"));
    expect(answer).toMatchObject({ kind: "unreachable", sent: true });
    expect(server.requests).toHaveLength(1);
  });

  test("ends when the headers do not come", async () => {
    const server = await serve({});
    const answer = await client({ headersTimeoutMs: 50 }).send(post(server.url, "a=b"));
    expect(answer).toMatchObject({ kind: "unreachable", sent: true });
    if (answer.kind !== "answer") expect(answer.message).toContain("no answer within 0.05 s");
    await server.drained();
  });

  test("says what is not HTTP", async () => {
    const server = await serve({
      onRequest: (_, socket) => socket.end("SSH-2.0-OpenSSH_9\r\n\r\n"),
    });
    const answer = await client().send(get(server.url));
    expect(answer).toMatchObject({ kind: "unreachable", sent: true });
  });

  test("is called off by its signal at any time", async () => {
    const server = await serve({});
    const stop = new AbortController();
    const http = client({ connectionsMax: 1 });
    const first = http.send(get(server.url, { signal: stop.signal }));
    const waiting = http.send(get(server.url, { signal: stop.signal }));
    stop.abort();
    expect(await first).toMatchObject({ kind: "unreachable" });
    expect(await waiting).toMatchObject({ kind: "unreachable", sent: false });
    expect(await http.send(get(server.url, { signal: stop.signal }))).toMatchObject({
      sent: false,
    });
    http.close();
    await server.drained();
  });

  test("ends after the time for the whole exchange, however lively the body is", async () => {
    const server = await serve({
      onRequest: (_, socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        const timer = setInterval(() => socket.write("x"), 5);
        socket.on("close", () => clearInterval(timer));
      },
    });
    const answer = await client({ exchangeTimeoutMs: 100 }).send(get(server.url));
    expect(await failureOf(answer)).toContain("it was not done within 0.1 s");
    await server.drained();
  });
});

describe("send() over several requests", () => {
  test("keeps the connection of a GET for the next one", async () => {
    const server = await serve({ onRequest: (_, socket) => socket.write(hello) });
    const http = client();
    for (let round = 0; round < 5; round++) await textOf(await http.send(get(server.url)));
    expect(server.opened()).toBe(1);
    http.close();
    await server.drained();
  });

  test("keeps no connection once it is closed", async () => {
    const server = await serve({ onRequest: (_, socket) => socket.write(hello) });
    const http = client();
    const answer = await http.send(get(server.url));
    http.close();
    await textOf(answer);
    await server.drained();
  });

  test("keeps the connection of a POST for one that follows at once, and not of a GET", async () => {
    const server = await serve({ onRequest: (_, socket) => socket.write(hello) });
    const http = client({ postKeptMs: 60_000 });
    await textOf(await http.send(get(server.url)));
    for (let round = 0; round < 3; round++) await textOf(await http.send(post(server.url, "a")));
    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 2, 2, 2]);
    http.close();
    await server.drained();
  });

  test("gives a POST that does not follow at once a connection of its own", async () => {
    const server = await serve({ onRequest: (_, socket) => socket.write(hello) });
    const http = client({ postKeptMs: 10 });
    for (let round = 0; round < 3; round++) {
      await textOf(await http.send(post(server.url, "a")));
      await server.drained();
    }
    expect(server.opened()).toBe(3);
  });

  test("says of a POST on a kept connection that died that it may have been acted on", async () => {
    const server = await serve({
      onRequest: (_, socket) => {
        if (server.requests.length > 1) socket.destroy();
        else socket.write(hello);
      },
    });
    const http = client({ postKeptMs: 60_000 });
    await textOf(await http.send(post(server.url, "a")));
    expect(await http.send(post(server.url, "b"))).toMatchObject({
      kind: "unreachable",
      sent: true,
    });
    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 1]);
  });

  test("opens no more connections than allowed", async () => {
    let most = 0;
    const server = await serve({
      onRequest: (_, socket) => {
        most = Math.max(most, server.open());
        socket.write(hello);
      },
    });
    const http = client({ connectionsMax: 3 });
    const all = Array.from({ length: 30 }, async () => textOf(await http.send(get(server.url))));
    expect(await Promise.all(all)).toEqual(all.map(() => "hello"));
    expect(most).toBeLessThanOrEqual(3);
  });

  test("repeats a GET, not a POST, when the kept connection turns out dead", async () => {
    const server = await serve({
      onRequest: ({ connection }, socket) => {
        // The first connection dies under its second request.
        if (connection === 1 && server.requests.length > 1) socket.destroy();
        else socket.write(hello);
      },
    });
    const http = client();
    await textOf(await http.send(get(server.url)));
    expect(await textOf(await http.send(get(server.url)))).toBe("hello");
    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 1, 2]);
  });

  test("frees the place of an answer that nobody reads", async () => {
    const server = await serve({ onRequest: (_, socket) => socket.write(hello) });
    const http = client({ connectionsMax: 1, idleTimeoutMs: 50 });
    expect(await http.send(get(server.url))).toMatchObject({ kind: "answer" });
    expect(await textOf(await http.send(get(server.url)))).toBe("hello");
  });
});

describe("body", () => {
  test("throws when it is cut, with a length, in chunks, or in gzip", async () => {
    const packed = gzipSync("0123456789".repeat(1_000));
    const cuts = [
      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
      answerWith(packed, { headers: ["Content-Encoding: gzip"] }).subarray(0, -9),
      answerWith(packed.subarray(0, -9), { headers: ["Content-Encoding: gzip"] }),
      answerWith("no gzip", { headers: ["Content-Encoding: gzip"] }),
    ];
    for (const cut of cuts) {
      const server = await serve({ onRequest: (_, socket) => socket.end(cut) });
      const failure = await failureOf(await client().send(get(server.url)));
      expect(failure).toContain(`Cannot read the answer of "${server.url}" to its end`);
    }
  });

  test("throws when it stands still", async () => {
    const server = await serve({
      onRequest: (_, socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
    });
    const answer = await client({ idleTimeoutMs: 50 }).send(get(server.url));
    expect(await failureOf(answer)).toContain("nothing came for 0.05 s");
    await server.drained();
  });

  test("is read no faster than it is taken", async () => {
    const size = 64 << 20;
    let accepted = 0;
    const server = await serve({
      onRequest: (_, socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        const part = Buffer.alloc(1 << 20);
        const fill = (): void => {
          while (accepted < size) {
            accepted += part.length;
            if (!socket.write(part)) return;
          }
        };
        socket.on("drain", fill);
        fill();
      },
    });
    const answer = await client({ exchangeTimeoutMs: 600_000 }).send(get(server.url));
    if (answer.kind !== "answer") throw new Error(answer.message);
    let taken = 0;
    let most = 0;
    for await (const part of answer.body) {
      taken += part.length;
      most = Math.max(most, accepted - taken);
      if (taken < 4 << 20) await new Promise((done) => setImmediate(done));
    }
    expect(taken).toBe(size);
    // What is on the way is in the buffers of two sockets, not the body.
    expect(most).toBeLessThan(16 << 20);
  });

  test("of which no part is kept is the same, and its memory is given back meanwhile", async () => {
    const whole = Buffer.alloc(8 << 20, "0123456789abcdefghijklmnopqrstuvwxyz");
    const server = await serve({
      onRequest: ({ head }, socket) => {
        const status = head.startsWith("GET /broken ") ? "500 No" : "200 OK";
        socket.end(
          Buffer.concat([
            Buffer.from(`HTTP/1.1 ${status}\r\nContent-Length: ${whole.length}\r\n\r\n`),
            whole,
          ]),
        );
      },
    });
    const partsOf = async (target: string, lendsParts: boolean) => {
      const answer = await client().send(get(`${server.url}${target}`, { lendsParts }));
      if (answer.kind !== "answer") throw new Error(answer.message);
      const parts: { part: Uint8Array; copy: Uint8Array; isLarge: boolean }[] = [];
      for await (const part of answer.body) {
        const isLarge = part.length >= 64 * 1024 && part.length === part.buffer.byteLength;
        parts.push({ part, copy: new Uint8Array(part), isLarge });
      }
      expect(Buffer.concat(parts.map(({ copy }) => copy)).equals(whole)).toBe(true);
      return parts.map(({ part, copy, isLarge }) => ({
        isLarge,
        isKept: part.length === copy.length,
      }));
    };
    for (const parts of [await partsOf("", false), await partsOf("/broken", true)]) {
      expect(parts.every(({ isKept }) => isKept)).toBe(true);
    }
    const lent = await partsOf("", true);
    expect(lent.every(({ isKept, isLarge }) => isKept === !isLarge)).toBe(true);
  });

  test("closes the connection when the reader leaves", async () => {
    const server = await serve({
      onRequest: (_, socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc");
      },
    });
    const answer = await client().send(get(server.url));
    if (answer.kind !== "answer") throw new Error(answer.message);
    for await (const part of answer.body) {
      expect(part.length).toBe(3);
      break;
    }
    await server.drained();
  });

  test("ends when its signal aborts", async () => {
    const server = await serve({
      onRequest: (_, socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
    });
    const stop = new AbortController();
    const answer = await client().send(get(server.url, { signal: stop.signal }));
    const failure = failureOf(answer);
    stop.abort();
    expect(await failure).toContain("it was cancelled");
    await server.drained();
  });
});

describe("redirects", () => {
  function redirecting(status: string): (request: RawRequest) => Uint8Array {
    return ({ head }) =>
      head.includes(" /there ") ? hello : answerWith("", { status, headers: ["Location: /there"] });
  }

  test("repeat a POST after 307 and 308, with a Referer where Go puts it", async () => {
    for (const status of ["307 X", "308 X"]) {
      const answer = redirecting(status);
      const server = await serve({ onRequest: (request, socket) => socket.write(answer(request)) });
      expect(await textOf(await client().send(post(`${server.url}/here`, "a=b")))).toBe("hello");
      expect(server.requests[1]).toMatchObject({
        head:
          "POST /there HTTP/1.1\r\n" +
          `Host: ${server.host}\r\n` +
          "User-Agent: MIG Client mig-runner\r\n" +
          "Content-Length: 3\r\n" +
          "Content-Type: application/x-www-form-urlencoded\r\n" +
          `Referer: ${server.url}/here\r\n` +
          "X-Pgpauthorization: 1;t;n;s\r\n" +
          "Accept-Encoding: gzip\r\n\r\n",
        body: "a=b",
      });
    }
  });

  test("turn a POST into a GET without body after 301, 302 and 303", async () => {
    for (const status of ["301 X", "302 X", "303 X"]) {
      const answer = redirecting(status);
      const server = await serve({ onRequest: (request, socket) => socket.write(answer(request)) });
      expect(await textOf(await client().send(post(`${server.url}/here`, "a=b")))).toBe("hello");
      expect(server.requests[1]?.head).toBe(
        "GET /there HTTP/1.1\r\n" +
          `Host: ${server.host}\r\n` +
          "User-Agent: MIG Client mig-runner\r\n" +
          "Content-Type: application/x-www-form-urlencoded\r\n" +
          `Referer: ${server.url}/here\r\n` +
          "X-Pgpauthorization: 1;t;n;s\r\n" +
          "Accept-Encoding: gzip\r\n\r\n",
      );
    }
  });

  test("take no token or key to another origin, and name it", async () => {
    for (const host of ["localhost", "127.0.0.1"]) {
      const other = await serve({ onRequest: (_, socket) => socket.write(hello) });
      const location = `Location: http://${host}:${other.port}/there`;
      const away = answerWith("", { status: "307 X", headers: [location] });
      const server = await serve({ onRequest: (_, socket) => socket.write(away) });
      const answer = await client().send(post(`${server.url}/here`, "a=b"));
      expect(answer).toMatchObject({ movedTo: `http://${host}:${other.port}` });
      expect(await textOf(answer)).toBe("hello");
      expect(other.requests[0]?.head).not.toContain("X-Pgpauthorization");
      expect(other.requests[0]?.head).toContain(`Referer: ${server.url}/\r\n`);
    }
  });

  test("end after ten", async () => {
    const round = answerWith("", { status: "302 X", headers: ["Location: /again"] });
    const server = await serve({ onRequest: (_, socket) => socket.write(round) });
    const answer = await client().send(get(server.url));
    expect(answer).toMatchObject({ kind: "unreachable", sent: true });
    expect(server.requests).toHaveLength(11);
  });

  test("are the answer itself when they name no place", async () => {
    const nowhere = answerWith("x", { status: "302 X" });
    const server = await serve({ onRequest: (_, socket) => socket.write(nowhere) });
    expect(await client().send(get(server.url))).toMatchObject({ kind: "answer", status: 302 });
  });

  test("to what is no http URL fail", async () => {
    const odd = answerWith("x", { status: "302 X", headers: ["Location: file:///etc/passwd"] });
    const server = await serve({ onRequest: (_, socket) => socket.write(odd) });
    expect(await client().send(get(server.url))).toMatchObject({ kind: "unreachable", sent: true });
  });
});

describe("TLS", () => {
  test("trusts the authorities in SSL_CERT_FILE, by name and by address", async () => {
    const server = await serve({ tls, onRequest: (_, socket) => socket.write(hello) });
    const http = client({ environment: trusting });
    for (const host of ["localhost", "127.0.0.1"]) {
      const url = `https://${host}:${server.port}/`;
      expect(await textOf(await http.send(get(url)))).toBe("hello");
      expect(await textOf(await http.send(post(url, "a")))).toBe("hello");
    }
  });

  test("refuses a certificate of an unknown authority and says how to mend it", async () => {
    const server = await serve({ tls, onRequest: (_, socket) => socket.write(hello) });
    const answer = await client().send(post(server.url, "a"));
    expect(answer).toMatchObject({ kind: "unreachable", sent: false });
    if (answer.kind === "answer") return;
    expect(answer.message).toContain("SSL_CERT_FILE");
    expect(answer.message).toContain("skipverifycert");
    expect(server.requests).toHaveLength(0);
  });

  test("names an SSL_CERT_FILE that cannot be read when it would have been needed", async () => {
    const server = await serve({ tls });
    const environment = { SSL_CERT_FILE: "/nowhere/ca.pem" };
    const answer = await client({ environment }).send(get(server.url));
    if (answer.kind !== "answer") expect(answer.message).toContain("/nowhere/ca.pem");
    expect(answer).toMatchObject({ kind: "unreachable", sent: false });
  });

  test("refuses a certificate that has expired", async () => {
    const server = await serve({ tls: expired });
    const answer = await client({ environment: trusting }).send(get(server.url));
    expect(answer).toMatchObject({ kind: "unreachable", sent: false });
    if (answer.kind !== "answer") expect(answer.message).toContain("CERT_HAS_EXPIRED");
  });

  test("accepts any certificate with skipverifycert, and only then", async () => {
    const server = await serve({ tls: expired, onRequest: (_, socket) => socket.write(hello) });
    const http = client({ skipVerifyCert: true });
    expect(await textOf(await http.send(get(server.url)))).toBe("hello");
    expect(await client().send(get(server.url))).toMatchObject({ kind: "unreachable" });
  });

  test("says that nothing was sent when the server speaks no TLS", async () => {
    const server = await serve({ onRequest: (_, socket) => socket.end(hello) });
    const answer = await client({ connectTimeoutMs: 500 }).send(
      get(server.url.replace("http:", "https:")),
    );
    expect(answer).toMatchObject({ kind: "unreachable", sent: false });
    expect(server.requests).toHaveLength(0);
  });

  test("ends when the handshake does not", async () => {
    const server = await serve({});
    const url = server.url.replace("http:", "https:");
    const answer = await client({ connectTimeoutMs: 50 }).send(get(url));
    expect(answer).toMatchObject({ kind: "unreachable", sent: false });
    if (answer.kind !== "answer")
      expect(answer.message).toContain("no TLS handshake within 0.05 s");
    await server.drained();
  });
});

describe("proxies", () => {
  test("get the whole URL and their credentials, as from Go", async () => {
    const proxy = await serve({ onRequest: (_, socket) => socket.write(hello) });
    const environment = { http_proxy: `http://us%40er:p%3Aw@${proxy.host}` };
    const request = { ...get("http://mig.test/api/v1/search?type=command&limit=37"), headers };
    expect(await textOf(await client({ environment }).send(request))).toBe("hello");
    expect(proxy.requests[0]?.head).toBe(
      "GET http://mig.test/api/v1/search?type=command&limit=37 HTTP/1.1\r\n" +
        "Host: mig.test\r\n" +
        "User-Agent: MIG Client mig-runner\r\n" +
        "Content-Type: application/x-www-form-urlencoded\r\n" +
        "X-Pgpauthorization: 1;t;n;s\r\n" +
        "Accept-Encoding: gzip\r\n" +
        "Proxy-Authorization: Basic dXNAZXI6cDp3\r\n\r\n",
    );
  });

  function tunnel(target: () => RawServer): RawServerOptions {
    return {
      onRequest: (_, socket) => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        socket.removeAllListeners("data");
        const inner = connectTcp(target().port, "127.0.0.1");
        inner.on("error", () => socket.destroy());
        inner.on("close", () => socket.destroy());
        socket.on("close", () => inner.destroy());
        inner.pipe(socket).pipe(inner);
      },
    };
  }

  for (const kind of ["http", "https"]) {
    test(`tunnel TLS by CONNECT, the proxy itself spoken to by ${kind}`, async () => {
      const server = await serve({ tls, onRequest: (_, socket) => socket.write(hello) });
      const options = tunnel(() => server);
      const proxy = await serve(kind === "https" ? { ...options, tls } : options);
      const environment = { ...trusting, https_proxy: `${kind}://u:p@${proxy.host}` };
      const http = client({ environment });
      expect(await textOf(await http.send(get("https://mig.test/x?y=1")))).toBe("hello");
      expect(await textOf(await http.send(get("https://mig.test/x?y=2")))).toBe("hello");
      expect(proxy.requests.map(({ head }) => head)).toEqual([
        "CONNECT mig.test:443 HTTP/1.1\r\n" +
          "Host: mig.test:443\r\n" +
          "User-Agent: Go-http-client/1.1\r\n" +
          "Proxy-Authorization: Basic dTpw\r\n\r\n",
      ]);
      expect(server.requests[0]?.head).toContain("GET /x?y=1 HTTP/1.1\r\nHost: mig.test\r\n");
      expect(server.requests[0]?.head).not.toContain("Proxy-Authorization");
    });
  }

  test("that refuse CONNECT prove that nothing was sent", async () => {
    const statuses = { "404 Not Found": "404", "407 Auth": "https_proxy", "": "not HTTP" };
    for (const [status, said] of Object.entries(statuses)) {
      const refusal = status === "" ? "nonsense\r\n\r\n" : `HTTP/1.1 ${status}\r\n\r\n`;
      const proxy = await serve({ onRequest: (_, socket) => socket.write(refusal) });
      const environment = { HTTPS_PROXY: `${proxy.host}` };
      const answer = await client({ environment }).send(post("https://mig.test/", "a=b"));
      expect(answer).toMatchObject({ kind: "unreachable", sent: false });
      if (answer.kind !== "answer") expect(answer.message).toContain(said);
      await proxy.drained();
    }
  });

  test("are named without their credentials when they cannot be reached", async () => {
    const proxy = await startRawServer({});
    await proxy.close();
    const environment = { http_proxy: `http://user:secret@${proxy.host}` };
    const answer = await client({ environment }).send(get("http://mig.test/"));
    expect(answer).toMatchObject({ kind: "unreachable", sent: false });
    if (answer.kind === "answer") return;
    expect(answer.message).toContain(proxy.host);
    expect(answer.message).not.toContain("secret");
  });

  test("of the SOCKS kind are refused by name", async () => {
    const environment = { http_proxy: "socks5://127.0.0.1:1" };
    const answer = await client({ environment }).send(get("http://mig.test/"));
    if (answer.kind !== "answer") expect(answer.message).toContain("SOCKS");
    expect(answer).toMatchObject({ kind: "unreachable", sent: false });
  });
});
