// Membership: what a host does about its leases, beside a model of PostgreSQL.
import { describe, expect, test } from "bun:test";
import { Membership } from "../../../src/journal/postgres/membership.ts";
import { PostgresModel, storeOf } from "../../simulation/cluster/model.ts";
import { VirtualClock } from "../../support/clock.ts";

const NOW = Date.UTC(2026, 0, 2);
const LEASE_MS = 10_000;
const SHARDS = 2;

/** A host that has all shards, and whose loops stand still; only its clocks can be moved. */
async function joined() {
  const ahead = { wall: 0, elapsed: 0 };
  const clock = new VirtualClock(NOW);
  const model = new PostgresModel(SHARDS, () => NOW);
  const said: string[] = [];
  const member = new Membership(
    {
      server: storeOf(model),
      host: "a",
      me: "a/1",
      leaseMs: LEASE_MS,
      path: ":memory:",
      clock: {
        now: () => NOW + ahead.wall,
        sleep: (...order) => clock.sleep(...order),
        until: (...order) => clock.until(...order),
      },
      log: { emit: (_level, message) => void said.push(message) },
      elapsed: () => ahead.elapsed,
    },
    SHARDS,
  );
  await member.start();
  return { ahead, member, said };
}

describe("Membership", () => {
  test.each(["wall", "elapsed"] as const)(
    "has no rows to begin work by once a job was asked for behind the end of its lease (%s, I7)",
    async (name) => {
      const { ahead, member, said } = await joined();
      expect(member.has("nightly")).toBe(true);
      ahead[name] = LEASE_MS;
      // The process was stopped, and its loops have not got their turn yet.
      expect(member.unbroken("nightly")()).toBe(false);
      expect(member.has("nightly")).toBe(false);
      expect(said.at(-1)).toBe(`cluster: the lease of ${SHARDS} shards has ended`);
      await member.close();
    },
  );

  test("ends nothing while its lease lasts", async () => {
    const { ahead, member } = await joined();
    ahead.elapsed = LEASE_MS * 0.8;
    expect(member.unbroken("nightly")()).toBe(true);
    expect(member.has("nightly")).toBe(true);
    await member.close();
  });
});
