import { describe, expect, test } from "bun:test";
import {
  differences,
  emptyTranscript,
  noteHeard,
  noteSaid,
  type Transcript,
} from "../../src/testkit/transcript.ts";

/** A transcript that asked for sleeps, each answered, and then perhaps ended. */
function sleeper(waits: Readonly<Record<string, number>>, ended: string | null | false = false) {
  const transcript = emptyTranscript();
  for (const [name, ms] of Object.entries(waits)) {
    noteSaid(transcript, { kind: "ask", name, request: { kind: "sleep", ms } });
    const outcome = { kind: "saved", value: null } as const;
    noteHeard(transcript, { kind: "answer", name, now: 0, outcome });
  }
  if (ended !== false) noteSaid(transcript, { kind: "ended", error: ended });
  return transcript;
}

function having(transcript: Transcript, members: Partial<Transcript>): Transcript {
  return { ...transcript, ...members };
}

describe("differences()", () => {
  test("finds none between a run and the part of it that a crash left", () => {
    const whole = sleeper({ a: 1, b: 2 }, null);
    expect(differences(sleeper({ a: 1 }), whole)).toEqual([]);
    expect(differences(whole, sleeper({ a: 1 }))).toEqual([]);
    expect(differences(whole, sleeper({ a: 1, b: 2 }, null))).toEqual([]);
  });

  test("names what was asked for, and both values", () => {
    expect(differences(sleeper({ a: 1 }), sleeper({ a: 2 }))).toEqual([
      'sleep "a": ms was 1, in a replay it is 2',
    ]);
  });

  test("names a step that was done and is not asked for any more", () => {
    expect(differences(sleeper({ a: 1, b: 2 }), sleeper({ a: 1 }, null))).toEqual([
      'sleep "b" was done, and a replay ends without asking for it',
    ]);
  });

  test("does not call for the same tries of a step, which may change", () => {
    const asked = (retriesMax: number) => {
      const transcript = emptyTranscript();
      const request = { kind: "step", retriesMax, passingMax: 0, firstMs: 1, capMs: 1 } as const;
      noteSaid(transcript, { kind: "ask", name: "a", request });
      return transcript;
    };
    expect(differences(asked(1), asked(2))).toEqual([]);
  });

  test("names an outcome that a step had twice", () => {
    const second = sleeper({ a: 1 });
    second.answers.set("a", "failed: late");
    expect(differences(sleeper({ a: 1 }), second)).toEqual([
      '"a" ended twice: it saved null, and in a replay failed: late',
    ]);
  });

  test("names the first time and the first number that differ", () => {
    const first = having(sleeper({}), { times: [5, 6, 7], dice: [0.5] });
    const second = having(sleeper({}), { times: [5, 8], dice: [0.25, 0.5] });
    expect(differences(first, second)).toEqual([
      "call 2 of run.now() gave 6, in a replay 8",
      "call 1 of run.random() gave 0.5, in a replay 0.25",
    ]);
  });
});
