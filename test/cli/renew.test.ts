// Renew: `resume --with-new-source`, with a job.ts that fits what is saved, and one that does not.
import { describe, expect, test } from "bun:test";
import { resume } from "../../src/cli/resume.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { Directory } from "../support/verb.ts";

/** A paused run of job "hunt", with one saved step. */
async function paused(code: string): Promise<Directory> {
  const directory = await Directory.create();
  const text = `import { job } from "mig-runner";\nexport default job({}, async (run) => {${code}});\n`;
  await directory.write("runners/hunt/job.ts", text);
  const journal = openJournal({ path: directory.at("journal.db") });
  await journal.write((to) => {
    const order = { job: "hunt", firesAt: 1, cause: "manual", source: "old" } as const;
    const run = to.insertRun(order, "open", 1);
    if (run === null) throw new Error("there is a run already");
    to.insertSource("old", "x");
    const body = { template: null, expiryMs: 1, agentsMax: null, plugins: [], seed: 9 };
    to.insertBody({ runId: run.id, ...body, begunAt: 1, nextAt: null });
    const step = to.insertStep({ runId: 1, name: "count", kind: "step", digest: "", nextAt: null });
    if (step === null) throw new Error("there is a step already");
    to.saveStep({ ...step, state: "saved", value: "5", sequence: 1, endedAt: 2 });
    to.saveRun({ ...run, state: "paused", note: "it differs" });
  });
  await journal.close();
  return directory;
}

describe("resume --with-new-source", () => {
  test("lets a run go on with the job.ts of today, which fits to what is saved", async () => {
    await using directory = await paused(
      'await run.step("count", () => 1); await run.sleep("a", "1h");',
    );
    const { exit, out, thrown } = await directory.call(resume, ["1", "--with-new-source"]);
    expect([exit, thrown]).toEqual([0, ""]);
    expect(out).toBe("hunt: the next mig-runner goes on with run 1\n");
    const journal = openJournal({ path: directory.at("journal.db"), readOnly: true });
    const run = journal.run(1);
    expect([run?.state, run?.note, run?.source?.length]).toEqual(["open", null, 64]);
    expect(journal.source(run?.source ?? "")).toContain("1h");
    expect(journal.auditHead()).toMatchObject({ detail: "run 1 with new source" });
    await journal.close();
  });

  test("shows where the two part, and changes nothing", async () => {
    await using directory = await paused('await run.sleep("count", "1h");');
    const { exit, thrown } = await directory.call(resume, ["1", "--with-new-source"]);
    expect(exit).not.toBe(0);
    expect(thrown).toContain(
      'with its new source: the journal has the saved step "count" (step), the code asks for a sleep',
    );
    expect(thrown).toContain("Nothing was changed.");
    const journal = openJournal({ path: directory.at("journal.db"), readOnly: true });
    expect(journal.run(1)).toMatchObject({ state: "paused", note: "it differs", source: "old" });
    expect(journal.auditHead()).toBeNull();
    await journal.close();
  });
});
