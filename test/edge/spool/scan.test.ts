// Scan: jobs and their files, looked at again and again.
import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import {
  JOBS_LISTED_MAX,
  JobScanner,
  LISTING_TURNS,
  listDirectories,
  Slices,
  sortByBytes,
} from "../../../src/edge/spool/scan.ts";
import { RunnerError } from "../../../src/errors.ts";
import type { JobDirectory } from "../../../src/ports.ts";
import { Scratch } from "../../support/edge.ts";

/** A spool of jobs with both files. */
function spoolOf(scratch: Scratch, jobs: readonly string[]): JobScanner {
  scratch.folder("runners");
  for (const job of jobs) {
    scratch.file(`runners/${job}/entity.cfg`, "[configuration]\n");
    scratch.file(`runners/${job}/action.json`, "{}");
  }
  return new JobScanner(scratch.in("runners"));
}

function names(found: readonly JobDirectory[]): readonly string[] {
  return found.map(({ job, files }) => `${job}: ${files.map(({ name }) => name).join(" ")}`);
}

describe("JobScanner.scan()", () => {
  test("finds real directories and the files that make a job, sorted", async () => {
    using scratch = new Scratch();
    const scanner = spoolOf(scratch, ["b", "a", ".hidden"]);
    scratch.file("runners/script/job.ts", "export default {};");
    scratch.file("runners/script/notes.txt", "text");
    scratch.file("runners/script/inflight/7.json", "{}");
    scratch.file("runners/table/entity.toml", "");
    scratch.folder("runners/empty");
    scratch.file("runners/file", "text");
    expect(names(await scanner.scan())).toEqual([
      ".hidden: action.json entity.cfg",
      "a: action.json entity.cfg",
      "b: action.json entity.cfg",
      "empty: ",
      "script: job.ts",
      "table: entity.toml",
    ]);
  });

  test("does not see a removed job of which only what the runner wrote is left", async () => {
    using scratch = new Scratch();
    const scanner = spoolOf(scratch, ["kept"]);
    scratch.file("runners/flown/inflight/7.json", "{}");
    scratch.file("runners/gone/results/20260101/7.json", "{}");
    scratch.folder("runners/gone/inflight");
    scratch.file("runners/torn/results/20260101/7.json", "{}");
    scratch.file("runners/torn/action.json", "{}");
    expect(names(await scanner.scan())).toEqual([
      "kept: action.json entity.cfg",
      "torn: action.json",
    ]);
    rmSync(scratch.in("runners/torn/action.json"));
    expect(names(await scanner.scan())).toEqual(["kept: action.json entity.cfg"]);
  });

  test("does not see links to directories, nor directories named as files", async () => {
    using scratch = new Scratch();
    const scanner = spoolOf(scratch, ["real"]);
    symlinkSync(scratch.in("runners/real"), scratch.in("runners/link"));
    scratch.folder("runners/odd/action.json");
    symlinkSync(scratch.in("nowhere"), scratch.in("runners/odd/entity.cfg"));
    expect(names(await scanner.scan())).toEqual(["odd: ", "real: action.json entity.cfg"]);
  });

  test("follows a link to a job's file, and sees when its target changes", async () => {
    using scratch = new Scratch();
    const scanner = spoolOf(scratch, ["a"]);
    renameSync(scratch.in("runners/a/entity.cfg"), scratch.in("managed.cfg"));
    symlinkSync(scratch.in("managed.cfg"), scratch.in("runners/a/entity.cfg"));
    const [before] = await scanner.scan();
    expect(before?.files.map(({ name }) => name)).toEqual(["action.json", "entity.cfg"]);
    scratch.file("managed.cfg", "[configuration]\nexpiry = 1m\n");
    const [after] = await scanner.scan();
    expect(after?.files[1]?.size).not.toBe(before?.files[1]?.size ?? 0);
  });

  test("gives a file's mark", async () => {
    using scratch = new Scratch();
    const scanner = spoolOf(scratch, ["a"]);
    utimesSync(scratch.in("runners/a/entity.cfg"), 1_000, 1_234.5);
    const [found] = await scanner.scan();
    expect(found?.path).toBe(scratch.in("runners/a"));
    expect(found?.files[1]).toMatchObject({ name: "entity.cfg", mtimeMs: 1_234_500, size: 16 });
    expect(found?.files[1]?.inode).toBeGreaterThan(0);
  });

  test("gives equal marks, and the same object, for what has not changed", async () => {
    using scratch = new Scratch();
    const scanner = spoolOf(scratch, ["a", "b"]);
    const before = await scanner.scan();
    writeFileSync(scratch.in("runners/b/action.json"), '{"name":"changed"}');
    const after = await scanner.scan();
    expect(after[0]).toBe(before[0] as JobDirectory);
    expect(after[1]?.files[1]).toEqual(before[1]?.files[1] as never);
    expect(after[1]?.files[0]).not.toEqual(before[1]?.files[0] as never);
  });

  test("sees a file that another one of equal size and time has replaced", async () => {
    using scratch = new Scratch();
    const scanner = spoolOf(scratch, ["a"]);
    const path = scratch.in("runners/a/entity.cfg");
    utimesSync(path, 1_000, 1_000);
    const [before] = await scanner.scan();
    writeFileSync(`${path}.new`, "[configuratiom]\n");
    utimesSync(`${path}.new`, 1_000, 1_000);
    renameSync(`${path}.new`, path);
    const [after] = await scanner.scan();
    expect(after?.files[1]).not.toEqual(before?.files[1] as never);
  });

  test("sees files and jobs come and go", async () => {
    using scratch = new Scratch();
    const scanner = spoolOf(scratch, ["a", "b"]);
    await scanner.scan();
    rmSync(scratch.in("runners/a/entity.cfg"));
    scratch.file("runners/b/entity.toml");
    scratch.file("runners/c/job.mts");
    expect(names(await scanner.scan())).toEqual([
      "a: action.json",
      "b: action.json entity.cfg entity.toml",
      "c: job.mts",
    ]);
    rmSync(scratch.in("runners/b"), { recursive: true });
    symlinkSync(scratch.in("runners/a"), scratch.in("runners/b"));
    expect(names(await scanner.scan())).toEqual(["a: action.json", "c: job.mts"]);
  });

  test("sees a directory that was replaced by another of its name", async () => {
    using scratch = new Scratch();
    const scanner = spoolOf(scratch, ["a"]);
    const [before] = await scanner.scan();
    renameSync(scratch.in("runners/a"), scratch.in("old"));
    mkdirSync(scratch.in("runners/a"));
    scratch.file("runners/a/entity.cfg", "[configuration]\n");
    const [after] = await scanner.scan();
    expect(names(after === undefined ? [] : [after])).toEqual(["a: entity.cfg"]);
    expect(after).not.toEqual(before as JobDirectory);
  });

  test("rejects in the original's words when runners/ is not there or no directory", async () => {
    using scratch = new Scratch();
    const path = scratch.in("runners");
    const scanner = new JobScanner(path);
    const error = await scanner.scan().catch((thrown: unknown) => thrown);
    if (!(error instanceof RunnerError)) throw error;
    expect(error.code).toBe("SPOOL");
    expect(error.message).toBe(`runnerScan() -> open ${path}: no such file or directory`);
    expect((error.cause as { code?: string }).code).toBe("ENOENT");
    scratch.file("runners");
    expect(scanner.scan()).rejects.toThrow(`runnerScan() -> readdirent ${path}: not a directory`);
  });

  test("follows a link named runners, as the original does", async () => {
    using scratch = new Scratch();
    spoolOf(scratch, ["a"]);
    renameSync(scratch.in("runners"), scratch.in("real"));
    symlinkSync(scratch.in("real"), scratch.in("runners"));
    const found = await new JobScanner(scratch.in("runners")).scan();
    expect(names(found)).toEqual(["a: action.json entity.cfg"]);
  });
});

