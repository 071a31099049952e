// What a verb fetches of the journal of a cluster, on a real PostgreSQL: less than all of it, and
// what it tells is the same.
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JobState } from "../../../src/jobs/catalog.ts";
import { ACTION_STATES, DELIVERY_STATES, RUN_STATES } from "../../../src/journal/inflight.ts";
import type { Journal, JournalTransaction } from "../../../src/journal/journal.ts";
import type { Need, Scope } from "../../../src/journal/need.ts";
import { takeExcerpt } from "../../../src/journal/postgres/excerpt.ts";
import { moveIntoCluster } from "../../../src/journal/postgres/into-cluster.ts";
import { Server } from "../../../src/journal/postgres/server.ts";
import { shardOf } from "../../../src/journal/postgres/shapes.ts";
import { shardsOf } from "../../../src/journal/postgres/wanted.ts";
import type { HistoryQuestion, Reading } from "../../../src/journal/reading.ts";
import { openJournal } from "../../../src/journal/sqlite/journal.ts";
import { openReading } from "../../../src/journal/sqlite/reading.ts";
import { overviewOf } from "../../../src/view/overview.ts";
import { Dice } from "../../simulation/random.ts";
import { dump, NOW, newAction, writeAll, writeRest } from "../../support/full-journal.ts";
import { startPostgres } from "../../support/postgres.ts";

const SHARDS = 4;
/** Names may have what divides the columns of a row. */
const JOBS = ["nightly", "flow", "a,b", "a,c", 'q","fires_at":1', "gone"];

const started = await startPostgres();
const folder = mkdtempSync(join(tmpdir(), "excerpt-"));
afterAll(async () => {
  await started?.close();
  rmSync(folder, { recursive: true, force: true });
});

const described = started === null ? describe.skip : describe;
let files = 0;
const newFile = (): string => join(folder, `${++files}.db`);

/** One run in some state, with what may be a part of it. */
function writeRun(to: JournalTransaction, dice: Dice, actionId: number): void {
  const job = dice.pick(JOBS);
  // Some at the same time, and last: there the higher id goes first.
  const firesAt = NOW + (dice.chance(0.3) ? 2_000_000_000 : dice.int(-100, 1_000_000_000));
  const isFlow = job === "flow";
  const source = isFlow ? "hash" : null;
  const notBefore = dice.chance(0.2) ? firesAt : null;
  const run = to.insertRun({ job, firesAt, cause: "schedule", source, notBefore }, "open", NOW);
  if (run === null) return;
  const state = dice.pick(RUN_STATES);
  const endedAt = state === "done" || state === "failed" ? NOW : null;
  const begunAt = notBefore === null || dice.chance(0.5) ? NOW : null;
  const note = dice.chance(0.3) ? '{"state":"done","source":"x"}, "run_id":1' : null;
  to.saveRun({ ...run, state, endedAt, begunAt, note });
  if (isFlow) to.insertStep({ runId: run.id, name: "a", kind: "step", digest: "d", nextAt: NOW });
  for (let part = 0; part < dice.int(0, 2); part++) {
    const planned = to.insertAction({ ...newAction(run.id, { job }), part }, NOW);
    const now = dice.pick(ACTION_STATES);
    const posted = now === "planned" ? {} : { actionId: actionId + part, reply: new Uint8Array(1) };
    const isOver = now === "settled" || now === "failed" || now === "collected";
    const completeness = { fetched: 1, sent: 1, counters: null, statuses: {}, strays: 0 };
    const result = isOver ? { nextAt: null, resultPath: "/r", completeness } : {};
    to.saveAction({ ...planned, ...posted, ...result, state: now });
    if (!isOver) continue;
    for (const plugin of ["mail", "disk"]) {
      const key = `${actionId + part}/${plugin}`;
      const row = to.insertDelivery({ actionRow: planned.id, job, plugin, key }, NOW);
      const how = dice.pick(DELIVERY_STATES);
      const nextAt = how === "pending" ? NOW : null;
      if (row !== null) to.saveDelivery({ ...row, state: how, nextAt });
    }
  }
}

