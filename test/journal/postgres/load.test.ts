// Load: how rows come from PostgreSQL into the file of a process, beside a model of PostgreSQL.
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { JournalTransaction } from "../../../src/journal/journal.ts";
import { openClusterJournal } from "../../../src/journal/postgres/journal.ts";
import { ahead, partsOf } from "../../../src/journal/postgres/load.ts";
import { shardOf } from "../../../src/journal/postgres/shapes.ts";
import type { ClusterStore, Stored } from "../../../src/journal/postgres/store.ts";
import { openDatabase } from "../../../src/journal/sqlite/journal.ts";
import { PostgresModel, storeOf } from "../../simulation/cluster/model.ts";
import { settle } from "../../support/clock.ts";

const NOW = Date.UTC(2026, 0, 2);
const SHARDS = 3;

function row(shard: number, key: number): Stored {
  return { shard, tbl: "run", key: `${key}`, version: 1, data: "{}" };
}

async function* each<Value>(values: readonly Value[]): AsyncGenerator<Value> {
  yield* values;
}

async function all<Value>(values: AsyncIterable<Value>): Promise<readonly Value[]> {
  const found: Value[] = [];
  for await (const value of values) found.push(value);
  return found;
}

describe("partsOf()", () => {
  test("tells rows apart by their shards, however they come", async () => {
    const pages = [[row(1, 1), row(1, 2)], [row(1, 3), row(4, 4), row(5, 5)], [], [row(5, 6)]];
    expect(await all(partsOf(each(pages)))).toEqual([
      { shard: 1, rows: [row(1, 1), row(1, 2), row(1, 3)], isLast: true },
      { shard: 4, rows: [row(4, 4)], isLast: true },
      { shard: 5, rows: [row(5, 5), row(5, 6)], isLast: true },
    ]);
  });

  test("has no more of a shard at a time than one turn may take, and says which is the last", async () => {
    const rows = Array.from({ length: 20_001 }, (_, key) => row(2, key));
    const parts = await all(partsOf(each([rows, [row(3, 1)]])));
    expect(parts.map((part) => [part.shard, part.rows.length, part.isLast])).toEqual([
      [2, 8_000, false],
      [2, 8_000, false],
      [2, 4_001, true],
      [3, 1, true],
    ]);
    expect(parts.slice(0, 3).flatMap((part) => part.rows)).toEqual(rows);
  });

  test("has nothing of nothing", async () => {
    expect(await all(partsOf(each([])))).toEqual([]);
  });
});

describe("ahead()", () => {
  test("asks for a page while the one before it is made use of", async () => {
    const asked: number[] = [];
    const pages = async function* () {
      for (const page of [1, 2, 3]) {
        asked.push(page);
        yield page;
      }
    };
    const seen: string[] = [];
    for await (const page of ahead(pages())) {
      await settle();
      seen.push(`${page}: ${asked}`);
    }
    expect(seen).toEqual(["1: 1,2", "2: 1,2,3", "3: 1,2,3"]);
  });

  test("tells of a failure where that page is awaited", async () => {
    const pages = async function* () {
      yield 1;
      throw new Error("the server has ended");
    };
    const seen: number[] = [];
    const read = async () => {
      for await (const page of ahead(pages())) {
        await settle();
        seen.push(page);
      }
    };
    await expect(read()).rejects.toThrow("the server has ended");
    expect(seen).toEqual([1]);
  });
});

/** A job of each shard. */
const JOBS = new Map(
  Array.from({ length: 50 }, (_, index) => `job${index}`).map((job) => [shardOf(job, SHARDS), job]),
);
const jobOf = (shard: number): string => JOBS.get(shard) ?? "";

const insert = (job: string, firesAt: number) => (to: JournalTransaction) =>
  to.insertRun({ job, firesAt, cause: "schedule" }, "open", NOW);

/** A cluster with two runs in each shard. */
async function cluster() {
  const model = new PostgresModel(SHARDS, () => NOW);
  const writer = openClusterJournal({
    server: storeOf(model),
    path: ":memory:",
    shards: SHARDS,
    me: "writer",
  });
  await writer.load([0, 1, 2, 3]);
  for (const job of JOBS.values()) {
    await writer.write(insert(job, NOW));
    await writer.write(insert(job, NOW + 1));
  }
  return { model, writer };
}

