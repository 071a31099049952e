import { describe, expect, test } from "bun:test";
import {
  DAEMON,
  DirectoryLock,
  LOCK_WAIT_MS,
  PASS,
  servingHolder,
} from "../../src/cli/directory-lock.ts";
import { lockDirectory } from "../../src/edge/lock.ts";
import { MemoryLog, Scratch } from "../support/edge.ts";

describe("DirectoryLock", () => {
  test("takes a free directory, and gives it back", async () => {
    using scratch = new Scratch();
    const [run, daemon] = [
      new DirectoryLock(scratch.path, "run drift"),
      new DirectoryLock(scratch.path, DAEMON),
    ];
    expect(await run.take()).toBe(true);
    expect(await run.take()).toBe(true);
    expect([await daemon.take(), daemon.isOurs]).toEqual([false, false]);
    expect(daemon.holder).toEqual({ pid: process.pid, work: "run drift" });
    run.release();
    run.release();
    expect([run.isOurs, run.holder]).toEqual([false, null]);
    expect(await daemon.take()).toBe(true);
    daemon.release();
  });

  test("says for whom it waits, and for how long", async () => {
    using scratch = new Scratch();
    const first = new DirectoryLock(scratch.path, "run drift");
    await first.take();
    const log = new MemoryLog();
    const emit: MemoryLog["emit"] = (level, message) => {
      log.emit(level, message);
      first.release();
    };
    const second = new DirectoryLock(scratch.path, DAEMON);
    await second.wait({ log: { emit } });
    expect(second.isOurs).toBe(true);
    const who = `another mig-runner (process ${process.pid}, run drift)`;
    expect(log.lines).toEqual([
      `notice: waiting up to ${LOCK_WAIT_MS / 1_000} s for ${who}, which works on "${scratch.path}"`,
    ]);
    second.release();
  });
});

describe("servingHolder()", () => {
  test("is who does all the work of a directory, not who came for one job", async () => {
    using scratch = new Scratch();
    expect(servingHolder(scratch.path)).toBeNull();
    for (const [work, serves] of [
      [DAEMON, true],
      [PASS, true],
      ["", true],
      ["run drift", false],
      ["redeliver", false],
    ] as const) {
      const lock = await lockDirectory(scratch.path, { work });
      expect([work, servingHolder(scratch.path) !== null]).toEqual([work, serves]);
      lock.release();
    }
  });
});
