import { describe, expect, test } from "bun:test";
import { DAEMON_LATENESS, launchDue } from "../../src/flow/launch.ts";
import { Presigned } from "../../src/flow/presigned.ts";
import type { Entity } from "../../src/jobs/entity.ts";
import { entity, NOON, openWorld } from "../support/world.ts";

const HOUR = 3_600_000;
/** The fire time that things are signed for. */
const AT = NOON + HOUR;
const TEMPLATE = JSON.stringify({
  name: "a",
  target: "id=1",
  syntaxversion: 2,
  operations: [{ module: "timedrift", parameters: { drift: "" } }],
});

/** A job whose template is a file, five seconds before its fire time. */
async function openBefore(of: Partial<Entity> = {}) {
  const world = openWorld();
  const file = { text: TEMPLATE, stamp: "one" };
  world.spool.read = () => Promise.resolve(new TextEncoder().encode(file.text));
  world.spool.stamp = () => Promise.resolve(file.stamp);
  const signed: string[] = [];
  world.edges.signer.sign = (text) => {
    signed.push(new TextDecoder().decode(text));
    return Promise.resolve(`signature ${signed.length}`);
  };
  const job = entity({ template: { kind: "file", name: "action.json" }, ...of });
  const jobs = new Map([[job.job, job]]);
  const state = { isQuiet: true };
  const catalog = { entity: (name: string) => jobs.get(name) ?? null };
  const presigned = new Presigned(world.edges, catalog, () => state.isQuiet);
  const edges = { ...world.edges, presigned };
  await world.journal.write((tables) =>
    tables.setCursor(job.job, { decidedAt: AT - 1, schedule: "0 * * * * UTC" }),
  );
  /** One tick, and all that it signs. */
  const tick = async (due: Partial<Record<string, number>> = { [job.job]: AT }) => {
    presigned.tick(world.clock.now(), (by) =>
      Object.entries(due).flatMap(([name, at = 0]) => (at <= by ? [{ job: name, at }] : [])),
    );
    await world.clock.moveBy(0);
  };
  world.clock.jumpTo(AT - 5_000);
  return { world, edges, presigned, job, jobs, file, signed, state, tick };
}

/** The action that the launch plans. */
async function launch({
  edges,
  job,
}: Pick<Awaited<ReturnType<typeof openBefore>>, "edges" | "job">) {
  const { planned } = await launchDue(edges, job, DAEMON_LATENESS);
  const [row] = planned;
  if (row === undefined) throw new Error("nothing was planned");
  return row;
}

describe("An action that is signed before its fire time", () => {
  test("is the one that is posted, dated by the fire time", async () => {
    const site = await openBefore();
    await site.tick();
    expect(site.signed).toHaveLength(1);
    site.world.clock.jumpTo(AT);
    const row = await launch(site);
    expect(site.signed).toHaveLength(1);
    expect(row.signature).toBe("signature 1");
    // From a minute before the hour, for the five minutes that it lives.
    const { validfrom, expireafter } = JSON.parse(row.body);
    expect([validfrom, expireafter]).toEqual(["2026-11-23T12:59:00Z", "2026-11-23T13:05:00Z"]);
    expect(row).toMatchObject({ expireAt: AT + 300_000, lifeMs: 300_000, state: "planned" });
  });

  test("is in no journal before it is due", async () => {
    const site = await openBefore();
    await site.tick();
    expect(site.signed).toHaveLength(1);
    expect(site.world.journal.pendingActions(10)).toEqual([]);
    expect(site.world.journal.runs(site.job.job, 1)).toEqual([]);
  });

  test("is signed once, however often the loop turns", async () => {
    const site = await openBefore();
    for (let turn = 0; turn < 5; turn++) await site.tick();
    expect(site.signed).toHaveLength(1);
  });

  test("is not signed while something is launched or posted, nor long before", async () => {
    const site = await openBefore();
    site.state.isQuiet = false;
    await site.tick();
    site.state.isQuiet = true;
    await site.tick({ [site.job.job]: AT + HOUR });
    expect(site.signed).toEqual([]);
  });

  const stale: readonly (readonly [
    string,
    (site: Awaited<ReturnType<typeof openBefore>>) => void,
  ])[] = [
    ["its template was written meanwhile", ({ file }) => Object.assign(file, { stamp: "two" })],
    ["the configuration was read anew", ({ presigned }) => presigned.clear()],
    ["the launch comes three seconds late", ({ world }) => world.clock.jumpTo(AT + 3_000)],
    [
      "its template cannot be looked at",
      ({ world }) => {
        world.spool.stamp = () => Promise.reject(new Error("no such file"));
      },
    ],
  ];
  for (const [why, change] of stale) {
    test(`is signed again when ${why}`, async () => {
      const site = await openBefore();
      await site.tick();
      site.world.clock.jumpTo(AT);
      change(site);
      expect((await launch(site)).signature).toBe("signature 2");
    });
  }

  test("is signed again when the job was changed meanwhile", async () => {
    const site = await openBefore();
    await site.tick();
    const changed = { ...site.job, expiryMs: 60_000 };
    site.jobs.set(site.job.job, changed);
    site.world.clock.jumpTo(AT);
    const row = await launch({ edges: site.edges, job: changed });
    expect(row).toMatchObject({ signature: "signature 2", lifeMs: 60_000 });
  });

  test("is not kept when the configuration changes while it is being signed", async () => {
    const site = await openBefore();
    const gate = Promise.withResolvers<string>();
    site.world.edges.signer.sign = () => gate.promise;
    await site.tick();
    site.presigned.clear();
    gate.resolve("by the key of before");
    await site.world.clock.moveBy(0);
    expect(await site.presigned.take(site.job, AT)).toBeNull();
  });

  test("is given away once", async () => {
    const site = await openBefore();
    await site.tick();
    site.world.clock.jumpTo(AT);
    expect(await site.presigned.take(site.job, AT)).toHaveLength(1);
    expect(await site.presigned.take(site.job, AT)).toBeNull();
  });

  test("is left to the launch, and its message, when it cannot be signed", async () => {
    const site = await openBefore();
    const { sign } = site.world.edges.signer;
    site.world.edges.signer.sign = () => Promise.reject(new Error("the agent is away"));
    await site.tick();
    await site.tick();
    expect(site.world.lines).toEqual([]);
    site.world.edges.signer.sign = sign;
    site.world.clock.jumpTo(AT);
    expect((await launch(site)).signature).toBe("signature 1");
  });

  const others: readonly (readonly [string, Partial<Entity>])[] = [
    ["a workflow", { workflow: true }],
    ["a calendar", { signing: "calendar" }],
    ["a canary", { canary: "10%" }],
  ];
  for (const [what, of] of others) {
    test(`is none of a job with ${what}`, async () => {
      const site = await openBefore(of as Partial<Entity>);
      await site.tick();
      expect(site.signed).toEqual([]);
    });
  }

  test("is forgotten when its launch never came", async () => {
    const site = await openBefore();
    await site.tick();
    site.world.clock.jumpTo(AT + 60_000);
    await site.tick({});
    site.world.clock.jumpTo(AT);
    expect(await site.presigned.take(site.job, AT)).toBeNull();
  });
});
