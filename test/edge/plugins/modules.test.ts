// Modules: plugins in threads, and everything that one may do without harm to the rest.
import { describe, expect, test } from "bun:test";
import { chmodSync, readdirSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { openModules, SHIPPED_PLUGINS } from "../../../src/edge/plugins/modules.ts";
import type { DeliveryOrder } from "../../../src/ports.ts";
import { MemoryLog, Scratch } from "../../support/edge.ts";
import { patience } from "../../support/patience.ts";
import { command, resultOf } from "../../support/results.ts";
import { Listener } from "../../support/shipped.ts";

interface SiteOptions {
  readonly settings?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly timeoutMs?: number;
  readonly graceMs?: number;
  readonly memoryMax?: number;
}

/** A runner directory with module plugins, and a result to deliver. */
class Site implements Disposable {
  readonly scratch = new Scratch();
  readonly log = new MemoryLog();
  readonly resultPath: string;
  readonly #options: SiteOptions;

  constructor(options: SiteOptions = {}) {
    this.#options = options;
    this.scratch.folder("plugins");
    const commands = ["a", "b"].map((host, id) => command({ host, id }));
    this.resultPath = this.scratch.file("7.json", JSON.stringify(resultOf(...commands)));
  }

  /** Writes plugins/NAME; returns its path. */
  plugin(name: string, text: string, mode = 0o644): string {
    return this.scratch.file(`plugins/${name}`, text, mode);
  }

  /** Writes plugins/NAME with this body of `deliver`. */
  body(name: string, body: string): string {
    const head = 'import { Fatal, plugin, Retry } from "mig-runner";\nvoid [Fatal, Retry];\n';
    const begin = "export default plugin({ async deliver(result, context) {";
    return this.plugin(name, `${head}${begin}\n${body}\n} });\n`);
  }

  get modules() {
    const { settings = {}, timeoutMs = 20_000, graceMs = 200, memoryMax } = this.#options;
    return openModules({
      directory: this.scratch.path,
      settings: new Map(Object.entries(settings)),
      timeoutMs,
      graceMs,
      log: this.log,
      environment: {},
      ...(memoryMax === undefined ? {} : { memoryMax }),
    });
  }

  deliver(plugin: string, changes: Partial<DeliveryOrder> = {}) {
    const { resultPath } = this;
    const order = { plugin, job: "nightly", actionId: 7, resultPath, key: `nightly/7/${plugin}` };
    return this.modules.deliver({ ...order, attempt: 1, ...changes });
  }

  [Symbol.dispose](): void {
    this.scratch[Symbol.dispose]();
  }
}

describe("openModules().names()", () => {
  test("are the modules in plugins/ and those that come with the runner", async () => {
    using site = new Site();
    for (const name of ["own.ts", "other.mjs", "types.d.ts", "own.test.ts", ".hidden.ts", "x.py"]) {
      site.plugin(name, "");
    }
    site.scratch.folder("plugins/helpers");
    expect(await site.modules.names()).toEqual([
      "elastic",
      "email",
      "mozdef-compliance",
      "mozdef-scribe",
      "other",
      "own",
      "slack",
      "splunk",
      "webhook",
    ]);
  });

  test("are those that come with the runner alone when there is no folder", async () => {
    using scratch = new Scratch();
    const options = { directory: scratch.path, settings: new Map(), timeoutMs: 1, graceMs: 1 };
    const modules = openModules({ ...options, log: new MemoryLog(), environment: {} });
    expect(await modules.names()).toEqual([...SHIPPED_PLUGINS]);
  });

  test("that come with the runner are the files of the folder plugins", () => {
    const files = readdirSync(resolve(import.meta.dirname, "../../../plugins"));
    const names = files.filter((file) => file.endsWith(".ts")).map((file) => file.slice(0, -3));
    expect([...SHIPPED_PLUGINS]).toEqual(names.sort() as never);
  });
});

describe("openModules().deliver()", () => {
  test("gives a module the commands, its settings and what the delivery is", async () => {
    using site = new Site({ settings: { own: { team: "blue" } } });
    site.scratch.file("plugins/util/name.ts", "export const nameOf = (c: any) => c.agent.name;");
    site.plugin(
      "own.ts",
      `import { plugin } from "mig-runner";
         import { nameOf } from "./util/name.ts";
         const config = { "~standard": { version: 1, vendor: "own", validate: (value: unknown) =>
           ({ value }) } } as any;
         export default plugin({ config, async deliver(result, context) {
           const names: string[] = [];
           for await (const each of result.commands) names.push(nameOf(each));
           for await (const each of result.commands) names.push(nameOf(each));
           const { job, actionId, key, attempt, config: { team } } = context as any;
           context.log("notice", JSON.stringify([names, result.action.id, job, actionId, key,
             attempt, team, result.path.endsWith("7.json"), context.signal.aborted]));
           console.log("by", { console: true });
         } });`,
    );
    expect(await site.deliver("own", { attempt: 3 })).toEqual({
      kind: "delivered",
      message: "took the result, read 2 commands",
    });
    const names = '["a","b","a","b"]';
    expect(site.log.lines).toEqual([
      `notice: own: [${names},7,"nightly",7,"nightly/7/own",3,"blue",true,false]`,
      'info: own: by {"console":true}',
    ]);
  });

  test("runs a plugin that comes with the runner, unless plugins/ has one of its name", async () => {
    await using listener = await Listener.open([{ status: 200 }]);
    using site = new Site({ settings: { webhook: { url: listener.url } } });
    expect((await site.deliver("webhook")).kind).toBe("delivered");
    expect(listener.bodies).toMatchObject([{ name: "nightly", commands: [{ id: 0 }, { id: 1 }] }]);
    site.body("webhook.ts", 'throw new Error("own")');
    // Its section is for the other one.
    expect(await site.deliver("webhook")).toMatchObject({
      kind: "failed",
      message: '[plugin "webhook"] of the configuration: it takes no settings, remove its section',
    });
  });

  test.each([
    ["throws", 'throw new Error("boom")', "boom (PATH:4:"],
    ["throws no error", 'throw "boom"', "boom"],
    [
      "throws with a cause",
      'throw new Error("no ticket", { cause: new Error("no route") })',
      "no ticket: no route (PATH:4:",
    ],
    [
      "leaves a rejection behind",
      'void Promise.reject(new Error("lost")); await new Promise(() => {})',
      "uncaught error: lost (PATH:4:",
    ],
    [
      "throws in a timer",
      'setTimeout(() => { throw new Error("late") }, 1); await new Promise(() => {})',
      "uncaught error: late (PATH:4:",
    ],
    ["exits", "process.exit(7)", "it called process.exit(7)"],
  ])("ends the delivery alone when a plugin %s", async (_, body, wanted) => {
    using site = new Site();
    const path = site.body("bad.ts", body);
    const answer = await site.deliver("bad");
    expect(answer).toMatchObject({ kind: "failed", final: false, retryAfterMs: 0 });
    expect(answer.message).toStartWith(wanted.replace("PATH", path));
  });

  test("ends an endless loop and an endless wait at the time limit", async () => {
    using site = new Site({ timeoutMs: 400 });
    site.body("loop.ts", "for (;;);");
    site.body("wait.ts", "await new Promise(() => {})");
    const [loop, wait] = await Promise.all([site.deliver("loop"), site.deliver("wait")]);
    const message = "its time limit of 400ms passed";
    expect([loop.message, wait.message]).toEqual([message, message]);
  });

  test("keeps to the time limit of the order", async () => {
    using site = new Site();
    site.body("wait.ts", "await new Promise(() => {})");
    const { message } = await site.deliver("wait", { timeoutMs: 300 });
    expect(message).toBe("its time limit of 300ms passed");
  });

  test("lets a plugin tidy up when its time is over, and does not believe what it then says", async () => {
    // Long enough for its process to begin, also on a busy machine.
    using site = new Site({ timeoutMs: patience(1_000), graceMs: patience(10_000) });
    site.body(
      "tidy.ts",
      `await new Promise((done) => context.signal.addEventListener("abort", done));
         context.log("warning", "tidied up");`,
    );
    const answer = await site.deliver("tidy");
    expect(answer.message).toMatch(/^its time limit of \d+m?s passed$/);
    expect(site.log.lines).toEqual(["warning: tidy: tidied up"]);
  });

  test("ends the plugin when the runner stops", async () => {
    using site = new Site();
    site.body("wait.ts", 'context.log("here"); await new Promise(() => {})');
    const stop = new AbortController();
    const delivering = site.deliver("wait", { signal: stop.signal });
    stop.abort();
    expect((await delivering).message).toBe("the runner is stopping");
    expect((await site.deliver("wait", { signal: stop.signal })).kind).toBe("failed");
  });

  test("ends a plugin that takes too much memory", async () => {
    using site = new Site({ memoryMax: 96 * 1024 * 1024 });
    site.body(
      "greedy.ts",
      `const held = [];
         for (;;) { held.push(new Uint8Array(4_000_000).fill(held.length)); await null; }`,
    );
    const { message } = await site.deliver("greedy");
    expect(message).toStartWith("it took more than 96 MiB of memory, iterate result.commands");
  });

  test("hears a plugin that knows better when to try again, or that never will help", async () => {
    using site = new Site();
    site.body("later.ts", 'throw new Retry("busy", { after: "90s" })');
    site.body("never.ts", 'throw new Fatal("gone")');
    expect(await site.deliver("later")).toMatchObject({ retryAfterMs: 90_000, final: false });
    expect(await site.deliver("never")).toMatchObject({ retryAfterMs: 0, final: true });
  });

  test("keeps what a plugin prints within bounds", async () => {
    using site = new Site();
    site.body(
      "loud.ts",
      `console.error("x".repeat(9_000));
         for (let line = 0; line < 5_000; line++) console.log("line", line);`,
    );
    await site.deliver("loud");
    expect(site.log.lines.length).toBe(201);
    expect(site.log.lines[0]).toBe(`warning: loud: ${"x".repeat(2_000)}…`);
    expect(site.log.lines.at(-1)).toBe("warning: loud: 4801 more lines were left out");
  });

  test("runs what the file holds now, helpers included", async () => {
    using site = new Site();
    const helper = (text: string) =>
      site.scratch.file("plugins/lib/text.ts", `export const text = "${text}";`);
    site.plugin(
      "fresh.ts",
      `import { plugin } from "mig-runner";
         import { text } from "./lib/text.ts";
         export default plugin({ deliver(_, context) { context.log(text); } });`,
    );
    helper("one");
    await site.deliver("fresh");
    helper("two");
    await site.deliver("fresh");
    expect(site.log.lines).toEqual(["info: fresh: one", "info: fresh: two"]);
  });

  test("fails on a result that is torn, gone or none", async () => {
    using site = new Site();
    site.body("read.ts", "for await (const _ of result.commands);");
    const torn = site.scratch.file("torn.json", '{"action":{"id":1},"commands":[{"id":1},');
    expect((await site.deliver("read", { resultPath: torn })).message).toStartWith(
      "it is not a result: it ends after 40 bytes",
    );
    const none = site.scratch.file("none.json", "[]");
    expect((await site.deliver("read", { resultPath: none })).message).toBe(
      "it is not a result: it has no action",
    );
    const gone = join(site.scratch.path, "gone.json");
    expect((await site.deliver("read", { resultPath: gone })).message).toContain(
      `Cannot read result "${gone}": no such file or directory`,
    );
  });

  test("hands on what a module says is done, and keeps it", async () => {
    using site = new Site();
    site.body(
      "own.ts",
      `const before = context.progress as { next: number } | null;
         await context.saveProgress({ next: (before?.next ?? 0) + 5 });
         context.log(JSON.stringify(before));`,
    );
    const kept: (string | null)[] = [];
    const saveProgress = async (text: string | null) => void kept.push(text);
    await site.deliver("own", { saveProgress });
    await site.deliver("own", { saveProgress, progress: '{"next":5}' });
    await site.deliver("own", { saveProgress, progress: "no JSON" });
    expect(kept).toEqual(['{"next":5}', '{"next":10}', '{"next":5}']);
    expect(site.log.lines).toEqual(["info: own: null", 'info: own: {"next":5}', "info: own: null"]);
  });

  test("tells a module when its progress cannot be kept, and is not flooded by it", async () => {
    using site = new Site();
    site.body(
      "own.ts",
      `const say = (error: unknown) => context.log((error as Error).message);
         await context.saveProgress("x".repeat(70_000)).catch(say);
         await context.saveProgress(() => 1).catch(say);
         await context.saveProgress("full").catch(say);
         await Promise.all(Array.from({ length: 20_000 }, (_, n) => context.saveProgress(n)));`,
    );
    const kept: (string | null)[] = [];
    const answer = await site.deliver("own", {
      async saveProgress(text) {
        kept.push(text);
        if (text === '"full"') throw new Error("the disk is full");
        await new Promise((resolve) => setImmediate(resolve));
      },
    });
    expect(answer.kind).toBe("delivered");
    expect(site.log.lines).toEqual([
      "info: own: Cannot save the progress: it has 70002 characters of JSON, wanted at most 65536",
      "info: own: Cannot save the progress: JSON cannot hold it",
      "info: own: Cannot save the progress: the disk is full",
    ]);
    expect(kept.at(-1)).toBe("19999");
    expect(kept.length).toBeLessThan(20_000);
  });

  test("bounds lines that go past its own bound, and none looks like another's", async () => {
    using site = new Site();
    site.body(
      "flood.ts",
      `const { writeSync } = await import("node:fs");
       const message = ["message", { kind: "log", level: "info", message: "one\\nforged: line" }];
       const line = JSON.stringify(message) + "\\n";
       // A full channel takes none.
       for (let count = 0; count < 1_000; count++) try { writeSync(3, line); } catch {}`,
    );
    expect((await site.deliver("flood")).kind).toBe("delivered");
    expect(site.log.lines.length).toBeLessThan(210);
    expect(new Set(site.log.lines)).toEqual(new Set(["info: flood: one forged: line"]));
  });

  test("misses a plugin that went", async () => {
    using site = new Site();
    expect(await site.deliver("gone")).toEqual({
      kind: "missing",
      message: 'unable to locate plugin "gone"',
    });
  });
});

describe("openModules().check()", () => {
  test("has nothing against a good plugin, and delivers nothing", async () => {
    using site = new Site();
    site.body("good.ts", 'context.log("delivered")');
    const text = 'import { plugin } from "mig-runner";\nexport default plugin({ deliver() {} });';
    symlinkSync(site.scratch.file("shared/real.ts", text), site.scratch.in("plugins/link.ts"));
    expect(await site.modules.check("good")).toBeNull();
    expect(await site.modules.check("link")).toBeNull();
    expect(site.log.lines).toEqual([]);
  });

  test("says line and column of a mistake, and shows it", async () => {
    using site = new Site();
    const path = site.plugin("torn.ts", "const x = 1;\nexport default plugin(;\n");
    const problem = await site.modules.check("torn");
    expect(problem).toStartWith(`${path}:2:23: Cannot read the program: `);
    expect(problem).toContain("2 | export default plugin(;\n");
    const { message } = await site.deliver("torn");
    expect(message).toStartWith(`${path}:2:23: Cannot read the program: `);
    expect(message).not.toContain("\n");
  });

  test.each([
    ["export const x = 1;", "its default export is missing"],
    ["export default 3;", "its default export is not a plugin"],
    [
      'import { job } from "mig-runner"; export default job({ schedule: "@daily" });',
      "its default export is a job",
    ],
    ['import { plugin } from "mig-runner"; export default plugin({});', "no deliver function"],
    ['import "./nowhere.ts";', 'Cannot find import "./nowhere.ts"'],
    ['throw new Error("at once");', "at once"],
  ])("refuses %s", async (text, wanted) => {
    using site = new Site();
    site.plugin("bad.ts", text);
    expect(await site.modules.check("bad")).toContain(wanted);
  });

  test("names unknown settings with the nearest known one, missing and wrong ones", async () => {
    using site = new Site({ settings: { webhook: { ulr: "x", timeout: "soon" } } });
    expect(await site.modules.check("webhook")).toBe(
      '[plugin "webhook"] of the configuration: unknown key "ulr" (did you mean "url"?); ' +
        'url is not set; timeout: a time such as "30s" or "5m" is wanted',
    );
  });

  test("refuses a module that everybody can write to, or its folder, with the fix", async () => {
    using site = new Site();
    const path = site.body("loose.ts", "");
    chmodSync(path, 0o646);
    expect(await site.modules.check("loose")).toBe(
      `every user can write to it (mode 0646), mend it with: chmod o-w ${path}`,
    );
    chmodSync(path, 0o644);
    const folder = site.scratch.in("plugins");
    chmodSync(folder, 0o777);
    for (const name of ["loose", "webhook"]) {
      expect(await site.modules.check(name)).toContain(`mend it with: chmod o-w ${folder}`);
    }
  });

  test("refuses a helper that everybody can write to", async () => {
    using site = new Site();
    const helper = site.scratch.file("plugins/lib/x.ts", "export {};", 0o666);
    site.plugin("own.ts", 'import "./lib/x.ts";');
    expect(await site.modules.check("own")).toContain(`chmod o-w ${helper}`);
  });

  test("refuses two modules of one name", async () => {
    using site = new Site();
    const [first, second] = [site.plugin("own.ts", ""), site.plugin("own.js", "")];
    expect(await site.modules.check("own")).toBe(
      `both ${first} and ${second} are plugin "own", remove one of them`,
    );
  });

  test.each(["../own", "lib/own", "..", "", "a\0b"])(
    "does not leave plugins/ for %p",
    async (name) => {
      using site = new Site();
      site.scratch.file("own.ts", "");
      site.scratch.file("plugins/lib/own.ts", "");
      expect(await site.modules.check(name)).toBe(`unable to locate plugin "${name}"`);
    },
  );
});
