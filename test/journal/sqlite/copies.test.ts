// Copies: what is put in place of a journal, and who may read a file while it is written.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RunnerError } from "../../../src/errors.ts";
import {
  backupJournal,
  restoreJournal,
  salvageJournal,
} from "../../../src/journal/sqlite/copies.ts";
import { openJournal } from "../../../src/journal/sqlite/journal.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mig-runner-copies-"));
  path = join(folder, "journal.db");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function addRun(firesAt: number, file = path): Promise<void> {
  const journal = openJournal({ path: file });
  await journal.write((tables) =>
    tables.insertRun({ job: "nightly", firesAt, cause: "schedule" }, "done", firesAt),
  );
  await journal.close();
}

async function fireTimes(file = path): Promise<readonly number[]> {
  const journal = openJournal({ path: file, readOnly: true });
  const runs = journal.runs("nightly", 100).map(({ firesAt }) => firesAt);
  await journal.close();
  return runs;
}

describe("restoreJournal()", () => {
  test("puts a backup in place of the journal, which is kept", async () => {
    await addRun(1);
    const copy = join(folder, "copy.db");
    await backupJournal(path, copy);
    await addRun(2);
    const { aside, rows, bytes } = await restoreJournal(path, copy);
    expect([aside, rows.run, bytes]).toEqual([`${path}.before-restore`, 1, statSync(path).size]);
    expect(await fireTimes()).toEqual([1]);
    expect(await fireTimes(`${path}.before-restore`)).toEqual([2, 1]);
    expect((await restoreJournal(path, copy)).aside).toBe(`${path}.before-restore.2`);
    expect(readdirSync(folder).filter((name) => name.includes("tmp"))).toEqual([]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await fireTimes(copy)).toEqual([1]);
  });

  test("makes one where there is none", async () => {
    const other = join(folder, "other.db");
    await addRun(7, other);
    expect((await restoreJournal(path, other)).aside).toBeNull();
    expect(await fireTimes()).toEqual([7]);
  });

  test("takes a backup from where nothing can be written, and one with a log of its own", async () => {
    const shelf = join(folder, "shelf");
    mkdirSync(shelf);
    await addRun(1);
    await backupJournal(path, join(shelf, "copy.db"));
    const journal = openJournal({ path });
    await journal.write((tables) =>
      tables.insertRun({ job: "nightly", firesAt: 2, cause: "schedule" }, "done", 2),
    );
    for (const end of ["", "-wal"]) copyFileSync(`${path}${end}`, join(shelf, `live.db${end}`));
    await journal.close();
    chmodSync(shelf, 0o500);
    await restoreJournal(path, join(shelf, "copy.db"));
    expect(await fireTimes()).toEqual([1]);
    chmodSync(shelf, 0o700);
    await restoreJournal(path, join(shelf, "live.db"));
    expect(await fireTimes()).toEqual([2, 1]);
  });

  test("refuses what is no sound journal, by its own name, and leaves all as it was", async () => {
    await addRun(1);
    const before = readFileSync(path);
    const file = join(folder, "file");
    const refusal = async (): Promise<string> => {
      const error: unknown = await restoreJournal(path, file).catch((thrown: unknown) => thrown);
      if (!(error instanceof RunnerError)) throw new Error(`no named error: ${error}`);
      return error.message;
    };
    expect(await refusal()).toContain("no such file or directory");
    mkdirSync(file);
    expect(await refusal()).toContain("it is a directory");
    rmSync(file, { recursive: true });
    writeFileSync(file, "x".repeat(9_000));
    expect(await refusal()).toContain("it is damaged");
    copyFileSync(path, file);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0xa5, 4_096, 12_288));
    expect(await refusal()).toContain("it is damaged");
    const other = new DatabaseSync(join(folder, "other.db"));
    other.exec("PRAGMA journal_mode = WAL; CREATE TABLE own (id INTEGER)");
    for (const end of ["", "-wal"]) copyFileSync(join(folder, `other.db${end}`), `${file}${end}`);
    other.close();
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
    expect(await refusal()).toBe(`Cannot use "${file}": it is not a mig-runner journal`);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(folder).filter((name) => name.includes("tmp"))).toEqual([]);
  });
});

