import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { MissedRow } from "../../../src/journal/journal.ts";
import type { HistoryPlace, HistoryQuestion, LogPage } from "../../../src/journal/reading.ts";
import { openJournal } from "../../../src/journal/sqlite/journal.ts";
import { openReading } from "../../../src/journal/sqlite/reading.ts";
import { INTO } from "../../support/rows.ts";

/** A journal on disk with these statements in it, until the test has ended. */
async function journalWith(...statements: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "mig-runner-reading-"));
  const path = join(folder, "journal.db");
  await openJournal({ path }).close();
  const database = new DatabaseSync(path);
  for (const sql of statements) database.exec(sql);
  database.close();
  const reading = openReading(path);
  return {
    path,
    reading,
    async ids(question: Omit<HistoryQuestion, "limit">) {
      const { runs } = await reading.history({ ...question, limit: 100 });
      return runs.map(({ run }) => run);
    },
    async [Symbol.asyncDispose]() {
      await reading.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const run = (id: number, job: string, firesAt: number, state: string, note = "NULL") =>
  `INSERT INTO ${INTO.run} VALUES (${id}, '${job}', ${firesAt}, 'schedule', '${state}', NULL, ` +
  `${note}, NULL, ${state === "open" ? "NULL" : firesAt + 5})`;

const action = (id: number, runId: number) =>
  `INSERT INTO ${INTO.action} VALUES (${id}, ${runId}, 'x', '', 0, 'collected', 'x', '', 's', 9, 0, ` +
  `NULL, NULL, '["mail"]', ${id + 100}, NULL, 1, 0, NULL, '/r/${id}', ` +
  `'{"fetched":2,"sent":3,"counters":null,"statuses":{"success":2},"strays":0}', NULL, 9, 0)`;

const delivery = (id: number, actionRow: number, state: string) =>
  `INSERT INTO ${INTO.delivery} VALUES (${id}, ${actionRow}, 'x', 'mail', '${id}', '${state}', 3, ` +
  `NULL, 'refused', 9, NULL, NULL)`;

const RUNS = [
  run(1, "nightly", 1_000, "done"),
  run(2, "weekly", 3_000, "failed", "'no target'"),
  run(3, "nightly", 2_000, "open"),
  run(4, "nightly", 4_000, "done"),
  run(5, "weekly", 500, "paused", "'another journal'"),
  action(1, 1),
  action(2, 4),
  delivery(1, 1, "dead"),
  delivery(2, 2, "delivered"),
];

describe("history()", () => {
  test("answers runs by their fire time, the latest first, of all jobs or of one", async () => {
    await using journal = await journalWith(...RUNS);
    expect(await journal.ids({})).toEqual([4, 2, 3, 1, 5]);
    expect(await journal.ids({ job: "weekly" })).toEqual([2, 5]);
    expect(await journal.ids({ job: "gone" })).toEqual([]);
    expect(await journal.ids({ since: 2_000 })).toEqual([4, 2, 3]);
    expect(await journal.ids({ job: "nightly", since: 2_000 })).toEqual([4, 3]);
  });

  test("answers as failed what failed, is paused, or was taken by no plugin", async () => {
    await using journal = await journalWith(...RUNS);
    expect(await journal.ids({ failed: true })).toEqual([2, 1, 5]);
    expect(await journal.ids({ failed: true, job: "nightly" })).toEqual([1]);
    expect(await journal.ids({ failed: true, since: 1_001 })).toEqual([2]);
  });

  test("gives each run once over its pages, whatever their size", async () => {
    await using journal = await journalWith(
      ...Array.from({ length: 23 }, (_, index) =>
        run(
          index + 1,
          `job-${index % 3}`,
          1_000 + Math.floor(index / 3),
          index % 2 === 0 ? "done" : "failed",
        ),
      ),
    );
    const whole = await journal.ids({});
    expect(new Set(whole).size).toBe(23);
    const failed = whole.filter((id) => id % 2 === 0);
    for (const limit of [1, 2, 5, 22, 23, 24]) {
      for (const [question, wanted] of [
        [{}, whole],
        [{ failed: true }, failed],
      ] as const) {
        const got: number[] = [];
        let behind: HistoryPlace | null = null;
        do {
          const page = await journal.reading.history({ ...question, behind, limit });
          expect(page.runs.length).toBeLessThanOrEqual(limit);
          got.push(...page.runs.map((row) => row.run));
          behind = page.next;
        } while (behind !== null);
        expect(got).toEqual([...wanted]);
      }
    }
  });

  test("tells of a run its actions with their commands, and its deliveries with their tries", async () => {
    await using journal = await journalWith(...RUNS);
    const [first] = (await journal.reading.history({ since: 4_000, limit: 1 })).runs;
    expect(first).toMatchObject({
      run: 4,
      job: "nightly",
      cause: "schedule",
      firesAt: 4_000,
      endedAt: 4_005,
      state: "done",
      error: null,
      note: null,
      steps: [],
      actions: [{ actionId: 102, state: "collected", agents: 3, commands: { success: 2 } }],
      deliveries: [{ plugin: "mail", actionId: 102, state: "delivered", attempts: 3 }],
    });
  });

  test("finds each page by an index, however many runs there are", async () => {
    await using journal = await journalWith(...RUNS);
    const database = new DatabaseSync(journal.path, { readOnly: true });
    const plan = (where: string) =>
      database
        .prepare(
          `EXPLAIN QUERY PLAN SELECT * FROM run WHERE ${where} ORDER BY fires_at DESC LIMIT 9`,
        )
        .all()
        .map(({ detail }) => String(detail))
        .join("\n");
    const failed = "state IN ('failed', 'paused') AND";
    expect(plan("fires_at >= +1")).toContain("INDEX run_fires");
    expect(plan("job = 'a' AND fires_at >= +1")).toContain("INDEX sqlite_autoindex_run_1");
    expect(plan(`${failed} fires_at >= +1`)).toContain("INDEX run_failed");
    expect(plan(`${failed} job = 'a' AND fires_at >= +1`)).toContain("INDEX run_job_failed");
    database.close();
  });
});

describe("run()", () => {
  test("tells the steps of a workflow with their values", async () => {
    await using journal = await journalWith(
      "INSERT INTO source VALUES ('h', 'code')",
      `INSERT INTO ${INTO.run} VALUES (7, 'hunt', 1, 'manual', 'failed', 'h', 'gone', NULL, 9)`,
      `INSERT INTO ${INTO.step} VALUES (1, 7, 'look', 'step', '', 'saved', '{"found":1}', NULL, 1, ` +
        "NULL, 1, 5, 2)",
    );
    const found = await journal.reading.run(7);
    expect(found).toMatchObject({ run: 7, error: "gone", cause: "manual" });
    expect(found?.steps).toEqual([
      {
        name: "look",
        kind: "step",
        state: "saved",
        attempts: 1,
        error: null,
        endedAt: 5,
        begunAt: null,
        value: '{"found":1}',
      },
    ]);
    const { runs } = await journal.reading.history({ limit: 1 });
    expect(runs[0]?.steps[0]).not.toHaveProperty("value");
  });

  test("is null for a run that is not there; an action names its run", async () => {
    await using journal = await journalWith(...RUNS);
    expect(await journal.reading.run(99)).toBe(null);
    expect(await journal.reading.runOfAction(102)).toBe(4);
    expect(await journal.reading.runOfAction(7)).toBe(null);
  });
});

describe("openReading()", () => {
  test("cannot open what is not there", () => {
    expect(() => openReading("/nowhere/journal.db")).toThrow("there is none yet");
  });
});

describe("missed(), alarms() and audit()", () => {
  const missed = (id: number, job: string) =>
    `INSERT INTO ${INTO.missed} VALUES (${id}, '${job}', ${id}, ${id}, 1, 'down', ${id})`;

  test("come in pages, the newest first, each row once, of all jobs or of one", async () => {
    const rows = Array.from({ length: 7 }, (_, index) => missed(index + 1, index < 5 ? "a" : "b"));
    await using journal = await journalWith(...rows);
    const { reading } = journal;
    const ids: number[] = [];
    let before: number | null = null;
    do {
      const page: LogPage<MissedRow> = await reading.missed({ before, limit: 3 });
      ids.push(...page.rows.map(({ id }) => id));
      before = page.next;
    } while (before !== null);
    expect(ids).toEqual([7, 6, 5, 4, 3, 2, 1]);
    const ofOne = await reading.missed({ job: "b", limit: 9 });
    expect(ofOne).toMatchObject({ rows: [{ id: 7 }, { id: 6 }], next: null });
  });

  test("are empty in a journal without any", async () => {
    await using journal = await journalWith();
    const { reading } = journal;
    const none = { rows: [], next: null };
    expect(await reading.alarms({ limit: 5 })).toEqual(none);
    expect(await reading.audit({ limit: 5 })).toEqual(none);
    expect(await reading.missed({ limit: 5 })).toEqual(none);
    expect(await reading.lastRun("nightly")).toBeNull();
    expect(await reading.calendar("nightly", 5)).toBeNull();
  });
});
