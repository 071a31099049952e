// Durable: a name is absent or whole (I5), whatever happens in between.
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { RunnerError } from "../../../src/errors.ts";
import {
  createTemporary,
  discard,
  isTemporaryName,
  lstatOrNull,
  makeDirectories,
  publish,
  writeWhole,
} from "../../../src/lib/os/durable.ts";
import { Scratch } from "../../support/edge.ts";

describe("writeWhole()", () => {
  test("writes a file for this user alone and leaves nothing else", async () => {
    using scratch = new Scratch();
    await writeWhole(scratch.in("7.json"), Buffer.from("new"));
    expect(readdirSync(scratch.path)).toEqual(["7.json"]);
    expect(readFileSync(scratch.in("7.json"), "utf8")).toBe("new");
    expect(statSync(scratch.in("7.json")).mode & 0o777).toBe(0o600);
  });

  test("replaces a file, or a link and not what it points to", async () => {
    using scratch = new Scratch();
    scratch.file("elsewhere", "theirs");
    symlinkSync(scratch.in("elsewhere"), scratch.in("7.json"));
    await writeWhole(scratch.in("7.json"), Buffer.from("ours"));
    expect(readFileSync(scratch.in("elsewhere"), "utf8")).toBe("theirs");
    expect(readFileSync(scratch.in("7.json"), "utf8")).toBe("ours");
  });

  test("leaves the old state when it cannot be done", async () => {
    using scratch = new Scratch();
    scratch.file("7.json/in-the-way");
    await expect(writeWhole(scratch.in("7.json"), Buffer.from("x"))).rejects.toThrow();
    expect(readdirSync(scratch.path)).toEqual(["7.json"]);
  });
});

describe("createTemporary()", () => {
  test("gives a name that isTemporaryName() knows, and that publish() takes away", async () => {
    using scratch = new Scratch();
    const temporary = await createTemporary(scratch.in("7.json"));
    const [name = ""] = readdirSync(scratch.path);
    expect(isTemporaryName(name)).toBe(true);
    await temporary.handle.writeFile("text");
    await publish(temporary, scratch.in("7.json"));
    expect(readdirSync(scratch.path)).toEqual(["7.json"]);
  });

  test("can be discarded at any time", async () => {
    using scratch = new Scratch();
    const temporary = await createTemporary(scratch.in("7.json"));
    await discard(temporary);
    await discard(temporary);
    expect(readdirSync(scratch.path)).toEqual([]);
  });
});

describe("isTemporaryName()", () => {
  test("knows nobody else's files", () => {
    const digits = "0123456789abcdef";
    expect(isTemporaryName(`.7.json.${digits}.tmp`)).toBe(true);
    for (const name of [`7.json.${digits}.tmp`, ".7.json.tmp", ".x.json.0123.tmp", ".7.json"]) {
      expect(isTemporaryName(name)).toBe(false);
    }
    expect(isTemporaryName(`.7.json.${digits}.tmp~`)).toBe(false);
  });
});

describe("makeDirectories()", () => {
  const attempt = { verb: "write", thing: "result", path: "/r/7.json" };

  test("makes what is missing for this user alone, and takes what is there", async () => {
    using scratch = new Scratch();
    const path = await makeDirectories(scratch.path, ["job", "results"], attempt);
    expect(path).toBe(scratch.in("job/results"));
    expect(statSync(path).mode & 0o777).toBe(0o700);
    await makeDirectories(scratch.path, ["job", "results"], attempt);
  });

  test("can be asked by several at once", async () => {
    using scratch = new Scratch();
    await Promise.all([1, 2, 3].map(() => makeDirectories(scratch.path, ["a", "b"], attempt)));
    expect(statSync(scratch.in("a/b")).isDirectory()).toBe(true);
  });

  test("refuses a link and says what to put there instead", async () => {
    using scratch = new Scratch();
    scratch.folder("elsewhere");
    symlinkSync(scratch.in("elsewhere"), scratch.in("job"));
    const error = await makeDirectories(scratch.path, ["job", "results"], attempt).catch(
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof RunnerError)) throw error;
    const link = scratch.in("job");
    expect(error.message).toBe(
      `Cannot write result "/r/7.json": "${link}" is a symbolic link that is not followed`,
    );
    expect(error.detail.hint).toStartWith("Put a directory there");
    expect(readdirSync(scratch.in("elsewhere"))).toEqual([]);
  });

  test("refuses a file in the way", async () => {
    using scratch = new Scratch();
    const path = scratch.file("job");
    expect(makeDirectories(scratch.path, ["job"], attempt)).rejects.toThrow(
      `"${path}" is not a directory`,
    );
  });
});

describe("lstatOrNull()", () => {
  test("tells nothing from something, and something from trouble", async () => {
    using scratch = new Scratch();
    expect(await lstatOrNull(scratch.in("gone"))).toBeNull();
    symlinkSync("/no/such", scratch.in("link"));
    expect((await lstatOrNull(scratch.in("link")))?.isSymbolicLink()).toBe(true);
    expect(lstatOrNull(`${scratch.file("file")}/x`)).rejects.toThrow("ENOTDIR");
  });
});
