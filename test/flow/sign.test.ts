import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { DAEMON_LATENESS, launchDue } from "../../src/flow/launch.ts";
import { postAction } from "../../src/flow/post.ts";
import { lateLeftMs, lateness, signAnew, signDated } from "../../src/flow/sign.ts";
import type { ActionRow } from "../../src/journal/inflight.ts";
import { parseTemplate } from "../../src/mig/action.ts";
import type { MigApi } from "../../src/mig/api.ts";
import { actionRow } from "../support/rows.ts";
import { entity, NOON, never, openWorld, postedAs, type World } from "../support/world.ts";

const LIFE = 15_000;

const unsent = { kind: "unsent", refusal: false, status: null, retryAfterMs: null } as const;

const lost = { ...unsent, kind: "unclear", message: "cut" } as const;

const away = { ...unsent, message: "connection refused" };

/** A world in which each text has a signature of its own, and a planned action of 15 seconds. */
async function openLate(): Promise<{ world: World; row: ActionRow }> {
  const world = openWorld();
  world.edges.signer.sign = (text) =>
    Promise.resolve(createHash("sha256").update(text).digest("base64"));
  const nightly = entity({ expiryMs: LIFE, maxAgents: null });
  await world.journal.write((tables) =>
    tables.setCursor(nightly.job, { decidedAt: NOON - 1, schedule: "0 * * * * UTC" }),
  );
  const { planned } = await launchDue(world.edges, nightly, DAEMON_LATENESS);
  const [row] = planned;
  if (row === undefined) throw new Error("nothing was planned");
  return { world, row };
}

const now = (world: World, row: ActionRow): ActionRow => world.journal.action(row.id) as ActionRow;

const post = (world: World, row: ActionRow, fresh = false) =>
  postAction(world.edges, row, {
    fresh,
    lastSentAt: row.updatedAt,
    retries: 2,
    signal: never(),
  });

/** The API is away at first, and again there when `leftMs` of the action's life are left. */
async function comeLate(leftMs: number): Promise<{ world: World; row: ActionRow }> {
  const { world, row } = await openLate();
  world.api.creates = [away];
  await post(world, row, true);
  world.clock.jumpTo(NOON + LIFE - leftMs);
  return { world, row };
}

/** What the agents go by. */
function datesOf(body: string | undefined): readonly string[] {
  const { validfrom, expireafter } = JSON.parse(body ?? "{}");
  return [validfrom, expireafter];
}

describe("An action that was never sent and comes late", () => {
  test("is dated and signed again, in the journal before it is sent (I1)", async () => {
    const { world, row } = await comeLate(3_000);
    let journaled: ActionRow | null = null;
    world.api.create = (body) => {
      world.api.posted.push(body);
      journaled = now(world, row);
      return Promise.resolve(postedAs(7, NOON + 27_000));
    };
    await post(world, now(world, row));
    const [, body] = world.api.posted;
    // Twelve seconds after noon, for fifteen seconds; valid from a minute before.
    expect(datesOf(body)).toEqual(["2026-11-23T11:59:12Z", "2026-11-23T12:00:27Z"]);
    expect(datesOf(row.body)).toEqual(["2026-11-23T11:59:00Z", "2026-11-23T12:00:15Z"]);
    const [before, after] = [row.body, body ?? ""].map((text) => JSON.parse(text));
    const same = ["name", "target", "operations", "syntaxversion"];
    for (const member of same) expect(after[member]).toEqual(before[member]);
    expect(after.pgpsignatures).toHaveLength(1);
    expect(after.pgpsignatures).not.toEqual(before.pgpsignatures);
    const [signature] = after.pgpsignatures;
    expect(journaled).toMatchObject({ state: "planned", body, signature, maybeSent: true });
    const posted = { state: "posted", expireAt: NOON + 27_000, nextAt: NOON + 27_000 };
    expect(now(world, row)).toMatchObject(posted);
    expect(world.lines.join("\n")).not.toContain("posted late");
  });

  test("also when it has waited in this process for its first try", async () => {
    const { world, row } = await openLate();
    world.clock.jumpTo(NOON + 12_000);
    world.api.creates = [postedAs(7, NOON + 27_000)];
    await post(world, row, true);
    expect(datesOf(world.api.posted[0])[1]).toBe("2026-11-23T12:00:27Z");
  });

  test("stays as it is while half of its life is left", async () => {
    const { world, row } = await comeLate(7_500);
    world.api.creates = [postedAs(7, NOON + LIFE)];
    await post(world, now(world, row));
    expect(world.api.posted).toEqual([row.body, row.body]);
  });

  test("is searched for by its new signature after a kill in between (I3)", async () => {
    const { world, row } = await comeLate(3_000);
    let searchedFor = "";
    world.api.create = (body) => {
      world.api.posted.push(body);
      return Promise.reject(new Error("killed"));
    };
    await expect(post(world, now(world, row))).rejects.toThrow("killed");
    (world.api as MigApi).findAction = (order) => {
      searchedFor = order.signature;
      return Promise.resolve({ ...postedAs(7, NOON + 27_000), kind: "found" });
    };
    await post(world, now(world, row));
    expect(world.api.posted).toHaveLength(2);
    expect(searchedFor).toBe(JSON.parse(world.api.posted[1] ?? "{}").pgpsignatures[0]);
    expect(now(world, row)).toMatchObject({ state: "posted", actionId: 7, postedAt: null });
  });

  test("is not posted later than it could be at first, however often it is signed", async () => {
    const { world, row } = await comeLate(3_000);
    await post(world, now(world, row));
    expect(now(world, row).expireAt).toBe(NOON + 27_000);
    world.clock.jumpTo(NOON + LIFE);
    await post(world, now(world, row));
    expect(now(world, row).state).toBe("failed");
    expect(world.api.posted).toHaveLength(2);
  });

  test("is dated again when a clock that was ahead has dated it", async () => {
    const { world, row } = await comeLate(LIFE + 60_000);
    world.api.creates = [postedAs(7, NOON - 60_000 + LIFE)];
    await post(world, now(world, row));
    expect(datesOf(world.api.posted[1])[1]).toBe("2026-11-23T11:59:15Z");
  });

  test("is posted as it is while it cannot be signed, and says how much is left", async () => {
    const { world, row } = await comeLate(3_000);
    world.edges.signer.sign = () => Promise.reject(new Error("gpg is away"));
    world.api.creates = [postedAs(7, NOON + LIFE)];
    await post(world, now(world, row));
    expect(world.api.posted).toEqual([row.body, row.body]);
    expect(world.lines).toContain(
      "warning nightly: Cannot sign action again, it is posted as it is: gpg is away",
    );
    expect(world.lines).toContain(
      "warning nightly: action 7 was posted late, with 3s of its 15s left",
    );
  });

  test.each([
    ["that somebody else has dated", { lifeMs: null }],
    ["that others have signed as well", { body: '{"pgpsignatures":["one","two"]}' }],
  ])("is never signed anew: one %s", async (_, changes) => {
    const { world, row } = await comeLate(3_000);
    world.edges.signer.sign = () => Promise.reject(new Error("it must not be signed"));
    await world.journal.write((tables) =>
      tables.saveAction({ ...now(world, row), ...changes, updatedAt: NOON }),
    );
    const late = { ...now(world, row), ...changes };
    world.api.creates = [postedAs(7, NOON + LIFE)];
    await post(world, late);
    expect(world.api.posted[1]).toBe(late.body);
    expect(world.lines.join("\n")).not.toContain("signed");
  });
});

