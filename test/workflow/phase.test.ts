import { describe, expect, test } from "bun:test";
import {
  afterLook,
  afterParking,
  afterSent,
  afterTaken,
  BUSY,
  isGoing,
  type Phase,
} from "../../src/workflow/phase.ts";

const IDLE: Phase = { kind: "idle", quietAt: 5 };
const PARKING: Phase = { kind: "parking", isIdle: true };
const LEAVING: Phase = { kind: "leaving" };
const OVER: Phase = { kind: "over" };
const ALL = [BUSY, IDLE, PARKING, LEAVING, OVER];

describe("a phase", () => {
  test("goes on until it leaves or is over", () => {
    expect(ALL.map(isGoing)).toEqual([true, true, true, false, false]);
  });

  test("is busy after a message, and forgets since when it was quiet", () => {
    const parking = { kind: "parking", isIdle: false } as const;
    expect(ALL.map(afterSent)).toEqual([BUSY, BUSY, parking, LEAVING, OVER]);
    expect(afterParking(parking)).toEqual(BUSY);
  });

  test("is idle after the last one was taken, and has not been seen quiet yet", () => {
    const idle = { kind: "idle", quietAt: null } as const;
    expect(ALL.map(afterTaken)).toEqual([idle, IDLE, PARKING, LEAVING, OVER]);
    expect(ALL.map(afterParking)).toEqual([BUSY, IDLE, idle, LEAVING, OVER]);
  });

  test("is quiet since it was first seen with nothing at work, by the earliest clock", () => {
    const look = (phase: Phase, isWorking: boolean, now: number) =>
      afterLook(phase, isWorking, now);
    const first = look({ kind: "idle", quietAt: null }, false, 7);
    expect(first).toEqual({ kind: "idle", quietAt: 7 });
    expect(look(first, false, 9)).toEqual(first);
    expect(look(first, false, 3)).toEqual({ kind: "idle", quietAt: 3 });
    expect(look(first, true, 9)).toEqual({ kind: "idle", quietAt: null });
    const others = [BUSY, PARKING, LEAVING, OVER];
    expect(others.map((phase) => look(phase, false, 9))).toEqual(others);
  });
});
