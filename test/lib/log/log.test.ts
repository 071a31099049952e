// Log: each mode as an operator sets it, from the first line to the last.
import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { systemClock } from "../../../src/edge/clock.ts";
import { RunnerError } from "../../../src/errors.ts";
import { type LogConfig, openLog, systemLogContext } from "../../../src/lib/log/log.ts";
import { CARRIER_MS_MAX } from "../../../src/lib/log/queue.ts";
import type { Clock } from "../../../src/lib/ports.ts";
import { eventually, Scenario } from "../../support/binary.ts";
import { DatagramListener, DENO, Scratch, source } from "../../support/edge.ts";

const AT = Date.UTC(2026, 10, 23, 15, 43, 8);

const UNSET: LogConfig = {
  mode: null,
  level: "debug",
  file: null,
  host: null,
  port: null,
  protocol: null,
  facility: null,
  maxFileSizeBytes: null,
};

const context = {
  clock: { ...systemClock(), now: () => AT },
  hostname: "vm",
  pid: 9007,
  offsetMs: () => 0,
};

async function refusal(config: Partial<LogConfig>): Promise<RunnerError> {
  const error = await openLog({ ...UNSET, ...config }, context).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof RunnerError) return error;
  throw new Error(`not refused: ${error}`);
}

/** The machine's clock, but that time limits pass when a test says so. */
class Limits implements Clock {
  readonly #real = systemClock();
  readonly #pending = new Set<() => void>();
  #begun = 0;

  readonly now = (): number => AT;
  readonly until: Clock["until"] = (at, signal) => this.#real.until(at, signal);

  readonly sleep: Clock["sleep"] = (ms, signal) => {
    if (ms !== CARRIER_MS_MAX) return this.#real.sleep(ms, signal);
    this.#begun++;
    return new Promise((resolve) => {
      const end = (): void => {
        this.#pending.delete(end);
        resolve();
      };
      this.#pending.add(end);
      signal?.addEventListener("abort", end);
    });
  };

  /** Resolves when for so many turns of the event loop nothing more was begun. */
  async settled(turns: number): Promise<void> {
    for (let [same, begun] = [0, -1]; same < turns; same++) {
      if (begun !== this.#begun) [same, begun] = [0, this.#begun];
      await new Promise((turn) => setImmediate(turn));
    }
  }

  /** Lets all limits that are under way pass. */
  pass(): void {
    for (const end of [...this.#pending]) end();
  }
}

/** A program that logs as its arguments say, and prints how long that took. */
const SCRIPT = `
import { openLog, systemLogContext } from "${source("lib/log/log.ts")}";
import { systemClock } from "${source("edge/clock.ts")}";
const [config, count, size] = JSON.parse(process.argv[2]);
const log = await openLog(config, systemLogContext(systemClock()));
const from = performance.now();
for (let number = 0; number < count; number++) {
  log.emit(number % 2 === 0 ? "info" : "err", "line " + number + " " + "x".repeat(size));
}
process.stdout.write("took " + Math.round(performance.now() - from) + "\\n");
await log.close();
`;

const RUNTIMES = [
  ["bun", [process.execPath, "run"]],
  ["deno", DENO],
] as const;

describe.each(RUNTIMES)("mode stdout in %s", (_, program) => {
  const given = program as [string, ...string[]];

  test("writes the original's lines to standard error", async () => {
    await using scenario = await Scenario.create(given);
    const script = await scenario.write("script.ts", SCRIPT);
    const config = { ...UNSET, mode: "stdout" };
    const outcome = await scenario.run([script, JSON.stringify([config, 2, 0])], {
      env: { TZ: "Asia/Tokyo" },
    });
    const [first = "", second = ""] = outcome.stderr.split("\n");
    expect(first).toMatch(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d - - - \[info\] line 0 $/);
    expect(second).toMatch(/ - - - \[err\] line 1 $/);
    const [day, time] = first.split(" ");
    const local = Date.parse(`${day?.replaceAll("/", "-")}T${time}+09:00`);
    expect(Math.abs(local - Date.now())).toBeLessThan(60_000);
  });

  test("is not held up by a pipe that nobody reads, nor ended by one that is closed", async () => {
    await using scenario = await Scenario.create(["/bin/sh", "-c"]);
    const script = await scenario.write("script.ts", SCRIPT);
    const setup = JSON.stringify([{ ...UNSET, mode: "stdout" }, 3_000, 100]);
    const command = `${given.join(" ")} ${script} '${setup}'`;
    const unread = await scenario.run([`{ ${command} 2>&1 >&3 | sleep 0.9; } 3>&1`]);
    expect(unread.stdout).toMatch(/^took \d+\n$/);
    expect(Number(unread.stdout.slice(5))).toBeLessThan(800);
    const closed = await scenario.run([`{ ${command} 2>&1 >&3 | true; } 3>&1; ${command} 2>&-`]);
    expect(closed.stdout).toMatch(/^took \d+\ntook \d+\n$/);
  });

  test("is not held up by a socket that nobody reads, as one of the journal may be", async () => {
    await using scenario = await Scenario.create(given);
    const script = await scenario.write("script.ts", SCRIPT);
    const setup = JSON.stringify([{ ...UNSET, mode: "stdout" }, 8_000, 200]);
    const [command = "", ...words] = given;
    // What Node makes for a child is a pair of sockets.
    const child = spawn(command, [...words, script, setup], { stdio: ["ignore", "pipe", "pipe"] });
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
    });
    await eventually(() => (printed.startsWith("took ") ? true : null));
    let lines = 0;
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      lines += text.split("\n").length - 1;
    });
    await once(child, "close");
    // The end waits for a moment: by then all or most of them have been read.
    expect(lines).toBeGreaterThan(100);
  });

