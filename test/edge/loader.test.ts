import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { type Loader, type LoaderOptions, openLoader } from "../../src/edge/loader.ts";
import { describeError, RunnerErrors } from "../../src/errors.ts";
import { eventually, Scenario } from "../support/binary.ts";
import { DENO, Scratch, source } from "../support/edge.ts";
import { BROKEN_JOBS } from "../support/modules.ts";

const HEAD = 'import { job } from "mig-runner";\n';

/** A directory with jobs, and a loader that ends with it. */
class Jobs implements AsyncDisposable {
  readonly scratch = new Scratch();
  readonly loader: Loader;

  constructor(options: LoaderOptions = {}) {
    this.loader = openLoader(options);
  }

  write(job: string, text: string, name = "job.ts"): string {
    return this.scratch.file(`${job}/${name}`, text);
  }

  /** Loads a job, as its outline. */
  async load(job: string, name = "job.ts") {
    const path = this.scratch.in(job, name);
    return (await this.loader.load({ job, path, dependsOn: () => {} })).outline;
  }

  /** What is told of a broken job. */
  async told(job: string): Promise<string> {
    try {
      return JSON.stringify(await this.load(job));
    } catch (error) {
      if (!(error instanceof RunnerErrors)) throw error;
      return error.errors.map(describeError).join("\n").replaceAll(this.scratch.in(job), "DIR");
    }
  }

  async marks(job: string): Promise<ReadonlyMap<string, string | null>> {
    const marks = new Map<string, string | null>();
    const path = this.scratch.in(job, "job.ts");
    const dependsOn = (file: string, mark: string | null) =>
      void marks.set(file.replace(this.scratch.in(job), "DIR"), mark);
    await this.loader.load({ job, path, dependsOn }).catch(() => undefined);
    return marks;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.loader.close();
    this.scratch[Symbol.dispose]();
  }
}

/** A job with everything that a module can be made of, and its files. */
const RICH = {
  "job.ts":
    'import { readFileSync } from "node:fs";\n' +
    'import { job, sql } from "mig-runner";\n' +
    'import plain, { extra } from "plain";\n' +
    'import four, { three } from "@scope/module";\n' +
    'import data from "./data.json" with { type: "json" };\n' +
    'import text from "./note.txt" with { type: "text" };\n' +
    'import { Level, where } from "../lib/where.ts";\n' +
    "interface Unseen { a: number }\n" +
    "const read = (name: string) => readFileSync(`${import.meta.dirname}/${name}`, 'utf8');\n" +
    "const late = (await import('../lib/late.ts')).late satisfies number;\n" +
    "const all: unknown[] = [plain(1), extra, four, three, data.k, text, Level.High, where,\n" +
    '  late, read("note.txt"), new URL(import.meta.url).protocol, typeof sql];\n' +
    "export default job({ plugin: all.map(String) }, async (run) => {\n" +
    '  await run.collect("x");\n});\n',
  "data.json": '{"k":[1]}',
  "note.txt": "hello\n",
  "../lib/where.ts":
    "export enum Level { Low, High }\nexport const where: string = import.meta.dirname;\n",
  "../lib/late.ts": "export const late = 7;\n",
  "node_modules/plain/package.json": '{"name":"plain","version":"1.0.0","main":"main.js"}',
  "node_modules/plain/main.js":
    'const os = require("os");\nmodule.exports = (x) => "plain" + x;\n' +
    "module.exports.extra = typeof os.cpus;\n",
  "node_modules/@scope/module/package.json":
    '{"name":"@scope/module","type":"module","exports":{".":{"import":"./main.js"}}}',
  "node_modules/@scope/module/main.js": 'export default 4; export { three } from "./three.js";\n',
  "node_modules/@scope/module/three.js": "export const three = 3;\n",
};

function writeRich(scratch: Scratch): readonly string[] {
  for (const [name, text] of Object.entries(RICH)) scratch.file(`rich/${name}`, text);
  return [
    "plain1",
    "function",
    "4",
    "3",
    "1",
    "hello\n",
    "1",
    scratch.in("lib"),
    "7",
    "hello\n",
    "file:",
    "function",
  ];
}

