// Moving a journal into that of a cluster and back, on a real PostgreSQL, cut off at each point.
import { afterAll, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RunnerError } from "../../../src/errors.ts";
import { appendAudit, verifyAudit } from "../../../src/journal/audit.ts";
import type { Journal } from "../../../src/journal/journal.ts";
import { type MoveIn, moveIntoCluster } from "../../../src/journal/postgres/into-cluster.ts";
import { openClusterJournal } from "../../../src/journal/postgres/journal.ts";
import { idColumns } from "../../../src/journal/postgres/move-rows.ts";
import { type MoveOut, moveOutOfCluster } from "../../../src/journal/postgres/out-of-cluster.ts";
import { Server } from "../../../src/journal/postgres/server.ts";
import { openJournal } from "../../../src/journal/sqlite/journal.ts";
import { verifyJournal } from "../../../src/journal/sqlite/maintenance.ts";
import { type MoveNote, readMoveNote, removeMoveNote } from "../../../src/journal/sqlite/moved.ts";
import { dump, NOW, newAction, writeAll, writeRest } from "../../support/full-journal.ts";
import { startPostgres } from "../../support/postgres.ts";

const SHARDS = 4;
const ALL = [0, 1, 2, 3, 4];
const CLUSTER = "postgres://db:5432/mig";

const started = await startPostgres();
const folder = mkdtempSync(join(tmpdir(), "move-"));
afterAll(async () => {
  await started?.close();
  rmSync(folder, { recursive: true, force: true });
});

const described = started === null ? describe.skip : describe;

let files = 0;

function newFile(): string {
  return join(folder, `${++files}.db`);
}

async function newServer(): Promise<Server> {
  const server = new Server({ connectionString: (await started?.database()) ?? "" });
  await server.migrate(SHARDS);
  return server;
}

/** A journal of one host, written by `work`. */
async function newJournal(work: (journal: Journal) => Promise<void>): Promise<string> {
  const path = newFile();
  const journal = openJournal({ path });
  await work(journal);
  await journal.close();
  return path;
}

async function full(journal: Journal): Promise<void> {
  await writeAll(journal);
  await writeRest(journal);
}

let moves = 0;
const entry = { actor: "ann", deed: "move", subject: "journal", detail: "there" };

function moving(path: string, changes: Partial<MoveIn> = {}): MoveIn {
  const common = { id: `m${++moves}`, now: NOW + 9, entry, isDry: false, onProgress() {} };
  return { ...common, path, origin: `host:${path}`, place: CLUSTER, ...changes };
}

function leaving(path: string, changes: Partial<MoveOut> = {}): MoveOut {
  const common = { id: `m${++moves}`, now: NOW + 9, entry, isDry: false, onProgress() {} };
  const ends = { path, place: `host:${path}`, origin: CLUSTER, leaseMs: 1_000 };
  return { ...common, ...ends, ...changes };
}

/** What notes a move in PostgreSQL. */
const NOTES = /INTO mig_move|SET moved_to = \$/;

/** A process that dies right before PostgreSQL is told to keep it all, or right after. */
function dying(server: Server, when: "before" | "after"): Pick<Server, "transaction"> {
  return {
    async transaction(work) {
      let isLast = false;
      const value = await server.transaction(async (ask) => {
        const made = await work((sql, values) => {
          isLast ||= NOTES.test(sql);
          return ask(sql, values);
        });
        if (isLast && when === "before") throw new RunnerError("JOURNAL", "killed");
        return made;
      });
      if (isLast) throw new RunnerError("JOURNAL", "killed after it");
      return value;
    },
  };
}

/** Does something before each statement that matches. */
function disturbed(server: Server, each: RegExp, work: () => Promise<unknown>) {
  const disturb: Pick<Server, "transaction"> = {
    transaction: (made) =>
      server.transaction((ask) =>
        made(async (sql, values) => {
          if (each.test(sql)) await work();
          return await ask(sql, values);
        }),
      ),
  };
  return disturb;
}

/** The whole journal of a cluster, as a verb has it. */
async function whole(server: Server): Promise<{ journal: Journal; path: string }> {
  const path = newFile();
  const journal = openClusterJournal({ server, path, shards: SHARDS, me: `me${files}` });
  await journal.load(ALL);
  return { journal, path };
}

/** All rows that a cluster has. */
async function rowsOf(server: Server): Promise<Record<string, unknown[]>> {
  const { journal, path } = await whole(server);
  const rows = dump(path);
  await journal.close();
  return rows;
}

/** All tables but the audit log, which notes the move, and sums, which each process has of its own. */
function plain({ audit, tally, ...others }: Record<string, unknown[]>) {
  return others;
}

