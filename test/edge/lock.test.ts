// Lock: one process a directory, however the last one ended.
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, statSync, symlinkSync } from "node:fs";
import { lockDirectory, lockHolder } from "../../src/edge/lock.ts";
import { RunnerError } from "../../src/errors.ts";
import { Scenario } from "../support/binary.ts";
import { DENO, Scratch, source } from "../support/edge.ts";

const HOLD = `
import { lockDirectory } from "${source("edge/lock.ts")}";
await lockDirectory(process.argv[2]);
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
    expect(lockHolder(scenario.directory)).toBe(holder.pid);
    const error = await refusal(scenario.directory);
    expect(error.code).toBe("SPOOL");
    expect(error.message).toBe(
      `Cannot start: another mig-runner (process ${holder.pid}) works on "${scenario.directory}"`,
    );
    process.kill(holder.pid, "SIGKILL");
    await holder.ended();
    expect(lockHolder(scenario.directory)).toBeNull();
    const lock = await lockDirectory(scenario.directory);
    expect(lockHolder(scenario.directory)).toBe(process.pid);
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
    const tries = await Promise.allSettled(
      Array.from({ length: 8 }, () => lockDirectory(scratch.path)),
    );
    const won = tries.filter((each) => each.status === "fulfilled");
    expect(won).toHaveLength(1);
    for (const each of won) each.value.release();
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
