import { beforeAll, describe, expect, test } from "bun:test";
import type { Calendar } from "../../src/calendar/file.ts";
import {
  DAEMON_LATENESS,
  launchDue,
  launchRequested,
  ONCE_LATENESS,
} from "../../src/flow/launch.ts";
import { postAction } from "../../src/flow/post.ts";
import { coverageNow, needsNoKey } from "../../src/flow/signed-ahead.ts";
import { parseSchedule } from "../../src/jobs/schedule.ts";
import { type CalendarRow, newCalendar } from "../../src/journal/windows.ts";
import { requested, signedBy } from "../support/calendars.ts";
import { entity, NOON, never, openWorld, postedAs, type World } from "../support/world.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const schedule = parseSchedule("0 * * * *", { timezone: "UTC" });
const job = entity({ job: "sshd", signing: "calendar", minSigners: 2, schedule });
const request = { schedule, expiryMs: 10 * MINUTE, now: NOON - HOUR - 1, until: NOON + HOUR };

/** Windows at 11, 12 and 13 o'clock. */
let signed: Calendar;

beforeAll(async () => {
  signed = await signedBy(requested(request), ["ann", "bob"], NOON - HOUR);
});

async function install(world: World, calendar: Calendar): Promise<CalendarRow> {
  const row = await world.journal.write((tables) =>
    tables.insertCalendar(newCalendar(calendar), NOON),
  );
  if (row === null) throw new Error("there is one of this number already");
  return row;
}

/** A world in which everything up to an hour ago is decided, and signing live is not possible. */
async function openHost(): Promise<World> {
  const world = openWorld();
  world.edges.signer.sign = () => Promise.reject(new Error("there is no key here"));
  const cursor = { decidedAt: NOON - HOUR, schedule: "0 * * * * UTC", aheadAt: null };
  await world.journal.write((tables) => tables.setCursor("sshd", cursor));
  return world;
}

const launch = (world: World, lateness = DAEMON_LATENESS) => launchDue(world.edges, job, lateness);
const missed = (world: World) =>
  world.journal.missed("sshd", 9).map(({ firstAt, reason }) => [firstAt, reason]);

