// Spool: the runner directory, with everything that can be wrong in it.
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { openSpool, watchSpool } from "../../src/edge/spool.ts";
import { RunnerError } from "../../src/errors.ts";
import { Scenario } from "../support/binary.ts";
import { Scratch, source } from "../support/edge.ts";

function spoolWith(scratch: Scratch, ...jobs: readonly string[]) {
  scratch.folder("runners");
  for (const job of jobs) scratch.file(`runners/${job}/entity.cfg`, "[configuration]\n");
  return openSpool({ directory: scratch.path });
}

async function refusalOf(promise: Promise<unknown>): Promise<RunnerError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof RunnerError && error.code === "SPOOL") return error;
  throw new Error(`not refused: ${error}`);
}

const text = (path: string) => readFileSync(path, "utf8");
const bytes = (value: string) => Buffer.from(value);

describe("openSpool().scan()", () => {
  test("finds the jobs under runners/", async () => {
    using scratch = new Scratch();
    const found = await spoolWith(scratch, "nightly").scan();
    expect(found.map(({ job, path }) => [job, path])).toEqual([
      ["nightly", scratch.in("runners/nightly")],
    ]);
  });

  test("opens without a look: the first scan says that there is nothing", async () => {
    const spool = openSpool({ directory: "/no/such" });
    expect((await refusalOf(spool.scan())).message).toBe(
      "runnerScan() -> open /no/such/runners: no such file or directory",
    );
  });
});

describe("openSpool().read()", () => {
  test("reads a job's file whole", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    const found = await spool.read("a", "entity.cfg", 100);
    expect(Buffer.from(found).toString()).toBe("[configuration]\n");
  });

  test("follows a link of its own user to a job's file, as the original does", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    scratch.file("managed/action.json", "{}");
    symlinkSync("../../managed/action.json", scratch.in("runners/a/action.json"));
    expect(Buffer.from(await spool.read("a", "action.json", 100)).toString()).toBe("{}");
    symlinkSync(scratch.folder("managed/folder"), scratch.in("runners/a/job.ts"));
    expect((await refusalOf(spool.read("a", "job.ts", 100))).message).toEndWith(
      "it is a directory",
    );
  });

  test("refuses what is missing, too large, no file, or a link that leads nowhere", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    scratch.folder("runners/a/action.json");
    symlinkSync("nowhere", scratch.in("runners/a/entity.toml"));
    symlinkSync("a", scratch.in("runners/link"));
    expect(spawnSync("mkfifo", [scratch.in("runners/a/job.ts")]).status).toBe(0);
    const path = (name: string) => scratch.in("runners", name);
    const message = async (job: string, name: string, sizeMax = 1_000) =>
      (await refusalOf(spool.read(job, name, sizeMax))).message;
    expect(await message("a", "job.js")).toBe(
      `Cannot read job file "${path("a/job.js")}": no such file or directory`,
    );
    expect(await message("a", "entity.cfg", 15)).toBe(
      `Cannot read job file "${path("a/entity.cfg")}": it has 16 bytes, at most 15 are allowed`,
    );
    expect(await message("a", "action.json")).toEndWith("it is a directory");
    expect(await message("a", "job.ts")).toEndWith("it is not a regular file");
    expect(await message("a", "entity.toml")).toEndWith("no such file or directory");
    expect(await message("link", "entity.cfg")).toEndWith("its directory is a symbolic link");
  });

  test.each(["..", ".", "", "a/b", "/etc", "a\0b"])("refuses the name %p", async (name) => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    for (const refused of [spool.read(name, "entity.cfg", 10), spool.read("a", name, 10)]) {
      expect((await refusalOf(refused)).message).toEndWith("it leaves its directory");
    }
  });
});

