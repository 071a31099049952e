// Crash: each scenario by processes that die at each of its port calls, before and after its
// effect, by kill -9 and by a power loss; the oracle judges what is there at rest.
import { describe, expect, test } from "bun:test";
import type { Profile } from "./profile.ts";
import { SCENARIOS } from "./scenarios.ts";
import { simulate } from "./simulate.ts";

/** The dice of a world without faults decide how many agents there are and what they answer. */
const SEED = 8;

/** Some hundred lives of the runner: on a machine that does much else they take their time. */
const TIME_MAX_MS = 240_000;

/** How many actions the API has in the end, where that is not one. */
const ACTIONS: Readonly<Record<string, number>> = {
  "records of the original": 3,
  "a workflow of two collects and a step": 2,
};

const DEATHS = [
  { side: "before", power: false },
  { side: "after", power: false },
  { side: "after", power: true },
] as const;

describe("A process that dies at any port call", () => {
  const each = test.each(Object.entries(SCENARIOS));
  const lives = (name: string, profile: Profile): void => {
    const whole = simulate({ seed: SEED, profile });
    expect(whole.violations).toEqual([]);
    // The first process lives until peace, and is ended once in an orderly way.
    expect(whole.lives).toBe(2);
    expect(whole.actions).toBe(ACTIONS[name] ?? 1);
    const broken: string[] = [];
    for (let call = 1; call <= whole.calls; call++) {
      for (const death of DEATHS) {
        const crashPoint = { call, ...death };
        const { faults, violations } = simulate({ seed: SEED, profile, crashPoint });
        const died = (faults.get("crash") ?? 0) > 0;
        if (death.side === "before" && !died) broken.push(`call ${call}: nobody died`);
        if (violations.length > 0) broken.push(`${death.side} call ${call}: ${violations[0]}`);
      }
    }
    expect(broken).toEqual([]);
  };
  each("breaks nothing in %s", lives, TIME_MAX_MS);
});
