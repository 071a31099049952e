// Executable: real programs that behave well, badly and not at all.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import {
  deliverToExecutable,
  type ExecutableOptions,
  pluginEnvironment,
} from "../../../src/edge/plugins/executable.ts";
import type { DeliveryOrder } from "../../../src/ports.ts";
import { eventually } from "../../support/binary.ts";
import { MemoryLog, Scratch } from "../../support/edge.ts";

/** A runner directory with one plugin and one result. */
class World implements Disposable {
  readonly scratch = new Scratch();
  readonly log = new MemoryLog();
  readonly result = this.scratch.file("7.json", '{"result":true}');

  in(name: string): string {
    return this.scratch.in(name);
  }

  text(name: string): string {
    return readFileSync(this.in(name), "utf8");
  }

  order(given: Partial<DeliveryOrder> = {}): DeliveryOrder {
    const order = { plugin: "scribe", job: "nightly", actionId: 7, key: "k-1", attempt: 2 };
    return { ...order, resultPath: this.result, ...given };
  }

  deliver(
    script: string,
    { order, ...options }: Partial<ExecutableOptions> & { order?: Partial<DeliveryOrder> } = {},
  ) {
    const path = this.scratch.file("plugins/scribe", `#!/bin/sh\n${script}\n`, 0o755);
    return deliverToExecutable(this.order(order), {
      path,
      timeoutMs: 20_000,
      graceMs: 5_000,
      log: this.log,
      environment: { PATH: process.env.PATH, OUT: "not passed on" },
      ...options,
    });
  }

  [Symbol.dispose](): void {
    this.scratch[Symbol.dispose]();
  }
}

