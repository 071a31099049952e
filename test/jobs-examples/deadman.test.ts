// Dead man: hosts that answered lately and do not any more, after a second chance.
import { describe, expect, test } from "bun:test";
import deadman from "../../jobs/deadman/job.ts";
import { seenAfter, silentOf } from "../../jobs/deadman/seen.ts";
import { simulate } from "../../src/testkit/simulate.ts";
import { host } from "../support/jobs.ts";

const DAY_MS = 86_400_000;
const FIRES_AT = Date.UTC(2026, 0, 8, 9);

describe("jobs/deadman", () => {
  const names = ["web1", "web2", "web3"];

  /** Answers by the host, and how often it was asked before. */
  type Answer = (name: string, asked: number) => "found" | "silent" | "failed";

  async function play(known: readonly string[], answer: Answer) {
    const done: string[] = [];
    const asked = new Map<string, number>();
    const run = await simulate(deadman, {
      name: "deadman",
      agents: names.map(host),
      answers({ name, id }, operation) {
        const question = `${id} ${operation.module}`;
        asked.set(question, (asked.get(question) ?? 0) + 1);
        return answer(name, (asked.get(question) ?? 0) - 1);
      },
      state: { seen: Object.fromEntries(known.map((name) => [name, FIRES_AT - DAY_MS])) },
      now: FIRES_AT,
      steps: { alert: () => void done.push("alert") },
      crashes: false,
    });
    return { run, done, seen: run.stateAfter.seen as Readonly<Record<string, number>> };
  }

  test("alerts after a second chance, then remembers who was there", async () => {
    const { run, done, seen } = await play(["db1", "web3"], (name) =>
      name === "web3" ? "silent" : "found",
    );
    expect([run.state, ...done]).toEqual(["done", "alert"]);
    const before = Object.entries(seen).filter(([, at]) => at < FIRES_AT);
    expect(before).toEqual([
      ["db1", FIRES_AT - DAY_MS],
      ["web3", FIRES_AT - DAY_MS],
    ]);
    expect(Object.keys(seen).sort()).toEqual(["db1", "web1", "web2", "web3"]);
    const [first, second, ...more] = run.actions.map(({ postedAt }) => postedAt);
    expect(more).toEqual([]);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(3_600_000);
  });

  test("says in the alert who does not answer", async () => {
    const bodies: unknown[] = [];
    const state = { seen: { db1: FIRES_AT, web2: FIRES_AT, web3: FIRES_AT } };
    const options = { agents: names.map(host), state, now: FIRES_AT, crashes: false };
    await simulate(deadman, {
      ...options,
      answers: ({ name }) => (name === "web3" ? "silent" : "found"),
      async fetch(request) {
        bodies.push(await request.json());
        return new Response("ok");
      },
    });
    expect(bodies).toEqual([{ text: "2 hosts do not answer any more: db1, web3" }]);
  });

  test("does not alert for a host whose module failed, or that answers later", async () => {
    const { run, done } = await play(["web1", "web2"], (name, asked) => {
      if (name === "web1") return "failed";
      return name === "web2" && asked === 0 ? "silent" : "found";
    });
    expect([run.state, run.actions.length, ...done]).toEqual(["done", 2]);
  });

  test("asks once when everybody is there", async () => {
    const { run, done } = await play([], () => "found");
    expect([run.state, run.actions.length, ...done]).toEqual(["done", 1]);
  });

  test("blames the server when nobody answers, and forgets nobody", async () => {
    const { run, done, seen } = await play(names, () => "silent");
    expect([run.state, done]).toEqual(["failed", []]);
    expect(Object.keys(seen)).toEqual(names);
    expect(run.error).toContain("look at the MIG server");
  });
});

describe("seen.ts", () => {
  const now = FIRES_AT;

  test("knows who was there before and is not now", () => {
    expect(silentOf({ web2: 1, db1: 2, web1: 3 }, ["web1", "new"])).toEqual(["db1", "web2"]);
    expect(silentOf({}, ["web1"])).toEqual([]);
  });

  test("keeps the silent for a week", () => {
    const seen = { web1: now - DAY_MS, old: now - 7 * DAY_MS, nearly: now - 7 * DAY_MS + 1 };
    expect(seenAfter(seen, ["web1", "new"], now)).toEqual({
      nearly: now - 7 * DAY_MS + 1,
      web1: now,
      new: now,
    });
  });
});
