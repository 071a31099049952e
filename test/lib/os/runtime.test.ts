// Runtime: sockets and pipes by the C library, in this runtime; deno.test.ts tries the other.
import { describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, readFileSync, readSync } from "node:fs";
import { giveBack } from "../../../src/lib/http/body.ts";
import {
  compileAsUsual,
  openPipe,
  openUnixDatagram,
  releaseMemory,
  runtimeName,
} from "../../../src/lib/os/runtime.ts";
import { DatagramListener, DENO, Scratch, source } from "../../support/edge.ts";

describe("runtimeName()", () => {
  test("knows what runs it", () => {
    expect(runtimeName()).toBe("bun");
  });

  test.each([
    ["bun", [process.execPath, "run"]],
    ["deno", DENO],
  ] as const)("knows %s in a process of its own", (name, [program = "", ...words]) => {
    using scratch = new Scratch();
    const script = `import { runtimeName } from "${source("lib/os/runtime.ts")}";\nconsole.log(runtimeName());\n`;
    const { stdout } = spawnSync(program, [...words, scratch.file("script.ts", script)]);
    expect(`${stdout}`).toBe(`${name}\n`);
  });
});

describe("giveBack()", () => {
  test("takes large bytes that have memory of their own, and no others", () => {
    const large = new Uint8Array(64 * 1024);
    const part = new Uint8Array(128 * 1024).subarray(0, 64 * 1024);
    const small = new Uint8Array(64 * 1024 - 1);
    const shared = new Uint8Array(new SharedArrayBuffer(64 * 1024));
    expect([large, part, small, shared].map(giveBack)).toEqual([true, false, false, false]);
    expect([large, part, small, shared].map(({ length }) => length)).toEqual([
      ...[0, 64 * 1024, 64 * 1024 - 1, 64 * 1024],
    ]);
  });
});

describe("openUnixDatagram()", () => {
  test("sends whole messages to a path", async () => {
    using scratch = new Scratch();
    using listener = new DatagramListener(scratch.in("socket"));
    const socket = await openUnixDatagram(scratch.in("socket"));
    expect(socket?.send(Buffer.from("first"))).toBe(true);
    expect(socket?.send(Buffer.from("sécond"))).toBe(true);
    expect(await listener.next()).toBe("first");
    expect(await listener.next()).toBe("sécond");
    socket?.close();
  });

  test("sends to an abstract name", async () => {
    const name = `@mig-runner-test-${process.pid}`;
    using listener = new DatagramListener(name);
    const socket = await openUnixDatagram(name);
    expect(socket?.send(Buffer.from("READY=1"))).toBe(true);
    expect(await listener.next()).toBe("READY=1");
    socket?.close();
  });

  test("answers false while nobody listens, and true once somebody does", async () => {
    using scratch = new Scratch();
    const socket = await openUnixDatagram(scratch.in("socket"));
    expect(socket?.send(Buffer.from("lost"))).toBe(false);
    using listener = new DatagramListener(scratch.in("socket"));
    expect(socket?.send(Buffer.from("heard"))).toBe(true);
    expect(await listener.next()).toBe("heard");
    socket?.close();
    expect(socket?.send(Buffer.from("closed"))).toBe(false);
  });

  test("does not wait for a full queue", async () => {
    using scratch = new Scratch();
    using listener = new DatagramListener(scratch.in("socket"));
    const socket = await openUnixDatagram(scratch.in("socket"));
    let sent = 0;
    while (sent < 100_000 && socket?.send(Buffer.alloc(1_000))) sent++;
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(100_000);
    expect(listener.poll()).toHaveLength(1_000);
    expect(socket?.send(Buffer.from("room again"))).toBe(true);
    socket?.close();
  });

  test("answers null for a path that is too long for a socket", async () => {
    expect(await openUnixDatagram(`/${"x".repeat(107)}`)).toBeNull();
    expect(await openUnixDatagram("")).toBeNull();
  });
});

describe("openPipe()", () => {
  test("carries what a child writes, also to /dev/stderr by name", async () => {
    const pipe = await openPipe();
    if (pipe === null) throw new Error("no pipe");
    const child = spawn("/bin/sh", ["-c", "echo one; echo two > /dev/stderr"], {
      stdio: ["ignore", pipe.writeFd, pipe.writeFd],
    });
    closeSync(pipe.writeFd);
    expect(await once(child, "exit")).toEqual([0, null]);
    const buffer = Buffer.alloc(100);
    const length = readSync(pipe.readFd, buffer);
    expect(buffer.toString("utf8", 0, length)).toBe("one\ntwo\n");
    expect(readSync(pipe.readFd, buffer)).toBe(0);
    closeSync(pipe.readFd);
  });

  test("does not wait for a writer that says nothing", async () => {
    const pipe = await openPipe();
    if (pipe === null) throw new Error("no pipe");
    expect(() => readSync(pipe.readFd, Buffer.alloc(1))).toThrow("EAGAIN");
    closeSync(pipe.writeFd);
    closeSync(pipe.readFd);
  });
});

describe("compileAsUsual()", () => {
  test("is nothing to a runtime that does so already", () => {
    expect(compileAsUsual()).toBeUndefined();
    expect([1, 2, 3].map((value) => value * 2)).toEqual([2, 4, 6]);
  });
});

describe("releaseMemory()", () => {
  /** KiB of files, above all of the program's code, that are mapped into this process. */
  function fileKib(): number {
    const [, kib] = /^RssFile:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    return Number(kib);
  }

  test("gives back code, and all of it still works", async () => {
    await releaseMemory();
    const before = fileKib();
    const text = JSON.stringify({ value: [new Intl.NumberFormat("de").format(1_234.5)] });
    expect(JSON.parse(text)).toEqual({ value: ["1.234,5"] });
    const used = fileKib();
    expect(used).toBeGreaterThan(before);
    await releaseMemory();
    expect(fileKib()).toBeLessThan(used);
  });
});