/** A journal with many runs. */
async function write(journal: Journal, seed: number): Promise<void> {
  const dice = new Dice(seed);
  await writeAll(journal);
  await writeRest(journal);
  await journal.write((to) => {
    for (let number = 1; number <= 150; number++) writeRun(to, dice, number * 10);
    for (let at = 0; at < 500; at++) {
      const missed = { job: dice.pick(JOBS), firstAt: at, lastAt: at, count: 1, recordedAt: at };
      to.insertMissed({ ...missed, reason: "r", kind: dice.pick(["missed", "skipped"]) });
    }
    to.insertPause({ job: "a,b", since: NOW, until: NOW + 9, actor: "ann", why: "" });
  });
}

/** A cluster that has a journal, and the same in a file. */
async function newCluster(seed: number): Promise<{ server: Server; url: string; path: string }> {
  const url = (await started?.database()) ?? "";
  const server = new Server({ connectionString: url });
  await server.migrate(SHARDS);
  const path = newFile();
  const moved = newFile();
  for (const file of [path, moved]) {
    const journal = openJournal({ path: file });
    await write(journal, seed);
    await journal.close();
  }
  const entry = { actor: "ann", deed: "move", subject: "journal", detail: "" } as const;
  const ends = { path: moved, origin: "host", place: "postgres" };
  await moveIntoCluster(server, {
    ...ends,
    id: "m",
    now: NOW,
    entry,
    isDry: false,
    onProgress() {},
  });
  return { server, url, path };
}

async function excerptOf(server: Server, need: Need): Promise<string> {
  const path = newFile();
  expect(await takeExcerpt(server, path, need)).toEqual({ unfit: [], misplaced: [] });
  return path;
}

async function told<Value>(path: string, ask: (of: Reading) => Promise<Value>): Promise<Value> {
  const reading = openReading(path);
  try {
    return await ask(reading);
  } finally {
    await reading.close();
  }
}

const states: readonly JobState[] = JOBS.map((job) => ({ job, entity: null, errors: [] }));

function overview(reading: Reading) {
  return overviewOf({ reading, directory: "", holder: null, states, now: NOW + 5 });
}

const QUESTIONS: readonly HistoryQuestion[] = [
  { limit: 3 },
  { limit: 7 },
  { limit: 200 },
  { limit: 5, failed: true },
  { limit: 5, since: NOW + 500_000_000 },
  { limit: 5, failed: true, since: 999 },
  { limit: 3, job: "a,b" },
  { limit: 3, job: 'q","fires_at":1', failed: true },
  { limit: 3, job: "flow", since: NOW + 3_000_000_000 },
];

/** How many rows of a table a file has. */
function count(path: string, table: string): number {
  return dump(path)[table]?.length ?? 0;
}

