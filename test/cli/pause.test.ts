import { describe, expect, test } from "bun:test";
import { next } from "../../src/cli/next.ts";
import { pause, unpause } from "../../src/cli/pause.ts";
import { status } from "../../src/cli/status.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { Directory } from "../support/verb.ts";

async function directoryWith(job = "nightly"): Promise<Directory> {
  const directory = await Directory.create();
  await directory.job(job, ['timezone = "UTC"']);
  return directory;
}

/** What the journal says. */
async function read<Value>(
  directory: Directory,
  look: (journal: ReturnType<typeof openJournal>) => Value,
): Promise<Value> {
  const journal = openJournal({ path: directory.at("journal.db"), readOnly: true });
  const value = look(journal);
  await journal.close();
  return value;
}

describe("pause", () => {
  test("is told by status and next, with who made it and why, and is in the audit log", async () => {
    await using directory = await directoryWith();
    const words = ["nightly", "--until", "2199-01-01T00:00:00Z", "--why", "change 4711"];
    const paused = await directory.call(pause, words);
    expect([paused.exit, paused.thrown]).toEqual([0, ""]);
    expect(paused.out).toStartWith("nightly: paused until 2199-01-01");
    const text = (await directory.call(status, [])).out;
    expect(text).toMatch(
      /\nheld\n {2}nightly {2}skips {2}until 2199-.*paused by .+: change 4711\n/,
    );
    const { jobs } = JSON.parse((await directory.call(status, ["--json"])).out);
    expect(jobs[0].held).toEqual({
      untilAt: "2199-01-01T00:00:00.000Z",
      action: "skip",
      reason: expect.stringMatching(/^paused by .+: change 4711$/),
    });
    const shown = await directory.call(next, ["nightly", "-n", "1"]);
    expect(shown.out).toMatch(/ {2}skipped: paused by .+: change 4711\n$/);
    const answer = JSON.parse((await directory.call(next, ["nightly", "-n", "2", "--json"])).out);
    expect(answer.held.map(({ at }: { at: string }) => at)).toEqual(answer.next);
    const rows = await read(directory, (journal) => journal.auditRows(0, 9));
    expect(rows).toMatchObject([
      { deed: "pause", subject: "nightly", detail: "until 2199-01-01T00:00:00.000Z: change 4711" },
    ]);
  });

  test("takes the place of the one before", async () => {
    await using directory = await directoryWith();
    await directory.call(pause, ["nightly", "--why", "one"]);
    const { out } = await directory.call(pause, ["nightly", "--until", "8h", "--why", "two"]);
    expect(out).toMatch(/^nightly: paused until .+, no longer paused by .+: one\n$/);
    const rows = await read(directory, (journal) => journal.pausesNow(0));
    expect(rows.map(({ why }) => why)).toEqual(["two"]);
  });

  test("refuses an end that is over, a job that there is not, and more than one", async () => {
    await using directory = await directoryWith();
    const over = await directory.call(pause, ["nightly", "--until", "2001-01-01T00:00:00Z"]);
    expect(over.thrown).toBe("flag -until is over already: a time to come is wanted");
    const none = await directory.call(pause, ["nihgtly"]);
    expect(none.thrown).toContain('Cannot pause job "nihgtly": there is none');
    expect(none.thrown).toContain('did you mean "nightly"?');
    expect((await directory.call(pause, ["a", "b"])).thrown).toBe("pause takes one JOB");
  });
});

describe("a blackout", () => {
  test("is told by status and next, and what becomes of the fire times", async () => {
    await using directory = await directoryWith();
    await directory.config(
      '[blackout "freeze"]',
      "from = 2001-01-01T00:00:00Z",
      "until = 2199-01-01T00:00:00Z",
      "action = delay",
      "jobs = night*",
      "why = works",
    );
    const reason = 'blackout "freeze": works';
    const { jobs } = JSON.parse((await directory.call(status, ["--json"])).out);
    expect(jobs[0].held).toEqual({ untilAt: "2199-01-01T00:00:00.000Z", action: "delay", reason });
    expect((await directory.call(status, [])).out).toContain(`${reason}\n`);
    const shown = await directory.call(next, ["nightly", "-n", "1"]);
    expect(shown.out).toEndWith(`  waits until 2199-01-01T00:00:00Z: ${reason}\n`);
    const answer = JSON.parse((await directory.call(next, ["nightly", "-n", "1", "--json"])).out);
    expect(answer.held).toMatchObject([{ action: "delay", until: "2199-01-01T00:00:00Z", reason }]);
  });
});

describe("unpause", () => {
  test("ends a pause, also of a job that is gone by now", async () => {
    await using directory = await directoryWith();
    await directory.call(pause, ["nightly", "--why", "works"]);
    await directory.write("runners/nightly/entity.cfg", "broken");
    const { exit, out } = await directory.call(unpause, ["nightly", "--why", "done", "--json"]);
    expect([exit, JSON.parse(out)]).toEqual([0, { job: "nightly", paused: false }]);
    const [rows, audit] = await read(directory, (journal) => [
      journal.pausesNow(0),
      journal.auditRows(1, 9),
    ]);
    expect(rows).toEqual([]);
    expect(audit).toMatchObject([
      { deed: "unpause", detail: expect.stringMatching(/^paused by .+: works: done$/) },
    ]);
  });

  test("says of a job that is not paused that it is not", async () => {
    await using directory = await directoryWith();
    const { thrown } = await directory.call(unpause, ["nightly"]);
    expect(thrown).toContain('Cannot unpause job "nightly": it is not paused');
    const other = await directory.call(unpause, ["nightyl"]);
    expect(other.thrown).toContain('Cannot unpause job "nightyl": there is none');
  });
});
