import { describe, expect, test } from "bun:test";
import { RunnerError } from "../../src/errors.ts";
import { Engine } from "../../src/workflow/engine.ts";
import type { BodyListener } from "../../src/workflow/host.ts";
import type { ToBody } from "../../src/workflow/messages.ts";
import { settle } from "../support/clock.ts";
import { fillDisk, NOON, openWorld } from "../support/world.ts";

/** An engine with open runs, a minute from one to the next, and bodies that a test plays by hand. */
async function open(runs = 1) {
  const world = openWorld();
  const bodies: { listener: BodyListener; heard: ToBody[]; isStopped: boolean }[] = [];
  const edges = {
    ...world.edges,
    workflows: {
      host: {
        start(listener: BodyListener) {
          const body = { listener, heard: [] as ToBody[], isStopped: false };
          bodies.push(body);
          return {
            post: (message: ToBody) => void body.heard.push(message),
            stop: () => {
              body.isStopped = true;
            },
          };
        },
      },
      bundle: () => Promise.reject(new Error("nothing to bundle")),
    },
  };
  await world.journal.write((tables) => {
    tables.insertSource("5eed", "the source");
    const rest = { template: null, expiryMs: 1, agentsMax: null, plugins: [] };
    for (let id = 1; id <= runs; id++) {
      const run = { job: "hunt", firesAt: id, cause: "manual", source: "5eed" } as const;
      tables.insertRun(run, "open", NOON);
      const nextAt = NOON + (id - 1) * 60_000;
      tables.insertBody({ runId: id, ...rest, seed: 9, begunAt: NOON, nextAt });
    }
  });
  const engine = new Engine(edges, { isMine: () => true, planned() {}, changed() {} });
  const tick = async (ms = 0): Promise<void> => {
    await world.clock.moveBy(ms);
    engine.tick(world.clock.now());
    await settle();
  };
  const say = async (message: unknown): Promise<void> => {
    bodies.at(-1)?.listener.onMessage(message);
    await settle();
  };
  return { ...world, engine, bodies, tick, say, run: () => world.journal.run(1) };
}