described("takeExcerpt", () => {
  test.each([1, 2, 3])("tells what the whole journal tells (%d)", async (seed) => {
    const { server, path } = await newCluster(seed);
    const seen = await excerptOf(server, { kind: "overview" });
    expect(await told(seen, overview)).toEqual(await told(path, overview));
    expect(count(seen, "run")).toBeLessThan(count(path, "run"));
    expect(count(seen, "audit")).toBe(0);
    for (const question of QUESTIONS) {
      const some = await excerptOf(server, { kind: "history", ...question });
      const page = (of: Reading) => of.history(question);
      expect(await told(some, page)).toEqual(await told(path, page));
      // One more, which tells that there are others, and the latest of the job.
      expect(count(some, "run")).toBeLessThanOrEqual(question.limit + 2);
      if (question.job === undefined) continue;
      const any = async (of: Reading) =>
        (await of.history({ job: question.job ?? "", limit: 1 })).runs;
      expect(await told(some, any)).toEqual(await told(path, any));
    }
    for (const id of [1, 10, 20, 30, 99_999]) {
      const one = await excerptOf(server, { kind: "run", id });
      const record = async (of: Reading) => of.run((await of.runOfAction(id)) ?? id);
      expect(await told(one, record)).toEqual(await told(path, record));
      expect(count(one, "run")).toBeLessThanOrEqual(2);
    }
    await server.close();
  });

  test("has all rows of the tables that are asked for, of a job or of all", async () => {
    const { server, path } = await newCluster(4);
    const whole = dump(await excerptOf(server, { kind: "all" }));
    const { audit, tally, ...others } = dump(path);
    expect(whole).toMatchObject(others);
    expect(whole.audit).toHaveLength((audit?.length ?? 0) + 1);
    const kept = dump(await excerptOf(server, { kind: "tables", tables: ["state", "audit"] }));
    expect([kept.state, kept.audit]).toEqual([whole.state, whole.audit]);
    expect(kept.run).toEqual([]);
    const ofJob = await excerptOf(server, { kind: "tables", tables: ["state"], job: "nightly" });
    expect(dump(ofJob).state).toEqual(whole.state);
    expect(dump(ofJob).audit).toEqual([]);
    await server.close();
  });

  test("needs no right but to select, and leaves out what cannot be read", async () => {
    const { server, url, path } = await newCluster(5);
    await started?.query(url, "CREATE ROLE looker LOGIN");
    await started?.query(url, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker");
    const damage = "UPDATE mig_row SET data = 'no JSON' WHERE tbl = 'run' AND key = '1'";
    await started?.query(url, damage);
    // As somebody may have mended it.
    const spaced =
      "UPDATE mig_row SET data = data::jsonb::text WHERE tbl IN ('run', 'action') AND key <> '1'";
    await started?.query(url, spaced);
    const looker = new Server({ connectionString: url.replace("postgres@", "looker@") });
    const seen = newFile();
    expect(await takeExcerpt(looker, seen, { kind: "overview" })).toEqual({
      unfit: [expect.stringMatching(/^run 1: /)],
      misplaced: [],
    });
    const inFlight = (of: Reading) => of.inFlight(1_000);
    expect(await told(seen, inFlight)).toEqual(await told(path, inFlight));
    await looker.close();
    await server.close();
  });

  test("says which rows are in another shard, or under another unique key", async () => {
    const { server, url } = await newCluster(8);
    const any = "SELECT key, shard, mark FROM mig_row WHERE tbl = 'action' AND mark IS NOT NULL";
    const [action] = (await started?.query(url, `${any} LIMIT 1`)) ?? [];
    const { key, shard, mark } = action ?? {};
    const other = (Number(shard) % SHARDS) + 1;
    const where = `WHERE tbl = 'action' AND key = '${key}'`;
    await started?.query(url, `UPDATE mig_row SET shard = ${other}, mark = NULL ${where}`);
    const { unfit, misplaced } = await takeExcerpt(server, newFile(), { kind: "all" });
    expect(unfit).toEqual([]);
    expect(misplaced).toEqual([
      `action ${key}: it is in shard ${other}, where no host looks for it: ${shard} is wanted`,
      `action ${key}: its column mark is null, ${mark} is wanted: there may be a second one`,
    ]);
    await server.close();
  });

  test("says where a journal is that was moved away", async () => {
    const { server, url } = await newCluster(6);
    await started?.query(url, "UPDATE mig_cluster SET moved_to = 'host:/journal.db'");
    const error = await takeExcerpt(server, newFile(), { kind: "all" }).catch(String);
    expect(error).toContain("it was moved to host:/journal.db");
    await server.close();
  });
});

described("shardsOf", () => {
  test("has the shard of the job, by its name, and by the number of a run or an action", async () => {
    const { server, path } = await newCluster(7);
    const of = (scope: Scope) => server.transaction((ask) => shardsOf(ask, scope, SHARDS));
    const named = async (word: string) => (await of({ kind: "named", word })).toSorted();
    expect(await named("a,b")).toEqual([0, shardOf("a,b", SHARDS)]);
    const journal = openJournal({ path, readOnly: true });
    for (const { id, job } of JOBS.flatMap((job) => journal.runs(job, 3))) {
      expect(await named(`${id}`)).toContain(shardOf(job, SHARDS));
      for (const { actionId } of journal.actionsOf(id)) {
        if (actionId !== null) expect(await named(`${actionId}`)).toContain(shardOf(job, SHARDS));
      }
    }
    await journal.close();
    expect(await of({ kind: "none" })).toEqual([0]);
    expect(await of({ kind: "all" })).toEqual([0, 1, 2, 3, 4]);
    expect(await named("*")).toEqual([0]);
    await server.close();
  });
});
