import { describe, expect, test } from "bun:test";
import { chmodSync, rmSync, utimesSync } from "node:fs";
import {
  candidatesOf,
  fileStamp,
  readGraph,
  resolveFile,
} from "../../../src/edge/modules/graph.ts";
import { Scratch } from "../../support/edge.ts";

describe("readGraph()", () => {
  test("follows imports through all files, each once", () => {
    using scratch = new Scratch();
    const path = scratch.file("a/job.ts", 'import "./b.ts";\nimport "../lib/c";\n');
    scratch.file("a/b.ts", 'import "./job.ts";\nimport data from "./data.json";\n');
    scratch.file("a/data.json", '{"from": "./not-an-import.ts"}');
    scratch.file("lib/c.ts", 'export * from "./folder";\n');
    scratch.file("lib/folder/index.js", 'import "./typed.js";\n');
    scratch.file("lib/folder/typed.ts", "");
    const { files, problem } = readGraph(path);
    expect(problem).toBeNull();
    const wanted = ["a/job.ts", "a/b.ts", "a/data.json", "lib/c.ts", "lib/folder/index.js"];
    expect([...files.keys()].sort()).toEqual(
      [...wanted, "lib/folder/typed.ts"].map((name) => scratch.in(name)).sort(),
    );
    expect([...files.keys()][0]).toBe(path);
    expect(files.get(scratch.in("lib/folder/typed.ts"))).toBe("");
  });

  test("does not follow packages, but watches which one is there", () => {
    using scratch = new Scratch();
    const path = scratch.file("r/a/job.ts", 'import "near/sub";\nimport "@s/far";\nimport "no";\n');
    scratch.file("r/a/node_modules/near/package.json", "{}");
    scratch.file("r/a/node_modules/near/sub.js", 'import "./deeper.js";\n');
    scratch.file("node_modules/@s/far/package.json", "{}");
    const { files, stamps } = readGraph(path);
    expect([...files.keys()]).toEqual([path]);
    expect(Object.fromEntries(stamps)).toEqual({
      [path]: fileStamp(path),
      [scratch.in("r/a/node_modules/near/package.json")]: expect.any(String),
      [scratch.in("node_modules/@s/far/package.json")]: expect.any(String),
      [scratch.in("r/a/node_modules/no/package.json")]: null,
    });
  });

  test("names the files whose coming would mend an import", () => {
    using scratch = new Scratch();
    const { stamps } = readGraph(scratch.file("job.ts", 'import "./gone";\n'));
    for (const name of ["gone", "gone.ts", "gone.js", "gone/index.ts"]) {
      expect(stamps.get(scratch.in(name))).toBeNull();
    }
  });

  test("tells of a file that cannot be read, with all that is watched until then", () => {
    using scratch = new Scratch();
    const path = scratch.file("job.ts", 'import "./a.ts";\n');
    scratch.file("a.ts", "", 0o666);
    const { stamps, problem } = readGraph(path);
    expect(problem?.message).toBe(
      `Cannot trust module "${scratch.in("a.ts")}": every user can write to it (mode 0666)`,
    );
    expect([...stamps.keys()]).toEqual([path, scratch.in("a.ts")]);
    expect(readGraph(scratch.in("gone.ts")).problem?.message).toBe(
      `Cannot read module "${scratch.in("gone.ts")}": no such file or directory`,
    );
  });
});

describe("fileStamp()", () => {
  test("differs when a file is written, replaced or opened to others", () => {
    using scratch = new Scratch();
    const path = scratch.file("a.ts", "1");
    const stamps = [fileStamp(path)];
    scratch.file("a.ts", "22");
    stamps.push(fileStamp(path));
    utimesSync(path, 1, 1);
    stamps.push(fileStamp(path));
    chmodSync(path, 0o600);
    stamps.push(fileStamp(path));
    expect(new Set(stamps).size).toBe(4);
    expect(fileStamp(path)).toBe(stamps[3] ?? "");
    rmSync(path);
    expect(fileStamp(path)).toBeNull();
  });
});

describe("resolveFile()", () => {
  test("takes the most literal of the files that are there", () => {
    using scratch = new Scratch();
    const from = scratch.file("job.ts");
    for (const name of ["a.js", "a.ts", "b.ts", "c/index.ts", "d.mts", "a b.ts"]) {
      scratch.file(name);
    }
    const resolved = [
      "./a.js",
      "./a",
      "./b.js",
      "./c",
      "./d.mjs",
      `file://${scratch.in("a%20b.ts")}`,
    ];
    expect(resolved.map((name) => resolveFile(name, from))).toEqual(
      ["a.js", "a.ts", "b.ts", "c/index.ts", "d.mts", "a b.ts"].map((name) => scratch.in(name)),
    );
    expect(resolveFile("./e", from)).toBeNull();
    expect(resolveFile("./c/index.ts?v=1", from)).toBe(scratch.in("c/index.ts"));
  });
});

describe("candidatesOf()", () => {
  test("begins with the path as it is written", () => {
    expect(candidatesOf("../b.ts", "/r/a/job.ts")[0]).toBe("/r/b.ts");
    expect(candidatesOf("/x/b.js", "/r/a/job.ts").slice(0, 2)).toEqual(["/x/b.js", "/x/b.ts"]);
  });
});
