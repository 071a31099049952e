// Carriers: stderr, sockets and servers, as they are and as they fail.
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { systemClock } from "../../../src/edge/clock.ts";
import {
  connectTcp,
  openLocal,
  openStderr,
  openUdp,
  spawnLogger,
} from "../../../src/edge/log/carriers.ts";
import { eventually } from "../../support/binary.ts";
import { DatagramListener, Scratch } from "../../support/edge.ts";

/** A TCP server on loopback that keeps what it is sent. */
class TcpServer implements AsyncDisposable {
  readonly #server: Server;
  readonly sockets: Socket[] = [];
  text = "";

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      this.sockets.push(socket);
      socket.setEncoding("utf8").on("data", (text: string) => {
        this.text += text;
      });
      socket.on("error", () => {});
    });
  }

  static async listen(port = 0): Promise<TcpServer> {
    const server = createServer();
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return new TcpServer(server);
  }

  get address() {
    return {
      host: "127.0.0.1",
      port: (this.#server.address() as AddressInfo).port,
      family: 4,
    } as const;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }
}

describe("connectTcp()", () => {
  test("sends lines in order", async () => {
    await using server = await TcpServer.listen();
    const carrier = await connectTcp(server.address);
    for (const line of ["one\n", "two\n"]) await carrier.send(line);
    await eventually(() => (server.text === "one\ntwo\n" ? true : null));
    carrier.close();
  });

  test("rejects when nobody listens", async () => {
    const server = await TcpServer.listen();
    const { address } = server;
    await server[Symbol.asyncDispose]();
    expect(connectTcp(address)).rejects.toThrow(/ECONNREFUSED|refused/);
  });

  test("is of no more use once the server has closed", async () => {
    await using server = await TcpServer.listen();
    const carrier = await connectTcp(server.address);
    await carrier.send("one\n");
    await eventually(() => server.sockets[0] ?? null);
    server.sockets[0]?.end();
    const failure = await eventually(async () => {
      try {
        await carrier.send("more\n");
        return null;
      } catch (error) {
        return error;
      }
    });
    expect(failure).toBeInstanceOf(Error);
    carrier.close();
  });

  test("gives back the line that a closed carrier has not sent", async () => {
    await using server = await TcpServer.listen();
    const carrier = await connectTcp(server.address);
    await eventually(() => server.sockets[0] ?? null);
    server.sockets[0]?.pause();
    const sending = (async () => {
      for (;;) await carrier.send("x".repeat(1_000_000));
    })();
    carrier.close();
    expect(sending).rejects.toThrow();
  });
});

describe("openUdp()", () => {
  test("sends each line as a packet, cut to what fits into one", async () => {
    const server = createSocket("udp4");
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    const packets: Buffer[] = [];
    server.on("message", (packet) => packets.push(packet));
    const carrier = await openUdp({ host: "localhost", port: server.address().port, family: 4 });
    await carrier.send("one\n");
    await carrier.send("x".repeat(100_000));
    await eventually(() => (packets.length === 2 ? true : null));
    expect(packets[0]?.toString()).toBe("one\n");
    expect(packets[1]?.length).toBe(65_000);
    carrier.close();
    server.close();
  });

  test("does not mind a server that is away", async () => {
    const server = createSocket("udp4");
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address();
    server.close();
    await once(server, "close");
    const carrier = await openUdp({ host: "127.0.0.1", port, family: 0 });
    for (const line of ["one\n", "two\n", "three\n"]) await carrier.send(line);
    carrier.close();
  });

  test("rejects a name that nobody has", async () => {
    expect(openUdp({ host: "nobody.invalid", port: 514, family: 0 })).rejects.toThrow();
  });
});

describe("openLocal()", () => {
  test("sends at once while the daemon reads, and all of it when it reads late", async () => {
    using scratch = new Scratch();
    using daemon = new DatagramListener(scratch.in("log"));
    const carrier = await openLocal(scratch.in("log"), systemClock());
    const count = 200;
    const sending = (async () => {
      for (let number = 0; number < count; number++) await carrier?.send(`line ${number}`);
    })();
    for (let number = 0; number < count; number++) {
      expect(await daemon.next()).toBe(`line ${number}`);
    }
    await sending;
    carrier?.close();
  });

  test("gives up after a while when nobody reads", async () => {
    using scratch = new Scratch();
    using _daemon = new DatagramListener(scratch.in("log"));
    const clock = { ...systemClock(), sleep: () => Promise.resolve() };
    const carrier = await openLocal(scratch.in("log"), clock);
    const sending = (async () => {
      for (;;) await carrier?.send("line");
    })();
    await expect(sending).rejects.toThrow("nobody reads");
    carrier?.close();
  });

  test("rejects when there is no socket", async () => {
    using scratch = new Scratch();
    expect(openLocal(scratch.in("log"), systemClock())).rejects.toThrow("ENOENT");
  });
});

const hasLogger = spawnSync("logger", ["--version"]).status === 0;

describe("spawnLogger()", () => {
  test.skipIf(!hasLogger)("hands lines with their priority to one child", async () => {
    using scratch = new Scratch();
    using daemon = new DatagramListener(scratch.in("log"));
    const carrier = await spawnLogger(scratch.in("log"), 4_711);
    await carrier.send("<27>one");
    await carrier.send("<30>two");
    expect(await daemon.next()).toMatch(/^<27>.*mig-runner\[4711\]: one$/);
    expect(await daemon.next()).toMatch(/^<30>.*mig-runner\[4711\]: two$/);
    carrier.close();
  });
});

describe("openStderr()", () => {
  test("sends at once to whatever standard error is", () => {
    const carrier = openStderr(systemClock());
    expect(carrier.send("")).toBeUndefined();
    carrier.close();
  });
});