  test("loses no line on a pipe that is read", async () => {
    await using scenario = await Scenario.create(["/bin/sh", "-c"]);
    const script = await scenario.write("script.ts", SCRIPT);
    const setup = JSON.stringify([{ ...UNSET, mode: "stdout" }, 5_000, 100]);
    const { stdout } = await scenario.run([
      `${given.join(" ")} ${script} '${setup}' 2>&1 >/dev/null | (sleep 0.3; wc -l)`,
    ]);
    expect(Number(stdout)).toBe(5_000);
  });
});

describe("an unknown mode", () => {
  test.each([null, "", "nonsense"])("%p is stderr, and the first line says so", async (mode) => {
    await using scenario = await Scenario.create([process.execPath, "run"]);
    const script = await scenario.write("script.ts", SCRIPT);
    const config = { ...UNSET, mode, level: null };
    const { stderr } = await scenario.run([script, JSON.stringify([config, 3, 0])]);
    expect(stderr).toMatch(/^\S+ \S+ Logging mode is missing. Assuming stdout.\n$/);
  });
});

describe("mode file", () => {
  const file = (scratch: Scratch) => ({ ...UNSET, mode: "file", file: scratch.in("runner.log") });
  const text = (scratch: Scratch) => readFileSync(scratch.in("runner.log"), "utf8");

  test("holds what the level lets through, at once", async () => {
    using scratch = new Scratch();
    const log = await openLog({ ...file(scratch), level: "warning" }, context);
    log.emit("info", "not this");
    log.emit("warning", "this");
    log.emit("emerg", "and\nthis");
    expect(text(scratch)).toBe(
      "2026/11/23 15:43:08 - - - [warning] this\n2026/11/23 15:43:08 - - - [emerg] and\\nthis\n",
    );
    await log.close();
  });

  test("holds lines of JSON when it is told to, with what they are about", async () => {
    using scratch = new Scratch();
    const log = await openLog({ ...file(scratch), format: "json" }, context);
    log.emit("info", "plain");
    const subject = { job: "nightly", run: 7, action: 12, step: "deep" };
    log.emit("err", 'nightly: "quoted"\nand \u202e more\u0000', subject);
    log.emit("info", '"'.repeat(20_000));
    await log.close();
    const lines = text(scratch).trimEnd().split("\n");
    const [first, second, third] = lines.map((line) => JSON.parse(line));
    const time = "2026-11-23T15:43:08.000Z";
    expect(first).toEqual({ time, level: "info", message: "plain" });
    const message = 'nightly: "quoted"\\nand \\u202e more\\x00';
    expect(second).toEqual({ time, level: "err", ...subject, message });
    expect(third.message.length).toBeLessThan(8_000);
    expect(lines.length).toBe(3);
  });

  test("stays empty without a level, as in the original", async () => {
    using scratch = new Scratch();
    const log = await openLog({ ...file(scratch), level: null }, context);
    log.emit("emerg", "nobody hears this");
    await log.close();
    expect(text(scratch)).toBe("");
  });

  test("moves aside at its limit and loses no line", async () => {
    using scratch = new Scratch();
    const log = await openLog({ ...file(scratch), maxFileSizeBytes: 100 }, context);
    for (let number = 0; number < 5; number++) log.emit("info", `line ${number}`);
    await log.close();
    const all = readFileSync(scratch.in("runner.log.1"), "utf8") + text(scratch);
    expect(all.match(/line \d/g)).toEqual(["line 0", "line 1", "line 2", "line 3", "line 4"]);
    expect(existsSync(scratch.in("runner.log.2"))).toBe(false);
  });

  test("is opened again when asked to, after somebody moved it", async () => {
    using scratch = new Scratch();
    const log = await openLog(file(scratch), context);
    log.emit("info", "before");
    renameSync(scratch.in("runner.log"), scratch.in("moved.log"));
    log.reopen();
    log.emit("info", "after");
    await log.close();
    expect(readFileSync(scratch.in("moved.log"), "utf8")).toContain("before");
    expect(text(scratch)).toEndWith("after\n");
  });

  test("can be told another level", async () => {
    using scratch = new Scratch();
    const log = await openLog({ ...file(scratch), level: "warning" }, context);
    log.emit("info", "hidden");
    log.setLevel("info");
    log.emit("info", "shown");
    log.setLevel(null);
    log.emit("emerg", "nothing");
    await log.close();
    expect(text(scratch).match(/hidden|shown|nothing/g)).toEqual(["shown"]);
  });

  test("keeps lines while they cannot be written, and writes them when they can", async () => {
    using scratch = new Scratch();
    scratch.folder("logs");
    const path = scratch.in("logs/runner.log");
    const log = await openLog({ ...UNSET, mode: "file", file: path }, context);
    log.emit("info", "before");
    renameSync(scratch.in("logs"), scratch.in("gone"));
    log.reopen();
    for (let number = 0; number < 3; number++) log.emit("info", `line ${number}`);
    scratch.folder("logs");
    await eventually(() => (existsSync(path) ? true : null));
    await log.close();
    expect(readFileSync(path, "utf8").match(/line \d/g)).toEqual(["line 0", "line 1", "line 2"]);
  });

  test("does not bring the runner down on a full disk", async () => {
    const log = await openLog({ ...UNSET, mode: "file", file: "/dev/full" }, context);
    for (let number = 0; number < 50; number++) log.emit("info", `line ${number}`);
    await log.close();
  });

  test("refuses to start with a file that cannot be opened, in the original's words", async () => {
    const error = await refusal({ mode: "file", file: "/no/such/x.log" });
    expect(error.code).toBe("CONFIG");
    expect(error.message).toBe(
      'Cannot log to file "/no/such/x.log": open /no/such/x.log: no such file or directory',
    );
    expect((await refusal({ mode: "file", file: "/" })).message).toEndWith(
      "open /: is a directory",
    );
  });

  test.each([null, ""])("refuses to start without a file (%p)", async (path) => {
    const error = await refusal({ mode: "file", file: path });
    expect(error.message).toEndWith("open : no such file or directory");
    expect(error.detail.hint).toBe("Set file in [logging]");
  });
});

