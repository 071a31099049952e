// Tally: one bad group of items costs the others nothing, at whatever place it stands.
import { describe, expect, test } from "bun:test";
import compliance from "../../plugins/mozdef-compliance.ts";
import webhook from "../../plugins/webhook.ts";
import type { PluginModule } from "../../src/sdk/plugin.ts";
import { answer, command, fileElements, resultOf } from "../support/results.ts";
import { type Heard, Listener, type Reply, tryPlugin } from "../support/shipped.ts";

interface Attempts {
  readonly settings?: object;
  readonly reply: (heard: Heard, index: number) => Reply;
  readonly attemptsMax?: number;
}

/** Delivers until it was taken, failed for good, or was tried often enough. */
async function attempts(
  module: PluginModule,
  result: object,
  { attemptsMax = 12, reply, settings = {} }: Attempts,
) {
  await using listener = await Listener.open(reply);
  const own = { url: listener.url, ...settings };
  let progress: unknown = null;
  for (let attempt = 1; ; attempt++) {
    const tried = await tryPlugin(module, { settings: own, result, progress, attempt });
    ({ progress } = tried);
    const isOver = tried.kind !== "failed" || tried.final || attempt === attemptsMax;
    if (isOver) return { ...tried, attempt, heard: listener.heard };
  }
}

/** A host with many findings. */
function busy(host: string, id: number, count: number): object {
  const [found] = (fileElements() as { rootlogin: object[] }).rootlogin;
  const rootlogin = Array.from({ length: count }, (_, index) => ({ ...found, file: `/${index}` }));
  return command({ host, id, results: [answer({ rootlogin })] });
}

const RETRIED = { "Retry-After": "0" };
const names = (heard: readonly Heard[]): ReadonlySet<string> =>
  new Set(heard.flatMap(({ body }) => body.match(/h\d+\.sound/g) ?? []));
const sound = (count: number): readonly object[] =>
  Array.from({ length: count }, (_, id) => command({ id: 100 + id, host: `h${id}.sound` }));

describe.each([400, 500, 403])("events that a service answers with %d", (status) => {
  const reply = ({ body }: Heard): Reply =>
    body.includes("poison") ? { status, headers: RETRIED } : { status: 200 };

  test("of one host, before all others, cost the others nothing", async () => {
    const result = resultOf(busy("poison", 1, 60), busy("poison", 2, 60), ...sound(20));
    const one = await attempts(compliance, result, { reply, attemptsMax: 1 });
    expect(names(one.heard).size).toBe(20);
    expect(one.kind).toBe("failed");
    const requests = one.heard.filter(({ body }) => body.includes("poison")).length;
    expect(requests).toBeLessThan(40);
  });
});

describe("a service that breaks on one command", () => {
  test.each([0, 7, 39])(
    "gets the others of the batch, wherever the command is: %d",
    async (place) => {
      const all = [...sound(39)];
      all.splice(place, 0, command({ id: 7, host: "poison" }));
      const taken: Heard[] = [];
      const reply = (heard: Heard): Reply => {
        if (heard.body.includes("poison")) return { status: 500, headers: RETRIED };
        taken.push(heard);
        return { status: 200 };
      };
      const tried = await attempts(webhook, resultOf(...all), { reply, attemptsMax: 3 });
      expect(names(taken).size).toBe(39);
      expect({ kind: tried.kind, final: tried.final }).toEqual({ kind: "failed", final: false });
      expect(tried.message).toMatch(/^1 of 40 commands failed: http.* answered 500$/);
    },
  );
});

describe("what failed before", () => {
  test("does not keep a later attempt from what was never tried", async () => {
    // Five hosts that break the service, which ends the attempt, then sound ones.
    const poison = Array.from({ length: 12 }, (_, id) => command({ id, host: `poison${id}` }));
    const reply = ({ body }: Heard): Reply =>
      body.includes("poison") ? { status: 501 } : { status: 200 };
    const settings = { connections: "1" };
    const result = resultOf(...poison, ...sound(8));
    const first = await attempts(compliance, result, { reply, settings, attemptsMax: 1 });
    expect([names(first.heard).size, first.heard.length]).toEqual([0, 5]);
    const later = await attempts(compliance, result, { reply, settings, attemptsMax: 4 });
    expect(names(later.heard).size).toBe(8);
    expect(later.message).toMatch(/^12 of 20 events failed/);
  });

  test("is told at the end, also when an earlier attempt met it", async () => {
    const reply = ({ body }: Heard, index: number): Reply => {
      if (body.includes("h3.sound")) return { status: 422, body: "no" };
      return index === 5 ? { status: 404 } : { status: 200 };
    };
    const tried = await attempts(compliance, resultOf(...sound(9)), {
      reply,
      settings: { connections: "1" },
    });
    expect(tried.attempt).toBe(2);
    expect(tried.final).toBe(true);
    expect(tried.message).toMatch(/^1 of 9 events were refused: http.* answered 422: no$/);
    expect(tried.heard.length).toBe(10);
  });
});

describe("the last batch", () => {
  test("is called so when all others were taken, and not before", async () => {
    const reply = (_: Heard, index: number): Reply => ({ status: index === 1 ? 404 : 200 });
    const settings = { commands: "2" };
    const tried = await attempts(webhook, resultOf(...sound(6)), { reply, settings });
    expect(tried).toMatchObject({ kind: "delivered", attempt: 2 });
    const batches = tried.heard.map(({ body }) => JSON.parse(body).batch as object);
    expect(batches).toEqual([
      { key: "nightly/7/shipped/100-101", last: false },
      { key: "nightly/7/shipped/102-103", last: false },
      { key: "nightly/7/shipped/104-105", last: false },
      { key: "nightly/7/shipped/102-103", last: true },
    ]);
  });

  test("is made again when it failed, also for a result without commands", async () => {
    const reply = (_: Heard, index: number): Reply => ({ status: index === 0 ? 404 : 200 });
    const tried = await attempts(webhook, resultOf(), { reply });
    expect(tried).toMatchObject({ kind: "delivered", attempt: 2 });
    expect(tried.heard.length).toBe(2);
  });
});

test("what is saved of places that no result has does not keep a delivery from its end", async () => {
  const progress = {
    form: "",
    refused: 0,
    refusal: "",
    next: 90,
    runs: [
      [0, 2],
      [60, 80],
    ],
  };
  await using listener = await Listener.open([{ status: 200 }]);
  const settings = { url: listener.url };
  const some = await tryPlugin(webhook, { settings, result: resultOf(...sound(3)), progress });
  const none = await tryPlugin(webhook, { settings, result: resultOf(), progress });
  expect([some.kind, none.kind]).toEqual(["delivered", "delivered"]);
  const ids = listener.heard.map(({ body }) => JSON.parse(body).commands.length as number);
  expect(ids).toEqual([2, 0]);
});

test("what another form of events has saved is no progress of this one", async () => {
  const progress = { form: "compliance 0", refused: 0, refusal: "", next: 5, runs: [] };
  await using listener = await Listener.open([{ status: 200 }]);
  const settings = { url: listener.url };
  const result = resultOf(...sound(3));
  expect((await tryPlugin(compliance, { settings, result, progress })).kind).toBe("delivered");
  expect(listener.heard.length).toBe(3);
});
