// File: appending, moving aside, and disks that are full.
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, renameSync, statSync, symlinkSync } from "node:fs";
import { openFile } from "../../../src/lib/log/file.ts";
import { Scratch } from "../../support/edge.ts";

const never = (): void => {
  throw new Error("stuck");
};

function text(path: string): string {
  return readFileSync(path, "utf8");
}

describe("openFile()", () => {
  test("appends to what is there, and makes what is not for this user alone", () => {
    using scratch = new Scratch();
    const path = scratch.file("old.log", "before\n", 0o640);
    const old = openFile(path, { bytesMax: null, onStuck: never });
    old.send("after\n");
    old.close();
    expect(text(path)).toBe("before\nafter\n");
    expect(statSync(path).mode & 0o777).toBe(0o640);
    openFile(scratch.in("new.log"), { bytesMax: null, onStuck: never }).close();
    expect(statSync(scratch.in("new.log")).mode & 0o777).toBe(0o640 & ~process.umask());
  });

  test("keeps every line across a move, and one old file", () => {
    using scratch = new Scratch();
    const path = scratch.in("runner.log");
    const file = openFile(path, { bytesMax: 20, onStuck: never });
    const lines = Array.from({ length: 8 }, (_, index) => `line ${index} of 8\n`);
    for (const line of lines.slice(0, 4)) file.send(line);
    expect(text(`${path}.1`) + text(path)).toBe(lines.slice(0, 4).join(""));
    for (const line of lines.slice(4)) file.send(line);
    file.close();
    expect(text(`${path}.1`) + text(path)).toBe(lines.slice(4).join(""));
    expect(statSync(path).mode & 0o777).toBe(0o640 & ~process.umask());
  });

  test("does not move aside a file that somebody else has moved", () => {
    using scratch = new Scratch();
    const path = scratch.in("runner.log");
    const file = openFile(path, { bytesMax: 5, onStuck: never });
    file.send("first\n");
    renameSync(path, `${path}.moved`);
    scratch.file("runner.log", "theirs\n");
    file.send("second\n");
    file.close();
    expect(text(path)).toBe("theirs\nsecond\n");
    expect(text(`${path}.moved`)).toBe("first\n");
  });

  test("goes on in the same file when it cannot be moved, and says so once", () => {
    using scratch = new Scratch();
    const path = scratch.in("runner.log");
    scratch.file("runner.log.1/in-the-way");
    const said: unknown[] = [];
    const file = openFile(path, { bytesMax: 5, onStuck: (error) => said.push(error) });
    for (const line of ["first\n", "second\n", "third\n"]) file.send(line);
    file.close();
    expect(text(path)).toBe("first\nsecond\nthird\n");
    expect(said).toHaveLength(1);
  });

  test("never moves what is no regular file", () => {
    const file = openFile("/dev/null", { bytesMax: 1, onStuck: never });
    file.send("nobody reads this\n");
    file.close();
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  test("follows a link, as an operator may have meant it", () => {
    using scratch = new Scratch();
    symlinkSync(scratch.in("real.log"), scratch.in("link.log"));
    const file = openFile(scratch.in("link.log"), { bytesMax: null, onStuck: never });
    file.send("line\n");
    file.close();
    expect(text(scratch.in("real.log"))).toBe("line\n");
  });

  test("throws for a path that cannot be opened", () => {
    using scratch = new Scratch();
    const open = (path: string) => () => openFile(path, { bytesMax: null, onStuck: never });
    expect(open("")).toThrow("ENOENT");
    expect(open(scratch.in("gone/x.log"))).toThrow("ENOENT");
    expect(open(scratch.path)).toThrow("EISDIR");
    expect(open(`${scratch.file("file")}/x.log`)).toThrow("ENOTDIR");
  });

  test("does not wait for somebody to read a FIFO", () => {
    using scratch = new Scratch();
    const path = scratch.in("fifo");
    expect(spawnSync("mkfifo", [path]).status).toBe(0);
    chmodSync(path, 0o600);
    expect(() => openFile(path, { bytesMax: null, onStuck: never })).toThrow("ENXIO");
  });

  test("throws when the disk is full", () => {
    const file = openFile("/dev/full", { bytesMax: null, onStuck: never });
    expect(() => file.send("line\n")).toThrow("ENOSPC");
    file.close();
  });
});

/** A file system of 64 KiB, where this user may mount one. */
function smallDisk(path: string): Disposable | null {
  const options = ["-t", "tmpfs", "-o", "size=64k", "none", path];
  if (spawnSync("mount", options).status !== 0) return null;
  return { [Symbol.dispose]: () => spawnSync("umount", [path]) };
}

/** Whether tests may mount file systems: only root may. */
const mayMount = ((): boolean => {
  using scratch = new Scratch();
  using disk = smallDisk(scratch.path);
  return disk !== null;
})();

describe("openFile() on a small disk", () => {
  test.skipIf(!mayMount)("leaves no half of a line behind when the disk fills up", () => {
    using scratch = new Scratch();
    using _disk = smallDisk(scratch.folder("disk"));
    const file = openFile(scratch.in("disk/runner.log"), { bytesMax: null, onStuck: never });
    const line = `${"x".repeat(9_999)}\n`;
    expect(() => {
      for (;;) file.send(line);
    }).toThrow("ENOSPC");
    file.close();
    const written = text(scratch.in("disk/runner.log"));
    expect(written.length).toBeGreaterThan(0);
    expect(written.length % line.length).toBe(0);
  });
});
