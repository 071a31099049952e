// Deliver: what one attempt gives to the plugin and leaves in the journal.
import { describe, expect, test } from "bun:test";
import { RunnerError } from "../../src/errors.ts";
import {
  type AttemptOptions,
  type DeliveryEdges,
  deliverResult,
  queueDeliveries,
} from "../../src/flow/deliver.ts";
import { adoptResult } from "../../src/flow/redeliver.ts";
import { type ActionRow, advanceDelivery, type DeliveryRow } from "../../src/journal/inflight.ts";
import type { Journal } from "../../src/journal/journal.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import type { DeliveryAnswer, DeliveryOrder, ResultMark, Results } from "../../src/ports.ts";
import { MemorySpool } from "../../src/sim/spool.ts";
import { VirtualClock } from "../support/clock.ts";
import { MemoryLog } from "../support/edge.ts";

const NOW = Date.UTC(2026, 0, 2);
const never = new AbortController().signal;

/** How a plugin answers at one attempt, and what it does before. */
type Answer =
  | DeliveryAnswer
  | ((journal: Journal, order: DeliveryOrder) => DeliveryAnswer | Promise<DeliveryAnswer>);

/** Makes one attempt with a plugin that answers so, or several in a row. */
async function attempt(
  answers: Answer | readonly Answer[],
  { attempts = 0, signal = never, timeoutMs = null }: Partial<AttemptOptions & DeliveryRow> = {},
  {
    stale = false,
    around = {},
    before = async () => {},
  }: {
    stale?: boolean;
    around?: Partial<DeliveryEdges>;
    before?: (journal: Journal) => Promise<void>;
  } = {},
) {
  const journal = openJournal({ path: ":memory:" });
  const orders: DeliveryOrder[] = [];
  const log = new MemoryLog();
  const plugins = {
    names: async () => ["one"],
    check: async () => null,
    deliver: async (order: DeliveryOrder) => {
      const answer = [answers].flat()[orders.push(order) - 1] as Answer;
      return typeof answer === "function" ? await answer(journal, order) : answer;
    },
  };
  const clock = new VirtualClock(NOW);
  const results = new MemorySpool();
  const edges = { clock, random: { next: () => 1 }, log, journal, plugins, results, ...around };
  try {
    const row = await journal.write((rows) => {
      const action = {
        actionId: 7,
        name: "x",
        signatures: [],
        expireAt: NOW - 1,
        counters: null,
      };
      const result = {
        action,
        actionBytes: new Uint8Array(),
        plugin: "",
        commands: 1,
        statuses: {},
      };
      const found = { job: "nightly", path: "/r/7.json", result, plugins: ["one"] };
      const [first] = rows.deliveriesOf(adoptResult(rows, found, NOW).id);
      const queued = { ...(first as DeliveryRow), attempts };
      rows.saveDelivery(stale ? { ...queued, state: "dropped", nextAt: null } : queued);
      return queued;
    });
    await before(journal);
    let delivered = await deliverResult(edges, row, { signal, timeoutMs });
    for (const _ of [answers].flat().slice(1)) {
      await clock.moveBy(1_000);
      const again = journal.delivery(row.id) ?? row;
      delivered = await deliverResult(edges, again, { signal, timeoutMs });
    }
    const { actionRow, id } = row;
    const [left, action] = [journal.delivery(id), journal.action(actionRow)];
    return { delivered, orders, log: log.lines, row: left, action };
  } finally {
    await journal.close();
  }
}

