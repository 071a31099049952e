// Body: what it makes of messages, without an engine.

import { describe, expect, test } from "bun:test";
import { AsyncLocalStorage } from "node:async_hooks";
import { type JobBody, job } from "../../src/sdk/job.ts";
import { Body } from "../../src/workflow/body.ts";
import type { FromBody, ToBody } from "../../src/workflow/messages.ts";
import type { Scope } from "../../src/workflow/scope.ts";
import { WORKFLOW_VERSION } from "../../src/workflow/version.ts";
import { settle, VirtualClock } from "../support/clock.ts";
import { NOON } from "../support/world.ts";

const RESULT = '{"action":{"id":7},"commands":[{"id":1},{"id":2}],"name":"nightly","plugin":""}';

/** A body that has begun; what it says, and whether the result that it reads is open. */
async function begin(own: JobBody, result = RESULT) {
  const said: FromBody[] = [];
  const files = { open: 0 };
  async function* readFile(): AsyncGenerator<Uint8Array> {
    files.open++;
    try {
      // So much at a time that there is more when the first command is whole.
      for (const byte of new TextEncoder().encode(result)) yield new Uint8Array([byte]);
    } finally {
      files.open--;
    }
  }
  const body = new Body({
    clock: new VirtualClock(NOON),
    scopes: new AsyncLocalStorage<Scope>(),
    post: (message) => void said.push(message),
    turn: settle,
    readFile,
    openFetch: () => () => Promise.reject(new TypeError("nobody is there")),
    load: () => Promise.resolve(job({}, own)),
    locate: () => null,
  });
  const tell = async (message: ToBody): Promise<void> => {
    const before = said.length;
    body.receive(message);
    while (said.slice(before).every(({ kind }) => kind !== "idle")) await settle();
  };
  const run = { id: 1, job: "nightly", firesAt: NOON };
  await tell({
    kind: "begin",
    version: WORKFLOW_VERSION,
    run,
    now: NOON,
    seed: 9,
    source: "the source",
  });
  return { said, files, tell };
}

/** The outcome of a step. */
function answer(name: string, value: unknown): ToBody {
  const outcome = { kind: "saved", value: JSON.stringify(value) } as const;
  return { kind: "answer", name, now: NOON, outcome };
}

describe("Body", () => {
  test("goes on after an outcome of a step that it does not wait for", async () => {
    const seen: unknown[] = [];
    const { said, tell } = await begin(async (run) => {
      seen.push(await run.step("one", () => 1));
    });
    await tell(answer("another", 2));
    await tell(answer("one", 1));
    expect(seen).toEqual([1]);
    const others = said.filter(({ kind }) => kind !== "idle" && kind !== "ask");
    expect(others).toEqual([{ kind: "ended", error: null }]);
  });

  test("takes nothing of an engine that speaks another version, and says so", async () => {
    const { said, tell } = await begin(async () => undefined);
    said.length = 0;
    const run = { id: 1, job: "nightly", firesAt: NOON };
    await tell({ kind: "begin", version: 3, run, now: NOON, seed: 9, source: "the source" });
    expect(said[0]).toEqual({
      kind: "stuck",
      message: expect.stringContaining("(workflows 3, its workers 2): restart it"),
    });
  });

  test("sums its agents up by name and command, whatever the API has left out", async () => {
    const commands = [
      { id: 9, agent: { id: 1, name: "web1" }, status: "success", results: [{ success: true }] },
      { id: 8, agent: { id: 1, name: "web1" }, status: "failed", results: null },
      {
        id: 7,
        agent: { id: 2, name: "db1" },
        status: "success",
        results: [
          { success: true, foundanything: true },
          { success: false, errors: ["no"] },
        ],
      },
      {},
    ];
    let agents: unknown;
    const { said, tell } = await begin(
      async (run) => {
        agents = (await run.collect("base")).agents;
      },
      JSON.stringify({ action: { id: 7 }, commands }),
    );
    const completeness = { fetched: 4, sent: 4, statuses: {} };
    await tell(answer("base", { actionIds: [7], path: "/7.json", completeness }));
    while (!said.some(({ kind }) => kind === "ended")) await settle();
    const nothing = { found: false, success: false, errors: [] };
    expect(agents).toEqual([
      { id: 0, name: "", commandId: 0, status: "sent", ...nothing },
      {
        id: 2,
        name: "db1",
        commandId: 7,
        status: "success",
        ...nothing,
        found: true,
        errors: ["no"],
      },
      { id: 1, name: "web1", commandId: 8, status: "failed", ...nothing },
      { id: 1, name: "web1", commandId: 9, status: "success", ...nothing, success: true },
    ]);
  });

  test("closes a result whose commands it stops to read", async () => {
    const ids: unknown[] = [];
    const { said, files, tell } = await begin(async (run) => {
      const base = await run.collect("base");
      for await (const { id } of base.commands) {
        ids.push(id, files.open);
        break;
      }
    });
    const completeness = { fetched: 2, sent: 2, statuses: { success: 2 } };
    await tell(answer("base", { actionIds: [7], path: "/7.json", completeness }));
    while (!said.some(({ kind }) => kind === "ended")) await settle();
    expect([ids, files.open]).toEqual([[1, 1], 0]);
  });
});
