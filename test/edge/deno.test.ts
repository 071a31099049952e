// Deno: the same edges in the other runtime, each tried once from end to end.
import { describe, expect, test } from "bun:test";
import { Scenario } from "../support/binary.ts";
import { DatagramListener, DENO, source } from "../support/edge.ts";
import { CHAIN_CASES, NAME_CASES, NAMED } from "../support/tls-names.ts";

/** The beginning of each script: all edges, and the directory that it may use. */
const HEAD = `
import assert from "node:assert/strict";
import { once } from "node:events";
import * as fs from "node:fs";
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { openHttp } from "${source("lib/http/client.ts")}";
import { createSocket } from "node:dgram";
import { systemClock } from "${source("edge/clock.ts")}";
import { lockDirectory, lockHolder } from "${source("edge/lock.ts")}";
import { openLog, systemLogContext } from "${source("lib/log/log.ts")}";
import { openPlugins } from "${source("edge/plugins/plugins.ts")}";
import { openUnixDatagram, runtimeName } from "${source("lib/os/runtime.ts")}";
import { openSpool, watchSpool } from "${source("edge/spool.ts")}";
const directory = process.argv[2];
const clock = systemClock();
const unset = { level: "debug", file: null, host: null, port: null, protocol: null,
  facility: null, maxFileSizeBytes: null };
const bytes = (text) => new TextEncoder().encode(text);
`;

async function runInDeno(script: string, prepare?: (scenario: Scenario) => Promise<unknown>) {
  await using scenario = await Scenario.create(DENO as [string, ...string[]]);
  await prepare?.(scenario);
  const path = await scenario.write("script.ts", `${HEAD}${script}\nconsole.log("done");\n`);
  const { exit, stdout, stderr } = await scenario.run([path, scenario.directory]);
  expect({ exit, stdout, stderr: stderr.replace(/.*\[err\] log: .*\n/g, "") }).toEqual({
    exit: 0,
    stdout: "done\n",
    stderr: "",
  });
}