describe("mode syslog by network", () => {
  const syslog = { ...UNSET, mode: "syslog", host: "127.0.0.1" };

  test("sends the original's line by UDP", async () => {
    const server = createSocket("udp4");
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address();
    const arrived = once(server, "message");
    const log = await openLog({ ...syslog, port, protocol: "udp" }, context);
    log.emit("info", "logging routine started");
    const [packet] = (await arrived) as [Buffer];
    expect(packet.toString()).toBe(
      "<30>2026-11-23T15:43:08Z vm mig-runner[9007]: - - - [info] logging routine started\n",
    );
    await log.close();
    server.close();
  });

  test("carries JSON behind its own head, by UDP", async () => {
    const server = createSocket("udp4");
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address();
    const arrived = once(server, "message");
    const log = await openLog({ ...syslog, port, protocol: "udp", format: "json" }, context);
    log.emit("warning", "a: b", { job: "a" });
    const [packet] = (await arrived) as [Buffer];
    const [head = "", json = ""] = packet.toString().split(/(?<=\]: )/);
    expect(head).toBe("<28>2026-11-23T15:43:08Z vm mig-runner[9007]: ");
    expect(JSON.parse(json)).toMatchObject({ level: "warning", job: "a", message: "a: b" });
    await log.close();
    server.close();
  });

  test("honours the facility, and warns of one that is unknown", async () => {
    const server = createSocket("udp4");
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address();
    const packets: string[] = [];
    server.on("message", (packet) => packets.push(packet.toString()));
    const first = await openLog({ ...syslog, port, protocol: "udp", facility: "local3" }, context);
    first.emit("err", "one");
    await first.close();
    const second = await openLog(
      { ...syslog, port, protocol: "udp4", facility: "local9" },
      context,
    );
    await second.close();
    await eventually(() => (packets.length === 2 ? true : null));
    expect(packets[0]).toStartWith(`<${19 * 8 + 3}>`);
    expect(packets[1]).toMatch(/^<28>.*\[warning\] logging facility "local9" is unknown/);
    server.close();
  });

  test("comes back to a TCP server that was away, with the lines of meanwhile", async () => {
    let text = "";
    const sockets: Socket[] = [];
    const listen = async (port: number) => {
      const server = createServer((socket) => {
        sockets.push(socket);
        socket.on("error", () => {});
        socket.setEncoding("utf8").on("data", (data: string) => {
          text += data;
        });
      });
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
      return server;
    };
    const first = await listen(0);
    const { port } = first.address() as AddressInfo;
    const log = await openLog({ ...syslog, port, protocol: "tcp" }, context);
    log.emit("info", "before");
    await eventually(() => (text.includes("before") ? true : null));
    const closed = once(first, "close");
    first.close();
    for (const socket of sockets) socket.end();
    await closed;
    await eventually(() => {
      log.emit("info", "meanwhile");
      return true;
    });
    const second = await listen(port);
    log.emit("info", "after");
    await eventually(() => (text.includes("after") ? true : null));
    expect(text.indexOf("before")).toBeLessThan(text.indexOf("after"));
    await log.close();
    for (const socket of sockets) socket.destroy();
    second.close();
  });

  test("leaves a TCP server that takes the connection and never reads, and says what may be lost", async () => {
    const received: string[] = [];
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      if (sockets.length === 1) return void socket.pause();
      let rest = "";
      socket.setEncoding("utf8").on("data", (data: string) => {
        const lines = (rest + data).split("\n");
        rest = lines.pop() ?? "";
        received.push(...lines);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const limits = new Limits();
    const log = await openLog({ ...syslog, port, protocol: "tcp" }, { ...context, clock: limits });
    // More than the kernel keeps for one who does not read.
    const count = 9_000;
    for (let number = 0; number < count; number++) {
      log.emit("info", `line ${number} ${"x".repeat(2_000)}`);
      if (number % 200 === 0) await limits.settled(20);
    }
    await limits.settled(2_000);
    limits.pass();
    const last = `line ${count - 1} `;
    await eventually(() => (received.at(-1)?.includes(last) ? true : null));
    const told = received.filter((line) => line.includes("[warning]")).join("\n");
    const lost = [...told.matchAll(/(\d+) log lines/g)].reduce((sum, [, n]) => sum + Number(n), 0);
    expect(told).toMatch(/up to \d+ log lines sent before the last failure may be lost/);
    expect(lost + received.filter((line) => line.includes("[info]")).length).toBe(count);
    await log.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test("looks for its server again when asked to", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => void sockets.push(socket.resume()));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const log = await openLog({ ...syslog, port, protocol: "tcp" }, context);
    log.emit("info", "before");
    await eventually(() => (sockets.length === 1 ? true : null));
    log.reopen();
    log.emit("info", "after");
    await eventually(() => (sockets.length === 2 ? true : null));
    await log.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test("refuses to start when a TCP server is away, in the original's words", async () => {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    const error = await refusal({ ...syslog, port, protocol: "tcp" });
    expect(error.code).toBe("CONFIG");
    expect(error.message).toBe(
      `Cannot log to syslog "127.0.0.1:${port}": ` +
        `dial tcp 127.0.0.1:${port}: connect: connection refused`,
    );
    const named = await refusal({ ...syslog, host: "localhost", port, protocol: "tcp" });
    expect(named.message).toEndWith("connect: connection refused");
  });

  test("refuses to start with a key missing, in the original's words", async () => {
    const mode = "syslog";
    const messages = await Promise.all(
      [
        { mode },
        { mode, host: "127.0.0.1" },
        { mode, host: "127.0.0.1", port: 0 },
        { mode, host: "127.0.0.1", port: 514 },
      ].map(async (config) => (await refusal(config)).message),
    );
    expect(messages).toEqual([
      "Cannot log to syslog: Syslog host is missing",
      "Cannot log to syslog: Syslog port is missing",
      "Cannot log to syslog: Syslog port is missing",
      "Cannot log to syslog: Syslog protocol is missing",
    ]);
  });

  test("refuses a protocol or a host that is not there", async () => {
    const unknown = await refusal({ ...syslog, port: 514, protocol: "carrier pigeon" });
    expect(unknown.message).toEndWith("dial carrier pigeon: unknown network carrier pigeon");
    const nobody = await refusal({ ...syslog, host: "nobody.invalid", port: 514, protocol: "udp" });
    expect(nobody.message).toEndWith("dial udp: lookup nobody.invalid: no such host");
  });
});

describe("mode syslog by socket", () => {
  test.each(["local", "unix"])("sends to this machine's daemon (%s)", async (protocol) => {
    using scratch = new Scratch();
    using daemon = new DatagramListener(scratch.in("log"));
    const config = { ...UNSET, mode: "syslog", protocol, file: scratch.in("log") };
    const log = await openLog({ ...config, facility: "cron" }, context);
    log.emit("notice", "hello\nworld");
    expect(await daemon.next()).toBe(
      `<${9 * 8 + 5}>Nov 23 15:43:08 mig-runner[9007]: - - - [notice] hello\\nworld`,
    );
    await log.close();
  });

  test("comes back to a daemon that was started anew", async () => {
    using scratch = new Scratch();
    const path = scratch.in("log");
    const config = { ...UNSET, mode: "syslog", protocol: "local", file: path };
    const first = new DatagramListener(path);
    const log = await openLog(config, context);
    log.emit("info", "before");
    expect(await first.next()).toEndWith("before");
    first[Symbol.dispose]();
    renameSync(path, scratch.in("old"));
    log.emit("info", "meanwhile");
    using second = new DatagramListener(path);
    expect(await second.next()).toEndWith("meanwhile");
    await log.close();
  });

  test("refuses to start without a daemon", async () => {
    using scratch = new Scratch();
    const path = scratch.in("log");
    const error = await refusal({ mode: "syslog", protocol: "unix", file: path });
    expect(error.message).toBe(
      `Cannot log to syslog "${path}": dial unixgram ${path}: no such file or directory`,
    );
  });
});

describe("systemLogContext()", () => {
  test("is this process on this machine", () => {
    const { pid, hostname, offsetMs } = systemLogContext(systemClock());
    expect(pid).toBe(process.pid);
    expect(hostname).not.toBe("");
    expect(Math.abs(offsetMs(AT) % 60_000)).toBe(0);
  });
});
