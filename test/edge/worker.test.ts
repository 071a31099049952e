import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import {
  startWorker,
  type WorkerEnd,
  type WorkerHandle,
  type WorkerOrder,
  type WorkerRole,
} from "../../src/edge/worker.ts";
import { eventually } from "../support/binary.ts";
import { DENO, Scratch, source } from "../support/edge.ts";

/** The next message of a worker of the role "load". */
function next(worker: WorkerHandle): Promise<unknown> {
  return new Promise((resolve) => worker.onMessage(resolve));
}

/** Has a worker evaluate a module, and hears the line that it prints. */
async function printed(code: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const worker = startWorker({ role: "load", onLine: resolve });
  worker.send({ source: code });
  const line = await promise;
  await worker.terminate();
  return line;
}

/** How a worker ends that evaluates a module. */
async function endOf(code: string, order: Partial<WorkerOrder> = {}): Promise<WorkerEnd> {
  const worker = startWorker({ role: "load", onLine() {}, ...order });
  worker.send({ source: code });
  return await worker.exited;
}

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** Whether a process is there that does something yet. */
function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}/exe`);
}

const NEVER = "await new Promise(() => {});";

describe("startWorker()", () => {
  test("carries messages both ways, also those sent before the worker has begun", async () => {
    const worker = startWorker({ role: "load" });
    const answer = next(worker);
    worker.send({ source: "export default 1;" });
    expect(await answer).toMatchObject({ kind: "problem" });
    await worker.terminate();
  });

  test("carries large messages whole, in characters of any kind", async () => {
    const text = `"${"aé€𝄞\\n".repeat(100_000)}"`;
    const worker = startWorker({ role: "load" });
    const answer = next(worker);
    worker.send({ source: `throw ${text};` });
    expect(await answer).toMatchObject({ thrown: { message: JSON.stringify(JSON.parse(text)) } });
    await worker.terminate();
  });

  test("ends a worker in the middle of an endless loop", async () => {
    const worker = startWorker({ role: "load" });
    const ready = next(worker);
    worker.send({ source: "export default 1;" });
    await ready;
    worker.send({ source: "for (;;) {}" });
    await worker.terminate();
    expect(await worker.exited).toEqual({ kind: "terminated" });
  });

  test.each<[string, string, WorkerEnd]>([
    ["exits", "process.exit(7);", { kind: "exited", code: 7 }],
    ["is killed", "process.kill(process.pid, 'SIGKILL');", { kind: "killed", signal: "SIGKILL" }],
    [
      "crashes",
      `const { dlopen } = process.getBuiltinModule("node:module").createRequire("/")("bun:ffi");
       dlopen("libc.so.6", { raise: { args: ["i32"] } }).symbols.raise(11);`,
      { kind: "killed", signal: "SIGSEGV" },
    ],
  ])("says how a worker ended that %s", async (_, code, end) => {
    expect(await endOf(code)).toEqual(end);
  });

  test("says what nobody caught", async () => {
    const thrown = await endOf(`setTimeout(() => { throw new Error("late"); }, 0);\n${NEVER}`);
    expect(thrown).toMatchObject({ kind: "failed", message: "late" });
    const rejected = await endOf(`void Promise.reject(new Error("lost"));\n${NEVER}`);
    expect(rejected).toMatchObject({ kind: "failed", message: "lost" });
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("goes on at %s", async (signal) => {
    const line = `process.kill(process.pid, "${signal}");
      setTimeout(() => console.log("there"), 50);`;
    expect(await printed(line)).toBe("there");
  });

  test("fails for a role that nobody plays", async () => {
    const worker = startWorker({ role: "nobody" as WorkerRole });
    expect(await worker.exited).toMatchObject({
      kind: "failed",
      message: 'Cannot start worker "nobody"',
    });
  });

  test("keeps globals of one worker from another, and from this process", async () => {
    const code = "globalThis.n = (globalThis.n ?? 0) + 1;\nexport default () => globalThis.n;";
    const worker = startWorker({ role: "load" });
    const answer = next(worker);
    worker.send({ source: code });
    await answer;
    await worker.terminate();
    expect(Reflect.has(globalThis, "n")).toBe(false);
  });

  test("hands on what is printed, by the worker or by what it has started", async () => {
    expect(await printed("console.log('said');")).toBe("said");
    expect(await printed("console.error('said');")).toBe("said");
    const child = `process.getBuiltinModule("node:child_process").spawn("echo", ["said"], {
      stdio: "inherit",
    });\n${NEVER}`;
    expect(await printed(child)).toBe("said");
  });

  test("bounds what is printed without an end", async () => {
    const lines: string[] = [];
    const code = "for (let n = 0; n < 20_000; n++) console.log('x'.repeat(100));\nprocess.exit();";
    await endOf(code, { onLine: (line) => void lines.push(line) });
    expect(lines.length).toBeLessThan(300);
  });

  test("takes what foreign code writes into the channel for no message", async () => {
    for (const text of ["", "[]", "{}", '["else"]', "not JSON"]) {
      const worker = startWorker({ role: "load" });
      const heard = next(worker);
      worker.send({
        source: `process.getBuiltinModule("fs").writeSync(3, ${JSON.stringify(`${text}\n`)});`,
      });
      expect(await heard).toBeNull();
      await worker.terminate();
    }
  });

  test("ends a worker that sends without an end of the line", async () => {
    const code = `const { writeSync } = process.getBuiltinModule("fs");
      const chunk = "x".repeat(1_000_000);
      for (;;) try { writeSync(3, chunk); } catch {}`;
    const message = "it sent a message that is too large";
    expect(await endOf(code)).toMatchObject({ kind: "failed", message });
  });

  test.each([
    ["lists", "const all = []; for (;;) all.push(new Array(1e6).fill(Math.random()));"],
    ["buffers", "const all = []; for (;;) all.push(Buffer.alloc(1e7, 1));"],
    ["texts", "const all = []; for (;;) all.push({ text: 'x'.repeat(100) + all.length });"],
  ])("ends a worker that takes memory without a bound for %s", async (_, code) => {
    const maxBytes = 256 * 1024 * 1024;
    expect(await endOf(code, { memoryMax: maxBytes })).toEqual({ kind: "memory", maxBytes });
  });

  test("gives back every descriptor, whatever the worker has opened", async () => {
    const code = `const { openSync } = process.getBuiltinModule("fs");
      try { for (;;) openSync("/dev/null"); } catch (error) { throw error.code; }`;
    const warm = startWorker({ role: "load" });
    await warm.terminate();
    const before = descriptors();
    for (let turn = 0; turn < 3; turn++) {
      const worker = startWorker({ role: "load" });
      const answer = next(worker);
      worker.send({ source: code });
      expect(await answer).toMatchObject({ thrown: { message: '"EMFILE"' } });
      await worker.terminate();
    }
    await eventually(() => descriptors() <= before || null);
  });

  test.each([
    ["is ended", ""],
    ["ends", "process.exit(0);"],
    ["crashes", "process.kill(process.pid, 'SIGSEGV');"],
  ])("ends the children of a worker that %s", async (_, last) => {
    const pids: number[] = [];
    const code = `const { spawn } = process.getBuiltinModule("node:child_process");
      const { pid } = spawn("sh", ["-c", "sleep 1000 & echo $!; wait"], { stdio: "inherit" });
      console.log(pid);
      ${last === "" ? NEVER : `setTimeout(() => { ${last} }, 100);\n${NEVER}`}`;
    const { promise: told, resolve } = Promise.withResolvers<void>();
    const onLine = (line: string): void => {
      pids.push(Number(line));
      if (pids.length === 2) resolve();
    };
    const worker = startWorker({ role: "load", onLine });
    worker.send({ source: code });
    await told;
    if (last === "") await worker.terminate();
    else await worker.exited;
    await eventually(() => !pids.some(isAlive) || null);
  });

  test("ends a child that has left the worker's group", async () => {
    const pid = Promise.withResolvers<number>();
    const worker = startWorker({ role: "load", onLine: (line) => pid.resolve(Number(line)) });
    worker.send({
      source: `const { spawn } = process.getBuiltinModule("node:child_process");
        console.log(spawn("sleep", ["1000"], { detached: true, stdio: "ignore" }).pid);\n${NEVER}`,
    });
    const child = await pid.promise;
    await worker.terminate();
    await eventually(() => !isAlive(child) || null);
  });

  test("keeps the environment of the runner from a worker, but for harmless variables", async () => {
    const before = { ...process.env };
    Object.assign(process.env, { MIGPGPPASSPHRASE: "secret", LANG: "C.UTF-8" });
    try {
      const line = await printed("console.log(JSON.stringify(process.env));");
      const environment = JSON.parse(line) as Record<string, string>;
      expect(environment).toMatchObject({ LANG: "C.UTF-8", PATH: process.env.PATH });
      expect(line).not.toContain("secret");
    } finally {
      process.env = before;
    }
  });

  test("says that none can be started when the system has nothing left", async () => {
    using scratch = new Scratch();
    const script = scratch.file(
      "start.ts",
      `import { openSync } from "node:fs";
       import { startWorker } from ${JSON.stringify(source("edge/worker.ts"))};
       try { for (;;) openSync("/dev/null", "r"); } catch {}
       const worker = startWorker({ role: "load" });
       const { kind } = await worker.exited;
       await worker.terminate();
       process.stdout.write(kind);`,
    );
    const command = `ulimit -n 64; exec "${process.execPath}" "${script}"`;
    const child = spawn("sh", ["-c", command], { stdio: ["ignore", "pipe", "inherit"] });
    let told = "";
    child.stdout.on("data", (text) => {
      told += String(text);
    });
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(0);
    expect(told).toBe("unstarted");
  });

  test.each([
    ["Bun", [process.execPath]],
    ["Deno", DENO],
  ] as const)("leaves nothing behind when the daemon is killed, under %s", async (_, command) => {
    using scratch = new Scratch();
    const script = scratch.file(
      "daemon.ts",
      `import { startWorker } from ${JSON.stringify(source("edge/worker.ts"))};
       const pids = [];
       const onLine = (line) => {
         pids.push(Number(line));
         if (pids.length === 3) console.log(pids.join(" "));
       };
       const child = 'process.getBuiltinModule("node:child_process").spawn("sleep", ["1000"]).pid';
       const worker = startWorker({ role: "load", onLine });
       worker.send({ source: "console.log(process.pid); console.log(" + child + "); for (;;) {}" });
       const idle = startWorker({ role: "load", onLine });
       idle.send({ source: "console.log(process.pid);" });`,
    );
    const [file, ...args] = command;
    // What `bun test --no-orphans` asks of every Bun below it would do the work of the lifeline.
    const { BUN_FEATURE_FLAG_NO_ORPHANS: _asked, ...env } = process.env;
    const child = spawn(file, [...args, script], { stdio: ["ignore", "pipe", "inherit"], env });
    const line = await new Promise<string>((resolve) => {
      child.stdout.once("data", (text) => resolve(String(text)));
    });
    const pids = line.trim().split(" ").map(Number);
    expect(pids.map(isAlive)).toEqual([true, true, true]);
    child.kill("SIGKILL");
    await eventually(() => !pids.some(isAlive) || null);
  });
});