describe("JobScanner.scan() of a large spool", () => {
  const jobs = Array.from({ length: JOBS_LISTED_MAX + 1 }, (_, index) => `job${index}`);

  test("sees at once what changes in a definition, and the rest within some turns", async () => {
    using scratch = new Scratch();
    const scanner = spoolOf(scratch, jobs);
    const before = await scanner.scan();
    writeFileSync(scratch.in("runners/job7/entity.cfg"), "[configuration] ; changed\n");
    rmSync(scratch.in("runners/job8/entity.cfg"));
    writeFileSync(scratch.in("runners/job9/action.json"), '{"changed":true}');
    scratch.file("runners/job10/job.ts");
    scratch.file("runners/newest/job.ts");
    const next = await scanner.scan();
    const at = (found: readonly JobDirectory[], job: string) =>
      found.find((each) => each.job === job);
    expect(at(next, "job7")).not.toEqual(at(before, "job7") as JobDirectory);
    expect(at(next, "job8")?.files).toHaveLength(1);
    expect(at(next, "newest")?.files).toHaveLength(1);
    let last = next;
    for (let turn = 1; turn < LISTING_TURNS; turn++) last = await scanner.scan();
    expect(at(last, "job9")).not.toEqual(at(before, "job9") as JobDirectory);
    expect(at(last, "job10")?.files).toHaveLength(3);
    expect(last).toHaveLength(jobs.length + 1);
    expect(at(last, "job100")).toBe(at(before, "job100") as JobDirectory);
  });

  test("takes a turn whenever a slice of time is over", async () => {
    using scratch = new Scratch();
    spoolOf(scratch, ["a", "b", "c", "d", "e"]);
    let turns = 0;
    // A slow disk: each look at the clock is three milliseconds later, and a slice has five.
    let elapsed = 0;
    class Counted extends Slices {
      override next(): Promise<void> {
        turns++;
        return super.next();
      }
    }
    const found = await new JobScanner(
      scratch.in("runners"),
      new Counted(() => (elapsed += 3)),
    ).scan();
    expect([found.length, turns]).toEqual([5, 2]);
  });
});

describe("Slices", () => {
  test("lets other things happen before the next slice", async () => {
    const order: string[] = [];
    setImmediate(() => order.push("another thing"));
    await new Slices(() => 0).next();
    order.push("the next slice");
    expect(order).toEqual(["another thing", "the next slice"]);
  });
});

describe("listDirectories()", () => {
  test("skips everything that is no real directory", async () => {
    using scratch = new Scratch();
    scratch.folder("b");
    scratch.folder("a");
    scratch.file("file");
    symlinkSync("a", scratch.in("link"));
    expect(await listDirectories(scratch.path)).toEqual(["a", "b"]);
  });
});

describe("sortByBytes()", () => {
  test("sorts as UTF-8, not as UTF-16", () => {
    expect(sortByBytes(["b", "a", "B", "a-b", "a.b"])).toEqual(["B", "a", "a-b", "a.b", "b"]);
    expect(sortByBytes(["\u{1f600}", "\ufb01", "z"])).toEqual(["z", "\ufb01", "\u{1f600}"]);
  });
});
