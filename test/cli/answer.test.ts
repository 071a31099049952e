// Answer, approve, deny: what people say to a run, and where they see what it asks.
import { describe, expect, test } from "bun:test";
import { answer } from "../../src/cli/answer.ts";
import { approve, deny } from "../../src/cli/approve.ts";
import { audit } from "../../src/cli/audit.ts";
import { history } from "../../src/cli/history.ts";
import { status } from "../../src/cli/status.ts";
import { recordAsked } from "../../src/workflow/answers.ts";
import { newStep } from "../../src/workflow/record.ts";
import { Directory } from "../support/verb.ts";

const HOUR = 3_600_000;
const EVIL = "dig on \u001b[2J12 hosts\nnightly: approved \u202e";

/** An open run that asks for an approval and two answers, one of which has a schema. */
async function asking(more: string | null = null): Promise<Directory> {
  const directory = await Directory.create();
  await directory.job("nightly");
  await directory.remember((tables) => {
    const now = Date.now();
    const source = "hash";
    tables.insertSource(source, "export default 1");
    const run = { job: "nightly", firesAt: now, cause: "manual", source } as const;
    const { id: runId = 0 } = tables.insertRun(run, "open", now) ?? {};
    const body = { runId, template: null, expiryMs: 1, agentsMax: null, plugins: [], seed: 1 };
    tables.insertBody({ ...body, begunAt: now, nextAt: null });
    const ask = (name: string, kind: "wait" | "approval", isChecked: boolean, show: unknown) => {
      const request = { kind, ms: HOUR, show: JSON.stringify(show), isChecked };
      recordAsked(tables, { step: newStep(runId, name, { kind, digest: "" }), request }, now);
    };
    ask("dig", "approval", false, EVIL);
    ask("ticket", "wait", false, { hosts: 3 });
    ask("owner", "wait", true, null);
    if (more !== null) ask(more, "wait", false, null);
  });
  return directory;
}