describe("ClusterJournal.load()", () => {
  test("lets others write in between, and shows each shard as a whole or not at all", async () => {
    const { model } = await cluster();
    const pages = Promise.withResolvers<void>();
    const plain = storeOf(model);
    const server: ClusterStore = {
      ...plain,
      // One row at a time, and behind the first of the last shard nothing for a while.
      async *rows(shards, order) {
        for await (const rows of plain.rows(shards, order)) {
          for (const [index, one] of rows.entries()) {
            if (one.shard === 3 && index === rows.length - 1) await pages.promise;
            yield [one];
          }
        }
      },
    };
    const journal = openClusterJournal({ server, path: ":memory:", shards: SHARDS, me: "a" });
    const count = (shard: number): number => journal.runs(jobOf(shard), 9).length;
    await journal.load([0, 1]);
    const wanted: string[] = [];
    const loaded = journal.load([2, 3], (shard) => {
      wanted.push(`${shard}: ${count(shard)} runs`);
      return true;
    });
    await settle();
    await journal.write(insert(jobOf(1), NOW + 2));
    expect([count(1), count(2), count(3)]).toEqual([3, 2, 0]);
    pages.resolve();
    await loaded;
    expect([count(1), count(2), count(3)]).toEqual([3, 2, 2]);
    expect(wanted).toEqual(["2: 2 runs", "3: 2 runs"]);
    await journal.write(insert(jobOf(3), NOW + 2));
    expect(count(3)).toBe(3);
    await journal.close();
  });

  test.each([[[0, 1, 2, 3]], [[1, 2]]])(
    "keeps nothing of a shard that is not wanted any more (%p)",
    async (shards) => {
      const { model } = await cluster();
      const server = storeOf(model);
      const journal = openClusterJournal({ server, path: ":memory:", shards: SHARDS, me: "a" });
      await journal.load(shards.includes(3) ? [] : [3]);
      await journal.load(shards, (shard) => shard !== 2);
      expect(journal.runs(jobOf(1), 9)).toHaveLength(2);
      expect(journal.runs(jobOf(2), 9)).toEqual([]);
      // What is written there later does not come either.
      await journal.refresh(model.look());
      expect(journal.runs(jobOf(2), 9)).toEqual([]);
      await journal.close();
    },
  );

  test("has shards of which there is no row", async () => {
    const server = storeOf(new PostgresModel(SHARDS, () => NOW));
    const journal = openClusterJournal({ server, path: ":memory:", shards: SHARDS, me: "a" });
    const wanted: number[] = [];
    const note = (shard: number): boolean => wanted.push(shard) > 0;
    await journal.load([0, 1], note);
    await journal.load([2, 3], note);
    expect(wanted).toEqual([0, 1, 2, 3]);
    await journal.write(insert(jobOf(3), NOW));
    expect(journal.runs(jobOf(3), 9)).toHaveLength(1);
    await journal.close();
  });

  test("leaves the file with all its indexes, also when it fails", async () => {
    const folder = mkdtempSync(join(tmpdir(), "load-"));
    const { model } = await cluster();
    const plain = storeOf(model);
    let fails = true;
    const server: ClusterStore = {
      ...plain,
      async *rows(shards, order) {
        yield* plain.rows(shards, order);
        if (fails) throw new Error("the server has ended");
      },
    };
    const path = join(folder, "copy");
    const journal = openClusterJournal({ server, path, shards: SHARDS, me: "a" });
    const expected = indexesOf(openDatabase({ path: ":memory:" }));
    expect(expected.length).toBeGreaterThan(10);
    await expect(journal.load([0, 1, 2, 3])).rejects.toThrow("the server has ended");
    expect(indexesOf(new DatabaseSync(path, { readOnly: true }))).toEqual(expected);
    fails = false;
    await journal.load([0, 1, 2, 3]);
    expect(indexesOf(new DatabaseSync(path, { readOnly: true }))).toEqual(expected);
    expect(journal.runs(jobOf(3), 9)).toHaveLength(2);
    await journal.close();
    rmSync(folder, { recursive: true });
  });

  test("takes a row in the place of one that was removed while they came", async () => {
    const { model, writer } = await cluster();
    const [before] = model.page([1], null, 1);
    const plain = storeOf(model);
    const server: ClusterStore = {
      ...plain,
      async *rows() {
        // As from two pages, with a removal and another row of the same time between them.
        yield [before!];
        yield [{ ...before!, key: "77", data: before!.data!.replace(/"id":\d+/, '"id":77') }];
      },
    };
    const unfit: string[] = [];
    const journal = openClusterJournal({
      server,
      path: ":memory:",
      shards: SHARDS,
      me: "a",
      onUnfit: (line) => void unfit.push(line),
    });
    await journal.load([1]);
    expect(journal.runs(jobOf(1), 9).map(({ id }) => id)).toEqual([77]);
    expect(unfit).toEqual([]);
    await journal.close();
    await writer.close();
  });
});

/** The indexes of a database, which is closed. */
function indexesOf(database: DatabaseSync): readonly unknown[] {
  const sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name";
  const found = database.prepare(sql).all();
  database.close();
  return found;
}
