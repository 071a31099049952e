// Answers: when results are collected, and how long they are kept.
import { expect, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import { ended, Site } from "../support/site.ts";

test("an early result comes before its action expires, and status says how whole it is", async () => {
  await using site = await Site.create();
  const { scenario } = site;
  await scenario.plugin("keep", `cat > "${scenario.path("kept")}"`);
  await site.job("drift", ['expiry = "20m"', "early = true", 'plugin = "keep"']);
  ended(await site.run("run", "drift", "--wait"));
  const { text, document } = await site.result("drift");
  expect(document.commands.length).toBe(5);
  expect(await scenario.read("kept")).toBe(text);
  const { stdout } = await site.run("status", "--json");
  const [job] = JSON.parse(stdout).jobs;
  expect(job.lastRun).toMatchObject({
    state: "open",
    actions: [
      {
        state: "collected",
        completeness: { fetched: 5, sent: 5, counters: { sent: 5, done: 5, success: 5 } },
      },
    ],
    deliveries: [{ plugin: "keep", state: "delivered" }],
  });
  const left = Date.parse(job.lastRun.actions[0].sweepAt) - Date.now();
  expect(left).toBeGreaterThan(10 * 60_000);
  expect((await site.run("status")).stdout).toContain("waiting for late answers");
});

test("a pass removes results and runs that are older than the configuration keeps them", async () => {
  await using site = await Site.create({
    logging: [
      'mode = "stdout"',
      'level = "info"',
      "[retention]",
      'results = "24h"',
      'journal = "24h"',
    ],
  });
  const { scenario } = site;
  await site.job("drift");
  for (let run = 0; run < 2; run++) ended(await site.run("run", "drift", "--wait"));
  const results = await site.results("drift");
  expect(results.length).toBe(2);
  await scenario.write("runners/drift/results/20200101/5.json", "{}");
  const journal = new DatabaseSync(scenario.path("journal.db"));
  // As if the first had been two days ago.
  journal.exec("UPDATE run SET ended_at = ended_at - 172800000 WHERE id = 1");
  journal.exec("UPDATE action SET updated_at = updated_at - 172800000 WHERE run_id = 1");
  const { stderr } = ended(await site.run("--once"));
  expect(stderr).toContain("removed 1 results from before ");
  expect(stderr).toContain("removed 1 old runs from the journal");
  expect(await site.results("drift")).toEqual(results);
  expect(journal.prepare("SELECT id FROM run").all()).toMatchObject([{ id: 2 }]);
  journal.close();
  ended(await site.run("journal", "verify"));
});

test("a delivery that was given up is shown until somebody delivers it: status, and exit 1", async () => {
  await using site = await Site.create();
  const { scenario } = site;
  await scenario.plugin("keep", `[ -e "${scenario.path("mended")}" ]`);
  await site.job("drift", ['plugin = "keep"']);
  ended(await site.run("run", "drift", "--wait"), 1);
  const journal = new DatabaseSync(scenario.path("journal.db"));
  // As after its last try, twenty hours later.
  journal.exec("UPDATE delivery SET attempts = 29, next_at = 1");
  const { stderr } = ended(await site.run("--once"), 1);
  expect(stderr).toContain("given up, `mig-runner redeliver` tries again");
  journal.close();
  // Nothing fails in a pass that finds it given up, and it is told all the same.
  ended(await site.run("--once"), 1);
  const { undelivered } = JSON.parse((await site.run("status", "--json")).stdout);
  expect(undelivered).toMatchObject([{ job: "drift", plugin: "keep", state: "dead" }]);
  expect((await site.run("status")).stdout).toMatch(/1 result undelivered\n.*given up/);
  await scenario.write("mended", "");
  ended(await site.run("redeliver", "drift"));
  ended(await site.run("--once"));
  expect(JSON.parse((await site.run("status", "--json")).stdout).undelivered).toEqual([]);
});