describe("in Deno", () => {
  test("the clock waits and is woken", async () => {
    await runInDeno(`
      const at = clock.now() + 20;
      await clock.until(at);
      assert(clock.now() >= at);
      const stop = new AbortController();
      const waiting = clock.sleep(2 ** 31, stop.signal);
      stop.abort();
      await waiting;
    `);
  });

  test("the spool scans, writes and reads", async () => {
    await runInDeno(
      `
      const spool = openSpool({ directory });
      const [job] = await spool.scan();
      assert.equal(job.job, "nightly");
      assert.deepEqual(job.files.map(({ name }) => name), ["action.json", "entity.cfg"]);
      assert.equal(await spool.scan().then(([again]) => again), job);
      await spool.writeInflight("nightly", 7, bytes("{}"));
      const [file] = await spool.inflight();
      assert.equal(file.kind, "bytes");
      await spool.removeInflight("nightly", 7);
      const writer = await spool.createResult("nightly", "20261123", 7);
      for (let count = 0; count < 10; count++) await writer.write(new Uint8Array(100_000));
      assert.equal((await writer.commit()).bytes, 1_000_000);
      const path = spool.resultPath("nightly", "20261123", 7);
      assert.equal(fs.statSync(path).size, 1_000_000);
      assert.equal(fs.statSync(path).mode & 0o777, 0o600);
      fs.writeFileSync(directory + "/shared", "linked");
      fs.symlinkSync(directory + "/shared", directory + "/runners/nightly/job.ts");
      assert.equal(String(await spool.read("nightly", "job.ts", 100)), "linked");
      await assert.rejects(openSpool({ directory: "/no/such" }).scan(),
        /runnerScan\\(\\) -> open \\/no\\/such\\/runners: no such file or directory/);
      const changed = Promise.withResolvers();
      const watcher = watchSpool(directory, changed.resolve);
      fs.mkdirSync(directory + "/runners/late");
      await changed.promise;
      watcher.close();
      `,
      (scenario) => scenario.job("nightly", { "entity.cfg": "", "action.json": "{}" }),
    );
  });

  test("plugins get the result and are heard", async () => {
    await runInDeno(
      `
      const lines = [];
      const log = { emit: (level, message) => lines.push(level + ": " + message) };
      const plugins = openPlugins({ directory, timeoutMs: 20_000, graceMs: 200, log,
        environment: process.env });
      assert.deepEqual(await plugins.names(), ["slow", "speak"]);
      fs.writeFileSync(directory + "/7.json", "four");
      const order = { plugin: "speak", job: "j", actionId: 7, key: "k", attempt: 1,
        resultPath: directory + "/7.json" };
      const answer = await plugins.deliver(order);
      assert.deepEqual(answer, { kind: "failed", message: "exit status 3" });
      const said = ["info: speak: four", "info: speak: j 7", "warning: speak: bad"];
      assert.deepEqual(lines.sort(), said);
      const stop = new AbortController();
      const delivering = plugins.deliver({ ...order, plugin: "slow", signal: stop.signal });
      setTimeout(() => stop.abort(), 50);
      assert.match((await delivering).message, /^signal: terminated/);
      `,
      async (scenario) => {
        await scenario.plugin("slow", "exec sleep 600");
        await scenario.plugin(
          "speak",
          'cat /dev/stdin; echo; echo "$MIG_RUNNER_JOB $MIG_RUNNER_ACTION_ID"; ' +
            "echo bad > /dev/stderr; exit 3",
        );
      },
    );
  });

  test("the log reaches files and servers", async () => {
    await runInDeno(`
      const context = { ...systemLogContext(clock), hostname: "vm", pid: 7 };
      const file = await openLog({ ...unset, mode: "file", file: directory + "/runner.log",
        maxFileSizeBytes: 30 }, context);
      for (const text of ["one", "two"]) file.emit("info", text);
      await file.close();
      assert.match(fs.readFileSync(directory + "/runner.log.1", "utf8"), /one\\n$/);
      assert.match(fs.readFileSync(directory + "/runner.log", "utf8"), /two\\n$/);
      const full = await openLog({ ...unset, mode: "file", file: "/dev/full" }, context);
      full.emit("info", "lost");
      await full.close();
      const server = createServer();
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address();
      const arriving = once(server, "connection").then(([socket]) => once(socket, "data"));
      const tcp = await openLog({ ...unset, mode: "syslog", host: "127.0.0.1", port,
        protocol: "tcp" }, context);
      tcp.emit("info", "by tcp");
      assert.match(String((await arriving)[0]), /^<30>\\S+ vm mig-runner\\[7\\]: .* by tcp\\n$/);
      await tcp.close();
      server.close();
      const packets = createSocket("udp4");
      packets.bind(0, "127.0.0.1");
      await once(packets, "listening");
      const received = once(packets, "message");
      const udp = await openLog({ ...unset, mode: "syslog", host: "localhost",
        port: packets.address().port, protocol: "udp4" }, context);
      udp.emit("err", "by udp");
      assert.match(String((await received)[0]), /^<27>.* by udp\\n$/);
      await udp.close();
      packets.close();
      await assert.rejects(openLog({ ...unset, mode: "syslog", host: "127.0.0.1", port: 1,
        protocol: "tcp" }, context), /dial tcp 127.0.0.1:1: connect: connection refused/);
      await assert.rejects(openLog({ ...unset, mode: "syslog", host: "nobody.invalid", port: 1,
        protocol: "tcp" }, context), /dial tcp: lookup nobody.invalid: no such host/);
    `);
  });

  test("unix datagrams are sent", async () => {
    const name = `@mig-runner-deno-${process.pid}`;
    using listener = new DatagramListener(name);
    await runInDeno(`
      assert.equal(runtimeName(), "deno");
      const socket = await openUnixDatagram("${name}");
      assert(socket.send(bytes("hello")));
      socket.close();
    `);
    expect(await listener.next()).toBe("hello");
  });

  test("the lock is held and named", async () => {
    await runInDeno(`
      const lock = await lockDirectory(directory);
      assert.equal(lockHolder(directory).pid, process.pid);
      const refusal = /another mig-runner \\(process \\d+\\) works on/;
      await assert.rejects(lockDirectory(directory), refusal);
      lock.release();
      assert.equal(lockHolder(directory), null);
    `);
  });

  test("a certificate is for the same hosts as in Bun", async () => {
    const cases = [...NAME_CASES, ...CHAIN_CASES].filter(
      ([, host]) => host === "localhost" || host === "127.0.0.1",
    );
    await runInDeno(
      `
      const { authority, key, certificates, cases } =
        JSON.parse(fs.readFileSync(directory + "/names.json", "utf8"));
      fs.writeFileSync(directory + "/ca.pem", authority);
      const http = openHttp({ skipVerifyCert: false, connectionsMax: 1,
        environment: { SSL_CERT_FILE: directory + "/ca.pem" }, connectTimeoutMs: 20_000,
        headersTimeoutMs: 20_000, idleTimeoutMs: 20_000, exchangeTimeoutMs: 60_000 });
      const odd = [];
      for (const [name, host, isMeant] of cases) {
        const server = createTlsServer({ key, cert: certificates[name] }, (socket) => {
          socket.on("error", () => {});
          socket.end("HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n");
        });
        server.on("tlsClientError", () => {});
        await once(server.listen(0, "127.0.0.1"), "listening");
        const url = "https://" + host + ":" + server.address().port + "/";
        const answer = await http.send({ method: "GET", url, headers: [] });
        if (answer.kind === "answer") for await (const _ of answer.body);
        if ((answer.kind === "answer") !== isMeant) odd.push([name, host, answer]);
        server.close();
      }
      http.close();
      assert.deepEqual(odd, []);
      `,
      (scenario) => scenario.write("names.json", JSON.stringify({ ...NAMED, cases })),
    );
  });
});
