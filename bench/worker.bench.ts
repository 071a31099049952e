// Worker bench: what it costs that code of jobs and plugins runs in processes of their own: a
// start, a message there and back, the memory that is nobody else's.
import { readFileSync } from "node:fs";
import { startWorker, type WorkerHandle } from "../src/edge/worker.ts";
import { childrenOf } from "../src/lib/os/family.ts";
import type { Row, Scale } from "./measure.ts";

const MIB = 1024 * 1024;

/** Workers of the role that evaluates jobs; from source they are slower than in the executable. */
export async function bench({ short }: Scale): Promise<readonly Row[]> {
  const starts: number[] = [];
  const memories: number[] = [];
  for (let count = 0; count < (short ? 5 : 50); count++) {
    const startedAt = performance.now();
    const worker = startWorker({ role: "load" });
    await worker.ready;
    starts.push(performance.now() - startedAt);
    memories.push(privateBytes(childrenOf(process.pid).at(-1) ?? 0) / MIB);
    await worker.terminate();
  }
  const worker = startWorker({ role: "load" });
  const trips: number[] = [];
  for (let count = 0; count < (short ? 100 : 2_000); count++) trips.push(await roundTrip(worker));
  await worker.terminate();
  return [
    { figure: "start a worker", unit: "ms", samples: starts, target: null, note: "from source" },
    { figure: "a message to a worker and back", unit: "ms", samples: trips, target: null },
    {
      figure: "memory of a worker that is not shared",
      unit: "MiB",
      samples: memories,
      target: null,
    },
  ];
}

async function roundTrip(worker: WorkerHandle): Promise<number> {
  const startedAt = performance.now();
  const answered = new Promise((resolve) => worker.onMessage(resolve));
  // What is no program is answered at once.
  worker.send({ source: "(" });
  await answered;
  return performance.now() - startedAt;
}

function privateBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  const sizes = [...text.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].map(([, size]) => Number(size));
  return sizes.reduce((sum, size) => sum + size, 0) * 1024;
}
