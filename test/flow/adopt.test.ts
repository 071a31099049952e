import { describe, expect, test } from "bun:test";
import { adoptInflight } from "../../src/flow/adopt.ts";
import type { InflightFile } from "../../src/ports.ts";
import { entity, NOON, openWorld } from "../support/world.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function record(name: string, text: string, job = "nightly"): InflightFile {
  const path = `/runner/runners/${job}/inflight/${name}`;
  return { job, name, path, kind: "bytes", bytes: bytes(text) };
}

const action = (id: number) =>
  `{"id":${id},"name":"mig-runner: nightly","expireafter":"2026-11-23T12:05:00.5Z",` +
  `"pgpsignatures":["one"]}`;

const whole = (id: number, plugin = "") =>
  `{"action":${action(id)},"commands":null,"name":"nightly","plugin":"${plugin}"}`;

/** A method of an object that stays the object's own. */
function method(target: object, name: PropertyKey): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === "function" ? value.bind(target) : value;
}

describe("adoptInflight() (I9)", () => {
  test("takes over a pending collect, with the action's own bytes", async () => {
    const world = openWorld();
    world.spool.found = [record("7.json", whole(7))];
    const adopted = await adoptInflight(world.edges, () => entity({ plugins: ["mail"] }));
    expect(adopted).toBe(1);
    const row = world.journal.actionById(7);
    expect(row).toMatchObject({
      job: "nightly",
      state: "posted",
      plugins: ["mail"],
      nextAt: NOON + 300_500,
    });
    expect(new TextDecoder().decode(row?.reply ?? bytes(""))).toBe(action(7));
  });

  test("asks the record for the plugin when the job is gone", async () => {
    const world = openWorld();
    world.spool.found = [record("7.json", whole(7, "slack"))];
    await adoptInflight(world.edges, () => null);
    expect(world.journal.actionById(7)?.plugins).toEqual(["slack"]);
  });

  test("adopts two records of one job with one expiry", async () => {
    const world = openWorld();
    world.spool.found = [record("7.json", whole(7)), record("8.json", whole(8))];
    expect(await adoptInflight(world.edges, () => null)).toBe(2);
    expect(world.journal.runs("nightly", 9).map(({ firesAt }) => firesAt - NOON)).toEqual([
      300_501, 300_500,
    ]);
  });

  test("adopts very many with one expiry, each by a look or two at the journal", async () => {
    const world = openWorld();
    const count = 2_000;
    world.spool.found = Array.from({ length: count }, (_, index) =>
      record(`${index + 1}.json`, whole(index + 1)),
    );
    const { write } = world.journal;
    let inserts = 0;
    const counting: typeof write = (work) =>
      write.call(world.journal, (tables) => {
        const insertRun: typeof tables.insertRun = (...run) => {
          inserts++;
          return tables.insertRun(...run);
        };
        return work(
          new Proxy(tables, {
            get: (target, name) => (name === "insertRun" ? insertRun : method(target, name)),
          }),
        );
      }) as never;
    world.journal.write = counting;
    expect(await adoptInflight(world.edges, () => null)).toBe(count);
    expect(inserts).toBeLessThan(3 * count);
  });

  test("does not read again what waits for its collect, whatever has become of the file", async () => {
    const world = openWorld();
    world.spool.found = [record("7.json", whole(7))];
    await adoptInflight(world.edges, () => null);
    world.spool.found = [record("7.json", "torn")];
    expect(await adoptInflight(world.edges, () => null)).toBe(0);
    expect(world.spool.aside).toEqual([]);
  });

  test("ends between two records when the runner stops", async () => {
    const world = openWorld();
    world.spool.found = [record("7.json", whole(7))];
    const signal = AbortSignal.abort();
    expect(await adoptInflight(world.edges, () => null, { signal })).toBe(0);
    expect(world.journal.actionById(7)).toBeNull();
  });

  test("leaves alone what the journal knows as pending, and removes what is collected", async () => {
    const world = openWorld();
    world.spool.found = [record("7.json", whole(7))];
    await adoptInflight(world.edges, () => null);
    world.spool.records.set("/runner/runners/nightly/inflight/7.json", "");
    expect(await adoptInflight(world.edges, () => null)).toBe(0);
    expect(world.spool.records.size).toBe(1);
    const row = world.journal.actionById(7);
    if (row === null) throw new Error("not adopted");
    await world.journal.write((tables) => tables.saveAction({ ...row, state: "settled" }));
    await adoptInflight(world.edges, () => null);
    expect(world.spool.records.size).toBe(0);
  });

  test("sets aside and names what holds nothing to collect", async () => {
    const world = openWorld();
    world.spool.found = [
      record("1.json", ""),
      record("2.json", whole(2).slice(0, 40)),
      record("3.json", '{"action":{"name":"x"}}'),
      record("4.json", whole(4)),
    ];
    expect(await adoptInflight(world.edges, () => null)).toBe(1);
    expect(world.spool.aside.map((path) => path.slice(-6))).toEqual(["1.json", "2.json", "3.json"]);
    expect(world.lines.filter((line) => line.startsWith("err ")).length).toBe(3);
  });

  test("reports a record that cannot be read, and goes on with the next (I8)", async () => {
    const world = openWorld();
    const path = "/runner/runners/nightly/inflight/1.json";
    world.spool.found = [
      { job: "nightly", name: "1.json", path, kind: "unreadable", message: "permission denied" },
      record("7.json", whole(7)),
    ];
    expect(await adoptInflight(world.edges, () => null)).toBe(1);
    expect(world.lines[0]).toContain("permission denied");
  });

  test("takes a record under another name, and sets the file aside", async () => {
    const world = openWorld();
    world.spool.found = [record("copy.json", whole(7))];
    expect(await adoptInflight(world.edges, () => null)).toBe(1);
    const path = "/runner/runners/nightly/inflight/copy.json";
    expect(world.spool.aside).toEqual([path]);
    const told = `warning nightly: copy.json holds action 7: ${path}.bad`;
    expect(world.lines).toContain(told);
  });
});