describe("a job that is signed ahead", () => {
  test("posts the bytes of its window, with both signatures and the window's times", async () => {
    const world = await openHost();
    const calendar = await install(world, signed);
    const { planned } = await launch(world);
    expect(planned.length).toBe(1);
    const [row] = planned;
    const signatures = signed.windows[1]?.signatures ?? [];
    expect(JSON.parse(row?.body ?? "")).toMatchObject({
      name: "mig-runner: sshd",
      validfrom: "2026-11-23T11:58:00Z",
      expireafter: "2026-11-23T12:10:00Z",
      pgpsignatures: signatures,
    });
    expect(row).toMatchObject({ expireAt: NOON + 10 * MINUTE, signature: signatures[0] });
    expect(world.journal.window(calendar.id, NOON)?.runId).toBe(row?.runId as number);
    const told = world.lines.filter((line) => line.includes("its calendar"));
    expect(told).toEqual([
      "warning sshd: its calendar: 1 window is left, for 1h: request the next calendar",
    ]);
    expect(missed(world)).toEqual([]);
  });

  test("uses a window once, also when the journal forgets that (I2)", async () => {
    const world = await openHost();
    await install(world, signed);
    const [row] = (await launch(world)).planned;
    const cursor = { decidedAt: NOON - HOUR, schedule: "0 * * * * UTC", aheadAt: null };
    await world.journal.write((tables) => tables.setCursor("sshd", cursor));
    expect((await launch(world)).planned).toEqual([]);
    // Somebody removes the run, and with it the unique index's knowledge of it.
    await world.journal.write((tables) => {
      tables.saveRun({ ...must(tables.run(row?.runId ?? 0)), state: "done", endedAt: NOON });
      tables.removeRuns([row?.runId ?? 0]);
      tables.setCursor("sshd", cursor);
    });
    expect((await launch(world)).planned).toEqual([]);
    expect(missed(world)).toEqual([[NOON, "the calendar has no window"]]);
  });

  test("misses a fire time without a window, and says why", async () => {
    const world = await openHost();
    await launch(world);
    expect(missed(world)).toEqual([[NOON, "the calendar has no window: none is installed"]]);
    expect(world.lines).toContain(
      "err sshd: missed the fire time 2026-11-23T12:00:00.000Z: " +
        "the calendar has no window: none is installed",
    );
    expect(world.journal.runs("sshd", 9)).toEqual([]);
    await install(world, signed);
    world.clock.jumpTo(NOON + 2 * HOUR);
    await launch(world);
    // 13:00 was not run in time, and 14:00 is beyond the calendar.
    expect(missed(world)[0]).toEqual([NOON + 2 * HOUR, "the calendar has no window"]);
    expect((await launch(world)).planned).toEqual([]);
  });

  test("runs late what its window still allows, and nothing after it", async () => {
    const world = await openHost();
    await install(world, signed);
    world.clock.jumpTo(NOON + 9 * MINUTE);
    expect((await launch(world, ONCE_LATENESS)).planned.length).toBe(1);
    world.clock.jumpTo(NOON + HOUR + 10 * MINUTE);
    expect((await launch(world, ONCE_LATENESS)).planned).toEqual([]);
    expect(missed(world)).toEqual([[NOON + HOUR, "its window of the calendar has passed"]]);
  });

  test("has no window of a calendar that was replaced or withdrawn", async () => {
    const world = await openHost();
    const first = await install(world, signed);
    const before = { sequence: 1, hash: first.hash };
    const later = { ...request, now: NOON, until: NOON + 2 * HOUR, before };
    const second = await install(world, await signedBy(requested(later), ["ann", "bob"], NOON));
    expect(world.journal.calendar("sshd")?.id).toBe(second.id);
    expect(world.journal.calendarById(first.id)).toMatchObject({
      state: "replaced",
      endedAt: NOON,
    });
    expect(world.journal.windows(first.id, 0, 9)).toEqual([]);
    await launch(world);
    expect(missed(world)).toEqual([[NOON, "the calendar has no window"]]);
    await world.journal.write((tables) => tables.withdrawCalendar(second.id, NOON));
    expect(world.journal.calendar("sshd")).toBeNull();
    expect(world.journal.newestCalendar("sshd")?.sequence).toBe(2);
    world.clock.jumpTo(NOON + HOUR);
    await launch(world);
    expect(missed(world)[0]).toEqual([
      NOON + HOUR,
      "the calendar has no window: none is installed",
    ]);
  });

  test("posts nothing of a calendar that was withdrawn, also what was planned of it", async () => {
    for (const maybeSent of [false, true]) {
      const world = await openHost();
      const { id } = await install(world, signed);
      const [row] = (await launch(world)).planned;
      const planned = { ...must(row ?? null), maybeSent };
      await world.journal.write((tables) => {
        tables.saveAction(planned);
        tables.withdrawCalendar(id, NOON);
      });
      world.api.finds = Array.from({ length: 4 }, () => ({ kind: "absent" }) as const);
      const options = { fresh: false, lastSentAt: 0, retries: 9, signal: never() };
      const posting = postAction(world.edges, planned, options);
      for (const seconds of [2, 4, 8]) await world.clock.moveBy(seconds * 1_000);
      // Only one that may have been sent has been looked for.
      expect(await posting).toBe(maybeSent ? "answered" : null);
      expect(world.api.posted).toEqual([]);
      expect(world.journal.runs("sshd", 9)).toMatchObject([
        { state: "failed", note: "its calendar was withdrawn before it was posted" },
      ]);
    }
  });

  test("posts what it has planned when its calendar is replaced", async () => {
    const world = await openHost();
    const { hash } = await install(world, signed);
    const [row] = (await launch(world)).planned;
    const before = { sequence: 1, hash };
    const later = { ...request, now: NOON, until: NOON + 2 * HOUR, before };
    await install(world, await signedBy(requested(later), ["ann", "bob"], NOON));
    world.api.creates = [postedAs(7, NOON + 10 * MINUTE)];
    const options = { fresh: true, lastSentAt: 0, retries: 0, signal: never() };
    await postAction(world.edges, must(row ?? null), options);
    expect(world.journal.actionById(7)?.state).toBe("posted");
  });

  test("is not installed twice under one number", async () => {
    const world = await openHost();
    await install(world, signed);
    const again = world.journal.write((tables) => tables.insertCalendar(newCalendar(signed), NOON));
    expect(await again).toBeNull();
  });

  test("cannot be run by hand, and says what to do", async () => {
    const world = await openHost();
    await install(world, signed);
    const run = await world.journal.write((tables) =>
      tables.insertRun({ job: "sshd", firesAt: NOON + 7, cause: "manual" }, "requested", NOON),
    );
    const { failed } = await launchRequested(world.edges, job, must(run));
    expect(failed).toBe(1);
    expect(world.journal.run(must(run).id)).toMatchObject({ state: "failed" });
    expect(world.journal.run(must(run).id)?.note).toMatch(
      /signed ahead, for its fire times only.*install a calendar that covers it/,
    );
  });

  test("posts a queued fire time in its own window", async () => {
    const world = await openHost();
    await install(world, signed);
    const run = await world.journal.write((tables) =>
      tables.insertRun({ job: "sshd", firesAt: NOON, cause: "schedule" }, "requested", NOON),
    );
    const { planned } = await launchRequested(world.edges, job, must(run));
    expect(planned).toMatchObject([{ expireAt: NOON + 10 * MINUTE }]);
  });

  test("tells how far it reaches", async () => {
    const world = await openHost();
    const { id } = await install(world, signed);
    const coverage = { left: 1, all: 3, nextAt: NOON + HOUR, lastAt: NOON + HOUR };
    expect(world.journal.coverage(id, NOON)).toEqual(coverage);
    const none = { left: 0, all: 3, nextAt: null, lastAt: null };
    expect(world.journal.coverage(id, NOON + HOUR)).toEqual(none);
    expect(world.journal.calendars(9).map((row) => row.job)).toEqual(["sshd"]);
  });
});

