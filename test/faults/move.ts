// Move: `journal move` there and back under kill -9 at random moments. After each kill one of the
// two places is the journal, with every row, or the next call makes it so.
//
//   bun test/faults/move.ts [KILLS] [SEED]                 default 40 kills, seed 1
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { dump, NOW, newAction } from "../support/full-journal.ts";
import { startPostgres } from "../support/postgres.ts";
import { ended, Host } from "../support/site.ts";
import { dice, nap } from "./kill.ts";

/** Rows of a run and of an action, each so many. */
const RUNS = 3_000;

/** What was found. */
export interface Moves {
  readonly kills: number;
  /** Calls that were over before they were killed. */
  readonly ended: number;
  /** Kills after which the next call had all or some of it to do. */
  readonly halfway: number;
  /** Times that rows were others than before, in the end. */
  readonly wrong: number;
}

/** Kills it so often, and lets each move come to its end. */
export async function moveLoop(kills: number, seed: number): Promise<Moves> {
  const postgres = await startPostgres();
  if (postgres === null) throw new Error("there is no PostgreSQL");
  try {
    const url = await postgres.database();
    const section = ["[cluster]", `url = "${url}"`, 'name = "alpha"'];
    await using host = await Host.create({ runner: section });
    ended(await host.run("cluster", "migrate"));
    const path = host.scenario.path("journal.db");
    await fill(path);
    const before = rowsOf(path);
    const roll = dice(seed);
    const found = { kills, ended: 0, halfway: 0, wrong: 0 };
    let lastedMs = 2_000;
    for (let count = 0; count < kills; count++) {
      // There, and back again.
      const to = count % 2 === 0 ? url : path;
      const call = host.start("journal", "move", "--to", to);
      await nap(roll() * 1.2 * lastedMs);
      await call.kill();
      const begunAt = performance.now();
      const next = await host.run("journal", "move", "--to", to, "--json");
      lastedMs = performance.now() - begunAt;
      // Back there is a journal already when the call was over.
      const isOver = next.stderr.includes("is there already");
      if (!isOver) ended(next);
      const { before: had = false } = isOver
        ? {}
        : (JSON.parse(next.stdout) as { before?: boolean });
      if (isOver || had) found.ended++;
      else found.halfway++;
      if (to === path && JSON.stringify(rowsOf(path)) !== JSON.stringify(before)) found.wrong++;
    }
    return found;
  } finally {
    await postgres.close();
  }
}

async function fill(path: string): Promise<void> {
  const journal = openJournal({ path });
  await journal.write((to) => {
    for (let count = 0; count < RUNS; count++) {
      const job = `job${count % 50}`;
      const run = to.insertRun({ job, firesAt: NOW + count, cause: "manual" }, "open", NOW);
      to.insertAction(newAction(run?.id ?? 0, { job }), NOW);
    }
  });
  await journal.close();
}

function rowsOf(path: string): Record<string, unknown[]> {
  const { audit: _, ...others } = dump(path);
  return others;
}

if (import.meta.main) {
  const found = await moveLoop(Number(process.argv[2] ?? 40), Number(process.argv[3] ?? 1));
  console.log(JSON.stringify(found));
  process.exitCode = found.wrong === 0 ? 0 : 1;
}