describe("openSpool().changedAt()", () => {
  test("is when a file of the job was changed, or one came or went", async () => {
    using scratch = new Scratch();
    const action = scratch.file("runners/a/action.json", "{}");
    scratch.file("runners/a/entity.cfg", "");
    const folder = scratch.in("runners", "a");
    const spool = openSpool({ directory: scratch.path });
    const set = (path: string, seconds: number) => utimesSync(path, seconds, seconds);
    set(action, 5_000);
    set(scratch.in("runners", "a", "entity.cfg"), 4_000);
    set(folder, 3_000);
    expect(await spool.changedAt("a")).toBe(5_000_000);
    set(folder, 6_000);
    expect(await spool.changedAt("a")).toBe(6_000_000);
  });

  test("does not count what the runner itself writes there", async () => {
    using scratch = new Scratch();
    scratch.file("runners/a/entity.cfg", "");
    const results = scratch.folder("runners", "a", "results");
    const set = (path: string, seconds: number) => utimesSync(path, seconds, seconds);
    set(scratch.in("runners", "a", "entity.cfg"), 4_000);
    set(scratch.in("runners", "a"), 3_000);
    set(results, 9_000);
    expect(await openSpool({ directory: scratch.path }).changedAt("a")).toBe(4_000_000);
  });

  test("is null where there is nothing", async () => {
    using scratch = new Scratch();
    expect(await openSpool({ directory: scratch.path }).changedAt("a")).toBeNull();
  });
});

describe("openSpool().writeInflight()", () => {
  test("writes a file for this user alone, where the original has it", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    const path = await spool.writeInflight("a", 28061811146788, bytes("{}"));
    expect(path).toBe(scratch.in("runners/a/inflight/28061811146788.json"));
    expect(text(path)).toBe("{}");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(scratch.in("runners/a/inflight")).mode & 0o777).toBe(0o700);
    await spool.writeInflight("a", 28061811146788, bytes("again"));
    expect(text(path)).toBe("again");
    expect(readdirSync(scratch.in("runners/a/inflight"))).toHaveLength(1);
  });

  test("makes the directory of a job that was removed: the action is still in flight", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch);
    const path = await spool.writeInflight("gone", 7, bytes("{}"));
    expect(text(path)).toBe("{}");
  });

  test.each([0, -1, 1.5, Number.NaN, Infinity, 2 ** 53])("refuses the id %p", async (id) => {
    using scratch = new Scratch();
    const error = await refusalOf(spoolWith(scratch, "a").writeInflight("a", id, bytes("{}")));
    expect(error.message).toContain("is not a whole number");
  });

  test("does not write through a link of a job, nor through one that leads nowhere", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    scratch.folder("elsewhere");
    symlinkSync(scratch.in("nowhere"), scratch.in("runners/a/inflight"));
    symlinkSync(scratch.in("elsewhere"), scratch.in("runners/link"));
    for (const job of ["a", "link"]) {
      const error = await refusalOf(spool.writeInflight(job, 7, bytes("{}")));
      expect(error.message).toEndWith("is a symbolic link that is not followed");
    }
    expect(readdirSync(scratch.in("elsewhere"))).toEqual([]);
    expect(existsSync(scratch.in("nowhere"))).toBe(false);
  });

  test("writes and reads through a link of its own user, as the original does", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    symlinkSync(scratch.folder("elsewhere"), scratch.in("runners/a/inflight"));
    await spool.writeInflight("a", 7, bytes("{}"));
    expect(readdirSync(scratch.in("elsewhere"))).toEqual(["7.json"]);
    expect((await spool.inflight()).map(({ name, kind }) => [name, kind])).toEqual([
      ["7.json", "bytes"],
    ]);
    await spool.removeInflight("a", 7);
    expect(readdirSync(scratch.in("elsewhere"))).toEqual([]);
  });
});

