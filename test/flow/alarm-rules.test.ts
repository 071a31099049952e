import { describe, expect, test } from "bun:test";
import {
  API_DOWN_MS,
  apiConditions,
  changesOf,
  deadConditions,
  type JobFacts,
  jobConditions,
  noticeBody,
} from "../../src/flow/alarm-rules.ts";
import type { AlarmRow } from "../../src/journal/alarms.ts";
import type { Completeness, RunRow } from "../../src/journal/inflight.ts";
import { deliveryRow } from "../support/rows.ts";

const HOUR = 3_600_000;
const NOW = 100 * HOUR;

function run(id: number, state: RunRow["state"], changes: Partial<RunRow> = {}): RunRow {
  return {
    id,
    job: "nightly",
    firesAt: id * HOUR,
    cause: "schedule",
    state,
    source: null,
    note: null,
    params: null,
    begunAt: id * HOUR,
    deadlineAt: null,
    endedAt: id * HOUR + 5,
    notBefore: null,
    ...changes,
  };
}

function result(changes: Partial<Completeness> = {}): Completeness {
  return {
    fetched: 3,
    sent: 3,
    counters: null,
    statuses: { success: 3 },
    strays: 0,
    ...changes,
  };
}

const FACTS: JobFacts = {
  job: "nightly",
  ended: [run(98, "done")],
  lastDone: run(98, "done"),
  missed: null,
  results: [result()],
  isRefused: false,
  expectMs: null,
  paused: null,
  span: { from: null, until: null },
  waitingSince: 0,
  expectAgents: null,
  calendar: null,
};

const events = (facts: Partial<JobFacts>) =>
  jobConditions({ ...FACTS, ...facts }, NOW).map(({ event }) => event);

const conditions = (facts: Partial<JobFacts>) => jobConditions({ ...FACTS, ...facts }, NOW);

const missed = (firstAt: number, lastAt = firstAt, count = 1) => ({
  id: 1,
  job: "nightly",
  firstAt,
  lastAt,
  count,
  reason: "it was not run in time",
  recordedAt: lastAt,
  kind: "missed" as const,
});

describe("jobConditions()", () => {
  test("finds nothing wrong with a job that has succeeded, or has never been asked", () => {
    expect(events({})).toEqual([]);
    expect(events({ ended: [], lastDone: null, results: [] })).toEqual([]);
  });

  test("tells a failure with its reason, how often, since when, and what to do", () => {
    const ended = [
      run(99, "failed", { note: "no target" }),
      run(98, "failed", { note: "the API said no" }),
      run(97, "done"),
      run(96, "failed"),
    ];
    const [failed, ...others] = jobConditions({ ...FACTS, ended, lastDone: run(97, "done") }, NOW);
    expect(others).toEqual([]);
    expect(failed).toMatchObject({
      event: "failed",
      runId: 99,
      since: 98 * HOUR + 5,
      count: 2,
      message: "run 99 failed: no target",
      hint: "mig-runner history 99 tells all of it, mig-runner run nightly fires it again",
    });
  });

  test("tells a run that is paused as one that needs a person", () => {
    const ended = [run(99, "paused", { note: "the journal does not match", endedAt: null })];
    expect(jobConditions({ ...FACTS, ended }, NOW)).toMatchObject([
      {
        event: "failed",
        since: 99 * HOUR,
        message: "run 99 is paused: the journal does not match",
      },
    ]);
  });

  test("tells what a guard has refused apart from failures", () => {
    const ended = [run(99, "failed", { note: "too many agents" })];
    expect(events({ ended, isRefused: true })).toEqual(["refused"]);
    expect(events({ ended })).toEqual(["failed"]);
    expect(events({ ended: [run(99, "paused")], isRefused: true })).toEqual(["failed"]);
  });

  test("tells a missed fire time until a later run has succeeded", () => {
    expect(events({ missed: missed(97 * HOUR) })).toEqual([]);
    expect(events({ missed: missed(99 * HOUR) })).toEqual(["missed"]);
    expect(events({ missed: missed(NOW + 1) })).toEqual([]);
    const [found] = jobConditions({ ...FACTS, missed: missed(99 * HOUR, NOW - 1, 4) }, NOW);
    expect(found).toMatchObject({ count: 4, since: 99 * HOUR });
    expect(found?.message).toContain("4 fire times were missed, the first 1970-01-05T03:00");
  });

  test("tells that no run has succeeded within what is expected, at that moment", () => {
    const lastDone = run(98, "done", { endedAt: NOW - 10 });
    expect(events({ lastDone, expectMs: 10 })).toEqual([]);
    expect(events({ lastDone, expectMs: 9 })).toEqual(["late"]);
    const never = { ended: [], lastDone: null, results: [], expectMs: HOUR };
    expect(events({ ...never, waitingSince: NOW - HOUR })).toEqual([]);
    expect(events({ ...never, waitingSince: NOW - HOUR - 1 })).toEqual(["late"]);
  });

  test("dates what a run has by its end, and by its fire time where that is not known", () => {
    const none = [result({ fetched: 0, sent: 0, statuses: {} })];
    const since = (endedAt: number | null) =>
      conditions({
        results: none,
        expectMs: HOUR,
        lastDone: run(90, "done", { endedAt }),
      }).map((condition) => [condition.event, condition.since]);
    expect(since(91 * HOUR)).toEqual([
      ["late", 92 * HOUR],
      ["coverage", 91 * HOUR],
    ]);
    expect(since(null)).toEqual([
      ["late", 91 * HOUR],
      ["coverage", 90 * HOUR],
    ]);
  });

  test("tells that fewer agents answered than are expected, or that none was asked", () => {
    const statuses = { success: 1, failed: 1, expired: 1 };
    expect(events({ results: [result({ statuses })] })).toEqual([]);
    expect(events({ results: [result({ statuses })], expectAgents: 2 })).toEqual([]);
    expect(events({ results: [result({ statuses })], expectAgents: 3 })).toEqual(["coverage"]);
    const none = [result({ fetched: 0, sent: 0, statuses: {} })];
    expect(events({ results: none })).toEqual(["coverage"]);
    expect(events({ results: none, expectAgents: 0 })).toEqual([]);
    expect(events({ results: [] })).toEqual([]);
    const all = [result({ statuses: { expired: 3 } })];
    expect(events({ results: all })).toEqual([]);
  });

  test("tells of its calendar", () => {
    expect(events({ calendar: "2 windows are left" })).toEqual(["calendar"]);
  });
});

