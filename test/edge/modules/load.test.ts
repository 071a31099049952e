import { describe, expect, test } from "bun:test";
import { parseLoadAnswer } from "../../../src/edge/modules/answer.ts";
import { start } from "../../../src/edge/modules/load.ts";
import { job } from "../../../src/sdk/job.ts";

/** What the role answers, in this process, to a source that evaluates to something. */
async function answerTo(evaluate: () => Promise<object>): Promise<unknown> {
  let hear: (message: unknown) => void = () => undefined;
  const { promise, resolve } = Promise.withResolvers<unknown>();
  start({
    data: null,
    evaluate,
    send: resolve,
    onMessage(listener) {
      hear = listener;
    },
    onUncaught() {},
  });
  hear({ source: "" });
  return await promise;
}

describe("start()", () => {
  test("answers what a job says of itself", async () => {
    const answer = await answerTo(async () => ({ default: job({ expiry: "1m" }) }));
    expect(answer).toEqual({
      kind: "job",
      outline: { definition: { expiry: "1m" }, workflow: false },
    });
  });

  test.each<[string, unknown, object]>([
    ["an error", new TypeError("no"), { name: "TypeError", message: "no" }],
    ["a text", "no", { name: null, message: '"no"', stack: "", hint: null }],
    ["a hint", Object.assign(new Error("no"), { detail: { hint: "so" } }), { hint: "so" }],
  ])("answers %s that was thrown", async (_, thrown, expected) => {
    const answer = await answerTo(() => Promise.reject(thrown));
    expect(answer).toMatchObject({ kind: "thrown", thrown: expected });
    expect(parseLoadAnswer(answer)).toEqual(answer as never);
  });
});