describe("openSpool().removeInflight()", () => {
  test("removes the file, and does not mind one that has gone", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    const path = await spool.writeInflight("a", 7, bytes("{}"));
    await spool.removeInflight("a", 7);
    expect(existsSync(path)).toBe(false);
    await spool.removeInflight("a", 7);
    rmSync(scratch.in("runners/a"), { recursive: true });
    await spool.removeInflight("a", 7);
  });

  test("says what keeps it from doing so", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    scratch.file("runners/a/inflight", "a file");
    const error = await refusalOf(spool.removeInflight("a", 7));
    const path = scratch.in("runners/a/inflight/7.json");
    expect(error.message).toBe(`Cannot remove inflight file "${path}": not a directory`);
  });
});

describe("openSpool().inflight()", () => {
  test("does not read what is to be skipped", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    for (const name of ["7.json", "8.json"]) scratch.file(`runners/a/inflight/${name}`, name);
    const found = await spool.inflight((name) => name === "7.json");
    expect(found.map(({ name }) => name)).toEqual(["8.json"]);
  });

  test("finds the files of all jobs, also of broken ones", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "b");
    scratch.file("runners/b/inflight/2.json", "two");
    scratch.file("runners/b/inflight/1.json", "");
    scratch.file("runners/a/inflight/3.json", "three");
    scratch.folder("runners/none");
    const found = await spool.inflight();
    expect(
      found.map((file) => [
        file.job,
        file.name,
        file.path,
        file.kind === "bytes" ? Buffer.from(file.bytes).toString() : file.message,
      ]),
    ).toEqual([
      ["a", "3.json", scratch.in("runners/a/inflight/3.json"), "three"],
      ["b", "1.json", scratch.in("runners/b/inflight/1.json"), ""],
      ["b", "2.json", scratch.in("runners/b/inflight/2.json"), "two"],
    ]);
  });

  test("says of a record why it cannot be read, and goes on with the others", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a", "b", "c");
    scratch.folder("runners/a/inflight/1.json");
    scratch.file("runners/b/inflight", "a file");
    symlinkSync(scratch.in("nowhere"), scratch.in("runners/c/inflight"));
    scratch.file("runners/d/inflight/4.json", "{}");
    const found = await spool.inflight();
    expect(found.map(({ job, name, kind }) => `${job}/${name} ${kind}`)).toEqual([
      "a/1.json unreadable",
      "b/inflight unreadable",
      "c/inflight unreadable",
      "d/4.json bytes",
    ]);
    const messages = found.map((file) => (file.kind === "unreadable" ? file.message : ""));
    expect(messages[0]).toEndWith("it is a directory");
    expect(messages.slice(1, 3)).toEqual([
      "it is not a directory",
      "it is a symbolic link that is not followed",
    ]);
  });

  test("leaves out links, what was set aside, and what was being written", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    scratch.file("runners/a/inflight/7.json.bad");
    scratch.file("runners/a/inflight/7.json.bad.2");
    scratch.file("runners/a/inflight/.7.json.0123456789abcdef.tmp");
    symlinkSync("/etc/hostname", scratch.in("runners/a/inflight/8.json"));
    expect(await spool.inflight()).toEqual([]);
  });
});

describe("openSpool().setAside()", () => {
  test("renames a broken record beside itself, and keeps earlier ones", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    const asides: string[] = [];
    for (const content of ["first", "second", "third"]) {
      scratch.file("runners/a/inflight/7.json", content);
      const [file] = await spool.inflight();
      if (file === undefined) throw new Error("nothing in flight");
      asides.push(await spool.setAside(file));
    }
    const path = scratch.in("runners/a/inflight/7.json");
    expect(asides).toEqual([`${path}.bad`, `${path}.bad.2`, `${path}.bad.3`]);
    expect(asides.map(text)).toEqual(["first", "second", "third"]);
    expect(await spool.inflight()).toEqual([]);
  });

  test("renames what stands in the folder's place, so that the job works again", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    scratch.file("runners/a/inflight", "a file");
    const [file] = await spool.inflight();
    if (file === undefined) throw new Error("nothing in flight");
    expect(await spool.setAside(file)).toBe(scratch.in("runners/a/inflight.bad"));
    await spool.writeInflight("a", 7, bytes("{}"));
  });

  test("does not leave the job's folder, whatever the record says", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    scratch.file("victim");
    const file = { job: "a", name: "../../../victim", path: scratch.in("victim") };
    const message = "made up";
    const refused = spool.setAside({ ...file, kind: "unreadable", message });
    expect((await refusalOf(refused)).message).toEndWith("it leaves its directory");
    expect(existsSync(scratch.in("victim"))).toBe(true);
  });

  test("says that the record has gone", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    scratch.file("runners/a/inflight/7.json");
    const [file] = await spool.inflight();
    rmSync(scratch.in("runners/a/inflight/7.json"));
    if (file === undefined) throw new Error("nothing in flight");
    expect((await refusalOf(spool.setAside(file))).message).toEndWith("no such file or directory");
  });
});

