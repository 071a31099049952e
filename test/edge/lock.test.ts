// Lock: one process a directory, however the last one ended.
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, statSync, symlinkSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { type Holder, isWanted, lockDirectory, lockHolder } from "../../src/edge/lock.ts";
import { RunnerError } from "../../src/errors.ts";
import { eventually, Scenario } from "../support/binary.ts";
import { DENO, Scratch, source } from "../support/edge.ts";

const HOLD = `
import { lockDirectory } from "${source("edge/lock.ts")}";
await lockDirectory(process.argv[2], { work: "test" });
setInterval(() => {}, 1000);
globalThis.Bun?.gc(true);
console.log("held");
`;

const RUNTIMES = [
  ["bun", [process.execPath, "run"]],
  ["deno", DENO],
] as const;

async function refusal(directory: string): Promise<RunnerError> {
  const error = await lockDirectory(directory).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof RunnerError)) throw new Error(`not refused: ${error}`);
  return error;
}

describe.each(RUNTIMES)("a lock held by a process in %s", (_, program) => {
  test("names its holder, and is free as soon as that is killed", async () => {
    await using scenario = await Scenario.create(program as [string, ...string[]]);
    const script = await scenario.write("hold.ts", HOLD);
    const holder = scenario.start([script, scenario.directory]);
    await holder.prints(/held/);
    expect(lockHolder(scenario.directory)?.pid).toBe(holder.pid);
    const error = await refusal(scenario.directory);
    expect(error.code).toBe("BUSY");
    expect(error.message).toBe(
      `Cannot start: another mig-runner (process ${holder.pid}, test) works on "${scenario.directory}"`,
    );
    process.kill(holder.pid, "SIGKILL");
    await holder.ended();
    expect(lockHolder(scenario.directory)).toBeNull();
    const lock = await lockDirectory(scenario.directory);
    expect(lockHolder(scenario.directory)?.pid).toBe(process.pid);
    lock.release();
  });
});

describe("lockDirectory()", () => {
  test("keeps out the same process as well, until it lets go", async () => {
    using scratch = new Scratch();
    const first = await lockDirectory(scratch.path);
    expect((await refusal(scratch.path)).message).toContain(`(process ${process.pid})`);
    first.release();
    first.release();
    (await lockDirectory(scratch.path)).release();
  });

  test("lets exactly one of many win", async () => {
    using scratch = new Scratch();
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, () => lockDirectory(scratch.path)),
    );
    const won = attempts.filter((each) => each.status === "fulfilled");
    expect(won).toHaveLength(1);
    for (const each of won) each.value.release();
  });

  test("waits for the one that has it, and says for whom", async () => {
    using scratch = new Scratch();
    const first = await lockDirectory(scratch.path, { work: "run drift" });
    const seen: (Holder | null)[] = [];
    const second = await lockDirectory(scratch.path, {
      work: "daemon",
      waitMs: 600_000,
      onWait(holder) {
        seen.push(holder);
        first.release();
      },
    });
    expect(seen).toEqual([{ pid: process.pid, work: "run drift" }]);
    expect(lockHolder(scratch.path)).toEqual({ pid: process.pid, work: "daemon" });
    expect(isWanted(scratch.path)).toBe(false);
    second.release();
  });

  test("is seen to wait, until it is told not to", async () => {
    using scratch = new Scratch();
    const first = await lockDirectory(scratch.path);
    expect(isWanted(scratch.path)).toBe(false);
    const stop = new AbortController();
    const waiting = lockDirectory(scratch.path, { waitMs: 600_000, signal: stop.signal });
    const refused = waiting.then(
      () => null,
      (error: unknown) => (error as RunnerError).code,
    );
    await eventually(() => (isWanted(scratch.path) ? true : null));
    stop.abort();
    expect(await refused).toBe("BUSY");
    expect(isWanted(scratch.path)).toBe(false);
    first.release();
  });

  test("knows the process that a version before this one has named, and is known to it", async () => {
    using scratch = new Scratch();
    const before = new DatabaseSync(scratch.in("runner.lock"));
    before.exec("CREATE TABLE holder (pid INTEGER NOT NULL); INSERT INTO holder VALUES (17)");
    before.exec("BEGIN IMMEDIATE");
    expect(lockHolder(scratch.path)).toEqual({ pid: 17, work: "" });
    before.exec("ROLLBACK");
    const lock = await lockDirectory(scratch.path, { work: "daemon" });
    expect(before.prepare("SELECT pid FROM holder").get()).toEqual({ pid: process.pid });
    lock.release();
    before.exec("DELETE FROM holder; INSERT INTO holder (pid) VALUES (18)");
    before.close();
  });

  test("makes a file for this user alone", async () => {
    using scratch = new Scratch();
    const lock = await lockDirectory(scratch.path);
    expect(statSync(scratch.in("runner.lock")).mode & 0o777).toBe(0o600);
    lock.release();
  });

  test("says what is wrong with a directory that is not there", async () => {
    using scratch = new Scratch();
    const error = await refusal(scratch.in("gone"));
    expect(error.message).toBe(
      `Cannot lock "${scratch.in("gone/runner.lock")}": no such file or directory`,
    );
    expect(error.detail.hint).toBe("Create the runner directory");
  });

  test("says how to get rid of a file that is no lock", async () => {
    using scratch = new Scratch();
    scratch.file("runner.lock", "garbage ".repeat(1_000));
    const error = await refusal(scratch.path);
    expect(error.message).toContain("file is not a database");
    expect(error.detail.hint).toStartWith("Remove it");
    expect(lockHolder(scratch.path)).toBeNull();
  });

  test("says who must be able to write when it cannot", async () => {
    using scratch = new Scratch();
    // What a directory without write access is to SQLite, for root as well.
    scratch.folder("runner.lock-journal/in-the-way");
    const { message, detail } = await refusal(scratch.path);
    expect(message).toMatch(/unable to open database file|readonly database/);
    expect(detail.hint).toStartWith("Let the user who runs mig-runner write");
  });

  test("does not follow a link out of the directory", async () => {
    using scratch = new Scratch();
    symlinkSync(scratch.in("elsewhere"), scratch.in("runner.lock"));
    expect((await refusal(scratch.path)).message).toEndWith("it is not a regular file");
    expect(existsSync(scratch.in("elsewhere"))).toBe(false);
  });

  test("works with the empty file that a kill at the first moment leaves", async () => {
    using scratch = new Scratch();
    chmodSync(scratch.file("runner.lock"), 0o600);
    (await lockDirectory(scratch.path)).release();
  });
});

describe("lockHolder()", () => {
  test("is null where nobody ever was, and makes no file", () => {
    using scratch = new Scratch();
    expect(lockHolder(scratch.path)).toBeNull();
    expect(existsSync(scratch.in("runner.lock"))).toBe(false);
  });
});
