import { describe, expect, test } from "bun:test";
import { PING, PONG } from "../../../src/edge/workflow/host.ts";
import { start } from "../../../src/edge/workflow/worker.ts";
import { job } from "../../../src/sdk/job.ts";
import { WORKFLOW_VERSION } from "../../../src/workflow/version.ts";

/** Starts the role in this process. */
function begin(exported: object) {
  const sent: unknown[] = [];
  let listener: (message: unknown) => void = () => undefined;
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  start({
    data: null,
    evaluate: () => Promise.resolve(exported),
    send(message) {
      sent.push(message);
      if ((message as { kind?: string }).kind === "ended") resolve();
    },
    onMessage(take) {
      listener = take;
    },
    onUncaught() {},
  });
  return { sent, ended, say: (message: unknown) => listener(message) };
}

const BEGIN = {
  kind: "begin",
  version: WORKFLOW_VERSION,
  run: { id: 1, job: "hunt", firesAt: 1 },
  now: 2,
  seed: 3,
  source: "",
} as const;

describe("start()", () => {
  test("answers whether it still listens", () => {
    const { sent, say } = begin({});
    say(PING);
    expect(sent).toEqual([PONG]);
  });

  test("runs the body of the job that the source exports", async () => {
    const { sent, say, ended } = begin({
      default: job({}, async (run) => run.log(`at ${run.now()}`)),
    });
    say(BEGIN);
    await ended;
    expect(sent).toContainEqual({ kind: "log", level: "info", message: "at 2" });
    expect(sent).toContainEqual({ kind: "ended", error: null });
  });

  test("says what is wrong with a source without a workflow", async () => {
    for (const [exported, message] of [
      [{}, "Cannot run job: its source exports no job as default"],
      [{ default: job({}) }, "the source has no workflow in it"],
    ] as const) {
      const { sent, say, ended } = begin(exported);
      say(BEGIN);
      await ended;
      expect((sent.at(-1) as { error: string }).error).toStartWith(message);
    }
  });
});