describe("openSpool().trace()", () => {
  test("finds the record of an action, else its newest result, else nothing", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    expect(await spool.trace("gone", 7)).toEqual({ kind: "removed" });
    expect(await spool.trace("a", 7)).toEqual({ kind: "gone" });
    scratch.file("runners/a/results/20261122/7.json", "old");
    scratch.file("runners/a/results/20261123/7.json", "new");
    scratch.file("runners/a/results/20261124/8.json", "other");
    scratch.file("runners/a/results/20261124/7-8.json", "both");
    const found = await spool.trace("a", 7);
    if (found.kind !== "result") throw new Error(found.kind);
    expect(found.path).toBe(scratch.in("runners/a/results/20261123/7.json"));
    const chunks: Uint8Array[] = [];
    for await (const chunk of found.bytes) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe("new");
    scratch.file("runners/a/inflight/7.json", "{}");
    expect(await spool.trace("a", 7)).toEqual({ kind: "recorded" });
  });

  test("follows no link to a result, and minds no file in place of a folder", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a", "b");
    scratch.file("secret", "{}");
    scratch.folder("runners/a/results/20261123");
    symlinkSync(scratch.in("secret"), scratch.in("runners/a/results/20261123/7.json"));
    expect(await spool.trace("a", 7)).toEqual({ kind: "gone" });
    scratch.file("runners/b/results", "a file");
    expect(await spool.trace("b", 7)).toEqual({ kind: "gone" });
    // Nobody knows what was in it: then the action is collected here.
    scratch.file("runners/b/inflight", "a file");
    expect(await spool.trace("b", 7)).toEqual({ kind: "recorded" });
    expect((await refusalOf(spool.trace("../a", 7))).message).toContain("it leaves its directory");
  });
});

