import { describe, expect, test } from "bun:test";
import { openCatalog, type SpoolCatalog } from "../../src/cli/catalog.ts";
import type { RunnerConfig } from "../../src/config/runner.ts";
import { openSpool } from "../../src/edge/spool.ts";
import { describeError } from "../../src/errors.ts";
import type { Change } from "../../src/jobs/catalog.ts";
import { Scratch } from "../support/edge.ts";

const HEAD = 'import { job } from "mig-runner";\n';
const TABLE = '[configuration]\nschedule = "@daily"\n';
const TEMPLATE = '{"name":"x","target":"all","operations":[]}';

/** A spool on disk and its catalog. */
class Jobs implements AsyncDisposable {
  readonly #scratch = new Scratch();
  readonly #spool = openSpool({ directory: this.#scratch.path });
  readonly #opened: SpoolCatalog;

  constructor() {
    this.#scratch.folder("runners");
    const config = { timezone: "Asia/Tokyo" } as RunnerConfig;
    this.#opened = openCatalog(config, this.#spool);
  }

  get catalog() {
    return this.#opened.catalog;
  }

  write(name: string, text: string): void {
    this.#scratch.file(`runners/${name}`, text);
  }

  /** What changed, and what is told of the broken jobs. */
  async refresh(): Promise<readonly string[]> {
    const changes = await this.catalog.refresh(await this.#spool.scan());
    return changes.map((change) => this.#brief(change));
  }

  #brief(change: Change): string {
    if (change.kind !== "broken") return `${change.kind} ${change.job}`;
    const told = change.errors.map(describeError).join("; ");
    return `broken ${change.job}: ${told.replaceAll(this.#scratch.in("runners"), "")}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.close();
    this.#scratch[Symbol.dispose]();
  }
}

describe("openCatalog()", () => {
  test("makes the same entity of a table and of a program", async () => {
    await using jobs = new Jobs();
    jobs.write("table/entity.cfg", `${TABLE}expiry = "10m"\nplugin = mozdef\n`);
    jobs.write("table/action.json", TEMPLATE);
    jobs.write("typed/action.json", TEMPLATE);
    const definition = '{ schedule: "@daily", expiry: "10m", plugin: "mozdef" }';
    jobs.write("typed/job.ts", `${HEAD}export default job(${definition});\n`);
    expect(await jobs.refresh()).toEqual(["added table", "added typed"]);
    const [table, typed] = ["table", "typed"].map((job) => jobs.catalog.entity(job));
    const same = { job: "", path: "", schedule: null };
    expect({ ...typed, ...same } as object).toEqual({ ...table, ...same });
    expect(typed?.schedule).toMatchObject({ expression: "@daily", timezone: "Asia/Tokyo" });
    expect(typed?.path).toEndWith("/typed/job.ts");
  });

  test("refuses a job that is defined twice", async () => {
    await using jobs = new Jobs();
    jobs.write("a/entity.cfg", TABLE);
    jobs.write("a/job.ts", "");
    jobs.write("b/job.ts", "");
    jobs.write("b/job.js", "");
    expect(await jobs.refresh()).toEqual([
      'broken a: /a: Cannot load job "a": entity.cfg and job.ts define it, exactly one of them ' +
        "may (Remove job.ts, or entity.cfg)",
      'broken b: /b: Cannot load job "b": job.ts and job.js define it, exactly one of them may ' +
        "(Remove job.js, or job.ts)",
    ]);
  });

  test("takes changes of a program and of its helpers at the next scan", async () => {
    await using jobs = new Jobs();
    const text = (name: string) =>
      `${HEAD}import { ${name} } from "./lib/a.ts";\n` +
      `export default job({ retries: ${name} }, async () => {});\n`;
    jobs.write("a/job.ts", text("one"));
    jobs.write("a/lib/a.ts", "export const one = 1;\n");
    expect(await jobs.refresh()).toEqual(["added a"]);
    expect(await jobs.refresh()).toEqual([]);
    jobs.write("a/lib/a.ts", "export const one = 10;\n");
    expect(await jobs.refresh()).toEqual(["changed a"]);
    expect(jobs.catalog.entity("a")).toMatchObject({ retries: 10, workflow: true });
    jobs.write("a/job.ts", text("seven"));
    const [told = ""] = await jobs.refresh();
    expect(told).toStartWith('broken a: /a/job.ts:2:10: Cannot import seven: "/a/lib/a.ts" does');
    jobs.write("a/lib/a.ts", "export const seven = 7;\n");
    expect(await jobs.refresh()).toEqual(["added a"]);
  });

  test("wants an action of every job but a workflow", async () => {
    await using jobs = new Jobs();
    jobs.write("bare/job.ts", `${HEAD}export default job({});\n`);
    jobs.write("flow/job.ts", `${HEAD}export default job({}, async () => {});\n`);
    jobs.write(
      "other/job.ts",
      `${HEAD}export default job({ action: "x.json" }, async () => {});\n`,
    );
    const [bare = "", flow, other = ""] = await jobs.refresh();
    expect(bare).toContain('"/bare/action.json": no such file or directory');
    expect(flow).toBe("added flow");
    expect(other).toContain('"/other/x.json": no such file or directory');
  });

  test("decodes templates, so that a mistake shows at once", async () => {
    await using jobs = new Jobs();
    jobs.write("a/entity.cfg", TABLE);
    jobs.write("a/action.json", "{,}");
    jobs.write("b/job.ts", `${HEAD}export default job({\n  action: { target: 7 } as never,\n});\n`);
    const [table = "", typed = ""] = await jobs.refresh();
    expect(table).toStartWith("broken a: /a/action.json:1:2: Cannot read the action template: ");
    expect(typed).toStartWith("broken b: /b/job.ts:3:3: Cannot read the action template: ");
  });
});