describe("Engine with bodies that go wrong", () => {
  test("begins a body with the run's own time, chance and source", async () => {
    const { bodies, tick, engine } = await open();
    await tick();
    const run = { id: 1, job: "hunt", firesAt: 1 };
    const begin = {
      kind: "begin",
      version: 2,
      run,
      now: NOON,
      seed: 9,
      params: null,
      source: "the source",
    };
    expect(bodies[0]?.heard).toEqual([begin] as never);
    expect(engine.isIdle).toBe(false);
  });

  test("starts a lost body again after 2 and 4 seconds, then the run has failed", async () => {
    const { bodies, tick, run, engine, lines } = await open();
    await tick();
    for (const [starts, waitMs] of [
      [1, 2_000],
      [2, 4_000],
    ] as const) {
      expect(bodies.length).toBe(starts);
      bodies.at(-1)?.listener.onLost("it was in an endless loop");
      await settle();
      await tick(waitMs - 1);
      expect(bodies.length).toBe(starts);
      await tick(1);
    }
    expect(run()?.state).toBe("open");
    bodies.at(-1)?.listener.onLost("it was in an endless loop");
    await settle();
    expect(run()).toMatchObject({ state: "failed", note: "it was in an endless loop" });
    expect([engine.failures, engine.isIdle]).toEqual([1, true]);
    const again = "warning hunt: run 1 is tried again: it was in an endless loop";
    expect(lines.slice(0, 2)).toEqual([again, again]);
    expect(lines[2]).toStartWith("err hunt: run 1 failed: it was in an endless loop (");
  });

  test("starts nothing once it is to stop, and counts no start", async () => {
    const { bodies, tick, engine, journal } = await open();
    engine.stop();
    await tick();
    await tick(60_000);
    expect([bodies.length, journal.body(1)?.starts]).toEqual([0, 0]);
    expect(engine.isIdle).toBe(true);
  });

  test("does not count a body for which the system had no process, and waits", async () => {
    const { bodies, tick, run } = await open();
    await tick();
    for (let count = 1; count <= 5; count++) {
      expect(bodies.length).toBe(count);
      bodies.at(-1)?.listener.onLost("too many open files", "system");
      await settle();
      await tick(4_999);
      expect(bodies.length).toBe(count);
      await tick(1);
    }
    expect(run()?.state).toBe("open");
  });

  test("does not count a loss after which a step had ended", async () => {
    const { bodies, tick, run, say } = await open();
    for (let count = 0; count < 5; count++) {
      await tick(10_000);
      expect(bodies.length).toBe(count + 1);
      // The replay asks for all the steps before, too.
      for (let step = 0; step <= count; step++) {
        await say({ kind: "ask", name: `s${step}`, request: { kind: "sleep", ms: 0 } });
      }
      bodies.at(-1)?.listener.onLost("gone");
      await settle();
    }
    expect(run()?.state).toBe("open");
  });

  const request = { kind: "step", retriesMax: 0, passingMax: 0, firstMs: 1, capMs: 1 };
  const hostile: readonly [string, readonly unknown[], RegExp][] = [
    ["what is no message", [{ kind: "answer" }], /^its code sent an invalid message$/],
    [
      "a try that nobody asked for",
      [{ kind: "tried", name: "a", attempt: 1, outcome: { kind: "value", json: null } }],
      /^its code ran "a", which it never asked for$/,
    ],
    [
      "another try than the one asked for",
      [
        { kind: "ask", name: "a", request },
        { kind: "tried", name: "a", attempt: 2, outcome: { kind: "value", json: null } },
      ],
      /^its code ran step "a" without being asked to$/,
    ],
    [
      "a try of a sleep",
      [
        { kind: "ask", name: "a", request: { kind: "sleep", ms: 60_000 } },
        { kind: "tried", name: "a", attempt: 1, outcome: { kind: "value", json: null } },
      ],
      /^its code ran step "a" without being asked to$/,
    ],
    [
      "a delivery of a result that is none",
      [
        { kind: "ask", name: "a", request: { kind: "deliver", plugin: "slack", result: "base" } },
        { kind: "ended", error: "because" },
      ],
      /^because$/,
    ],
  ];
  for (const [what, messages, note] of hostile) {
    test(`ends a run whose body sends ${what}`, async () => {
      const { tick, say, run, bodies } = await open();
      await tick();
      for (const message of messages) await say(message);
      expect(run()?.state).toBe("failed");
      expect(run()?.note).toMatch(note);
      expect(bodies[0]?.isStopped).toBe(true);
    });
  }

  test("is woken when a body that does nothing has done so for five minutes", async () => {
    const { engine, tick, say, run, clock } = await open(2);
    const wakesAt = () => engine.nextAt(clock.now());
    expect(wakesAt()).toBeNull();
    await tick();
    await say({ kind: "idle", received: 1 });
    await tick();
    expect(wakesAt()).toBe(NOON + 300_000);
    await tick(60_000);
    await say({ kind: "idle", received: 1 });
    await tick();
    // The first of two.
    expect(wakesAt()).toBe(NOON + 300_000);
    await tick(240_000);
    const note = "it waits for something that is not a step: put that into run.step";
    expect(run()).toMatchObject({ state: "failed", note });
    expect(wakesAt()).toBe(NOON + 360_000);
    await tick(60_000);
    expect(wakesAt()).toBeNull();
  });

  test("lets a body go that only waits, also after the journal could not be written", async () => {
    const world = await open();
    const { bodies, tick, say } = world;
    await tick();
    await say({ kind: "ask", name: "night", request: { kind: "sleep", ms: 3_600_000 } });
    const makeRoom = fillDisk(world);
    await say({ kind: "idle", received: 1 });
    expect(bodies[0]?.isStopped).toBe(false);
    makeRoom();
    await say({ kind: "idle", received: 1 });
    expect(bodies[0]?.isStopped).toBe(true);
  });

  test("keeps a body for a second, and lets it go that waits for longer", async () => {
    for (const [ms, isStopped] of [
      [1_000, false],
      [1_001, true],
    ] as const) {
      const { bodies, tick, say } = await open();
      await tick();
      await say({ kind: "ask", name: "nap", request: { kind: "sleep", ms } });
      await say({ kind: "idle", received: 1 });
      expect([ms, bodies[0]?.isStopped]).toEqual([ms, isStopped]);
    }
  });

  /** A disk that takes nothing; how often it was asked. */
  function fullDisk({ journal }: Awaited<ReturnType<typeof open>>) {
    const disk = { writes: 0, makeRoom: () => {} };
    const { write } = journal;
    const full = new RunnerError("JOURNAL", "Cannot use the journal: the disk is full");
    // Asked more often than that it would be without end.
    journal.write = () => (++disk.writes < 9 ? Promise.reject(full) : new Promise(() => {}));
    disk.makeRoom = () => {
      journal.write = write;
    };
    return disk;
  }

  type Opened = Awaited<ReturnType<typeof open>>;
  const call = { kind: "ask", name: "call", request };
  const nap = { kind: "ask", name: "nap", request: { kind: "sleep", ms: 60_000 } };
  const outcome = { kind: "value", json: "7" };
  const written: readonly [string, readonly unknown[], (opened: Opened) => Promise<void>][] = [
    ["that its body is started", [], ({ tick }) => tick(60_000)],
    ["that a step is begun", [], ({ say }) => say(call)],
    [
      "what a step has done",
      [call],
      ({ say }) => say({ kind: "tried", name: "call", attempt: 1, outcome }),
    ],
    ["that a sleep is over", [nap], ({ tick }) => tick(60_000)],
    ["that its run is done", [], ({ say }) => say({ kind: "ended", error: null })],
  ];
  for (const [what, before, does] of written) {
    test(`tries every five seconds to write ${what}, and goes on when it can`, async () => {
      const opened = await open(what.includes("started") ? 2 : 1);
      const { bodies, tick, say } = opened;
      await tick();
      for (const message of before) await say(message);
      const heard = bodies.map((body) => body.heard.length);
      const disk = fullDisk(opened);
      await does(opened);
      for (let seconds = 1; seconds < 5; seconds++) await tick(1_000);
      expect(disk.writes).toBe(1);
      disk.makeRoom();
      await tick(1_000);
      await tick();
      const isOn = bodies.length > heard.length || bodies[0]?.heard.length !== heard[0];
      expect(isOn).toBe(true);
    });
  }

  test("tells a body once that its run was ended by somebody else", async () => {
    const { bodies, tick, journal, run } = await open();
    await tick();
    await journal.write((tables) => {
      const open = tables.run(1);
      if (open !== null) tables.saveRun({ ...open, state: "failed", note: "dropped" });
    });
    for (let ticks = 0; ticks < 3; ticks++) await tick();
    expect(run()?.state).toBe("failed");
    const told = bodies[0]?.heard.filter(({ kind }) => kind === "abort");
    expect(told).toEqual([{ kind: "abort", reason: "dropped" }]);
  });

  test("keeps ten thousand lines of a body, and says at the last that there were more", async () => {
    const { bodies, tick, lines } = await open();
    await tick();
    for (let count = 1; count <= 10_005; count++) {
      bodies[0]?.listener.onMessage({ kind: "log", level: "info", message: `line ${count}` });
    }
    expect(lines.length).toBe(10_000);
    expect(lines.at(-2)).toBe("info hunt: line 9999");
    const more = "(further lines of this run are left out)";
    expect(lines.at(-1)).toBe(`info hunt: line 10000 ${more}`);
  });

  test("does not listen to a body any more that has ended", async () => {
    const { tick, say, run, journal } = await open();
    await tick();
    await say({ kind: "ended", error: null });
    await say({ kind: "ask", name: "late", request: { kind: "sleep", ms: 0 } });
    await say({ kind: "ended", error: "late" });
    expect(run()).toMatchObject({ state: "done", note: null });
    expect(journal.stepsOf(1)).toEqual([]);
  });
});
