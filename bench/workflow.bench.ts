// Workflow bench: what a step of a workflow costs on a journal on disk, in a thread as in the
// program: ask, try, record (one fsync), answer.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, systemRandom } from "../src/edge/clock.ts";
import { workerHost } from "../src/edge/workflow/host.ts";
import type { Edges } from "../src/flow/edges.ts";
import { openJournal } from "../src/journal/sqlite/journal.ts";
import { Engine } from "../src/workflow/engine.ts";
import { hashSource } from "../src/workflow/source.ts";
import type { Row, Scale } from "./measure.ts";

/** A body that does nothing but steps, and says how long each took. */
const sourceOf = (steps: number) => `
import { job } from "mig-runner";
export default job({}, async (run) => {
  const times = [];
  for (let count = 0; count < ${steps}; count++) {
    const startedAt = performance.now();
    await run.step("step " + count, () => count);
    times.push(performance.now() - startedAt);
  }
  run.log(times.map((ms) => ms.toFixed(3)).join(" ").slice(0, 8000));
});
`;

/** One step after the other, then the replay of all of them. */
export async function bench({ short }: Scale): Promise<readonly Row[]> {
  const source = sourceOf(short ? 100 : 1_000);
  const directory = mkdtempSync(join(tmpdir(), "bench-workflow-"));
  const journal = openJournal({ path: join(directory, "journal.db") });
  try {
    const hash = hashSource(source);
    const now = Date.now();
    await journal.write((tables) => {
      const run = tables.insertRun(
        { job: "bench", firesAt: 1, cause: "manual", source: hash },
        "open",
        now,
      );
      tables.insertSource(hash, source);
      const rest = { template: null, expiryMs: 1, agentsMax: null, plugins: [], seed: 1 };
      tables.insertBody({ runId: run?.id ?? 0, ...rest, begunAt: now, nextAt: now });
    });
    const steps = await play(journal);
    // Everything is saved: the same run once more is a replay.
    await journal.write((tables) => {
      const [run, body] = [tables.run(1), tables.body(1)];
      if (run !== null) tables.saveRun({ ...run, state: "open", endedAt: null });
      if (body !== null) tables.saveBody({ ...body, nextAt: now });
    });
    const replayed = await play(journal);
    return [
      {
        figure: "workflow step, beside its own work",
        unit: "ms",
        samples: steps,
        target: { most: 1 },
        note: "saved on disk, in a thread",
      },
      {
        figure: "workflow step, replayed",
        unit: "ms",
        samples: replayed,
        target: null,
      },
    ];
  } finally {
    await journal.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Runs the body to its end; the time of each step in milliseconds. */
async function play(journal: Edges["journal"]): Promise<readonly number[]> {
  const clock = systemClock();
  let times: readonly number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const edges = {
    clock,
    random: systemRandom(),
    journal,
    log: {
      emit: (_: string, text: string) => {
        if (/: [\d. ]+$/.test(text))
          times = text.replace(/^.*: /, "").trim().split(" ").map(Number);
      },
    },
    workflows: {
      host: workerHost(),
      bundle: () => Promise.reject(),
      readFile: () => {
        throw new Error();
      },
    },
  } as unknown as Edges;
  const engine = new Engine(edges, {
    isMine: () => true,
    planned: () => {},
    changed: () => {
      if (journal.run(1)?.state === "done") resolve();
    },
  });
  engine.tick(clock.now());
  await promise;
  // The last number may have been cut.
  return times.slice(0, -1);
}
