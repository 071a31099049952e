// Log lines, where they go, and how files and servers that fail are taken.
import { describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { chmodSync, existsSync, readFileSync, renameSync, statSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { hostname } from "node:os";
import { eventually, type Running } from "../support/binary.ts";
import { ended, Host } from "../support/site.ts";

const RECORDED = `${import.meta.dirname}/../golden/log`;

/** What the original printed in the same life: begun, told to stop, ended. */
function recorded(name: string): readonly string[] {
  return readFileSync(`${RECORDED}/${name}`, "utf8").trimEnd().split("\n");
}

/** A line without its time. */
function timeless(line: string): string {
  return line.replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, "TIME ");
}

/** A syslog line without its time, host and process. */
function faceless(line: string): string {
  return line.replace(/^(<\d+>)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S+ (mig-runner)\[\d+\]/, "$1 $2");
}

async function live(host: Host): Promise<Running> {
  const daemon = host.start();
  await eventually(() => (existsSync(host.scenario.path("runner.lock")) ? true : null));
  return daemon;
}

describe.concurrent("mode stdout", () => {
  test("writes the original's lines, to standard error as the original does", async () => {
    await using host = await Host.create();
    const daemon = await host.daemon();
    daemon.signal("SIGINT");
    const { stdout, stderr } = ended(await daemon.ended());
    expect(stdout).toBe("");
    expect(stderr.trimEnd().split("\n").map(timeless)).toEqual(recorded("plain.log").map(timeless));
  });

  for (const [what, mode] of Object.entries({ "no mode": [], "an unknown one": ["mode = std"] })) {
    test(`is assumed for ${what}, and the first line says so`, async () => {
      await using host = await Host.create({ logging: [...mode, 'level = "info"'] });
      const daemon = await host.daemon();
      daemon.signal("SIGINT");
      const lines = ended(await daemon.ended())
        .stderr.trimEnd()
        .split("\n");
      const wanted = recorded("nomode.txt").map(timeless);
      expect(lines.map(timeless).filter((line) => !line.includes("[warning]"))).toEqual(wanted);
      const warnings = lines.filter((line) => line.includes("[warning]"));
      expect(warnings.length).toBe(mode.length);
      for (const line of warnings) {
        expect(line).toContain('[logging] mode "std" is none of stdout, file, syslog (did you');
      }
    });
  }
});

describe.concurrent("the level", () => {
  const cases: Readonly<Record<string, { logging: string[]; shown: RegExp[]; hidden: RegExp[] }>> =
    {
      "warning leaves out what is of interest only": {
        logging: ['level = "warning"'],
        shown: [/\[err\] broken: /],
        hidden: [/\[info\]/],
      },
      "crit leaves out what one job did": {
        logging: ['level = "crit"'],
        shown: [],
        hidden: [/\[info\]/, /\[err\]/],
      },
      "that is not set is info, with a warning; the original logs nothing": {
        logging: [],
        shown: [/\[info\] logging routine started/, /\[warning\] .*level is not set: info is used/],
        hidden: [],
      },
      "in upper case is taken, with a warning; the original logs nothing": {
        logging: ['level = "WARNING"'],
        shown: [/\[warning\] .*: warning is used/],
        hidden: [/\[info\]/],
      },
    };
  for (const [what, { logging, shown, hidden }] of Object.entries(cases)) {
    test(what, async () => {
      await using host = await Host.create({ logging: ['mode = "stdout"', ...logging] });
      await host.job("broken", [], "{");
      const { stderr } = await host.run("--once");
      for (const pattern of shown) expect(stderr).toMatch(pattern);
      for (const pattern of hidden) expect(stderr).not.toMatch(pattern);
    });
  }
});

describe.concurrent("mode file", () => {
  const logging = ['mode = "file"', 'file = "runner.log"', 'level = "debug"'];

  test("appends the original's lines, readable for owner and group, and prints nothing", async () => {
    await using host = await Host.create({ logging });
    const { scenario } = host;
    await scenario.write("runner.log", "an older line\n");
    chmodSync(scenario.path("runner.log"), 0o640);
    const daemon = await live(host);
    await eventually(async () =>
      (await scenario.read("runner.log")).includes("results processing") ? true : null,
    );
    daemon.signal("SIGINT");
    const { stdout, stderr } = ended(await daemon.ended());
    expect({ stdout, stderr }).toEqual({ stdout: "", stderr: "" });
    const [older, ...lines] = (await scenario.read("runner.log")).trimEnd().split("\n");
    expect(older).toBe("an older line");
    expect(lines.map(timeless)).toEqual(recorded("plain.log").map(timeless));
  });

  test("makes the file with the original's mode, 0640 less the umask", async () => {
    await using host = await Host.create({ logging });
    ended(await host.run("--once"));
    const mode = statSync(host.scenario.path("runner.log")).mode & 0o777;
    expect(mode).toBe(0o640 & ~process.umask());
  });

  test("moves the file to FILE.1 at maxfilesize, before the line that would go over it", async () => {
    await using host = await Host.create({ logging: [...logging, "maxfilesize = 200"] });
    const { scenario } = host;
    for (const job of ["j1", "j2", "j3", "j4", "j5", "j6"]) {
      await scenario.write(`runners/${job}/notes`, "");
    }
    await host.run("--once");
    const [now, before] = ["runner.log", "runner.log.1"].map((name) => scenario.read(name));
    // A file takes lines until it has 200 bytes: it ends with the line that goes over.
    const lines = ((await before) ?? "").split("\n").slice(0, -1);
    const size = Buffer.byteLength(`${lines.join("\n")}\n`);
    expect(size).toBeGreaterThanOrEqual(200);
    expect(size - Buffer.byteLength(`${lines.at(-1)}\n`)).toBeLessThan(200);
    expect(await now).toContain("j6: stat ");
    expect(existsSync(scenario.path("runner.log.2"))).toBe(false);
  });

  test("goes on in a new file when somebody moved it away and sends SIGHUP", async () => {
    await using host = await Host.create({ logging });
    const { scenario } = host;
    const path = scenario.path("runner.log");
    const daemon = await live(host);
    await eventually(() => (readFileSync(path, "utf8").includes("results proc") ? true : null));
    renameSync(path, `${path}.moved`);
    daemon.signal("SIGHUP");
    await eventually(() => (existsSync(path) ? true : null));
    daemon.signal("SIGINT");
    ended(await daemon.ended());
    expect(await scenario.read("runner.log")).toContain("signal, exiting");
  });

  test("in a directory that is not there ends the start with 9", async () => {
    await using host = await Host.create({
      logging: ['mode = "file"', 'file = "/no/such/x.log"', 'level = "debug"'],
    });
    const { exit, stderr } = await host.run();
    expect(exit).toBe(9);
    expect(stderr).toContain("open /no/such/x.log: no such file or directory");
  });
});

/** A TCP server that keeps what it is sent. */
async function startTcp() {
  const got: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", (part) => got.push(String(part)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    text: () => got.join(""),
    cut: () => sockets.splice(0).map((socket) => socket.destroy()),
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A UDP socket that keeps what it is sent. */
async function startUdp() {
  const got: string[] = [];
  const socket = createSocket("udp4", (part) => got.push(String(part)));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return {
    port: socket.address().port,
    text: () => got.join(""),
    [Symbol.dispose]: () => socket.close(),
  };
}

describe.concurrent("mode syslog", () => {
  const logging = (protocol: string, port: number): string[] => [
    'mode = "syslog"',
    'host = "127.0.0.1"',
    `port = ${port}`,
    `protocol = "${protocol}"`,
    'level = "debug"',
  ];
  const servers = { tcp: startTcp, udp: startUdp } as const;

  for (const protocol of ["tcp", "udp"] as const) {
    test(`sends the original's lines by ${protocol}`, async () => {
      using server = await servers[protocol]();
      await using host = await Host.create({ logging: logging(protocol, server.port) });
      const daemon = await live(host);
      await eventually(() => (server.text().includes("results processing") ? true : null));
      daemon.signal("SIGINT");
      const { stdout, stderr } = ended(await daemon.ended());
      expect({ stdout, stderr }).toEqual({ stdout: "", stderr: "" });
      await eventually(() => (server.text().includes("due to notification\n") ? true : null));
      const lines = server.text().trimEnd().split("\n");
      expect(lines.map(faceless)).toEqual(recorded(`syslog-${protocol}.txt`).map(faceless));
      for (const line of lines)
        expect(line).toContain(` ${hostname()} mig-runner[${daemon.pid}]: `);
    });
  }

  test("honours the facility, which the original ignores", async () => {
    using server = await startUdp();
    const lines = [...logging("udp", server.port), 'facility = "local3"'];
    await using host = await Host.create({ logging: lines });
    ended(await host.run("--once"));
    await eventually(() => (server.text().startsWith("<158>") ? true : null));
  });

  test("that nobody answers by tcp ends the start with 9", async () => {
    const { port } = await startTcp().then((server) => {
      server[Symbol.dispose]();
      return server;
    });
    await using host = await Host.create({ logging: logging("tcp", port) });
    const { exit, stderr } = await host.run();
    expect(exit).toBe(9);
    expect(stderr).toContain(`dial tcp 127.0.0.1:${port}: connect: connection refused`);
  });

  test("of protocol local is the daemon of this machine, which the original cannot reach", async () => {
    const local = ['mode = "syslog"', 'protocol = "local"', 'level = "info"'];
    await using host = await Host.create({ logging: [...local, 'file = "/nonexistent/log"'] });
    const { exit, stderr } = await host.run();
    expect(exit).toBe(9);
    expect(stderr).toContain("dial unixgram /nonexistent/log: no such file or directory");
  });

  test("whose server goes away later is tried again; the original panics", async () => {
    using server = await startTcp();
    await using host = await Host.create({ logging: logging("tcp", server.port) });
    const daemon = await live(host);
    await eventually(() => (server.text().includes("results processing") ? true : null));
    server.cut();
    await host.job("late");
    await eventually(() => (server.text().includes("added entity late") ? true : null));
    daemon.signal("SIGINT");
    ended(await daemon.ended());
  });
});