describe("openSpool().createResult()", () => {
  test("names a result of several actions by the first and the last", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    const name = { first: 7, last: 2 ** 53 - 1 };
    const writer = await spool.createResult("a", "20261123", name);
    await writer.write(bytes("{}"));
    await writer.commit();
    const path = scratch.in("runners/a/results/20261123/7-9007199254740991.json");
    expect(spool.resultPath("a", "20261123", name)).toBe(path);
    expect(text(path)).toBe("{}");
    for (const wrong of [{ first: 7, last: 2 ** 53 }, { first: -7, last: 8 }, 2 ** 53, 0, 1.5]) {
      expect(() => spool.resultPath("a", "20261123", wrong)).toThrow("Cannot name action");
    }
  });

  test("writes where resultPath() says, for this user alone", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    const path = spool.resultPath("a", "20261123", 28061811146788);
    expect(path).toBe(scratch.in("runners/a/results/20261123/28061811146788.json"));
    const writer = await spool.createResult("a", "20261123", 28061811146788);
    expect(existsSync(path)).toBe(false);
    await writer.write(bytes("{}"));
    expect((await writer.commit()).bytes).toBe(2);
    expect(text(path)).toBe("{}");
    for (const [name, mode] of [
      ["runners/a/results", 0o700],
      ["runners/a/results/20261123", 0o700],
      ["runners/a/results/20261123/28061811146788.json", 0o600],
    ] as const) {
      expect(statSync(scratch.in(name)).mode & 0o777).toBe(mode);
    }
  });

  test("writes parts that are larger than what it gathers, and waits for the disk", async () => {
    using scratch = new Scratch();
    const writer = await spoolWith(scratch, "a").createResult("a", "20261123", 7);
    const sizes = [1, 300_000, 20_000_000, 3, 262_144, 9_000_000];
    let whole = "";
    for (const [index, size] of sizes.entries()) {
      const part = `${index}`.repeat(size);
      whole += `,${part}`;
      await writer.write(bytes(","), bytes(part));
    }
    expect((await writer.commit()).bytes).toBe(whole.length);
    expect(text(scratch.in("runners/a/results/20261123/7.json")) === whole).toBe(true);
  });

  test("follows a link of its own user to a larger disk, as the original does", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a");
    symlinkSync(scratch.folder("large"), scratch.in("runners/a/results"));
    const writer = await spool.createResult("a", "20261123", 7);
    await writer.write(bytes("{}"));
    await writer.commit();
    expect(text(scratch.in("large/20261123/7.json"))).toBe("{}");
  });

  test("refuses a link that leads nowhere, and a file in the way", async () => {
    using scratch = new Scratch();
    const spool = spoolWith(scratch, "a", "b", "c");
    symlinkSync(scratch.in("nowhere"), scratch.in("runners/a/results"));
    scratch.folder("runners/b/results");
    symlinkSync(scratch.in("nowhere"), scratch.in("runners/b/results/20261123"));
    scratch.file("runners/c/results/20261123", "a file");
    const messages = await Promise.all(
      ["a", "b", "c"].map(
        async (job) => (await refusalOf(spool.createResult(job, "20261123", 7))).message,
      ),
    );
    expect(messages.map((message) => message.replaceAll(scratch.path, ""))).toEqual([
      'Cannot write result "/runners/a/results/20261123/7.json": ' +
        '"/runners/a/results" is a symbolic link that is not followed',
      'Cannot write result "/runners/b/results/20261123/7.json": ' +
        '"/runners/b/results/20261123" is a symbolic link that is not followed',
      'Cannot write result "/runners/c/results/20261123/7.json": ' +
        '"/runners/c/results/20261123" is not a directory',
    ]);
    expect(existsSync(scratch.in("nowhere"))).toBe(false);
  });

  test.each(["", "2026-1-1", "202611231", "../../..", "2026112x"])(
    "refuses the date %p",
    async (date) => {
      using scratch = new Scratch();
      const spool = spoolWith(scratch, "a");
      expect((await refusalOf(spool.createResult("a", date, 7))).message).toContain("YYYYMMDD");
      expect(() => spool.resultPath("a", date, 7)).toThrow("YYYYMMDD");
    },
  );
});

describe("openSpool().removeLeftovers()", () => {
  test("removes what a killed runner left half written, and nothing else", async () => {
    await using scenario = await Scenario.create([process.execPath, "run"]);
    const script = await scenario.write(
      "write.ts",
      `import { openSpool } from "${source("edge/spool.ts")}";
       const spool = openSpool({ directory: process.argv[2] });
       const writer = await spool.createResult("a", "20261123", 7);
       await writer.write(new Uint8Array(1_000_000));
       console.log("writing");
       setInterval(() => {}, 1000);`,
    );
    await scenario.write("runners/a/inflight/.5.json.0123456789abcdef.tmp", "half");
    await scenario.write("runners/a/results/20261123/.5-9.json.0123456789abcdef.tmp", "half");
    await scenario.write("runners/a/inflight/.theirs.tmp", "kept");
    await scenario.write("runners/a/results/20261122/6.json", "whole");
    const running = scenario.start([script, scenario.directory]);
    await running.prints(/writing/);
    process.kill(running.pid, "SIGKILL");
    await running.ended();
    const folder = scenario.path("runners/a/results/20261123");
    expect(readdirSync(folder)).toHaveLength(2);
    const spool = openSpool({ directory: scenario.directory });
    expect(await spool.removeLeftovers()).toBe(3);
    expect(await spool.removeLeftovers()).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
    expect(existsSync(scenario.path("runners/a/inflight/.theirs.tmp"))).toBe(true);
    expect(existsSync(scenario.path("runners/a/results/20261122/6.json"))).toBe(true);
  });
});

