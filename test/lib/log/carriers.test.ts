// Carriers: stderr, sockets and servers, as they are and as they fail.
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { systemClock } from "../../../src/edge/clock.ts";
import {
  connectTcp,
  openLocal,
  openStderr,
  openUdp,
  spawnLogger,
} from "../../../src/lib/log/carriers.ts";
import { TooSlow } from "../../../src/lib/log/queue.ts";
import { eventually } from "../../support/binary.ts";
import { DatagramListener, Scratch } from "../../support/edge.ts";

const clock = systemClock();

/** The port of the last UDP server that was made. */
let lastPort = 0;

async function udpServer(host: string, port: "free" | "same" = "free"): Promise<UdpSocket> {
  const server = createSocket("udp4");
  server.bind(port === "free" ? 0 : lastPort, host);
  await once(server, "listening");
  lastPort = server.address().port;
  return server;
}

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
    const carrier = await connectTcp(server.address, { clock });
    for (const line of ["one\n", "two\n"]) await carrier.send(line);
    await eventually(() => (server.text === "one\ntwo\n" ? true : null));
    carrier.close();
  });

  test("rejects when nobody listens", async () => {
    const server = await TcpServer.listen();
    const { address } = server;
    await server[Symbol.asyncDispose]();
    expect(connectTcp(address, { clock })).rejects.toThrow(/ECONNREFUSED|refused/);
  });

  test("is of no more use once the server has closed", async () => {
    await using server = await TcpServer.listen();
    const carrier = await connectTcp(server.address, { clock });
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
    const carrier = await connectTcp(server.address, { clock });
    await eventually(() => server.sockets[0] ?? null);
    server.sockets[0]?.pause();
    const sending = (async () => {
      for (;;) await carrier.send("x".repeat(1_000_000));
    })();
    carrier.close();
    expect(sending).rejects.toThrow();
  });
});

describe("connectTcp(), given up", () => {
  test("ends when it is not wanted any more", async () => {
    await using server = await TcpServer.listen();
    const opening = new AbortController();
    const connecting = connectTcp(server.address, { clock, signal: opening.signal });
    opening.abort();
    expect(connecting).rejects.toThrow("not wanted any more");
  });

  test("tells how many lines may not have been read, by how it failed", async () => {
    await using server = await TcpServer.listen();
    let now = 0;
    const carrier = await connectTcp(server.address, { clock: { ...clock, now: () => now } });
    await carrier.send("one\n");
    now += 10 * 60_000;
    for (const line of ["two\n", "three\n"]) await carrier.send(line);
    const doubtful = (error: Error) => carrier.doubtful?.(error);
    expect(doubtful(new TooSlow("no line was taken"))).toBe(3);
    expect(doubtful(Object.assign(new Error(), { code: "ETIMEDOUT" }))).toBe(3);
    expect(doubtful(Object.assign(new Error(), { code: "ECONNRESET" }))).toBe(2);
    expect(doubtful(new Error("the syslog server closed the connection"))).toBe(0);
    carrier.close();
  });
});

describe("openUdp()", () => {
  test("sends each line as a packet, cut to what fits into one", async () => {
    const server = createSocket("udp4");
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    const packets: Buffer[] = [];
    server.on("message", (packet) => packets.push(packet));
    const carrier = await openUdp(
      { host: "localhost", port: server.address().port, family: 4 },
      { clock },
    );
    await carrier.send("one\n");
    await carrier.send("x".repeat(100_000));
    await carrier.send(`x${"é".repeat(50_000)}`);
    await eventually(() => (packets.length === 3 ? true : null));
    expect(packets[0]?.toString()).toBe("one\n");
    expect(packets[1]?.length).toBe(65_000);
    // Not in the middle of a character.
    expect(packets[2]?.toString()).toBe(`x${"é".repeat(32_499)}`);
    carrier.close();
    server.close();
  });

  test("opens although nobody is there, and fails once a packet is refused", async () => {
    const server = await udpServer("127.0.0.1");
    const { port } = server.address();
    server.close();
    await once(server, "close");
    const carrier = await openUdp({ host: "127.0.0.1", port, family: 0 }, { clock });
    const failure = await eventually(async () => {
      try {
        await carrier.send("line\n");
        return null;
      } catch (error) {
        return error;
      }
    });
    expect(failure).toMatchObject({ code: "ECONNREFUSED" });
    expect(carrier.doubtful?.(failure)).toBeGreaterThan(0);
    carrier.close();
  });

  test("follows its name to another address, and stays where it is while that is unknown", async () => {
    const [here, there] = [await udpServer("127.0.0.1"), await udpServer("127.0.0.2", "same")];
    const packets: string[] = [];
    here.on("message", (packet) => packets.push(`here ${packet}`));
    there.on("message", (packet) => packets.push(`there ${packet}`));
    const answers = ["127.0.0.1", null, "127.0.0.2"];
    let asked = 0;
    const lookUp = async () => {
      const address = answers[asked++];
      if (typeof address !== "string") throw new Error("no name server");
      return { address, family: 4 };
    };
    let now = 0;
    const { port } = here.address();
    const carrier = await openUdp(
      { host: "log.example", port, family: 0 },
      { clock: { ...clock, now: () => now }, lookUp },
    );
    const send = async (line: string): Promise<string> => {
      const count = packets.length;
      await carrier.send(line);
      return await eventually(() => packets[count] ?? null);
    };
    expect(await send("1")).toBe("here 1");
    now += 59_000;
    expect([await send("2"), asked]).toEqual(["here 2", 1]);
    now += 1_000;
    expect([await send("3"), asked]).toEqual(["here 3", 2]);
    now += 60_000;
    await send("4");
    await eventually(async () => ((await send("5")) === "there 5" ? true : null));
    expect(asked).toBe(3);
    // A clock that was set back by a day puts nothing off.
    now -= 86_400_000;
    await send("6");
    expect(asked).toBe(4);
    carrier.close();
    here.close();
    there.close();
  });

  test("rejects a name that nobody has", async () => {
    expect(openUdp({ host: "nobody.invalid", port: 514, family: 0 }, { clock })).rejects.toThrow();
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

  test("ends a child that takes no lines", async () => {
    using scratch = new Scratch();
    scratch.file("logger", `#!/bin/sh\necho $$ > "$0.pid"\nexec sleep 1000\n`, 0o755);
    const path = process.env.PATH;
    process.env.PATH = `${scratch.path}:${path}`;
    try {
      const carrier = await spawnLogger(scratch.in("log"), 4_711);
      const read = () => Number(readFileSync(scratch.in("logger.pid"), "utf8")) || null;
      const pid = await eventually(read);
      const sending = carrier.send("x".repeat(10_000_000));
      carrier.close(true);
      await expect(sending).rejects.toThrow();
      await eventually(() => (existsSync(`/proc/${pid}`) ? null : true));
    } finally {
      process.env.PATH = path;
    }
  });
});

describe("openStderr()", () => {
  test("sends at once to whatever standard error is", () => {
    const carrier = openStderr(systemClock());
    expect(carrier.send("")).toBeUndefined();
    carrier.close();
  });
});
