// Guards: growth, canary and approve, each seen to stop what it should on a fleet of 200 agents.
import { describe, expect, test } from "bun:test";
import { ACTION, ended, Site } from "../support/site.ts";

const AGENTS = 200;

const fine = { speed: 1_000, silentRate: 0, failedRate: 0, timeoutRate: 0 };

function siteOf(behaviour: Partial<typeof fine> = {}): Promise<Site> {
  return Site.create({ sandbox: { agents: AGENTS, behaviour: { ...fine, ...behaviour } } });
}

/** What `status` says of the last run of the only job. */
async function lastRun(site: Site) {
  const { jobs } = JSON.parse(ended(await site.run("status", "--json")).stdout);
  return jobs[0].lastRun;
}

const answered = ({ actions }: { actions: { completeness: { fetched: number } | null }[] }) =>
  actions.map(({ completeness }) => completeness?.fetched ?? 0);

describe.concurrent("on 200 agents", () => {
  test("a canary that answers is followed by the rest, one that fails keeps them from it", async () => {
    await using site = await siteOf();
    await site.job("drift", ["canary = 10%", "canarywait = 2s"]);
    ended(await site.run("run", "drift", "--wait"));
    const good = await lastRun(site);
    const [first = 0, rest = 0, ...more] = answered(good);
    expect([good.state, first + rest, more]).toEqual(["done", AGENTS, []]);
    expect(first).toBeGreaterThan(5);
    expect(first).toBeLessThan(50);
    await using broken = await siteOf({ failedRate: 1 });
    await broken.job("drift", ["canary = 10%", "canarywait = 2s", "canaryfailures = 2"]);
    ended(await broken.run("run", "drift", "--wait"), 1);
    const bad = await lastRun(broken);
    expect(bad.state).toBe("failed");
    expect(bad.note).toMatch(/^canary: (\d+) of \1 agents failed or did not answer/);
    expect(broken.sandbox.actions().length).toBe(1);
    expect(ended(await broken.run("status")).stdout).toMatch(
      /failed .*: canary: \d+ of \d+ agents/,
    );
  });

  test("growth refuses a target that matches much more than at the last run", async () => {
    await using site = await siteOf();
    const few = ACTION.replace("status='online' OR status='idle'", "left(md5(queueloc), 1) < '4'");
    await site.job("drift", ["growth = 20%"], few);
    ended(await site.run("run", "drift", "--wait"));
    await site.job("drift", ["growth = 20%"]);
    ended(await site.run("run", "drift", "--wait"), 1);
    const { state, note } = await lastRun(site);
    expect([state, note]).toEqual([
      "failed",
      expect.stringMatching(/^its target matches 200 agents, \d\d at the last run: growth is 20%$/),
    ]);
    expect(site.sandbox.actions().length).toBe(1);
  });

  test("approve holds what goes to many agents, until a person says yes", async () => {
    await using site = await siteOf();
    await site.job("drift", ["approve = 100"]);
    ended(await site.run("run", "drift"), 1);
    expect(site.sandbox.actions()).toEqual([]);
    expect(ended(await site.run("status")).stdout).toMatch(
      /waiting for approval since [\s\S]* it waits for approval/,
    );
    ended(await site.run("approve", "1", "--why", "change 4711"));
    ended(await site.run("--once", "--wait"));
    expect(answered(await lastRun(site))).toEqual([AGENTS]);
    expect(ended(await site.run("audit")).stdout).toMatch(/approve drift +run 1: change 4711$/m);
    ended(await site.run("run", "drift"), 1);
    ended(await site.run("deny", "2"));
    expect((await lastRun(site)).note).toMatch(/^denied by /);
    expect(site.sandbox.actions().length).toBe(1);
  });
});
