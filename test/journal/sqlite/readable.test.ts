// Readable: rows that are written into a journal by hand, one wrong column at a time. Each costs
// itself: everything else is read, found due and worked on as if it were not there (I8, I10).
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Journal } from "../../../src/journal/journal.ts";
import { salvageJournal } from "../../../src/journal/sqlite/copies.ts";
import { openJournal } from "../../../src/journal/sqlite/journal.ts";
import { verifyJournal } from "../../../src/journal/sqlite/maintenance.ts";
import { READABLE_VIEWS, ROW_TABLES } from "../../../src/journal/sqlite/schema.ts";
import { INTO } from "../../support/rows.ts";

let folder: string;
let path: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mig-runner-readable-"));
  path = join(folder, "whole.db");
  await makeWhole();
  path = join(folder, "journal.db");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Changes the journal past all rules, as sqlite3 does in a shell. */
function meddle(sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA synchronous = OFF; ${sql}`);
  database.close();
}

/** Two of everything, of two runs: what is wrong with the first must not touch the second. */
async function makeWhole(): Promise<void> {
  await openJournal({ path }).close();
  const row = (id: number) => `
    INSERT INTO ${INTO.run}
      VALUES (${id}, 'job${id}', ${id}, 'schedule', 'open', 'code', NULL, 900, NULL);
    INSERT INTO ${INTO.body} VALUES (${id}, 'template', 300000, NULL, '["mail"]', 7, 1, 100, 0);
    INSERT INTO ${INTO.step}
      VALUES (${id}, ${id}, 'look', 'step', '', 'saved', '1', NULL, 0, NULL, 1, 5, 1),
      (${id + 10}, ${id}, 'nap', 'sleep', 'd', 'begun', NULL, NULL, 0, 100, NULL, NULL, 0);
    INSERT INTO ${INTO.run} VALUES
      (${id + 20}, 'plain${id}', ${id}, 'schedule', 'open', NULL, NULL, NULL, NULL);
    INSERT INTO ${INTO.action}
      VALUES (${id}, ${id + 20}, 'plain${id}', '', 0, 'posted', 'n', '{}', 's', 90,
      0, NULL, NULL, '[]', ${id}, x'7b7d', 1, 0, 100, NULL, NULL, NULL, 1, 0);
    INSERT INTO ${INTO.action}
      VALUES (${id + 10}, ${id + 20}, 'plain${id}', '', 1, 'collected', 'n', '',
      's', 90, 0, NULL, NULL, '["mail"]', ${id + 10}, NULL, 1, 0, NULL, '/result',
      '{"fetched":1,"sent":1,"counters":null,"statuses":{"success":1},"strays":0}', NULL, 1, 0);
    INSERT INTO ${INTO.delivery}
      VALUES (${id}, ${id + 10}, 'plain${id}', 'mail', 'key${id}', 'pending', 0, 100, NULL, 1,
        NULL, NULL);
    INSERT INTO ${INTO.cursor} VALUES ('plain${id}', 5, 'always');
    INSERT INTO calendar VALUES (${id}, 'plain${id}', 1, 'h', 'installed', '{}', 't', 1, '["a"]',
      1, 2, NULL);
    INSERT INTO calendar_window VALUES (${id}, ${id}, 5, 4, 6, '["s"]', NULL);
    INSERT INTO alarm VALUES (${id}, 'failed', 'plain${id}', '', 1, 1, 2, 3, 1, 'm', 'h', NULL);
    INSERT INTO notice VALUES (${id}, ${id}, 'mail', '{}', 'pending', 0, 100, NULL, 1);
    INSERT INTO ${INTO.missed} VALUES (${id}, 'plain${id}', 1, 2, 2, 'the runner was down', 3);
    INSERT INTO state VALUES (${id}, 'plain${id}', 'known', '["a"]', ${id}, 3);
    INSERT INTO pause VALUES (${id}, 'plain${id}', 1, 9, 'ann', 'works', NULL);
    INSERT INTO tally VALUES (${id}, 'missed', 'plain${id}', '', 2, NULL);`;
  meddle(`INSERT INTO source VALUES ('code', 'x'), ('template', '{}'); ${row(1)} ${row(2)}`);
}

/** The same again: nothing waits for a disk here. */
function make(): void {
  rmSync(path, { force: true });
  copyFileSync(join(folder, "whole.db"), path);
}

/** All that a runner and `status` ask, of which the second of everything must be a part. */
function readAll(journal: Journal): Record<string, unknown> {
  const never: readonly string[] = [];
  return {
    due: journal.dueActions("posted", 1_000, 100).map(({ id }) => id),
    pending: journal.pendingActions(100).map(({ id }) => id),
    deliveries: journal.dueDeliveries(1_000, 100).map(({ id }) => id),
    undelivered: journal.undelivered(100).map(({ id }) => id),
    bodies: journal.dueBodies(1_000, 100, never).map(({ runId }) => runId),
    steps: journal.dueSteps(1_000, 100).map(({ id }) => id),
    open: journal.runsIn("open", 100).map(({ id }) => id),
    overdue: journal.overdueRuns(1_000, 100).map(({ id }) => id),
    nextAt: journal.nextAt(0),
    counts: journal.counts(),
    unsettled: journal.unsettledRuns("plain2", 1_000).length,
    ahead: journal.setAhead(0, 100).actions.length,
    missedAfter: journal.missedAfter("plain2", 0).length,
    runs: journal.runs("plain2", 5).length,
    missed: journal.missed(null, 10).map(({ job }) => job),
    cursor: journal.cursor("plain2"),
    stepsOf: journal.stepsOf(2).map(({ name }) => name),
    frontier: journal.frontier(2),
    actionsOf: journal.actionsOf(22).map(({ id }) => id),
    deliveriesOf: journal.deliveriesOf(12).map(({ id }) => id),
    byId: journal.actionById(2)?.id,
    settled: journal.settledRuns(9_999, 100).length,
    stranded: journal.strandedRuns(100).map(({ id }) => id),
    alarms: journal.openAlarms().map(({ job }) => job),
    notices: journal.dueNotices(1_000, 100).map(({ id }) => id),
    calendars: journal.calendars(100).map(({ job }) => job),
    state: journal.stateOf("plain2").map(({ job }) => job),
    windows: journal.windows(2, 0, 100).map(({ id }) => id),
  };
}

const TOO_LARGE = ["9007199254740992", "9223372036854775807", "-9223372036854775808"];
const NO_TIME = [...TOO_LARGE, "8640000000000001"];
const NO_COUNT = [...TOO_LARGE, "-1"];
const NO_LIST = ["'['", "'{}'", "'5'", "'[1]'", "'null'", "''"];
const NO_RESULT = [
  "'{'",
  "'[]'",
  "'7'",
  "'{}'",
  `'{"fetched":1e300,"sent":1,"counters":null,"statuses":{},"strays":0}'`,
  `'{"fetched":-1,"sent":1,"counters":null,"statuses":{},"strays":0}'`,
  `'{"fetched":"1","sent":1,"counters":null,"statuses":{},"strays":0}'`,
  `'{"fetched":1,"sent":9007199254740992,"counters":null,"statuses":{},"strays":0}'`,
  `'{"fetched":1,"sent":1,"counters":null,"statuses":{"success":"x"},"strays":0}'`,
  `'{"fetched":1,"sent":1,"counters":null,"statuses":[],"strays":0}'`,
  `'{"fetched":1,"sent":1,"counters":{"sent":-5},"statuses":{},"strays":0}'`,
  `'{"fetched":1,"sent":1,"counters":[],"statuses":{},"strays":0}'`,
];

/** No list of what was tried in vain. */
const NO_TRIES = [
  "'['",
  "'{}'",
  "'[7]'",
  "'[{}]'",
  `'[{"what":"post","error":"e","count":1,"firstAt":1}]'`,
  `'[{"what":"post","error":"e","count":1,"firstAt":1,"lastAt":9e18}]'`,
  `'[{"what":"post","error":null,"count":1,"firstAt":1,"lastAt":2}]'`,
];

/** Wrong values by table and column; the row is the first that has the column set. */
const WRONG: readonly (readonly [where: string, column: string, values: readonly string[]])[] = [
  ["run WHERE id = 21", "fires_at", NO_TIME],
  ["run WHERE id = 21", "state", ["'lost'", "''", "'OPEN'"]],
  ["run WHERE id = 21", "cause", ["'chance'"]],
  ["run WHERE id = 1", "params", ["'{'", "'[]'", "'7'", "''"]],
  ["run WHERE id = 1", "begun_at", NO_TIME],
  ["run WHERE id = 1", "not_before", NO_TIME],
  ["run WHERE id = 1", "deadline_at", NO_TIME],
  ["run WHERE id = 1", "ended_at", NO_TIME],
  ["action WHERE id = 1", "action_id", [...NO_COUNT, "0", "NULL"]],
  ["action WHERE id = 1", "part", NO_COUNT],
  ["action WHERE id = 1", "state", ["'lost'", "'planned', body = ''"]],
  ["action WHERE id = 1", "expire_at", NO_TIME],
  ["action WHERE id = 1", "life_ms", NO_COUNT],
  ["action WHERE id = 1", "post_by", NO_TIME],
  ["action WHERE id = 1", "posted_at", NO_TIME],
  ["action WHERE id = 1", "send_only", ["2", "-1"]],
  ["action WHERE id = 1", "agents_max", NO_COUNT],
  ["action WHERE id = 1", "guards", ["'['", "'[]'", "'7'", "''"]],
  ["action WHERE id = 1", "held", ["'lost'"]],
  ["action WHERE id = 1", "page_size", [...NO_COUNT, "0"]],
  ["action WHERE id = 1", "plugins", NO_LIST],
  ["action WHERE id = 1", "reply", ["NULL"]],
  ["action WHERE id = 1", "maybe_sent", ["7"]],
  ["action WHERE id = 1", "writing", ["7"]],
  ["action WHERE id = 1", "attempts", NO_COUNT],
  ["action WHERE id = 1", "next_at", NO_TIME],
  ["action WHERE id = 1", "updated_at", NO_TIME],
  ["action WHERE id = 1", "collected_at", NO_TIME],
  ["action WHERE id = 1", "tries", NO_TRIES],
  ["action WHERE id = 11", "completeness", [...NO_RESULT, "NULL"]],
  ["action WHERE id = 11", "result_path", ["NULL"]],
  ["action WHERE id = 11", "next_at", ["5"]],
  ["delivery WHERE id = 1", "state", ["'lost'"]],
  ["delivery WHERE id = 1", "attempts", NO_COUNT],
  ["delivery WHERE id = 1", "next_at", NO_TIME],
  ["delivery WHERE id = 1", "updated_at", NO_TIME],
  ["delivery WHERE id = 1", "tries", NO_TRIES],
  ["body WHERE run_id = 1", "expiry_ms", NO_COUNT],
  ["body WHERE run_id = 1", "agents_max", NO_COUNT],
  ["body WHERE run_id = 1", "plugins", NO_LIST],
  ["body WHERE run_id = 1", "seed", NO_COUNT],
  ["body WHERE run_id = 1", "begun_at", NO_TIME],
  ["body WHERE run_id = 1", "next_at", NO_TIME],
  ["body WHERE run_id = 1", "set_at", NO_TIME],
  ["body WHERE run_id = 1", "starts", NO_COUNT],
  ["body WHERE run_id = 1", "version", [...NO_COUNT, "0"]],
  ["step WHERE id = 11", "kind", ["'nap'", "'approval'"]],
  ["step WHERE id = 11", "state", ["'lost'", "'saved'"]],
  ["step WHERE id = 11", "attempts", NO_COUNT],
  ["step WHERE id = 11", "tries", NO_COUNT],
  ["step WHERE id = 11", "next_at", NO_TIME],
  ["step WHERE id = 11", "set_at", NO_TIME],
  ["step WHERE id = 1", "value", ["'{'", "''"]],
  ["step WHERE id = 1", "sequence", [...NO_COUNT, "0", "NULL"]],
  ["step WHERE id = 1", "begun_at", NO_TIME],
  ["step WHERE id = 1", "ended_at", NO_TIME],
  ["step WHERE id = 1", "asked", ["'{'", "'[]'"]],
  ["step WHERE id = 1", "answer", ["'{'", "'7'"]],
  ["calendar WHERE id = 1", "sequence", [...NO_COUNT, "0"]],
  ["calendar WHERE id = 1", "state", ["'lost'"]],
  ["calendar WHERE id = 1", "min_signers", [...NO_COUNT, "0"]],
  ["calendar WHERE id = 1", "signers", NO_LIST],
  ["calendar WHERE id = 1", "requested_at", NO_TIME],
  ["calendar WHERE id = 1", "installed_at", NO_TIME],
  ["calendar WHERE id = 1", "ended_at", NO_TIME],
  ["calendar_window WHERE id = 1", "fires_at", NO_TIME],
  ["calendar_window WHERE id = 1", "valid_from", NO_TIME],
  ["calendar_window WHERE id = 1", "expire_after", NO_TIME],
  ["calendar_window WHERE id = 1", "signatures", NO_LIST],
  ["calendar_window WHERE id = 1", "run_id", [...NO_COUNT, "0"]],
  ["alarm WHERE id = 1", "event", ["'lost'"]],
  ["alarm WHERE id = 1", "run_id", [...NO_COUNT, "0"]],
  ["alarm WHERE id = 1", "since", NO_TIME],
  ["alarm WHERE id = 1", "raised_at", NO_TIME],
  ["alarm WHERE id = 1", "told_at", NO_TIME],
  ["alarm WHERE id = 1", "count", NO_COUNT],
  ["alarm WHERE id = 1", "ended_at", NO_TIME],
  ["notice WHERE id = 1", "body", ["'{'", "''"]],
  ["notice WHERE id = 1", "state", ["'lost'"]],
  ["notice WHERE id = 1", "attempts", NO_COUNT],
  ["notice WHERE id = 1", "next_at", NO_TIME],
  ["notice WHERE id = 1", "updated_at", NO_TIME],
  ["missed WHERE id = 1", "first_at", NO_TIME],
  ["missed WHERE id = 1", "last_at", NO_TIME],
  ["missed WHERE id = 1", "count", NO_COUNT],
  ["missed WHERE id = 1", "recorded_at", NO_TIME],
  ["missed WHERE id = 1", "kind", ["'lost'"]],
  ["pause WHERE id = 1", "since", NO_TIME],
  ["pause WHERE id = 1", "until", NO_TIME],
  ["pause WHERE id = 1", "ended_at", NO_TIME],
  ["tally WHERE id = 1", "what", ["'lost'"]],
  ["tally WHERE id = 1", "count", NO_COUNT],
  ["tally WHERE id = 1", "last_at", NO_TIME],
  ["state WHERE id = 1", "value", ["'{'", "''"]],
  ["state WHERE id = 1", "run_id", [...NO_COUNT, "0"]],
  ["state WHERE id = 1", "set_at", NO_TIME],
  ["cursor WHERE job = 'plain1'", "decided_at", NO_TIME],
  ["cursor WHERE job = 'plain1'", "ahead_at", NO_TIME],
];

/** Columns that a row of their table needs to be told from another; wrong ones are told below. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  run: ["id", "job", "source", "note"],
  action: ["id", "run_id", "job", "step", "name", "body", "signature", "error", "result_sha256"],
  delivery: ["id", "action_row", "job", "plugin", "key", "error", "progress", "result_path"],
  body: ["run_id", "template"],
  step: ["id", "run_id", "name", "digest", "error"],
  calendar: ["id", "job", "hash", "action", "template"],
  calendar_window: ["id", "calendar_id"],
  alarm: ["id", "job", "subject", "message", "hint"],
  notice: ["id", "alarm_id", "plugin", "error"],
  missed: ["id", "job", "reason"],
  pause: ["id", "job", "actor", "why"],
  tally: ["id", "job", "label"],
  state: ["id", "job", "key"],
  cursor: ["job", "schedule"],
};

describe("a row with a column that no program wrote", () => {
  for (const [where, column, values] of WRONG) {
    const [table = "", ...condition] = where.split(" ");
    test(`costs itself: ${column} of ${where}`, async () => {
      make();
      const sound = openJournal({ path });
      const before = readAll(sound);
      await sound.close();
      for (const value of values) {
        make();
        meddle(`UPDATE ${table} SET ${column} = ${value} ${condition.join(" ")}`);
        const journal = openJournal({ path });
        const [named] = journal.unreadable(10);
        expect([value, named]).toEqual([value, expect.stringMatching(/: it(s|,| {1,2})/)]);
        const after = readAll(journal);
        for (const [question, answer] of Object.entries(before)) {
          if (!Array.isArray(answer)) continue;
          const second = answer.filter((id) => /2$/.test(String(id)));
          expect([question, after[question]]).toEqual([question, expect.arrayContaining(second)]);
        }
        await journal.close();
        const report = await verifyJournal(path);
        expect(report.damage).toEqual([]);
        expect(report.unreadable).toContain(named as string);
      }
      await salvageJournal(path);
      expect((await verifyJournal(path)).unreadable).toEqual([]);
    });
  }

  test("is looked for in every column of every table", () => {
    make();
    const database = new DatabaseSync(path);
    for (const { name: table } of ROW_TABLES) {
      const columns = database.prepare(`PRAGMA table_info("${table}")`).all();
      const tried = WRONG.filter(([where]) => where.startsWith(`${table} `));
      const known = [...tried.map(([, column]) => column), ...(KEYS[table] ?? [])];
      expect(columns.map(({ name }) => String(name)).sort()).toEqual([...new Set(known)].sort());
    }
    database.close();
  });

  test("is also found by its type, which SQLite itself lets nobody write", async () => {
    make();
    const schema = "UPDATE sqlite_schema SET sql = ";
    const database = new DatabaseSync(path, { defensive: false } as object);
    database.exec(`PRAGMA writable_schema = ON; ${schema} replace(sql, 'STRICT', '')`);
    database.close();
    meddle("UPDATE action SET action_id = 'seven' WHERE id = 1");
    meddle("UPDATE action SET attempts = 1.5, expire_at = x'00' WHERE id = 2");
    const again = new DatabaseSync(path, { defensive: false } as object);
    again.exec(
      `PRAGMA writable_schema = ON; ${schema} sql || ' STRICT' ` +
        "WHERE type = 'table' AND sql NOT LIKE '%WITHOUT ROWID%'",
    );
    again.close();
    const journal = openJournal({ path });
    expect(journal.unreadable(5).join("\n")).toContain("its action_id is 'seven', wanted");
    expect(journal.dueActions("posted", 1_000, 10)).toEqual([]);
    await journal.close();
    expect((await verifyJournal(path)).unreadable).toHaveLength(2);
  });
});

describe("a row with an id that no program gave", () => {
  for (const id of ["9223372036854775807", "9007199254740992", "-5", "0"]) {
    test(`is not read, and the next rows get ids as before: ${id}`, async () => {
      make();
      meddle(`INSERT INTO ${INTO.run}
        VALUES (${id}, 'x', 77, 'schedule', 'open', NULL, NULL, NULL, NULL);
        INSERT INTO ${INTO.missed} VALUES (${id}, 'x', 1, 2, 2, 'r', 3)`);
      const journal = openJournal({ path });
      expect(journal.unreadable(10)).toHaveLength(2);
      const next = await journal.write((tables) => {
        tables.insertMissed({
          job: "y",
          firstAt: 1,
          lastAt: 1,
          count: 1,
          reason: "r",
          recordedAt: 1,
        });
        return tables.insertRun({ job: "y", firesAt: 1, cause: "manual" }, "open", 1);
      });
      expect(next?.id).toBe(23);
      expect(journal.missed("y", 1)).toMatchObject([{ id: 3 }]);
      await journal.close();
    });
  }
});

describe("READABLE_VIEWS", () => {
  test("are of one connection alone: the file stays as it was", () => {
    make();
    meddle(READABLE_VIEWS);
    const database = new DatabaseSync(path, { readOnly: true });
    const views = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'view'").all();
    database.close();
    expect(views).toEqual([]);
  });
});