function must<Value>(value: Value | null): Value {
  if (value === null) throw new Error("it is not there");
  return value;
}

describe("a job that posts ahead", () => {
  const early = { ...job, postAheadMs: 10 * MINUTE };
  const ahead = (world: World) => launchDue(world.edges, early, DAEMON_LATENESS);

  test("is launched so long before its fire time, with the window of that", async () => {
    const world = await openHost();
    await install(world, signed);
    world.clock.jumpTo(NOON + 50 * MINUTE - 1);
    // 12:00 has passed by more than its grace.
    expect((await ahead(world)).planned).toEqual([]);
    expect(missed(world)).toEqual([[NOON, "it was not run in time"]]);
    world.clock.jumpTo(NOON + 50 * MINUTE);
    const { planned } = await ahead(world);
    expect(planned).toMatchObject([{ expireAt: NOON + HOUR + 10 * MINUTE }]);
    expect(world.journal.runs("sshd", 9)[0]?.firesAt).toBe(NOON + HOUR);
    expect(world.journal.cursor("sshd")?.decidedAt).toBe(NOON + HOUR);
  });

  test("is posted once: its cursor in the future is no sign of a wrong clock", async () => {
    const world = await openHost();
    await install(world, signed);
    world.clock.jumpTo(NOON + 50 * MINUTE);
    await ahead(world);
    for (const minutes of [51, 55, 60, 61]) {
      world.clock.jumpTo(NOON + minutes * MINUTE);
      expect((await ahead(world)).planned).toEqual([]);
    }
    expect(world.lines.join("\n")).not.toMatch(/while the clock was ahead/);
    expect(world.journal.runs("sshd", 9).length).toBe(1);
  });

  test("is on time until its fire time, whenever the runner comes up", async () => {
    const world = await openHost();
    await install(world, signed);
    world.clock.jumpTo(NOON + 59 * MINUTE);
    expect((await ahead(world)).planned.length).toBe(1);
  });
});

describe("needsNoKey()", () => {
  test("holds where every job is signed ahead, and there is one", () => {
    const live = entity({ signing: "live" });
    expect([[], [job], [job, job], [job, live], [live]].map(needsNoKey)).toEqual([
      false,
      true,
      true,
      false,
      false,
    ]);
  });
});

describe("coverageNow()", () => {
  test("has no window where no calendar is installed, or no journal is", () => {
    const none = { calendar: null, left: 0, all: 0, lastAt: null };
    const warning = "none is installed: its fire times will be missed";
    for (const journal of [openWorld().journal, null]) {
      expect(coverageNow(journal, entity({ job: "sshd" }), NOON)).toEqual({ ...none, warning });
    }
  });

  test("wants no window where the schedule has ended, or has none before its end", () => {
    for (const until of [NOON - 1, NOON + 1]) {
      const schedule = parseSchedule("0 * * * *", { timezone: "UTC", until });
      const { warning } = coverageNow(null, entity({ schedule }), NOON);
      expect(warning).toBeNull();
    }
  });

  test("wants no other calendar when the last window is that of the last fire time", async () => {
    const { journal } = openWorld();
    const [last] = [...signed.windows].reverse();
    if (last === undefined) throw new Error("nothing is signed");
    await journal.write((tables) => tables.insertCalendar(newCalendar(signed), NOON - HOUR));
    const warningUntil = (until: number) => {
      const schedule = parseSchedule("0 * * * *", { timezone: "UTC", until });
      return coverageNow(journal, { job: signed.job, schedule }, NOON).warning;
    };
    expect(warningUntil(last.firesAt + HOUR)).toBeNull();
    expect(warningUntil(last.firesAt + HOUR + 1)).toMatch(/^\d+ windows? (is|are) left/);
  });
});