/** The files of a journal with a note as a kill leaves them in the midst of a change. */
function cutOff(path: string, change: (database: DatabaseSync, note: MoveNote) => void): string {
  const copy = newFile();
  const note = readMoveNote(path);
  const database = new DatabaseSync(path);
  // So small that the change reaches the disk before its end.
  database.exec("PRAGMA cache_size = 1; BEGIN IMMEDIATE");
  if (note !== null) change(database, note);
  for (const end of ["", "-wal", "-journal"]) {
    if (existsSync(`${path}${end}`)) copyFileSync(`${path}${end}`, `${copy}${end}`);
  }
  database.close();
  return copy;
}

async function refusal(path: string): Promise<string> {
  try {
    await openJournal({ path }).close();
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
}

described("a journal", () => {
  test("moves into a cluster and back with every row of every table", async () => {
    const server = await newServer();
    const path = await newJournal(full);
    const rows = dump(path);
    // A table that nothing is written to here would not be compared.
    for (const [table, has] of Object.entries(rows)) {
      expect({ table, isFilled: has.length > 0 }).toEqual({ table, isFilled: true });
    }
    const before = openJournal({ path });
    const dry = await moveIntoCluster(server, moving(path, { isDry: true }));
    expect(dry).toMatchObject({ kind: "moved", offset: 0 });
    expect(Object.values(await rowsOf(server)).flat()).toEqual([]);
    expect(await moveIntoCluster(server, moving(path))).toMatchObject({ rows: dry.rows });
    const there = await rowsOf(server);
    expect(plain(there)).toEqual(plain(rows));
    expect(there.audit).toHaveLength((rows.audit?.length ?? 0) + 1);
    expect(await refusal(path)).toContain("was moved to postgres://db:5432/mig (");
    // Who had it open before the move changes nothing any more.
    await expect(before.write((to) => to.removeCursor("nightly"))).rejects.toThrow("was moved");
    await before.close();

    const { journal, path: copy } = await whole(server);
    await journal.write((to) => to.setCursor("new", { decidedAt: NOW, schedule: "" }));
    const changed = dump(copy);
    expect(await moveOutOfCluster(server, leaving(path))).toMatchObject({ kind: "moved" });
    const back = dump(path);
    expect(plain(back)).toEqual(plain(changed));
    expect(back.tally).toEqual(rows.tally ?? []);
    const home = openJournal({ path });
    expect(verifyAudit(home, []).faults).toEqual([]);
    expect(home.auditRows(0, 99).map(({ deed }) => deed)).toEqual([
      "pause",
      "unpause",
      "move",
      "move",
    ]);
    await home.close();
    expect((await verifyJournal(path)).unreadable).toEqual([]);
    await expect(server.look()).rejects.toThrow(`it was moved to host:${path}`);
    await expect(journal.write((to) => to.removeCursor("new"))).rejects.toThrow("it was moved");
    expect(await server.claim("late", 1_000, ALL)).toEqual(new Map());
    await journal.close();

    await openJournal({ path }).close();
    expect(await moveIntoCluster(server, moving(path))).toMatchObject({ kind: "moved", offset: 0 });
    expect(plain(await rowsOf(server))).toEqual(plain(back));
    await server.close();
  });

  test("is in one place at each moment, wherever moving it there is cut off", async () => {
    const server = await newServer();
    const path = await newJournal(full);
    const rows = dump(path);
    const onProgress = (): void => {
      throw new RunnerError("JOURNAL", "killed");
    };
    await expect(moveIntoCluster(server, moving(path, { onProgress }))).rejects.toThrow("killed");
    expect([await refusal(path), dump(path)]).toEqual(["", rows]);
    expect(Object.values(await rowsOf(server)).flat()).toEqual([]);

    await expect(moveIntoCluster(dying(server, "before"), moving(path))).rejects.toThrow("killed");
    expect(await refusal(path)).toContain("was moved to");
    expect(Object.values(await rowsOf(server)).flat()).toEqual([]);
    // Given up: it is what it was.
    expect(await moveOutOfCluster(server, leaving(path))).toMatchObject({ kind: "given up" });
    expect([await refusal(path), dump(path)]).toEqual(["", rows]);

    await expect(moveIntoCluster(dying(server, "before"), moving(path))).rejects.toThrow("killed");
    const other = moveIntoCluster(server, moving(path, { place: "postgres://other:5432/mig" }));
    await expect(other).rejects.toThrow("moving it to postgres://db:5432/mig has not ended");
    await expect(moveIntoCluster(dying(server, "after"), moving(path))).rejects.toThrow("killed");
    expect(await refusal(path)).toContain("was moved to");
    expect(plain(await rowsOf(server))).toEqual(plain(rows));
    expect(await moveIntoCluster(server, moving(path))).toMatchObject({ kind: "before" });
    expect(plain(await rowsOf(server))).toEqual(plain(rows));
    await server.close();
  });

  test("is in one place at each moment, wherever moving it back is cut off", async () => {
    const server = await newServer();
    const source = await newJournal(full);
    await moveIntoCluster(server, moving(source));
    const rows = await rowsOf(server);
    const path = newFile();
    await server.beat("h1", "h1/x", 60_000);
    await expect(moveOutOfCluster(server, leaving(path))).rejects.toThrow(
      "there are hosts at work: h1",
    );
    await server.leave("h1/x");
    expect(await moveOutOfCluster(server, leaving(path, { isDry: true }))).toMatchObject({
      kind: "moved",
    });
    await expect(moveOutOfCluster(dying(server, "before"), leaving(path))).rejects.toThrow(
      "killed",
    );
    expect(await refusal(path)).toContain("moving it here from postgres://db:5432/mig has not");
    expect(await rowsOf(server)).toEqual(rows);
    await expect(moveOutOfCluster(dying(server, "after"), leaving(path))).rejects.toThrow("killed");
    expect(await refusal(path)).toContain("moving it here from postgres://db:5432/mig has not");
    await expect(moveOutOfCluster(server, leaving(newFile()))).rejects.toThrow(
      `was moved to host:${path}`,
    );
    const cut = cutOff(path, (database, note) => removeMoveNote(database, note));
    expect(readMoveNote(cut)).toMatchObject({ kind: "from", place: CLUSTER });
    expect(await moveOutOfCluster(server, leaving(path))).toMatchObject({ kind: "ended" });
    expect(plain(dump(path))).toEqual(plain(rows));
    await expect(moveOutOfCluster(server, leaving(path))).rejects.toThrow("is there already");
    await server.close();
  });
});

described("a second journal", () => {
  /** Of a host with other jobs. */
  async function other(journal: Journal): Promise<void> {
    await journal.write((to) => {
      const run = to.insertRun({ job: "weekly", firesAt: NOW, cause: "manual" }, "open", NOW);
      to.insertAction(newAction(run?.id ?? 0, { job: "weekly" }), NOW);
      to.insertSource("hash", "await run.collect()");
      to.setState({ job: "weekly", key: "seen", value: "2", runId: run?.id ?? 0, setAt: NOW });
      to.setState({ job: "", key: "down", value: "2", runId: null, setAt: NOW });
      appendAudit(to, { actor: "bob", deed: "run", subject: "weekly", detail: "run 1" }, NOW);
    });
  }

  test("joins the first, under other ids", async () => {
    const server = await newServer();
    await moveIntoCluster(server, moving(await newJournal(full)));
    const path = await newJournal(other);
    const { offset } = await moveIntoCluster(server, moving(path));
    expect(offset).toBeGreaterThan(0);
    const { journal } = await whole(server);
    const [run] = journal.runs("weekly", 9);
    const id = offset + 1;
    expect(run).toMatchObject({ id, job: "weekly", state: "open" });
    expect(journal.actionsOf(id)).toMatchObject([{ id, runId: id, state: "planned" }]);
    expect(journal.stateAt("weekly", "seen")).toMatchObject({ runId: id });
    expect(journal.stateAt("", "down")?.value).toBe("1");
    expect(journal.runs("nightly", 9)).toHaveLength(1);
    const log = journal.auditRows(0, 99);
    expect(log.map(({ deed }) => deed)).toEqual(["pause", "unpause", "move", "run", "move"]);
    expect(log[3]?.detail).toMatch(/^run 1 \(row 1 of host:.*, hash [0-9a-f]{64}\)$/);
    expect(verifyAudit(journal, []).faults).toEqual([]);
    await journal.close();
    await server.close();
  });

  test("is refused where two histories would become one", async () => {
    const server = await newServer();
    await moveIntoCluster(server, moving(await newJournal(full)));
    const same = await newJournal(full);
    await expect(moveIntoCluster(server, moving(same))).rejects.toThrow(
      'the cluster has a history of the same jobs: "ahead", "flow", "nightly"',
    );
    const flow = await newJournal(async (journal) => {
      await journal.write((to) => {
        const wanted = { job: "other", firesAt: NOW, cause: "manual", source: "hash" } as const;
        to.insertSource("hash", "await run.collect()");
        to.insertRun(wanted, "paused", NOW);
      });
    });
    await expect(moveIntoCluster(server, moving(flow))).rejects.toThrow(
      "run 1 of other has not ended",
    );
    expect(await refusal(flow)).toBe("");
    const held = await newJournal(async (journal) => {
      const pause = { job: "*", since: NOW, until: null, actor: "ann", why: "" };
      await journal.write((to) => to.insertPause(pause));
    });
    await expect(moveIntoCluster(server, moving(held))).rejects.toThrow(
      "all jobs of this host are paused",
    );
    await server.close();
  });
});

described("a cluster that works", () => {
  async function weekly(journal: Journal): Promise<void> {
    await journal.write((to) => {
      const run = to.insertRun({ job: "weekly", firesAt: NOW, cause: "manual" }, "open", NOW);
      to.insertAction(newAction(run?.id ?? 0, { job: "weekly" }), NOW);
    });
  }

  test("renews its leases and writes while rows are sent", async () => {
    const server = await newServer();
    await moveIntoCluster(server, moving(await newJournal(full)));
    await server.beat("h1", "h1/x", 60_000);
    const epochs = await server.claim("h1/x", 60_000, ALL.slice(1));
    const path = newFile();
    const epochOf = (shard: number): number | null => epochs.get(shard) ?? null;
    const journal = openClusterJournal({ server, path, shards: SHARDS, me: "h1/x", epochOf });
    await journal.load(ALL);
    let works = 0;
    const moved = await moveIntoCluster(
      disturbed(
        server,
        /^(INSERT INTO mig_(row|staged)|SELECT \* FROM mig_(row|staged))/,
        async () => {
          if (works === 1) return;
          works = 1;
          await server.beat("h1", "h1/x", 60_000, 2_000);
          await journal.write((to) => {
            to.insertRun({ job: "nightly", firesAt: NOW + 99, cause: "manual" }, "open", NOW);
            appendAudit(to, { actor: "eve", deed: "run", subject: "nightly", detail: "" }, NOW);
          });
        },
      ),
      moving(await newJournal(weekly)),
    );
    expect(works).toBe(1);
    await journal.refresh(await server.look());
    expect(journal.runs("weekly", 9)).toMatchObject([{ id: moved.offset + 1 }]);
    expect(journal.runs("nightly", 9)).toHaveLength(2);
    expect(verifyAudit(journal, []).faults).toEqual([]);
    expect(journal.auditRows(0, 99).map(({ deed }) => deed)).toEqual([
      "pause",
      "unpause",
      "move",
      "run",
      "move",
    ]);
    await journal.close();
    await server.close();
  });

  test("takes no journal of a job that it begins to run meanwhile", async () => {
    const server = await newServer();
    await moveIntoCluster(server, moving(await newJournal(full)));
    const { journal } = await whole(server);
    const source = await newJournal(weekly);
    let isDone = false;
    const meanwhile = disturbed(server, /^INSERT INTO mig_staged/, async () => {
      if (isDone) return;
      isDone = true;
      await journal.write((to) => to.setCursor("weekly", { decidedAt: NOW, schedule: "" }));
    });
    await expect(moveIntoCluster(meanwhile, moving(source))).rejects.toThrow(
      'the cluster has a history of the same jobs: "weekly"',
    );
    expect([await refusal(source), isDone]).toEqual(["", true]);
    await journal.close();
    await server.close();
  });

  test("takes none where its first rows, or a move of them away, came meanwhile", async () => {
    const server = await newServer();
    const { journal } = await whole(server);
    const source = await newJournal(weekly);
    let change = async (): Promise<unknown> =>
      journal.write((to) => to.setCursor("other", { decidedAt: NOW, schedule: "" }));
    const meanwhile = disturbed(server, /^INSERT INTO mig_staged/, () => change());
    await expect(moveIntoCluster(meanwhile, moving(source))).rejects.toThrow("changed meanwhile");
    const away = newFile();
    change = () => moveOutOfCluster(server, leaving(away));
    await expect(moveIntoCluster(meanwhile, moving(source))).rejects.toThrow("changed meanwhile");
    expect(await refusal(source)).toBe("");
    expect(await moveIntoCluster(server, moving(source))).toMatchObject({ kind: "moved" });
    await journal.close();
    await server.close();
  });
});

test("a column that may be the id of another row has to be known", () => {
  const common = { table: "t", key: "id", unset: new Map(), parent: null };
  const shape = { ...common, columns: ["id", "job", "run_id", "action_id"] };
  expect(idColumns(shape)).toEqual(["id", "run_id"]);
  expect(() => idColumns({ ...shape, columns: ["id", "job", "other_id"] })).toThrow(
    "t.other_id: is",
  );
});