describe("deadConditions()", () => {
  test("makes one of a job and a plugin, with how many results it is", () => {
    const dead = [
      deliveryRow({ id: 1, job: "a", plugin: "slack", error: "first", updatedAt: 5 }),
      deliveryRow({ id: 2, job: "a", plugin: "slack", error: "last", updatedAt: 9 }),
      deliveryRow({ id: 3, job: "a", plugin: "mail", error: null }),
      deliveryRow({ id: 4, job: "b", plugin: "slack", error: "x" }),
    ];
    expect(
      deadConditions(dead).map(({ job, subject, count, since }) => [job, subject, count, since]),
    ).toEqual([
      ["a", "slack", 2, 5],
      ["a", "mail", 1, 1_000],
      ["b", "slack", 1, 1_000],
    ]);
    expect(deadConditions(dead)[0]?.message).toBe("2 results were not taken by plugin slack: last");
    const hints = deadConditions(dead).map(({ hint }) => /redeliver (\w+)/.exec(hint)?.[1]);
    // By its job only the newest result is delivered.
    expect(hints).toEqual(["ID", "a", "b"]);
  });
});

describe("apiConditions()", () => {
  test("waits ten minutes before it calls the API down", () => {
    expect(apiConditions(null, NOW)).toEqual([]);
    expect(apiConditions(NOW - API_DOWN_MS + 1, NOW)).toEqual([]);
    expect(apiConditions(NOW - API_DOWN_MS, NOW)).toMatchObject([{ event: "api", job: "" }]);
  });
});

describe("changesOf()", () => {
  const [late] = jobConditions({ ...FACTS, expectMs: 1 }, NOW);
  if (late === undefined) throw new Error("nothing is late");
  const alarm: AlarmRow = { ...late, id: 1, raisedAt: 1, toldAt: 1, endedAt: null };

  test("finds what is new, what lasts, and what is over", () => {
    const other = { ...late, job: "weekly" };
    expect(changesOf([], [late])).toEqual({ raised: [late], ended: [], lasting: [] });
    expect(changesOf([alarm], [late]).raised).toEqual([]);
    expect(changesOf([alarm], [late]).lasting).toEqual([{ alarm, condition: late }]);
    expect(changesOf([alarm], [other])).toEqual({ raised: [other], ended: [alarm], lasting: [] });
  });
});

describe("noticeBody()", () => {
  const [late] = jobConditions({ ...FACTS, expectMs: HOUR }, NOW);
  if (late === undefined) throw new Error("nothing is late");

  test("says what, since when, how often and what to do, as one line of JSON", () => {
    const body = noticeBody(late, { at: NOW, ended: false });
    expect(body).not.toContain("\n");
    expect(JSON.parse(body)).toEqual({
      kind: "alarm",
      event: "late",
      of: "late",
      job: "nightly",
      subject: null,
      run: 98,
      at: "1970-01-05T04:00:00.000Z",
      since: "1970-01-05T03:00:00.005Z",
      count: 1,
      message: "no run succeeded within 1h: its last was 1970-01-05T02:00:00.005Z",
      hint: "mig-runner history nightly shows its runs, mig-runner status what it waits for",
    });
  });

  test("names the host of several that tells it", () => {
    const told = JSON.parse(noticeBody(late, { at: NOW, ended: false, host: "alpha" }));
    expect(told).toMatchObject({ event: "late", job: "nightly", host: "alpha" });
  });

  test("says when it is right again what it was and how long", () => {
    expect(JSON.parse(noticeBody(late, { at: NOW, ended: true }))).toMatchObject({
      event: "recovered",
      of: "late",
      hint: "",
      message: expect.stringMatching(/^right again after 59m59s: no run succeeded within 1h/),
    });
  });
});

describe("jobConditions() of a paused job", () => {
  test("expects nothing outside of the bounds of the schedule", () => {
    const facts = { expectMs: HOUR, lastDone: run(90, "done"), ended: [run(90, "done")] };
    const lateWithin = (from: number | null, until: number | null) =>
      jobConditions({ ...FACTS, ...facts, span: { from, until } }, NOW).map(({ since }) => since);
    expect(lateWithin(null, NOW + 1)).toEqual([91 * HOUR + 5]);
    expect(lateWithin(null, NOW)).toEqual([]);
    expect(lateWithin(NOW - HOUR, null)).toEqual([]);
    expect(lateWithin(NOW - HOUR - 1, null)).toEqual([NOW - 1]);
    expect(lateWithin(NOW + HOUR, null)).toEqual([]);
  });

  test("tells by whom it is paused when it is late: so no pause is forgotten", () => {
    const facts = { ...FACTS, expectMs: HOUR, lastDone: run(90, "done"), paused: "paused by ann" };
    const late = jobConditions(facts, NOW).find(({ event }) => event === "late");
    expect(late?.message).toBe("no run succeeded within 1h: paused by ann");
  });
});