describe("deliverResult()", () => {
  test("orders what the plugin needs, with the job's own time limit", async () => {
    const { signal } = new AbortController();
    const { orders } = await attempt(
      { kind: "delivered", message: "ok" },
      { signal, timeoutMs: 30_000 },
    );
    expect(orders).toEqual([
      {
        plugin: "one",
        job: "nightly",
        actionId: 7,
        resultPath: "/r/7.json",
        key: "nightly/7/one",
        attempt: 1,
        progress: null,
        saveProgress: expect.any(Function),
        timeoutMs: 30_000,
        signal,
      },
    ]);
  });

  test("counts an attempt before it is made, so that the next one has its number (I1)", async () => {
    for (const { row, random, waitMs } of [
      { row: { attempts: 0 }, random: 1, waitMs: 0 },
      { row: { attempts: 2 }, random: 1, waitMs: 0 },
      // What has taken the process down three times must not keep it down.
      { row: { attempts: 3 }, random: 1, waitMs: 20_000 },
      { row: { attempts: 40 }, random: 1, waitMs: 3_600_000 },
    ]) {
      let during: DeliveryRow | null = null;
      const { orders } = await attempt((journal) => {
        during = journal.delivery(1);
        return { kind: "delivered", message: "ok" };
      }, row);
      expect(during).toMatchObject({
        state: "pending",
        attempts: row.attempts + 1,
        nextAt: NOW + waitMs * random,
      });
      expect(orders[0]?.attempt).toBe(row.attempts + 1);
    }
  });

  test("gives nothing to a plugin that somebody has given up meanwhile", async () => {
    const { delivered, orders } = await attempt(
      { kind: "delivered", message: "ok" },
      {},
      { stale: true },
    );
    expect([delivered, orders]).toEqual([true, []]);
  });

  /** Saves these, then fails, or does as it is told. */
  function saving(texts: readonly string[], answer: Partial<DeliveryAnswer> = {}): Answer {
    return async (_, order) => {
      for (const text of texts) await order.saveProgress?.(text);
      return { kind: "failed", message: "no", ...answer } as DeliveryAnswer;
    };
  }

  test("hands on what the attempt before has done, until the result was taken", async () => {
    const { orders, row } = await attempt([
      saving(["[1]", "[2]"]),
      saving([]),
      saving(["[3]"]),
      saving(["[4]"], { kind: "delivered" }),
    ]);
    expect(orders.map(({ progress }) => progress)).toEqual([null, "[2]", "[2]", "[3]"]);
    expect(row).toMatchObject({ state: "delivered", progress: null });
  });

  test("forgets it where no try can help, and where the result has changed meanwhile", async () => {
    const final = await attempt(saving(["[1]"], { final: true }));
    expect(final.row).toMatchObject({ state: "dead", progress: null });
    const changed = await attempt(async (journal, order) => {
      await order.saveProgress?.("[1]");
      const event = { kind: "redeliver", isNew: true } as const;
      await journal.write((rows) => {
        const row = rows.delivery(1) as DeliveryRow;
        rows.saveDelivery(advanceDelivery(row, event, NOW + 1));
      });
      await order.saveProgress?.("[2]");
      return { kind: "failed", message: "no" };
    });
    expect(changed.row).toMatchObject({ state: "pending", attempts: 0, progress: null });
  });

  test.each([
    { kind: "delivered", message: "ok" },
    { kind: "failed", message: "no", final: true },
  ] as const)(
    "gives a result again that became better during an attempt that %p (I6)",
    async (answer) => {
      const { orders, row, action } = await attempt(async (journal) => {
        await journal.write((rows) => {
          const collected = rows.action(1);
          if (collected === null) throw new Error("there is no action");
          queueDeliveries(rows, collected, NOW + 5);
        });
        return answer;
      });
      expect(orders.length).toBe(1);
      expect(row).toMatchObject({ state: "pending", attempts: 0, nextAt: NOW + 5, error: null });
      expect(action?.state).toBe("collected");
    },
  );

  test("counts attempts on where the result was lost with a host, and ends nothing anew", async () => {
    const { row } = await attempt(async (journal) => {
      await journal.write((rows) => {
        const collected = rows.action(1);
        if (collected === null) throw new Error("there is no action");
        queueDeliveries(rows, collected, NOW + 5, true);
      });
      return { kind: "failed", message: "it was made by the host that is gone" };
    });
    expect(row).toMatchObject({ state: "pending", attempts: 1, nextAt: NOW + 5 });
    const dead = await attempt(async (journal) => {
      await journal.write((rows) => {
        const pending = rows.delivery(1) as DeliveryRow;
        const event = { kind: "failed", error: "no", nextAt: null } as const;
        rows.saveDelivery(advanceDelivery(pending, event, NOW));
        queueDeliveries(rows, rows.action(1) as ActionRow, NOW + 5, true);
      });
      return { kind: "delivered", message: "ok" };
    });
    expect(dead.row).toMatchObject({ state: "dead", nextAt: null });
  });

  test("remembers a delivery that was made (I6)", async () => {
    const { delivered, row } = await attempt({ kind: "delivered", message: "ok" });
    expect(delivered).toBe(true);
    expect(row).toMatchObject({ state: "delivered", nextAt: null });
  });

  test.each(["failed", "missing"] as const)("tries again what is %s", async (kind) => {
    const { delivered, log, row } = await attempt({ kind, message: "why" });
    expect(delivered).toBe(false);
    expect(row).toMatchObject({ state: "pending", error: "why", nextAt: NOW + 5_000 });
    expect(log.at(-1)).toBe("warning: results error for nightly: one: why; trying again in 5 s");
  });

  test("waits as long as the plugin asks, at most a day", async () => {
    const hour = await attempt({ kind: "failed", message: "busy", retryAfterMs: 3_600_000 });
    expect(hour.row?.nextAt).toBe(NOW + 3_600_000);
    const year = await attempt({ kind: "failed", message: "busy", retryAfterMs: 3e10 });
    expect(year.row?.nextAt).toBe(NOW + 86_400_000);
  });

  test("gives up what the plugin calls final, and says how to go on", async () => {
    const { log, row } = await attempt({ kind: "failed", message: "refused", final: true });
    expect(row).toMatchObject({ state: "dead", nextAt: null });
    expect(log.at(-1)).toBe(
      "err: results error for nightly: one: refused; given up, `mig-runner redeliver` tries again",
    );
  });
});

