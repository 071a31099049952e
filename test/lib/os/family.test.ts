import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { childrenOf, descendantsOf, endTree } from "../../../src/lib/os/family.ts";
import { eventually } from "../../support/binary.ts";

describe("descendantsOf()", () => {
  test("knows children and theirs", async () => {
    const child = spawn("sh", ["-c", "sh -c 'sleep 1000; true'; true"], { detached: true });
    const pid = child.pid ?? 0;
    await eventually(() => descendantsOf(pid).length === 2 || null);
    const [first = 0] = childrenOf(pid);
    expect(descendantsOf(pid)).toContain(first);
    expect(childrenOf(process.pid)).toContain(pid);
    const ended = new Promise((resolve) => child.on("exit", resolve));
    endTree(pid);
    await ended;
  });

  test("is empty for a process that is not there", () => {
    expect(descendantsOf(2 ** 30)).toEqual([]);
  });
});

describe("endTree()", () => {
  test("ends what has left the group, and takes what has ended already for no error", async () => {
    const child = spawn("sh", ["-c", "setsid sleep 1000; true"], { detached: true });
    const pid = child.pid ?? 0;
    await eventually(() => descendantsOf(pid).length === 1 || null);
    const [sleeper = 0] = descendantsOf(pid);
    const ended = new Promise((resolve) => child.on("exit", resolve));
    endTree(pid);
    await ended;
    endTree(pid);
    await eventually(() => descendantsOf(sleeper).length === 0 || null);
    expect(childrenOf(process.pid)).not.toContain(pid);
  });
});