describe("a copy", () => {
  /** The files that are synced, in order, each with what of `names` is there at that moment. */
  async function syncsOf(names: readonly string[], work: () => Promise<unknown>) {
    const handle = await open(folder);
    const files = Object.getPrototypeOf(handle) as { sync(this: FileHandle): Promise<void> };
    await handle.close();
    const { sync } = files;
    const seen: (readonly [name: string, there: readonly string[]])[] = [];
    files.sync = async function () {
      const name = readlinkSync(`/proc/self/fd/${this.fd}`).replace(`${folder}/`, "");
      const there = readdirSync(folder).filter((file) => names.includes(file));
      seen.push([name.replace(/[0-9a-f]{16}/, "N"), there]);
      await sync.call(this);
    };
    try {
      await work();
    } finally {
      files.sync = sync;
    }
    return seen;
  }

  test("is on the disk before it has its name, and its name when that is told", async () => {
    await addRun(1);
    const copy = join(folder, "copy.db");
    const backup = () => syncsOf(["copy.db"], () => backupJournal(path, copy));
    expect(await backup()).toEqual([
      ["copy.db.N.tmp", []],
      [folder, ["copy.db"]],
    ]);
    for (const [kept, exchange] of [
      ["journal.db.before-restore", () => restoreJournal(path, copy)],
      ["journal.db.damaged", () => salvageJournal(path)],
    ] as const) {
      expect((await syncsOf([kept], exchange)).slice(0, 2)).toEqual([
        ["journal.db.N.tmp", []],
        [folder, [kept]],
      ]);
    }
  });

  test("has a token that no other copy has", async () => {
    await addRun(1);
    const copies = ["one.db", "two.db"].map((name) => join(folder, name));
    for (const copy of copies) await backupJournal(path, copy);
    const tokens = [path, ...copies].map((file) => {
      const database = new DatabaseSync(file, { readOnly: true });
      const row = database.prepare("SELECT token FROM seal").get();
      database.close();
      return row?.token;
    });
    expect(new Set(tokens).size).toBe(3);
  });
});

/** Looks at the modes of all files of a folder again and again, beside whatever goes on. */
function watchModes(): ChildProcess {
  const script = 'cd "$0" && while :; do stat -c "%a %n" * .[!.]* 2>/dev/null; done';
  return spawn("/bin/sh", ["-c", script, folder], { stdio: ["ignore", "pipe", "ignore"] });
}

describe("a file that is being written", () => {
  test("is never open to others: of a backup, a restore and a salvage", async () => {
    await addRun(1);
    const database = new DatabaseSync(path);
    database.exec("INSERT INTO source VALUES ('large', printf('%.2000000c', 'x'))");
    database.close();
    const watcher = watchModes();
    const seen = new Set<string>();
    const { promise: first, resolve } = Promise.withResolvers<void>();
    watcher.stdout?.setEncoding("utf8").on("data", (text: string) => {
      resolve();
      for (const line of text.split("\n")) if (line !== "") seen.add(line);
    });
    const before = process.umask(0);
    try {
      await first;
      await backupJournal(path, join(folder, "copy.db"));
      // It may look at the wrong moments.
      for (let copy = 2; ![...seen].some((line) => line.includes(".tmp")); copy++) {
        await backupJournal(path, join(folder, `copy.db.${copy}`));
        await new Promise((settle) => setImmediate(settle));
      }
      await restoreJournal(path, join(folder, "copy.db"));
      await salvageJournal(path);
    } finally {
      process.umask(before);
      const ended = new Promise((settle) => watcher.once("close", settle));
      watcher.kill("SIGKILL");
      await ended;
    }
    const lines = [...seen].filter((line) => /^\d+ \S+$/.test(line));
    expect(lines.filter((line) => !line.startsWith("600 "))).toEqual([]);
  });

  test("is that of a journal from before, too, before anything is written beside it", async () => {
    await addRun(1);
    chmodSync(path, 0o644);
    const journal = openJournal({ path });
    await journal.write((tables) => tables.removeCursor("nightly"));
    const modes = ["", "-wal", "-shm"].map((end) => statSync(`${path}${end}`).mode & 0o777);
    await journal.close();
    expect(modes).toEqual([0o600, 0o600, 0o600]);
  });
});
