// Inventory: what changed since the last run is told before the new inventory is kept.
import { describe, expect, test } from "bun:test";
import inventory from "../../jobs/inventory/job.ts";
import { changesOf, takeInventory } from "../../jobs/inventory/packages.ts";
import { type Command, Fatal } from "../../src/sdk/index.ts";
import { simulate } from "../../src/testkit/simulate.ts";
import { host } from "../support/jobs.ts";

describe("jobs/inventory", () => {
  const fleet = { name: "inventory", agents: ["web1", "web2"].map(host), crashes: false };

  test("tells the changes, then keeps the new inventory", async () => {
    const order: string[] = [];
    const run = await simulate(inventory, {
      ...fleet,
      crashes: true,
      answers: ({ name }) => (name === "web2" ? "silent" : "found"),
      steps: { tell: () => void order.push("tell"), keep: () => void order.push("keep") },
    });
    expect(run.state).toBe("done");
    expect(order).toEqual(["tell", "keep"]);
    expect(run.log).toEqual([{ level: "warning", message: "1 hosts stay as they were" }]);
  });

  test("keeps the old inventory while the change cannot be told", async () => {
    const tell = (): never => {
      throw new Fatal("no such address");
    };
    const run = await simulate(inventory, { ...fleet, steps: { tell } });
    expect(run.state).toBe("failed");
    expect(run.steps.map(({ name }) => name)).toEqual(["packages", "compare", "tell"]);
  });

  test("has nothing to tell when nothing changed", async () => {
    const run = await simulate(inventory, {
      ...fleet,
      steps: { compare: { changes: [], more: 0 } },
    });
    expect(run.steps.map(({ name }) => name)).toEqual(["packages", "compare", "keep"]);
  });

  test("knows a host that did not answer as it was", async () => {
    const answer = (name: string, packages: object[] | null) => {
      const elements = packages === null ? null : { packages };
      const success = packages !== null;
      const none = { foundanything: false, statistics: null, errors: null };
      return { agent: { name }, results: [{ ...none, success, elements }] };
    };
    async function* commands() {
      yield answer("web1", [{ name: "openssl", version: "3", type: "dpkg", arch: "amd64" }]);
      yield answer("web2", null);
      yield answer("web3", []);
    }
    const before = { web1: { openssl: "2", curl: "1" }, web2: { openssl: "2" } };
    const after = await takeInventory(commands() as unknown as AsyncIterable<Command>, before);
    expect(after.web2).toEqual({ openssl: "2" });
    expect(changesOf(before, after)).toEqual([
      "web1: curl 1 is gone",
      "web1: openssl 2 became 3",
      "web3: new, 0 packages",
    ]);
  });
});