describe("a run that asks people", () => {
  test("is shown with what it asks, safe and bounded, and with what to type", async () => {
    await using directory = await asking();
    const { out } = await directory.call(status, []);
    expect(out).toContain("3 questions to people\n");
    const words = out.replaceAll(/\s+/g, " ");
    expect(words.replace(/ in \w+ dig on/, " in 1h dig on")).toContain(
      "run 1 nightly dig in 1h dig on \\x1b[2J12 hosts\\nnightly: approved \\u202e " +
        "(mig-runner approve 1 dig, or deny)",
    );
    expect(words).toContain('{"hosts":3} (mig-runner answer 1 ticket JSON)');
    expect(words).toContain("waiting for people (dig, ticket, owner)");
    const json = JSON.parse((await directory.call(status, ["--json"])).out);
    expect(json.questions).toMatchObject([
      { runId: 1, name: "dig", kind: "approval", show: EVIL, error: null },
      { name: "ticket", kind: "wait", show: { hosts: 3 }, untilAt: expect.stringContaining("T") },
      { name: "owner", show: null, way: "mig-runner answer 1 owner JSON" },
    ]);
  });

  test("takes a yes once, with who and why in history and audit", async () => {
    await using directory = await asking();
    const said = await directory.call(approve, ["1", "--why", "change 7"]);
    expect([said.exit, said.out]).toEqual([0, 'nightly: "dig" of run 1 is approved\n']);
    const again = await directory.call(deny, ["1", "dig"]);
    expect(again.thrown).toMatch(/"dig" was approved already, by \S+ at .*Z \(change 7\)/);
    const past = (await directory.call(history, ["1"])).out.replaceAll(/\s+/g, " ");
    expect(past).toMatch(/dig approval saved .*"approved":true.*; by \S+: change 7/);
    const log = (await directory.call(audit, [])).out;
    expect(log).toMatch(/approve +nightly +run 1 dig: change 7/);
    const json = JSON.parse((await directory.call(history, ["1", "--json"])).out);
    expect(json.steps[0]).toMatchObject({
      name: "dig",
      state: "saved",
      show: EVIL,
      answer: { why: "change 7", answeredAt: expect.stringContaining("T") },
    });
    expect(json.steps[2]).toMatchObject({ name: "owner", state: "begun", answer: null });
  });

  test("takes JSON as it is meant, and no other text", async () => {
    await using directory = await asking();
    const wrong = await directory.call(answer, ["1", "ticket", "T-7"]);
    expect(wrong.thrown).toContain(`the answer T-7 is no JSON; a text has quotes: '"T-7"'`);
    const huge = await directory.call(answer, ["1", "ticket", "1e999"]);
    expect(huge.thrown).toContain("the answer: a number in it is too large");
    const long = await directory.call(answer, ["1", "ticket", JSON.stringify("x".repeat(65_535))]);
    expect(long.thrown).toContain("kept as JSON: it has 65537 characters, 65536 fit");
    const deep = await directory.call(answer, ["1", "ticket", "[".repeat(60_000)]);
    expect(deep.thrown).toContain("is no JSON");
    expect((await directory.call(answer, ["1", "ticket"])).thrown).toContain(
      "RUN, a NAME and JSON",
    );
    const given = await directory.call(answer, ["1", "ticket", ' "T-7" ', "--json"]);
    expect(JSON.parse(given.out)).toMatchObject({ name: "ticket", state: "taken", error: null });
    const past = JSON.parse((await directory.call(history, ["1", "--json"])).out);
    expect(past.steps[1]).toMatchObject({ state: "saved", value: '"T-7"' });
  });

  test("is answered by the name that is shown, with what nobody can see or type in it", async () => {
    await using directory = await asking("hosts/web\u200b1\u202e/the ticket");
    const typed = "hosts/web\\u200b1\\u202e/the ticket";
    const { out } = await directory.call(status, []);
    expect(out.replaceAll(/\s+/g, " ")).toContain(`mig-runner answer 1 '${typed}' JSON`);
    const json = JSON.parse((await directory.call(status, ["--json"])).out);
    expect(json.questions[3].way).toBe(`mig-runner answer 1 '${typed}' JSON`);
    const given = await directory.call(answer, ["1", typed, "7"]);
    expect([given.exit, given.out]).toEqual([0, "nightly: the run has its answer\n"]);
    expect((await directory.call(answer, ["1", typed, "8"])).thrown).toContain("answered already");
  });

  test("is completed by a shell: the run, then the names of what it asks", async () => {
    await using directory = await asking();
    const { completionOf } = await import("../../src/cli/completion.ts");
    const verb = completionOf([], approve);
    expect((await directory.call(verb, ["questions"])).out).toBe("1\n");
    expect((await directory.call(verb, ["questions", "1"])).out).toBe("dig\nticket\nowner\n");
    expect((await directory.call(verb, ["questions", "2"])).out).toBe("");
    await directory.remember((tables) => {
      for (const key of ["known", "a key"]) {
        tables.setState({ job: "nightly", key, value: "1", runId: null, setAt: 1 });
      }
    });
    expect((await directory.call(verb, ["keys", "nightly"])).out).toBe("known\n");
    expect((await directory.call(verb, ["keys", "other"])).out).toBe("");
  });

  test("has an answer that its schema is to check saved, and says so", async () => {
    await using directory = await asking();
    const { out, exit } = await directory.call(answer, ["1", "owner", '"ann"']);
    expect([exit, out]).toEqual([0, "nightly: the answer is saved; the run has yet to check it\n"]);
    const again = await directory.call(answer, ["1", "owner", "2"]);
    expect(again.thrown).toContain("and that is being checked");
    expect((await directory.call(approve, ["1", "owner"])).thrown).toContain(
      '"owner" takes another word: mig-runner answer 1 owner JSON',
    );
  });
});
