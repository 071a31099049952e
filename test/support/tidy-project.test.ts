// Tidy project: each rule over several files, with an example of wrong and of right.
import { describe, expect, test } from "bun:test";
import { parseSource, type Source } from "./source.ts";
import type { Finding } from "./tidy.ts";
import {
  cycles,
  lostFiles,
  machineBound,
  slowStart,
  terminology,
  twins,
  uncited,
  unsaid,
  untested,
  unused,
} from "./tidy-project.ts";

/** Sources by path: each imports the files named, and says nothing else. */
function sources(imports: Readonly<Record<string, readonly string[]>>): readonly Source[] {
  return Object.entries(imports).map(([path, names]) =>
    parseSource(path, names.map((name) => `import { a } from "${name}";`).join("\n")),
  );
}

describe("slowStart()", () => {
  const files = [
    parseSource("src/a.ts", 'import { b } from "./b.ts";\nconst c = await import("./c.ts");'),
    parseSource("src/b.ts", 'import type { Z } from "node:zlib";\nexport { x } from "node:vm";'),
    parseSource("src/c.ts", 'import { z } from "node:zlib";'),
  ];
  const found = (entries: readonly string[]) =>
    slowStart(files, { entries, slow: ["node:vm", "node:zlib"] }).map(({ path, line }) => [
      path,
      line,
    ]);

  test("finds what is loaded at once, through other files, and no types", () => {
    expect(found(["src/a.ts"])).toEqual([["src/b.ts", 2]]);
    expect(found(["src/a.ts", "src/c.ts"])).toContainEqual(["src/c.ts", 1]);
  });
});

describe("lostFiles()", () => {
  const paths = ["src/flow/post.ts", "src/mig/post-form.ts"];
  const lost = (text: string) =>
    lostFiles([parseSource("src/a.ts", text)], paths).map(({ line }) => line);

  test("finds a file that a comment names and that is not there", () => {
    expect(lost("// See form.ts.\n/** Or flow/plan.ts. */")).toEqual([1, 2]);
  });

  test("lets files that are there be, by a part of their path, and those of operators", () => {
    expect(lost("// See flow/post.ts, post-form.ts, runners/x/job.ts.")).toEqual([]);
  });

  test("looks at comments alone", () => {
    expect(lost('import { a } from "../lost.ts";')).toEqual([]);
  });
});

const paths = (findings: readonly Finding[]) => findings.map(({ path }) => path);
const messages = (findings: readonly Finding[]) => findings.map(({ message }) => message);

describe("cycles()", () => {
  test("finds a cycle once, and shows the way round", () => {
    const found = cycles(
      sources({
        "src/a.ts": ["./b.ts"],
        "src/b.ts": ["./c.ts"],
        "src/c.ts": ["./a.ts", "./b.ts"],
        "src/z.ts": ["./a.ts"],
      }),
    );
    expect(messages(found)).toEqual([
      "Break the cycle: src/a.ts → src/b.ts → src/c.ts → src/a.ts",
      "Break the cycle: src/b.ts → src/c.ts → src/b.ts",
    ]);
  });

  test("lets a file be reached in two ways", () => {
    const diamond = sources({
      "src/a.ts": ["./b.ts", "./c.ts"],
      "src/b.ts": ["./d.ts"],
      "src/c.ts": ["./d.ts"],
      "src/d.ts": [],
    });
    expect(cycles(diamond)).toEqual([]);
  });
});

describe("unused()", () => {
  test("finds files that nothing imports, but for the entries", () => {
    const all = sources({ "src/main.ts": ["./a.ts"], "src/a.ts": [], "src/b.ts": ["./a.ts"] });
    expect(paths(unused(all, ["src/main.ts"]))).toEqual(["src/b.ts"]);
  });
});

describe("untested()", () => {
  const all = sources({
    "src/main.ts": ["./flow/a.ts"],
    "src/flow/a.ts": ["./b.ts"],
    "src/flow/b.ts": [],
    "src/flow/c.ts": [],
  });
  const tests = sources({
    "test/flow/a.test.ts": ["../support/fakes.ts"],
    "test/support/fakes.ts": ["../../src/flow/a.ts"],
  });

  test("finds files that no test reaches, and names the test to write", () => {
    const found = untested(all, { tests, exempt: ["src/main.ts"] });
    expect(paths(found)).toEqual(["src/flow/c.ts"]);
    expect(messages(found)).toEqual(["Test it in test/flow/c.test.ts"]);
  });
});

describe("uncited()", () => {
  test("finds invariants that no test names", () => {
    const tests = [parseSource("test/a.test.ts", 'test("posts once (I3)", f);\n// I12')];
    expect(messages(uncited(tests, ["I1", "I3"]))).toEqual(["Name I1 in the test that proves it"]);
  });
});

const PORTS = parseSource(
  "src/ports.ts",
  `// Ports: every effect.
//
// Words (one meaning each, everywhere):
//   job        a directory under runners/          entity     a job as loaded
//   dispatch   date, compress, sign, post          in flight  posted, not yet collected
//   tick       one turn of the loop
//
// The rest is prose   with   gaps.
`,
);

describe("terminology()", () => {
  test("reads both columns of the block, and no more", () => {
    expect(terminology(PORTS)).toEqual(["job", "entity", "dispatch", "in flight", "tick"]);
  });
});

describe("unsaid()", () => {
  test("finds words that are defined and never used", () => {
    const use = parseSource("src/a.ts", "function tick(job, inflight) {}\n// dispatched entities");
    expect(messages(unsaid(PORTS, [PORTS, use]))).toEqual(['Use the word "entity", or drop it']);
  });
});

describe("twins()", () => {
  test("finds two tests of one group with one name", () => {
    const text = `
describe("a()", () => {
  test("is one", f);
  test("is one", g);
});
`;
    expect(twins([parseSource("test/a.test.ts", text)])).toMatchObject([{ line: 4 }]);
  });

  test("lets two groups have a test of the same name", () => {
    const text = `
describe("a()", () => {
  test("is one", f);
});
describe("b()", () => {
  test("is one", f);
});
`;
    expect(twins([parseSource("test/a.test.ts", text)])).toEqual([]);
  });
});

describe("machineBound()", () => {
  const text = (line: string) => [{ path: "docs/a.md", text: `\n${line}\n` }];

  test("finds paths of one machine and hosts of registries", () => {
    const host = ["registry", "npmjs", "org"].join(".");
    for (const line of [`see /${"work"}/x`, `cd "/${"farm"}/a"`, `https://${host}/a`]) {
      expect(machineBound(text(line))).toMatchObject([{ path: "docs/a.md", line: 2 }]);
    }
  });

  test("lets other paths be", () => {
    const lines = [
      "/root/.migrc",
      "/etc/mig/runner.cfg",
      `src/${"work"}/a.ts`,
      `./${"work"}/a`,
      "the framework/root/x",
    ];
    for (const line of lines) expect(machineBound(text(line))).toEqual([]);
  });
});