describe("openLoader()", () => {
  test("loads a job as data", async () => {
    await using jobs = new Jobs();
    jobs.write("a", `${HEAD}export default job({ schedule: "@daily", retries: 3 });\n`);
    const definition = { schedule: "@daily", retries: 3 };
    expect(await jobs.load("a")).toEqual({ definition, workflow: false });
  });

  test("loads helpers, data, packages of either kind and types", async () => {
    await using jobs = new Jobs();
    const plugin = writeRich(jobs.scratch);
    expect(await jobs.load("rich")).toEqual({ definition: { plugin }, workflow: true });
  });

  test.each(["job.js", "job.mts"])("loads %s", async (name) => {
    await using jobs = new Jobs();
    const text = name === "job.js" ? HEAD : `${HEAD}type A = 1;\n`;
    jobs.write("a", `${text}export default job({ retries: 1 });\n`, name);
    expect((await jobs.load("a", name)).definition).toEqual({ retries: 1 });
  });

  test("loads many at the same time, each as it is", async () => {
    await using jobs = new Jobs();
    const count = 70;
    const names = Array.from({ length: count }, (_, index) => `job${index}`);
    for (const [index, name] of names.entries()) {
      const text = `${HEAD}export default job({ retries: ${index} });\n`;
      jobs.write(name, index === 40 ? "throw 1" : text);
    }
    const told = await Promise.all(names.map((name) => jobs.told(name)));
    expect(told[40]).toBe("DIR/job.ts: Cannot load job: it threw 1");
    const sound = told.filter((_, index) => index !== 40);
    const wanted = names.keys().filter((index) => index !== 40);
    expect(sound).toEqual(
      [...wanted].map((retries) => JSON.stringify({ definition: { retries }, workflow: false })),
    );
  });

  test("takes what is in the files now, helpers included", async () => {
    await using jobs = new Jobs();
    jobs.write("a", `${HEAD}import { n } from "./n.ts";\nexport default job({ retries: n });\n`);
    for (const retries of [1, 2]) {
      jobs.write("a", `export const n: number = ${retries};\n`, "n.ts");
      expect((await jobs.load("a")).definition).toEqual({ retries });
    }
    jobs.write("a", "export const n = ;\n", "n.ts");
    expect(await jobs.told("a")).toStartWith("DIR/n.ts:1:18: Cannot read the program");
    jobs.write("a", "export const n = 3;\n", "n.ts");
    expect((await jobs.load("a")).definition).toEqual({ retries: 3 });
  });

  describe("tells the place and the fix of", () => {
    for (const { name, text, beside = {}, told } of BROKEN_JOBS) {
      test(name, async () => {
        await using jobs = new Jobs();
        jobs.write("a", text);
        for (const [file, content] of Object.entries(beside)) jobs.write("a", content, file);
        expect(await jobs.told("a")).toBe(told);
      });
    }

    test("an error that comes later", async () => {
      await using jobs = new Jobs();
      const wait = "await new Promise(() => {});";
      jobs.write("timer", `${HEAD}setTimeout(() => { throw new Error("late"); }, 1);\n${wait}\n`);
      jobs.write("promise", `Promise.reject(new Error("unheard"));\n${wait}\n`);
      expect(await jobs.told("timer")).toStartWith(
        "DIR/job.ts:2:30: Cannot load job: it threw Error: late",
      );
      expect(await jobs.told("promise")).toStartWith(
        "DIR/job.ts:1:20: Cannot load job: it threw Error: unheard",
      );
    });

    test("a macro, which would run in the program itself", async () => {
      await using jobs = new Jobs();
      jobs.write("a", "export function n() { for (;;) {} }\n", "n.ts");
      const text = `${HEAD}import { n } from "./n.ts" with { type: "macro" };\n`;
      jobs.write("a", `${text}export default job({ retries: n() });\n`);
      expect(await jobs.told("a")).toStartWith(
        "DIR/job.ts:3:31: Cannot use macros: they are disabled",
      );
    });

    test("a file that is neither code nor data", async () => {
      await using jobs = new Jobs();
      jobs.write("a", "x", "a.wasm");
      jobs.write("a", `${HEAD}import a from "./a.wasm";\nexport default job({ expiry: a });\n`);
      expect(await jobs.told("a")).toMatch(
        /^DIR\/job.ts: Cannot bundle "a-\w+\.wasm": it is neither code nor data \(Import code/,
      );
    });

    test("a file that everybody can write to, or that is none", async () => {
      await using jobs = new Jobs();
      const path = jobs.write("a", `${HEAD}export default job({});\n`);
      chmodSync(path, 0o646);
      expect(await jobs.told("a")).toBe(
        'Cannot trust module "DIR/job.ts": every user can write to it (mode 0646) ' +
          "(chmod o-w DIR/job.ts)",
      );
      rmSync(path);
      expect(await jobs.told("a")).toBe(
        'DIR/job.ts: Cannot read module "DIR/job.ts": no such file or directory',
      );
      mkdirSync(path);
      expect(await jobs.told("a")).toStartWith(
        'DIR/job.ts: Cannot read module "DIR/job.ts": it is a directory (Put a file of code there',
      );
    });
  });

  test("names every file that a job depends on, also those that are not there", async () => {
    await using jobs = new Jobs();
    jobs.write("a", 'export { a } from "./sub/b.ts";\nimport "./gone.ts";\n', "a.ts");
    jobs.write("a", "export const a = 1;\n", "sub/b.ts");
    jobs.write("a", `${HEAD}import "./a.ts";\nimport "left";\nimport "node:fs";\nfor (;;) {}`);
    const marks = await jobs.marks("a");
    const present = [...marks].filter(([, mark]) => mark !== null).map(([path]) => path);
    expect(present.sort()).toEqual(["DIR/a.ts", "DIR/job.ts", "DIR/sub/b.ts"]);
    expect(marks.get("DIR/gone.ts")).toBeNull();
    expect(marks.get("DIR/node_modules/left/package.json")).toBeNull();
  });

  describe("stops only the job that", () => {
    const SOUND = `${HEAD}export default job({ retries: 1 });\n`;
    const sound = { definition: { retries: 1 }, workflow: false };

    test.each([
      ["loops", "for (;;) {}"],
      ["waits for ever", "await new Promise(() => {});"],
    ])("%s", async (_, text) => {
      await using jobs = new Jobs({ timeoutMs: 2_000 });
      jobs.write("bad", text);
      jobs.write("sound", SOUND);
      const [told, loaded] = await Promise.all([jobs.told("bad"), jobs.load("sound")]);
      expect(told).toBe(
        "DIR/job.ts: Cannot load job: it has not come to its end within 2 s " +
          "(Top-level code must end; move work into the function or into a step)",
      );
      expect(loaded).toEqual(sound);
    });

    test("loops, and loads those that wait before it is given up", async () => {
      await using jobs = new Jobs();
      for (const job of ["bad", "worse"]) jobs.write(job, "for (;;) {}");
      jobs.write("sound", SOUND);
      const told = ["bad", "worse"].map((job) => jobs.told(job));
      expect(await jobs.load("sound")).toEqual(sound);
      await jobs.loader.close();
      const stopping = "DIR/job.ts: Cannot load job: the runner is stopping";
      expect(await Promise.all(told)).toEqual([stopping, stopping]);
    });

    test("takes all the memory", async () => {
      await using jobs = new Jobs({ memoryMax: 64 * 1024 * 1024 });
      jobs.write("bad", "const all = [];\nfor (;;) all.push(new Array(1e5).fill(all.length));\n");
      jobs.write("sound", SOUND);
      expect(await jobs.told("bad")).toBe(
        "DIR/job.ts: Cannot load job: it took more than 64 MiB of memory " +
          "(Read large data in a step)",
      );
      expect(await jobs.load("sound")).toEqual(sound);
    });

    test.each([
      ["breaks the globals", "JSON.stringify = () => { throw new Error('broken'); };"],
      ["ends the thread later", "setTimeout(() => process.exit(3), 1);"],
      ["throws later", "setTimeout(() => { throw new Error('late'); }, 1);"],
    ])("%s", async (_, text) => {
      await using jobs = new Jobs();
      jobs.write("bad", `${text}\n${SOUND}`);
      const wait = "await new Promise((resolve) => setTimeout(resolve, 30));\nJSON.stringify(1);\n";
      jobs.write("sound", `${wait}${SOUND}`);
      const [, loaded] = await Promise.all([jobs.load("bad"), jobs.load("sound")]);
      expect(loaded).toEqual(sound);
    });
  });

  test("replaces the thread after some work", async () => {
    await using jobs = new Jobs({ sourceMax: 2_000 });
    // A number that counts up as long as the thread is the same.
    const count = "const n = (globalThis.n ?? 0) + 1;\nglobalThis.n = n;\n";
    jobs.write("a", `${HEAD}${count}export default job({ retries: n });\n`, "job.js");
    const counts: unknown[] = [];
    for (let turn = 0; turn < 10; turn++) {
      const { definition } = await jobs.load("a", "job.js");
      counts.push((definition as { retries: number }).retries);
    }
    expect(counts.slice(0, 2)).toEqual([1, 2]);
    expect(counts.slice(2)).toContain(1);
  });

  test("ends the thread when nothing is to be loaded, and begins another one", async () => {
    await using jobs = new Jobs({ idleMs: 0 });
    const count = "const n = (globalThis.n ?? 0) + 1;\nglobalThis.n = n;\n";
    jobs.write("a", `${HEAD}${count}export default job({ retries: n });\n`, "job.js");
    for (let turn = 0; turn < 3; turn++) {
      expect((await jobs.load("a", "job.js")).definition).toEqual({ retries: 1 });
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  test("ends what is being loaded when it is closed", async () => {
    await using jobs = new Jobs();
    const begun = jobs.scratch.in("begun");
    const mark = `import { writeFileSync } from "node:fs";\nwriteFileSync("${begun}", "");\n`;
    for (const job of ["a", "b"]) jobs.write(job, `${mark}for (;;) {}`);
    const told = Promise.all([jobs.told("a"), jobs.told("b")]);
    await eventually(() => (existsSync(begun) ? begun : null));
    await jobs.loader.close();
    const stopping = "DIR/job.ts: Cannot load job: the runner is stopping";
    expect(await told).toEqual([stopping, stopping]);
  });
});

describe("in Deno", () => {
  const SCRIPT = `
    import { openLoader } from "${source("edge/loader.ts")}";
    import { describeError, RunnerErrors } from "${source("errors.ts")}";
    const loader = openLoader();
    const told = [];
    for (const path of JSON.parse(process.argv[2])) {
      const job = path.split("/").at(-2);
      told.push(await loader.load({ job, path, dependsOn() {} }).then(
        ({ outline }) => outline,
        (error) => {
          if (!(error instanceof RunnerErrors)) throw error;
          return error.errors.map(describeError).join("\\n").replaceAll(path.slice(0, -7), "DIR");
        },
      ));
    }
    console.log(JSON.stringify(told));
  `;

  async function loadInDeno(scenario: Scenario, paths: readonly string[]): Promise<unknown[]> {
    const path = await scenario.write("script.ts", SCRIPT);
    const config = source("../deno.json");
    const argv = ["--config", config, path, JSON.stringify(paths)];
    const { exit, stdout, stderr } = await scenario.run(argv);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
    return JSON.parse(stdout) as unknown[];
  }

  test("loads helpers, data, packages of either kind and types", async () => {
    using scratch = new Scratch();
    await using scenario = await Scenario.create(DENO as [string, ...string[]]);
    const plugin = writeRich(scratch);
    expect(await loadInDeno(scenario, [scratch.in("rich/job.ts")])).toEqual([
      { definition: { plugin }, workflow: true },
    ]);
  });

  test("tells the place and the fix of every mistake", async () => {
    await using scenario = await Scenario.create(DENO as [string, ...string[]]);
    const paths: string[] = [];
    for (const [index, { text, beside = {} }] of BROKEN_JOBS.entries()) {
      await scenario.job(`job${index}`, { "job.ts": text, ...beside });
      paths.push(scenario.path(`runners/job${index}/job.ts`));
    }
    const told = await loadInDeno(scenario, paths);
    expect(BROKEN_JOBS.map(({ name }, index) => [name, told[index]])).toEqual(
      BROKEN_JOBS.map(({ name, told: byBun, toldByDeno = byBun }) => [name, toldByDeno]),
    );
  });
});
