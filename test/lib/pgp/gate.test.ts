import { describe, expect, test } from "bun:test";
import { gate } from "../../../src/lib/pgp/gate.ts";

describe("gate()", () => {
  test("runs so many at once, the others in their order, also past one that fails", async () => {
    const started: number[] = [];
    const ends = new Map<number, (fails: boolean) => void>();
    const guarded = gate(2, (input: number) => {
      started.push(input);
      return new Promise<number>((resolve, reject) => {
        ends.set(input, (fails) => (fails ? reject(new Error(`${input} failed`)) : resolve(input)));
      });
    });
    const answers = [1, 2, 3, 4].map((input) => guarded(input));
    expect(started).toEqual([1, 2]);
    ends.get(2)?.(true);
    await expect(answers[1]).rejects.toThrow("2 failed");
    expect(started).toEqual([1, 2, 3]);
    ends.get(1)?.(false);
    expect(await answers[0]).toBe(1);
    ends.get(3)?.(false);
    ends.get(4)?.(false);
    expect(await Promise.all([answers[2], answers[3]])).toEqual([3, 4]);
    const late = guarded(5);
    expect(started).toEqual([1, 2, 3, 4, 5]);
    ends.get(5)?.(false);
    expect(await late).toBe(5);
  });
});