/** Whether a process is there. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("deliverToExecutable()", () => {
  test("gives the result file on standard input, also by the name /dev/stdin", async () => {
    using world = new World();
    const answer = await world.deliver(
      `cat > "${world.in("one")}"; cat /dev/stdin > "${world.in("two")}"`,
    );
    expect(answer).toEqual({ kind: "delivered", message: "wrote 15 bytes to plugin" });
    expect(world.text("one")).toBe('{"result":true}');
    expect(world.text("two")).toBe('{"result":true}');
  });

  test("succeeds with a program that does not read", async () => {
    using world = new World();
    world.scratch.file("7.json", "x".repeat(1_000_000));
    expect((await world.deliver("exit 0")).kind).toBe("delivered");
  });

  test("hands on a large result whole", async () => {
    using world = new World();
    world.scratch.file("7.json", "x".repeat(50_000_000));
    await world.deliver(`wc -c > "${world.in("count")}"`);
    expect(Number(world.text("count"))).toBe(50_000_000);
  });

  test("runs without arguments, in the runner's directory, leading a group", async () => {
    using world = new World();
    await world.deliver('echo "$#:$0:$(pwd -P)"; ps -o pgid= -p $$ | tr -d " "; echo $$');
    const [where, group, pid] = world.log.lines;
    expect(where).toBe(`info: scribe: 0:${world.in("plugins/scribe")}:${process.cwd()}`);
    expect(group).toBe(pid as string);
  });

  test("logs what a program prints, by line, also to /dev/stdout and /dev/stderr", async () => {
    using world = new World();
    const answer = await world.deliver(
      "echo one; echo two > /dev/stdout; echo bad >&2; echo worse > /dev/stderr; printf end",
    );
    expect(answer.kind).toBe("delivered");
    expect(world.log.lines.filter((line) => line.startsWith("info"))).toEqual([
      "info: scribe: one",
      "info: scribe: two",
      "info: scribe: end",
    ]);
    expect(world.log.lines.filter((line) => line.startsWith("warning"))).toEqual([
      "warning: scribe: bad",
      "warning: scribe: worse",
    ]);
  });

  test("keeps up with a program that prints without end, and bounds the log", async () => {
    using world = new World();
    const answer = await world.deliver('yes "some line" | head -n 200000; exit 4');
    expect(answer).toEqual({ kind: "failed", message: "exit status 4" });
    await eventually(() => (world.log.lines.length > 200 ? true : null));
    expect(world.log.lines).toHaveLength(201);
    expect(world.log.lines.at(-1)).toMatch(/^info: scribe: \d+ more lines were left out$/);
  });

  test("is over at the program's exit, though a grandchild holds its output open", async () => {
    using world = new World();
    const from = performance.now();
    const answer = await world.deliver("echo before; setsid sleep 600 & echo $!", {
      graceMs: 100,
    });
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(answer.kind).toBe("delivered");
    const pid = Number(world.log.lines[1]?.replace(/\D/g, ""));
    expect(world.log.lines[0]).toBe("info: scribe: before");
    process.kill(pid, "SIGKILL");
  });

  test("keeps to the time limit of the order, if it has one", async () => {
    using world = new World();
    const order = { timeoutMs: 120 };
    expect((await world.deliver("sleep 600", { order })).message).toBe(
      "signal: terminated (its time limit of 120ms passed)",
    );
    const unlimited = { order: { timeoutMs: null }, timeoutMs: 130 };
    expect((await world.deliver("sleep 600", unlimited)).message).toContain("130ms");
  });

  test("asks the group to end at the time limit", async () => {
    using world = new World();
    const answer = await world.deliver(
      `trap 'echo asked; exit 7' TERM; echo $$; sleep 600 & wait`,
      { timeoutMs: 100 },
    );
    expect(answer).toEqual({
      kind: "failed",
      message: "exit status 7 (its time limit of 100ms passed)",
    });
    expect(world.log.lines).toContain("info: scribe: asked");
  });

  test("kills the group when it does not end by itself, with its children", async () => {
    using world = new World();
    const answer = await world.deliver(
      `trap '' TERM; (echo started; exec sleep 600) & echo $! > "${world.in("child")}"; wait; wait`,
      { timeoutMs: 300, graceMs: 100 },
    );
    expect(answer).toEqual({
      kind: "failed",
      message: "signal: killed (its time limit of 300ms passed)",
    });
    const pid = Number(world.text("child"));
    expect(pid).toBeGreaterThan(0);
    await eventually(() => (isAlive(pid) ? null : true));
  });

  test("kills children that are deaf to the signal which their program obeyed", async () => {
    using world = new World();
    const [pidFile, stop] = [world.in("child"), new AbortController()];
    const delivering = world.deliver(
      `(trap '' TERM; echo $$ > "${pidFile}.new"; mv "${pidFile}.new" "${pidFile}"; exec sleep 600) &\n` +
        `echo $! > "${world.in("pid")}"; exec sleep 600`,
      { order: { signal: stop.signal } },
    );
    await eventually(() => (existsSync(pidFile) && existsSync(world.in("pid")) ? true : null));
    stop.abort();
    expect((await delivering).message).toBe("signal: terminated (the runner is stopping)");
    const pid = Number(world.text("pid"));
    expect(pid).toBeGreaterThan(0);
    await eventually(() => (isAlive(pid) ? null : true));
  });

  test("ends a program when the runner stops", async () => {
    using world = new World();
    const stop = new AbortController();
    const delivering = world.deliver(`echo started > "${world.in("started")}"; exec sleep 600`, {
      order: { signal: stop.signal },
    });
    await eventually(() => (existsSync(world.in("started")) ? true : null));
    stop.abort();
    expect(await delivering).toEqual({
      kind: "failed",
      message: "signal: terminated (the runner is stopping)",
    });
    const late = await world.deliver("exit 0", { order: { signal: stop.signal } });
    expect(late).toEqual({ kind: "failed", message: "the runner is stopping" });
  });

  test("fails when the result has gone, or is a link", async () => {
    using world = new World();
    const gone = world.in("gone.json");
    expect(await world.deliver("exit 0", { order: { resultPath: gone } })).toEqual({
      kind: "failed",
      message: `open ${gone}: no such file or directory`,
    });
    symlinkSync(world.result, world.in("link.json"));
    const link = await world.deliver("exit 0", { order: { resultPath: world.in("link.json") } });
    expect(link.message).toEndWith("too many levels of symbolic links");
  });

  test("leaves no descriptors open and no processes behind", async () => {
    using world = new World();
    const count = () => readdirSync("/proc/self/fd").length;
    await world.deliver("echo warm up");
    const before = count();
    await Promise.all(Array.from({ length: 30 }, () => world.deliver("echo x; exit 1")));
    await eventually(() => (count() <= before ? true : null));
  });
});

describe("pluginEnvironment()", () => {
  test("names the delivery, and passes on what programs need", () => {
    const passed = {
      PATH: "/bin",
      HOME: "/home/runner",
      LANG: "C.UTF-8",
      LC_ALL: "C",
      TZ: "UTC",
      TMPDIR: "/var/tmp",
      https_proxy: "http://proxy:3128",
      NO_PROXY: "localhost",
      SSL_CERT_FILE: "/etc/ca.pem",
    };
    expect(pluginEnvironment(passed, { job: "j", actionId: 7, key: "k", attempt: 3 })).toEqual({
      ...passed,
      MIG_RUNNER_JOB: "j",
      MIG_RUNNER_ACTION_ID: "7",
      MIG_RUNNER_DELIVERY_KEY: "k",
      MIG_RUNNER_ATTEMPT: "3",
    });
  });

  test("keeps back secrets, and what would change another program of this runtime", () => {
    const kept = {
      MIGPGPPASSPHRASE: "secret",
      MIG_RUNNER_PASSPHRASE: "secret",
      VAULT_TOKEN: "secret",
      AWS_SECRET_ACCESS_KEY: "secret",
      BUN_OPTIONS: "--preload x",
      BUN_BE_BUN: "1",
      NODE_OPTIONS: "--require x",
      LD_PRELOAD: "x.so",
      NOTIFY_SOCKET: "/run/systemd/notify",
      PATHS: "x",
      ANY_PROXY: "x",
    };
    const environment = pluginEnvironment(kept, { job: "j", actionId: 7, key: "k", attempt: 1 });
    expect(Object.keys(environment).filter((name) => name in kept)).toEqual([]);
  });
});
