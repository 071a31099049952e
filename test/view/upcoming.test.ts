import { describe, expect, test } from "bun:test";
import { loadEntity } from "../../src/jobs/load.ts";
import { heldFire, UpcomingFires } from "../../src/view/upcoming.ts";

function jobAt(job: string, schedule: string) {
  const text = `[configuration]\nschedule = "${schedule}"\n`;
  const files = new Map([["entity.cfg", new TextEncoder().encode(text)]]);
  const entity = loadEntity({ job, path: `/r/${job}`, files, defaults: { timezone: "UTC" } });
  return { job, entity, errors: [] };
}

const at = (hour: number, minute = 0) => Date.UTC(2026, 0, 5, hour, minute);

describe("UpcomingFires", () => {
  const states = [
    jobAt("late", "0 22 * * *"),
    jobAt("early", "0 3 * * *"),
    jobAt("often", "30 * * * *"),
    { job: "broken", entity: null, errors: [] },
  ];

  test("answers what fires next, the first first, up to a limit", () => {
    const fires = new UpcomingFires();
    expect(fires.next(states, at(2), 9)).toEqual([
      { job: "often", nextAt: at(2, 30) },
      { job: "early", nextAt: at(3) },
      { job: "late", nextAt: at(22) },
    ]);
    expect(fires.next(states, at(2), 1)).toEqual([{ job: "often", nextAt: at(2, 30) }]);
  });

  test("goes on with the time, and back with a clock that is set", () => {
    const fires = new UpcomingFires();
    fires.next(states, at(2), 9);
    expect(fires.next(states, at(2, 30), 1)).toEqual([{ job: "early", nextAt: at(3) }]);
    fires.next(states, at(20), 9);
    expect(fires.next(states, at(2), 1)).toEqual([{ job: "often", nextAt: at(2, 30) }]);
  });

  test("sees that a job has another schedule, or is gone", () => {
    const fires = new UpcomingFires();
    fires.next(states, at(2), 9);
    const changed = [jobAt("early", "0 4 * * *")];
    expect(fires.next(changed, at(2), 9)).toEqual([{ job: "early", nextAt: at(4) }]);
  });
});

describe("heldFire", () => {
  const state = jobAt("late", "0 22 * * *");
  const spreadMs = 6 * 3_600_000;
  const spread = { ...state, entity: state.entity && { ...state.entity, spreadMs } };
  const span = { kind: "once", from: at(21), until: at(22, 1) } as const;
  const blackout = { name: "night", jobs: ["*"], action: "delay", span, why: "" } as const;

  test("holds what lies in a blackout by its schedule, wherever it is spread to", () => {
    const nextAt = new UpcomingFires().next([spread], at(7), 1)[0]?.nextAt ?? 0;
    const delayMs = nextAt - at(22);
    expect(delayMs).toBeGreaterThan(60_000);
    const known = { states: [spread], pauses: [], blackouts: [blackout] };
    const held = heldFire({ job: "late", nextAt }, known);
    expect(held).toMatchObject({ action: "delay", untilAt: at(22, 1) + delayMs });
  });
});
