import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { request as requestTls } from "node:https";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import {
  type Answer,
  CONNECTIONS_MAX,
  FORM_BYTES_MAX,
  listen,
  type Place,
} from "../../src/edge/web.ts";
import { NAMED } from "../support/tls-names.ts";

const ANY: Place = { kind: "port", host: "127.0.0.1", port: 0 };

/** What a socket answers to these bytes until it is closed. */
function say(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    let text = "";
    socket.on("data", (data) => {
      text += data;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}

function pem(name: string): Uint8Array {
  return readFileSync(resolve(import.meta.dirname, "../fixtures/tls", name));
}

/** The names in the certificate that a listener shows, and what it answers. */
function shown(port: number): Promise<{ names: unknown; text: string }> {
  return new Promise((done, fail) => {
    const options = { host: "127.0.0.1", port, path: "/", rejectUnauthorized: false, agent: false };
    const asked = requestTls(options, (answer) => {
      const { subjectaltname: names } = (answer.socket as TLSSocket).getPeerCertificate();
      let text = "";
      answer.on("data", (data) => {
        text += data;
      });
      answer.on("end", () => done({ names, text }));
    });
    asked.on("error", fail).end();
  });
}

/** What somebody is answered who begins so, and goes on with a byte now and then. */
function drip(
  port: number,
  begin: string,
  { credentials }: { credentials?: object },
): Promise<string> {
  return new Promise((done) => {
    const isRaw = credentials === undefined || begin === "";
    const socket = isRaw
      ? connect(port, "127.0.0.1")
      : connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
    let text = "";
    const more = setInterval(() => socket.write("x"), 10);
    socket.write(begin === "" ? "\u0016\u0003\u0001" : begin);
    socket.on("data", (data) => {
      text += data;
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearInterval(more);
      done(text);
    });
  });
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

describe("listen()", () => {
  test("stops an answer whose reader has left", async () => {
    const left = Promise.withResolvers<void>();
    const body = () =>
      new ReadableStream<Uint8Array>({
        start: (control) => control.enqueue(new TextEncoder().encode("data: 1\n\n")),
        cancel: () => left.resolve(),
      });
    const listener = await listen(ANY, () => new Response(body()));
    try {
      const leaving = new AbortController();
      const { body: read } = await fetch(listener.url, { signal: leaving.signal });
      await read?.getReader().read();
      leaving.abort();
      await left.promise;
    } finally {
      await listener.close();
    }
  });

  test("hands over method, path, query and the name that was asked for", async () => {
    const asked: unknown[] = [];
    const answer: Answer = ({ url, method }, { host }) => {
      asked.push([method, url, host]);
      return new Response("é", { status: 201, headers: { "X-One": "1" } });
    };
    const listener = await listen(ANY, answer);
    try {
      const given = await fetch(`${listener.url}a%20b?c=d&e`);
      expect([given.status, given.headers.get("x-one"), await given.text()]).toEqual([
        201,
        "1",
        "é",
      ]);
      const port = portOf(listener.url);
      expect(asked).toEqual([["GET", "http://page/a%20b?c=d&e", `127.0.0.1:${port}`]]);
      const head = await fetch(listener.url, { method: "HEAD" });
      expect(await head.text()).toBe("");
    } finally {
      await listener.close();
    }
  });

  test("hands over a form where forms are taken, and each header that is there once", async () => {
    const asked: unknown[] = [];
    const answer: Answer = async (request, { header }) => {
      asked.push([await request.text(), header("x-one"), header("x-two"), header("x-none")]);
      return new Response("well");
    };
    const listener = await listen(ANY, answer, { takesForms: true });
    try {
      const type = { "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8" };
      const post = (body: string, headers: Record<string, string> = type) =>
        fetch(listener.url, { method: "POST", body, headers }).then(({ status }) => status);
      expect(await post("a=b&c=%20")).toBe(200);
      expect(await post(`a=${"x".repeat(FORM_BYTES_MAX - 2)}`)).toBe(200);
      expect(await post("{}", { "Content-Type": "application/json" })).toBe(415);
      expect(await post("a=b", { "Content-Type": "text/plain" })).toBe(415);
      const head = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
      const form = `${head}Content-Type: application/x-www-form-urlencoded\r\n`;
      const large = "x".repeat(FORM_BYTES_MAX + 1);
      const port = portOf(listener.url);
      const sized = await say(port, `${form}Content-Length: ${large.length}\r\n\r\n${large}`);
      expect(sized).toContain(" 413 ");
      const size = large.length.toString(16);
      const chunked = `${form}Transfer-Encoding: chunked\r\n\r\n${size}\r\n${large}\r\n0\r\n\r\n`;
      expect(await say(port, chunked)).toContain(" 413 ");
      const twice = "X-One: ann\r\nX-Two: ann\r\nX-Two: eve\r\nContent-Length: 0\r\n\r\n";
      expect(await say(port, form + twice)).toContain(" 200 ");
      expect(asked.at(-1)).toEqual(["", "ann", null, null]);
      expect(asked).toHaveLength(3);
    } finally {
      await listener.close();
    }
  });

  test("refuses bodies, other targets, long paths and long heads, and goes on", async () => {
    const listener = await listen(ANY, () => new Response("well"));
    try {
      const port = portOf(listener.url);
      const ask = (line: string, headers = "") =>
        say(port, `${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`);
      expect(await ask("GET /", "Content-Length: 5\r\n")).toContain(" 400 ");
      expect(await ask("GET http://evil.example/")).not.toContain("well");
      expect(await ask(`GET /${"x".repeat(5_000)}`)).toContain(" 414 ");
      expect(await ask("GET /", `X: ${"x".repeat(40_000)}\r\n`)).not.toContain("well");
      expect(await say(port, "\u0000\u0001 nonsense\r\n\r\n")).not.toContain("well");
      expect(await ask("GET /")).toContain("well");
    } finally {
      await listener.close();
    }
  });

  test("takes two names that are asked for as none", async () => {
    const listener = await listen(ANY, (_, { host }) => new Response(`for ${host}`));
    try {
      const ask = (hosts: string) =>
        say(portOf(listener.url), `GET / HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`);
      expect(await ask("Host: localhost\r\n")).toContain("for localhost");
      expect(await ask("Host: localhost\r\nHost: evil\r\n")).not.toContain("for localhost");
    } finally {
      await listener.close();
    }
  });

  test("an answer that fails costs its own connection alone", async () => {
    const listener = await listen(ANY, ({ url }) => {
      if (url.endsWith("/bad")) throw new Error("it fails");
      return new Response("well");
    });
    try {
      await expect(fetch(`${listener.url}bad`)).rejects.toThrow();
      expect(await (await fetch(listener.url)).text()).toBe("well");
    } finally {
      await listener.close();
    }
  });

  test("listens on a unix socket, in place of one that nobody listens on any more", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mig-runner-web-"));
    const path = join(folder, "page.sock");
    try {
      const first = await listen({ kind: "socket", path }, () => new Response("one"));
      await expect(listen({ kind: "socket", path }, () => new Response("two"))).rejects.toThrow(
        `Cannot listen on "${path}"`,
      );
      expect(statSync(path).mode & 0o777).toBe(0o660);
      const text = await new Promise<string>((resolve, reject) => {
        request({ socketPath: path, path: "/", headers: { Host: "localhost" } }, (answer) => {
          answer.on("data", (data: Uint8Array) => resolve(new TextDecoder().decode(data)));
        })
          .on("error", reject)
          .end();
      });
      expect(text).toBe("one");
      await first.close();
      writeFileSync(path, "a file of somebody");
      await expect(listen({ kind: "socket", path }, () => new Response())).rejects.toThrow(
        "it is there, and no socket",
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("speaks TLS, and what it shows can be replaced at any time", async () => {
    const credentials = { certificate: pem("server.pem"), key: pem("server.key") };
    const who: Answer = (_, { from }) => new Response(`well, ${from}`);
    const listener = await listen(ANY, who, { credentials });
    try {
      const port = portOf(listener.url);
      expect(listener.url).toBe(`https://127.0.0.1:${port}/`);
      const local = "DNS:localhost, DNS:mig.test, IP Address:127.0.0.1";
      // Who it is counts: wrong tokens are counted by address.
      expect(await shown(port)).toEqual({ names: local, text: "well, 127.0.0.1" });
      // Who does not speak it is told nothing.
      expect(await say(port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")).not.toContain("well");
      const other = { certificate: NAMED.certificates["common-name"] ?? "", key: NAMED.key };
      const bytes = (text: string) => new TextEncoder().encode(text);
      listener.renew({ certificate: bytes(other.certificate), key: bytes(other.key) });
      expect(await shown(port)).toEqual({ names: "DNS:other.example", text: "well, 127.0.0.1" });
    } finally {
      await listener.close();
    }
  });

  test("waits for nobody: not for a handshake, a head or a form that comes byte by byte", async () => {
    const credentials = { certificate: pem("server.pem"), key: pem("server.key") };
    for (const given of [{}, { credentials }]) {
      const options = { ...given, idleMs: 100, takesForms: true };
      const listener = await listen(ANY, () => new Response("well"), options);
      try {
        const port = portOf(listener.url);
        const type = "Content-Type: application/x-www-form-urlencoded";
        const form = `POST / HTTP/1.1\r\nHost: a\r\n${type}\r\nContent-Length: 9999\r\n\r\n`;
        const beginnings = ["", "GET / HTTP/1.1\r\n", form];
        for (const begin of beginnings)
          expect(await drip(port, begin, given)).not.toContain("well");
      } finally {
        await listener.close();
      }
    }
  });

  test("serves so many at a time, and again when they have left", async () => {
    const listener = await listen(ANY, () => new Response("well"));
    try {
      const port = portOf(listener.url);
      const crowd = Array.from({ length: CONNECTIONS_MAX + 8 }, () => connect(port, "127.0.0.1"));
      const left = crowd.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
      for (const socket of crowd) socket.on("error", () => {});
      // Of those that came, the last are let go.
      await Promise.all(left.slice(CONNECTIONS_MAX));
      for (const socket of crowd) socket.destroy();
      await Promise.all(left);
      for (let text = ""; text !== "well"; ) {
        text = await fetch(listener.url).then(
          (answer) => answer.text(),
          () => "",
        );
      }
    } finally {
      await listener.close();
    }
  });

  test("says what is wrong with a port that is taken", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as { port: number };
    try {
      const place = { kind: "port", host: "127.0.0.1", port } as const;
      await expect(listen(place, () => new Response())).rejects.toThrow(
        `Cannot listen on "127.0.0.1:${port}"`,
      );
    } finally {
      other.close();
    }
  });
});
