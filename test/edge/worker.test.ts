import { describe, expect, test } from "bun:test";
import { startWorker, type WorkerRole, watchMemory } from "../../src/edge/worker.ts";

/** The next message of a thread of the role "load". */
function next(worker: ReturnType<typeof startWorker>): Promise<unknown> {
  return new Promise((resolve) => worker.onMessage(resolve));
}

describe("startWorker()", () => {
  test("carries messages both ways, also those sent before the thread has begun", async () => {
    const worker = startWorker({ role: "load" });
    const answer = next(worker);
    worker.send({ source: "export default 1;" });
    expect(await answer).toMatchObject({ kind: "problem" });
    await worker.terminate();
  });

  test("ends a thread in the middle of an endless loop", async () => {
    const worker = startWorker({ role: "load" });
    const ready = next(worker);
    worker.send({ source: "export default 1;" });
    await ready;
    worker.send({ source: "for (;;) {}" });
    await worker.terminate();
    expect(await worker.exited).toEqual({ kind: "terminated" });
  });

  test("says how a thread ended by itself", async () => {
    const leaving = startWorker({ role: "load" });
    leaving.send({ source: "process.exit(7);" });
    expect(await leaving.exited).toEqual({ kind: "exited", code: 7 });
    const failing = startWorker({ role: "load" });
    const wait = "await new Promise(() => {});";
    failing.send({ source: `setTimeout(() => { throw new Error("late"); }, 0);\n${wait}` });
    expect(await failing.exited).toMatchObject({ kind: "failed", message: "late" });
  });

  test("fails for a role that nobody plays", async () => {
    const worker = startWorker({ role: "nobody" as WorkerRole });
    expect(await worker.exited).toMatchObject({
      kind: "failed",
      message: 'Cannot start worker "nobody"',
    });
  });

  test("keeps globals of one thread from another, and from this one", async () => {
    const source = "globalThis.n = (globalThis.n ?? 0) + 1;\nexport default () => globalThis.n;";
    const worker = startWorker({ role: "load" });
    const answer = next(worker);
    worker.send({ source });
    await answer;
    await worker.terminate();
    expect(Reflect.has(globalThis, "n")).toBe(false);
  });
});

describe("watchMemory()", () => {
  test("tells once when the process has grown by more than is allowed", async () => {
    let told = 0;
    const exceeded = new Promise<void>((resolve) => {
      const watch = watchMemory(32 * 1024 * 1024, () => {
        told++;
        resolve();
        watch.close();
      });
    });
    const held = Array.from({ length: 64 }, () => Buffer.alloc(1024 * 1024, 1));
    await exceeded;
    expect(told).toBe(1);
    expect(held).toHaveLength(64);
  });

  test("says nothing after it is closed", () => {
    const watch = watchMemory(-1, () => {
      throw new Error("told");
    });
    watch.close();
  });
});
