import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { get } from "node:https";
import { connect } from "node:net";
import { RunnerError } from "../../src/errors.ts";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/server.ts";
import {
  errorOf,
  exchange,
  openInvestigator,
  publicKeys,
  RUNNER_FINGERPRINT,
  valuesOf,
} from "../support/investigator.ts";

let now = Date.parse("2026-11-23T12:00:00Z");
const clock = { now: () => now, sleep: async () => {} };
const investigator = await openInvestigator(clock);
const STEADY = { silentRate: 0, failedRate: 0, timeoutRate: 0 };
const open: Sandbox[] = [];

async function start(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  now = Date.parse("2026-11-23T12:00:00Z");
  const sandbox = await startSandbox({ publicKeys, clock, behaviour: STEADY, ...options });
  open.push(sandbox);
  return sandbox;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((sandbox) => sandbox.close()));
});

function commandsQuery(id: number, rest = ""): string {
  return `type=command&limit=1000&offset=0&actionid=${id}${rest}`;
}

describe("startSandbox()", () => {
  test("says what to do about a port that is taken", async () => {
    const { port } = await start();
    const refusal = await start({ port }).then(
      () => null,
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(RunnerError);
    const { message, detail } = refusal as RunnerError;
    expect(message).toStartWith(`Cannot start sandbox on port "${port}": `);
    expect(detail.hint).toContain("another --port");
  });

  test("takes a signed action and answers with its commands once agents have", async () => {
    const sandbox = await start({ agents: 5 });
    const posted = await investigator.post(sandbox.port, { target: "id > 0" });
    expect(posted.status).toBe(202);
    const early = await investigator.search(sandbox.port, commandsQuery(posted.id));
    expect([early.status, errorOf(early)]).toEqual([404, "no results found"]);
    now += 60_000;
    const late = await investigator.search(sandbox.port, commandsQuery(posted.id));
    const commands = valuesOf(late, "command");
    expect(commands.map(({ status }) => status)).toEqual(Array(5).fill("success"));
    expect(sandbox.actions()).toMatchObject([
      { id: posted.id, name: "test", counters: { sent: 5, done: 5, success: 5 } },
    ]);
  });

  test("trusts the keys of the ring, by the name in their address", async () => {
    const sandbox = await start();
    expect(sandbox.investigators[0]).toEqual({
      id: 1,
      name: "runner",
      fingerprint: RUNNER_FINGERPRINT,
    });
  });

  test("shows sent commands before, and expired ones after the end of silent agents", async () => {
    const sandbox = await start({ agents: 4, behaviour: { ...STEADY, silentRate: 1 } });
    const { id } = await investigator.post(sandbox.port, { target: "id > 0", validFor: 60 });
    now += 59_000;
    const before = await investigator.search(sandbox.port, commandsQuery(id));
    expect(valuesOf(before, "command")).toHaveLength(4);
    expect(valuesOf(before, "command")[0]).toMatchObject({
      status: "sent",
      finishtime: "9998-01-11T11:11:11Z",
      action: { counters: { sent: 4, inflight: 4 } },
    });
    now += 1_000;
    const after = await investigator.search(sandbox.port, commandsQuery(id));
    expect(valuesOf(after, "command")[0]).toMatchObject({
      status: "expired",
      finishtime: "2026-11-23T12:01:00Z",
      results: [{ foundanything: false, success: false, elements: null, errors: null }],
      action: { counters: { sent: 4, done: 4, expired: 4 } },
    });
  });

  test("lets agents answer soon with a speed", async () => {
    const sandbox = await start({ agents: 10, behaviour: { ...STEADY, speed: 600 } });
    const { id } = await investigator.post(sandbox.port, { target: "id > 0", validFor: 600 });
    now += 1_100;
    const answer = await investigator.search(sandbox.port, commandsQuery(id, "&status=success"));
    expect(valuesOf(answer, "command")).toHaveLength(10);
  });

  test("gives scripted answers", async () => {
    const sandbox = await start({
      agents: [{ name: "a" }, { name: "b" }, { name: "c" }],
      answers: ({ name }) => {
        if (name === "a") return { result: { foundanything: true, success: true, elements: 7 } };
        return name === "b" ? { status: "failed", afterMs: 5 } : null;
      },
    });
    const { id } = await investigator.post(sandbox.port, { target: "id > 0" });
    now += 60_000;
    const answer = await investigator.search(sandbox.port, commandsQuery(id));
    const seen = valuesOf(answer, "command") as {
      agent: { name: string };
      status: string;
      results: { elements: unknown }[];
    }[];
    const byName = Object.fromEntries(seen.map((command) => [command.agent.name, command]));
    expect(byName.a?.results[0]?.elements).toBe(7);
    expect(byName.b?.status).toBe("failed");
    expect(byName.c?.status).toBe("success");
  });

  test("says why a target reaches nothing, and still answers 202", async () => {
    const notes: string[] = [];
    const sandbox = await start({ note: (line) => notes.push(line) });
    const first = await investigator.post(sandbox.port, { target: "all" });
    const second = await investigator.post(sandbox.port, { target: "this is not sql" });
    const third = await investigator.post(sandbox.port, { target: "name ~ 'x'" });
    expect([first.status, second.status, third.status]).toEqual([202, 202, 202]);
    now += 30_000;
    for (const { id } of [first, second, third]) {
      expect((await investigator.search(sandbox.port, commandsQuery(id))).status).toBe(404);
    }
    expect(notes.map((note) => note.replace(/action \d+ /, ""))).toEqual([
      'reaches no agent: pq: syntax error at or near "all"',
      'reaches no agent: pq: syntax error at or near "sql"',
      "reaches no agent: sandbox: cannot evaluate the operator ~ in a target",
    ]);
  });

  test("remembers requests with their connection and status", async () => {
    const sandbox = await start();
    await exchange(sandbox.port, { method: "GET", path: "/nowhere?a=1", headers: { "X-A": "b" } });
    expect(sandbox.requests()).toMatchObject([
      { method: "GET", url: "/nowhere?a=1", status: 404, connection: 1, headers: { "x-a": "b" } },
    ]);
  });

  test("survives nonsense on its port", async () => {
    const sandbox = await start();
    await new Promise<void>((resolve) => {
      const socket = connect(sandbox.port, "127.0.0.1", () =>
        socket.write("\u0000\u0001 nonsense\r\n\r\n"),
      );
      socket.on("data", () => socket.end());
      socket.on("close", () => resolve());
      socket.on("error", () => resolve());
    });
    const answer = await exchange(sandbox.port, { method: "GET", path: "/api/v1/heartbeat" });
    expect(answer.status).toBe(200);
  });

  test("sends Go's headers: a length below 2048 bytes, chunks above", async () => {
    const sandbox = await start({ agents: 3 });
    const short = await exchange(sandbox.port, { method: "GET", path: "/api/v1/heartbeat" });
    expect(short.headers).toMatchObject({
      "cache-control": "no-cache",
      "content-type": "application/json",
      "content-length": String(short.body.length),
      date: "Mon, 23 Nov 2026 12:00:00 GMT",
    });
    const long = await investigator.search(sandbox.port, "type=agent&limit=3&agentname=%25.net");
    expect(long.headers["transfer-encoding"]).toBe("chunked");
  });

  test("refuses other hosts, unknown faults, and to start without a key", async () => {
    const attempts: Partial<SandboxOptions>[] = [
      { host: "0.0.0.0" as "127.0.0.1" },
      { faults: ["gremlins"] },
      { publicKeys: [] },
    ];
    for (const options of attempts) expect(start(options)).rejects.toThrow(RunnerError);
  });

  test("speaks HTTPS with a certificate", async () => {
    const folder = new URL("../fixtures/tls/", import.meta.url);
    const read = (name: string) => readFileSync(new URL(name, folder));
    const sandbox = await start({ tls: { key: read("server.key"), cert: read("server.pem") } });
    expect(sandbox.url).toStartWith("https://127.0.0.1:");
    const status = await new Promise((resolve, reject) => {
      get(`${sandbox.url}heartbeat`, { ca: read("ca.pem") }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on("error", reject);
    });
    expect(status).toBe(200);
  });
});

describe("faults of the server", () => {
  test("drop breaks the connection before or after the effect", async () => {
    const sandbox = await start({ faults: ["drop@create/once"] });
    expect(investigator.post(sandbox.port, {})).rejects.toThrow();
    await investigator.post(sandbox.port, {});
    expect(sandbox.actions()).toHaveLength(1);
    sandbox.setFaults(["drop-after@create/once"]);
    expect(investigator.post(sandbox.port, {})).rejects.toThrow();
    await exchange(sandbox.port, { method: "GET", path: "/api/v1/heartbeat" });
    expect(sandbox.actions()).toHaveLength(2);
  });

  test("statuses, HTML, garbage and empty answers replace the answer", async () => {
    const sandbox = await start();
    const seen: [number, string][] = [];
    for (const fault of ["500", "401", "429", "404", "html", "garbage", "empty=202", "503-after"]) {
      sandbox.setFaults([`${fault}@create/once`]);
      const { status, body } = await investigator.post(sandbox.port, {});
      seen.push([status, body.slice(0, 14)]);
    }
    expect(seen).toEqual([
      [500, '{"collection":'],
      [401, '{"collection":'],
      [429, '{"collection":'],
      [404, '{"collection":'],
      [502, "<html>\n<head><"],
      [200, '{"collection":'],
      [202, ""],
      [503, '{"collection":'],
    ]);
    expect(sandbox.actions()).toHaveLength(1);
  });

  test("cut ends the body in the middle", async () => {
    const sandbox = await start({ faults: ["cut@search/once"] });
    const query = "type=agent&agentname=%25net";
    expect(investigator.search(sandbox.port, query)).rejects.toThrow();
    const whole = await investigator.search(sandbox.port, query);
    expect(valuesOf(whole, "agent")).toHaveLength(20);
  });

  test("latency and slow take their time by the clock", async () => {
    const slept: number[] = [];
    const sandbox = await start({
      faults: ["latency=700", "slow=400"],
      clock: { now: () => now, sleep: async (ms) => void slept.push(ms) },
    });
    const answer = await exchange(sandbox.port, { method: "GET", path: "/api/v1/heartbeat" });
    expect(slept).toEqual([700, ...Array(Math.ceil(answer.body.length / 40)).fill(100)]);
  });

  test("lying faults change what a search says", async () => {
    const sandbox = await start({ agents: 6 });
    const { id } = await investigator.post(sandbox.port, { target: "id > 0" });
    now += 60_000;
    const ask = async (fault: string, query: string) => {
      sandbox.setFaults([fault]);
      return investigator.search(sandbox.port, `type=command&actionid=${id}&${query}`);
    };
    const plain = valuesOf(await ask("latency=1", "limit=3"), "command");
    const repeated = valuesOf(await ask("repeat-page", "limit=3&offset=3"), "command");
    expect(repeated.map((command) => command.id)).toEqual(plain.map((command) => command.id));
    const lie = valuesOf(await ask("lie-counts", "limit=1"), "command");
    expect(lie).toMatchObject([{ action: { counters: { sent: 12, done: 6 } } }]);
    expect((await ask("hide-fresh=61000", "limit=1")).status).toBe(404);
    expect((await ask("huge=50000", "limit=1")).body.length).toBeGreaterThan(50_000);
  });
});
