import { describe, expect, test } from "bun:test";
import { soundPart } from "../../src/jobs/shape.ts";

const same = (key: string): string => key;

describe("soundPart()", () => {
  test("turns short forms into long ones", () => {
    const { sound, faults } = soundPart({ schedule: "@daily", plugin: "a" }, same);
    expect(faults).toEqual([]);
    expect(sound).toEqual({ schedule: { cron: "@daily" }, plugin: ["a"] });
  });

  test("keeps what is right beside what is wrong", () => {
    const definition = { schedule: { cron: "@daily", spread: 5 }, expiry: "5m", retries: -1, x: 1 };
    const { sound, faults } = soundPart(definition, same);
    expect(sound).toEqual({ schedule: { cron: "@daily" }, expiry: "5m" });
    expect(faults.map(({ key }) => key)).toEqual(["schedule.spread", "retries", "x"]);
  });

  test("calls keys as the caller does", () => {
    const { faults } = soundPart({ schedule: { cron: 1 } }, () => "schedule");
    expect(faults[0]?.message).toBe("Cannot set schedule to 1: a cron expression is wanted");
  });

  test("keeps nothing of what is no object", () => {
    expect(soundPart(null, same).sound).toEqual({});
    expect(soundPart({ schedule: [1] }, same).sound).toEqual({});
  });
});