/** A file system that is mounted over a folder, where this user may mount one. */
function mounted(path: string, ...options: readonly string[]): Disposable | null {
  if (spawnSync("mount", [...options, path]).status !== 0) return null;
  return { [Symbol.dispose]: () => spawnSync("umount", [path]) };
}

const mayMount = ((): boolean => {
  using scratch = new Scratch();
  using disk = mounted(scratch.path, "-t", "tmpfs", "none");
  return disk !== null;
})();

describe("openSpool() on a disk that fails", () => {
  test.skipIf(!mayMount)("says that a full disk is full, and leaves nothing behind", async () => {
    using scratch = new Scratch();
    using _disk = mounted(scratch.folder("runners"), "-t", "tmpfs", "-o", "size=600k", "none");
    const spool = spoolWith(scratch, "a");
    const writer = await spool.createResult("a", "20261123", 7);
    const writing = (async () => {
      for (let count = 0; count < 100; count++) await writer.write(new Uint8Array(100_000));
      await writer.commit();
    })();
    const error = await refusalOf(writing);
    expect(error.message).toEndWith("no space left on device");
    expect(error.detail.hint).toStartWith("Free space");
    expect((error.cause as { code?: string }).code).toBe("ENOSPC");
    await writer.abort();
    expect(readdirSync(scratch.in("runners/a/results/20261123"))).toEqual([]);
  });

  test.skipIf(!mayMount)("says that a file system cannot be written", async () => {
    using scratch = new Scratch();
    scratch.file("runners/a/entity.cfg");
    using _disk = mounted(scratch.folder("runners"), "-t", "tmpfs", "-o", "ro", "none");
    const spool = openSpool({ directory: scratch.path });
    const error = await refusalOf(spool.writeInflight("a", 7, bytes("{}")));
    expect(error.message).toEndWith("read-only file system");
    expect(error.detail.hint).toStartWith("Mount");
  });
});

describe("watchSpool()", () => {
  test("tells once of several jobs that came", async () => {
    using scratch = new Scratch();
    spoolWith(scratch, "a");
    let calls = 0;
    const changed = Promise.withResolvers<void>();
    const watcher = watchSpool(scratch.path, () => {
      calls++;
      changed.resolve();
    });
    for (const job of ["b", "c", "d"]) scratch.folder("runners", job);
    await changed.promise;
    expect(calls).toBe(1);
    watcher.close();
    watcher.close();
  });

  test("is quiet after it was closed", async () => {
    using scratch = new Scratch();
    spoolWith(scratch, "a");
    let calls = 0;
    const closed = watchSpool(scratch.path, () => calls++);
    const open = Promise.withResolvers<void>();
    const other = watchSpool(scratch.path, open.resolve);
    scratch.folder("runners/b");
    closed.close();
    await open.promise;
    expect(calls).toBe(0);
    other.close();
  });

  test("does not mind a spool that is not there, or goes", async () => {
    using scratch = new Scratch();
    watchSpool(scratch.in("gone"), () => {}).close();
    spoolWith(scratch, "a");
    const watcher = watchSpool(scratch.path, () => {});
    renameSync(scratch.in("runners"), scratch.in("moved"));
    rmSync(scratch.in("moved"), { recursive: true });
    watcher.close();
  });
});
