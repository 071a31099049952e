import { describe, expect, test } from "bun:test";
import { lifeline } from "../../src/edge/confine.ts";
import { startWorker } from "../../src/edge/worker.ts";

/** What a worker reads of a file of its own in /proc. */
async function ownFile(name: string): Promise<string> {
  const lines: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const worker = startWorker({
    role: "load",
    memoryMax: 512 * 1024 * 1024,
    onLine(line) {
      if (line === "END") resolve();
      else lines.push(line);
    },
  });
  worker.send({
    source: `const { readFileSync } = process.getBuiltinModule("fs");
      console.log(readFileSync("/proc/self/${name}", "utf8"));
      console.log("END");`,
  });
  await promise;
  await worker.terminate();
  return lines.join("\n");
}

describe("confineProcess()", () => {
  test("bounds memory, descriptors, processes and core files of a worker", async () => {
    const limits = await ownFile("limits");
    expect(limits).toMatch(/^Max data size +\d+ +\d+ +bytes/m);
    expect(limits).toMatch(/^Max open files +1024 +1024 /m);
    expect(limits).toMatch(/^Max core file size +0 +0 /m);
    const [, processes] = /^Max processes +(\d+) /m.exec(limits) ?? [];
    expect(Number(processes)).toBeLessThanOrEqual(4_096);
  });

  test("lets the kernel take a worker before the daemon when memory runs out", async () => {
    expect((await ownFile("oom_score_adj")).trim()).toBe("1000");
  });

  test("keeps the name of the program", async () => {
    expect((await ownFile("comm")).trim()).toBe("mig-runner");
  });
});

describe("lifeline()", () => {
  test("is one for all workers", () => {
    expect(lifeline()).toBe(lifeline());
  });
});