describe("An action that several keys of the host sign", () => {
  const cosigners = ["second", "third"].map((key) => ({
    sign: async (text: Uint8Array) => `${key} of text ${text.length}`,
  }));

  test("has the signature of each in their order, also when it is signed anew", async () => {
    const { world, row } = await openLate();
    const edges = { ...world.edges, cosigners };
    const signed = await signDated(edges, parseTemplate(new TextEncoder().encode(row.body)));
    const { pgpsignatures } = JSON.parse(signed.body) as { pgpsignatures: string[] };
    // The first of this body was made before there were others.
    expect(pgpsignatures.slice(1)).toEqual([
      signed.signature,
      expect.stringMatching(/^second of text \d+$/),
      expect.stringMatching(/^third of text \d+$/),
    ]);
  });

  test("is dated again only when all of its signatures are of this host", async () => {
    const { world, row } = await openLate();
    world.clock.jumpTo(NOON + LIFE - 3_000);
    expect(await signAnew({ ...world.edges, cosigners }, row)).toBeNull();
    expect(await signAnew(world.edges, row)).not.toBeNull();
  });

  test("is not signed by some of them", async () => {
    const { world, row } = await openLate();
    const away = [{ sign: () => Promise.reject(new Error("the card is away")) }];
    const action = parseTemplate(new TextEncoder().encode(row.body));
    await expect(signDated({ ...world.edges, cosigners: away }, action)).rejects.toThrow(
      "the card is away",
    );
  });
});

describe("An action that may have been sent and comes late", () => {
  test("is sent as it was signed, and tells how much of its life is left (I3)", async () => {
    const { world, row } = await openLate();
    world.api.creates = [lost];
    await post(world, row, true);
    world.clock.jumpTo(NOON + 6_000);
    world.api.creates = [postedAs(7, NOON + LIFE)];
    const posting = post(world, now(world, row));
    await world.clock.moveTo(NOON + 12_000);
    await posting;
    expect(world.api.posted).toEqual([row.body, row.body]);
    expect(now(world, row)).toMatchObject({ state: "posted", postedAt: NOON + 12_000 });
    expect(world.lines).toContain(
      "warning nightly: action 7 was posted late, with 3s of its 15s left",
    );
  });
});

describe("lateLeftMs()", () => {
  const left = (expireAt: number, lifeMs: number | null) =>
    lateLeftMs(actionRow({ expireAt, lifeMs }), NOON);

  test("is what is left when that is less than half", () => {
    expect(left(NOON + 7_499, LIFE)).toBe(7_499);
    expect(left(NOON + 7_500, LIFE)).toBeNull();
    expect(left(NOON - 1, LIFE)).toBe(0);
    expect(left(NOON + 1, null)).toBeNull();
  });
});

describe("lateness()", () => {
  test("tells of each action that was posted late, by when it was posted", () => {
    const life = { expireAt: NOON + 600_000, lifeMs: 600_000 };
    const at = (ms: number | null) =>
      actionRow({ ...life, postedAt: ms === null ? null : NOON + ms });
    expect(lateness([at(0), at(null), at(510_000), at(300_000)])).toEqual([
      "posted late, with 1m30s of its 10m left",
    ]);
  });
});