describe("deliverResult() where results lie elsewhere", () => {
  const took = { kind: "delivered", message: "ok" } as const;
  const lease = { unbroken: () => () => true, heldSince: () => 0 };

  /** Results that lend what they find, and know what is lent. */
  function shelf(find: () => Promise<ResultMark | null>) {
    const events: string[] = [];
    const results: Results = Object.assign(new MemorySpool(), {
      find,
      has: async () => (await find()) !== null,
      async lend(place: string) {
        events.push(`lent ${place}`);
        return { path: "/copies/7", release: async () => void events.push("released") };
      },
    });
    return { results, events };
  }

  const found = () => Promise.resolve({ mark: "", size: 1 });

  test("the plugin gets a file that is lent, until it has ended", async () => {
    const { results, events } = shelf(found);
    const answer = (_: Journal, order: DeliveryOrder): DeliveryAnswer => {
      events.push(`gave ${order.resultPath}`);
      return took;
    };
    const { delivered } = await attempt(answer, {}, { around: { results } });
    expect([delivered, events]).toEqual([true, ["lent /r/7.json", "gave /copies/7", "released"]]);
  });

  test("what cannot be lent is an attempt that failed, and says why", async () => {
    const { results } = shelf(found);
    results.lend = () => Promise.reject(new RunnerError("STORE", "no answer", { hint: "wait" }));
    const { delivered, orders, row } = await attempt(took, {}, { around: { results } });
    expect([delivered, orders.length]).toEqual([false, 0]);
    expect(row).toMatchObject({ state: "pending", error: "no answer (wait)", attempts: 1 });
  });

  test("waits for a store that cannot be used now, however long that takes", async () => {
    const { results } = shelf(found);
    const about = { passing: true, hint: "mount it" };
    results.lend = () => Promise.reject(new RunnerError("STORE", "not mounted", about));
    const { row } = await attempt(took, { attempts: 99 }, { around: { results } });
    expect(row).toMatchObject({ state: "pending", nextAt: NOW + 3_600_000, attempts: 100 });
  });

  test("a host that loses its lease while the file is fetched does not call the plugin (I12)", async () => {
    const { results, events } = shelf(found);
    let isHeld = true;
    const { lend } = results;
    results.lend = async (place) => {
      isHeld = false;
      return await lend(place);
    };
    const around = { results, lease, mayAct: () => isHeld };
    const { orders } = await attempt(took, {}, { around });
    expect([orders.length, events.at(-1)]).toEqual([0, "released"]);
  });

  test("what lies on a host that is gone is collected again, with no attempt made", async () => {
    const { results } = shelf(() => Promise.resolve(null));
    const { delivered, orders, row, action } = await attempt(
      took,
      {},
      { around: { results, lease } },
    );
    expect([delivered, orders.length, action?.state]).toEqual([true, 0, "posted"]);
    expect(row).toMatchObject({ state: "pending", attempts: 0, nextAt: NOW + 3_600_000 });
  });

  test("a file of an earlier collect of this host does not pass for the one that counts", async () => {
    const { results } = shelf(found);
    const asked: unknown[] = [];
    results.has = async (...order) => {
      asked.push(order);
      return false;
    };
    const { orders, action } = await attempt(took, {}, { around: { results, lease } });
    expect([orders.length, action?.state]).toEqual([0, "posted"]);
    expect(asked).toEqual([["/r/7.json", null]]);
  });

  test("gives no plugin another result where it cannot be collected again", async () => {
    const { results } = shelf(() => Promise.resolve(null));
    const settled = (journal: Journal) =>
      journal.write((rows) => {
        const action = rows.actionById(7);
        if (action !== null) rows.saveAction({ ...action, reply: null });
      });
    const { orders, row, delivered } = await attempt(
      took,
      {},
      { around: { results, lease }, before: settled },
    );
    expect([orders.length, delivered]).toEqual([0, false]);
    expect(row).toMatchObject({
      attempts: 1,
      error: expect.stringMatching(/its result is on the host that collected it: .r.7.json/),
    });
  });

  test("of a store that does not answer nothing is concluded", async () => {
    const { results } = shelf(() => Promise.reject(new Error("no answer")));
    const { delivered, action } = await attempt(took, {}, { around: { results, lease } });
    expect([delivered, action?.state]).toEqual([true, "settled"]);
  });
});
