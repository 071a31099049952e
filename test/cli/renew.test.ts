// Renew: `resume --with-new-source`, with a job.ts that fits what is saved, and one that does not.
import { describe, expect, test } from "bun:test";
import { resume } from "../../src/cli/resume.ts";
import { bundleJob } from "../../src/edge/modules/bundle.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { Directory } from "../support/verb.ts";

/** A paused run of job "hunt", which began with an older source and has one saved step. */
async function paused(code: string): Promise<Directory> {
  const directory = await Directory.create();
  const path = directory.at("runners/hunt/job.ts");
  const textOf = (body: string): string =>
    `import { job } from "mig-runner";\nexport default job({}, async (run) => {${body}});\n`;
  await directory.write("runners/hunt/job.ts", textOf('\n\nawait run.step("count", () => 1);'));
  const { source } = await bundleJob(path, { below: directory.path });
  await directory.write("runners/hunt/job.ts", textOf(code));
  const journal = openJournal({ path: directory.at("journal.db") });
  await journal.write((to) => {
    const order = { job: "hunt", firesAt: 1, cause: "manual", source: "old" } as const;
    const run = to.insertRun(order, "open", 1);
    if (run === null) throw new Error("there is a run already");
    to.insertSource("old", source);
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
    await using directory = await paused('\nawait run.sleep("count", "1h");');
    const { exit, thrown } = await directory.call(resume, ["1", "--with-new-source"]);
    expect(exit).not.toBe(0);
    expect(thrown).toContain(
      'with its new source: the journal has the saved step "count" (step), the code asks for a sleep',
    );
    const path = directory.at("runners/hunt/job.ts");
    expect(thrown).toContain(
      `; the source that the run began with asks for it at ${path}:4, the new one is at ${path}:3 `,
    );
    expect(thrown).toContain("Nothing was changed.");
    const journal = openJournal({ path: directory.at("journal.db"), readOnly: true });
    expect(journal.run(1)).toMatchObject({ state: "paused", note: "it differs", source: "old" });
    expect(journal.auditHead()).toBeNull();
    await journal.close();
  });
});
