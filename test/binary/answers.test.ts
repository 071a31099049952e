// Answers: when results are collected: early, when all agents have answered, and once more later.
import { expect, test } from "bun:test";
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
