// Queue: order, bounds and counts, with carriers that fail when a test says so.
import { describe, expect, test } from "bun:test";
import {
  type Carrier,
  CHARACTERS_MAX,
  LINES_MAX,
  LineQueue,
  TooSlow,
} from "../../../src/lib/log/queue.ts";
import { SECOND_MS } from "../../../src/time.ts";
import { settle, VirtualClock } from "../../support/clock.ts";

/** Carriers that take lines at once while `up`, and a queue before them. */
class World {
  readonly clock = new VirtualClock(0);
  readonly sent: string[] = [];
  readonly failures: unknown[] = [];
  /** How many lines were left at the end. */
  readonly left: number[] = [];
  doubtful = 0;
  up = true;
  connects = 0;
  closed = 0;
  readonly queue = new LineQueue(this.#carrier(), {
    clock: this.clock,
    connect: async () => {
      this.connects++;
      if (!this.up) throw new Error("away");
      return this.#carrier();
    },
    onFailure: (error) => this.failures.push(error),
    lossLine: (lost, doubtful) => (doubtful === 0 ? `lost ${lost}` : `lost ${lost}+${doubtful}`),
    onLeft: (count) => this.left.push(count),
  });

  #carrier(): Carrier {
    return {
      send: (line) => {
        if (!this.up) throw new Error("down");
        this.sent.push(line);
        return undefined;
      },
      doubtful: () => this.doubtful,
      close: () => {
        this.closed++;
      },
    };
  }
}

describe("LineQueue", () => {
  test("sends within the call while its carrier takes lines at once", () => {
    const world = new World();
    world.queue.write("one");
    world.queue.write("two");
    expect(world.sent).toEqual(["one", "two"]);
  });

  test("keeps order and loses nothing while a peer is away", async () => {
    const world = new World();
    world.queue.write("one");
    world.up = false;
    for (const line of ["two", "three", "four"]) world.queue.write(line);
    await world.clock.moveBy(5 * SECOND_MS);
    world.up = true;
    world.queue.write("five");
    await world.clock.moveBy(30 * SECOND_MS);
    expect(world.sent).toEqual(["one", "two", "three", "four", "five"]);
  });

  test("says once that it fails, and again only after it worked", async () => {
    const world = new World();
    for (const line of ["one", "two"]) {
      world.up = false;
      world.queue.write(line);
      await world.clock.moveBy(600 * SECOND_MS);
      world.up = true;
      await world.clock.moveBy(30 * SECOND_MS);
    }
    expect(world.failures).toHaveLength(2);
    expect(world.sent).toEqual(["one", "two"]);
  });

  test("does not repeat itself about a peer that comes and goes", async () => {
    const world = new World();
    for (let number = 0; number < 20; number++) {
      world.up = false;
      world.queue.write(`line ${number}`);
      world.up = true;
      await world.clock.moveBy(SECOND_MS);
    }
    expect(world.sent).toHaveLength(20);
    expect(world.failures).toHaveLength(1);
  });

  test("tries less and less often, at least every 30 seconds", async () => {
    const world = new World();
    world.up = false;
    world.queue.write("one");
    await world.clock.moveBy(60 * SECOND_MS);
    const inFirstMinute = world.connects;
    await world.clock.moveBy(600 * SECOND_MS);
    expect(inFirstMinute).toBeLessThan(12);
    expect(world.connects - inFirstMinute).toBe(20);
  });

  test("gives up its oldest lines above its bounds, and says how many in their place", async () => {
    const world = new World();
    world.up = false;
    for (let number = 0; number < LINES_MAX + 6; number++) world.queue.write(`line ${number}`);
    world.up = true;
    await world.clock.moveBy(SECOND_MS);
    // The first line was already being sent when the others came.
    expect(world.sent.slice(0, 3)).toEqual(["line 0", "lost 5", "line 6"]);
    expect(world.sent).toHaveLength(LINES_MAX + 2);
    expect(world.sent.at(-1)).toBe(`line ${LINES_MAX + 5}`);
  });

  test("bounds the size of what waits, not only the number", async () => {
    const world = new World();
    world.up = false;
    const large = "x".repeat(CHARACTERS_MAX / 4);
    for (let number = 0; number < 10; number++) world.queue.write(large);
    world.up = true;
    await world.clock.moveBy(SECOND_MS);
    expect(world.sent.map((line) => line.slice(0, 6))).toEqual([
      "xxxxxx",
      "lost 5",
      ...Array.from({ length: 4 }, () => "xxxxxx"),
    ]);
  });

  test("waits for a carrier that takes its time", async () => {
    const sent: string[] = [];
    const left: number[] = [];
    const taken: (() => void)[] = [];
    const queue = new LineQueue(
      {
        send: (line) => {
          sent.push(line);
          return new Promise((resolve) => taken.push(resolve));
        },
        close: () => {},
      },
      {
        clock: new VirtualClock(0),
        connect: () => Promise.reject(new Error("not asked for")),
        onFailure: () => {},
        lossLine: String,
        onLeft: (count) => left.push(count),
      },
    );
    queue.write("one");
    queue.write("two");
    await settle();
    expect(sent).toEqual(["one"]);
    taken[0]?.();
    await settle();
    expect(sent).toEqual(["one", "two"]);
  });

  test("gives up a carrier that takes no line in time, and sends the line by the next", async () => {
    const clock = new VirtualClock(0);
    const failures: unknown[] = [];
    const sent: string[] = [];
    const closed: (boolean | undefined)[] = [];
    const carrier = (isStuck: boolean): Carrier => ({
      send(line) {
        if (isStuck) return new Promise(() => {});
        sent.push(line);
        return Promise.resolve();
      },
      doubtful: (error) => (error instanceof TooSlow ? 7 : 0),
      close: (stuck) => closed.push(stuck),
    });
    const queue = new LineQueue(carrier(true), {
      clock,
      connect: async () => carrier(false),
      onFailure: (error) => failures.push(error),
      lossLine: (lost, doubtful) => `lost ${lost}+${doubtful}`,
      onLeft: () => {},
    });
    for (const line of ["one", "two"]) queue.write(line);
    await clock.moveBy(10 * SECOND_MS - 1);
    expect([sent, closed]).toEqual([[], []]);
    await clock.moveBy(2 * SECOND_MS);
    expect(sent).toEqual(["one", "lost 0+7", "two"]);
    expect(closed).toEqual([true]);
    expect(String(failures[0])).toContain("no line was taken within 10 seconds");
  });

  test("does not wait for ever for a carrier that opens, and closes it when it comes late", async () => {
    const clock = new VirtualClock(0);
    const opening: { open: (carrier: Carrier) => void; signal: AbortSignal }[] = [];
    const closed: string[] = [];
    const sent: string[] = [];
    const carrier = (name: string): Carrier => ({
      send: (line) => void sent.push(`${name} ${line}`),
      close: () => closed.push(name),
    });
    const broken: Carrier = { ...carrier("broken"), send: () => Promise.reject(new Error("gone")) };
    const queue = new LineQueue(broken, {
      clock,
      connect: (signal) => new Promise((open) => opening.push({ open, signal })),
      onFailure: () => {},
      lossLine: String,
      onLeft: () => {},
    });
    queue.write("one");
    await clock.moveBy(SECOND_MS);
    expect(opening.length).toBe(1);
    await clock.moveBy(12 * SECOND_MS);
    expect([opening.length, opening[0]?.signal.aborted]).toEqual([2, true]);
    opening[0]?.open(carrier("late"));
    opening[1]?.open(carrier("second"));
    await settle();
    expect(closed).toEqual(["broken", "late"]);
    expect(sent).toEqual(["second one"]);
  });

  test("waits as long as it takes where there is only one carrier", async () => {
    const clock = new VirtualClock(0);
    const { promise, resolve } = Promise.withResolvers<void>();
    const sent: string[] = [];
    const only: Carrier = {
      isOnly: true,
      send(line) {
        sent.push(line);
        return sent.length === 1 ? promise : undefined;
      },
      close: () => {},
    };
    const queue = new LineQueue(only, {
      clock,
      connect: () => Promise.reject(new Error("not asked for")),
      onFailure: () => {},
      lossLine: String,
      onLeft: () => {},
    });
    for (const line of ["one", "two"]) queue.write(line);
    await clock.moveBy(3_600 * SECOND_MS);
    resolve();
    await settle();
    expect(sent).toEqual(["one", "two"]);
  });

  test("says how many of the lines before a failure may be lost", async () => {
    const world = new World();
    world.queue.write("one");
    world.doubtful = 1;
    world.up = false;
    world.queue.write("two");
    await settle();
    world.up = true;
    await world.clock.moveBy(SECOND_MS);
    expect(world.sent).toEqual(["one", "two", "lost 0+1"]);
  });

  test("opens again when asked to, with the next line", async () => {
    const world = new World();
    world.queue.reopen();
    expect(world.connects).toBe(0);
    world.queue.write("one");
    await settle();
    expect([world.connects, world.closed, world.sent]).toEqual([1, 1, ["one"]]);
  });
});

describe("LineQueue.close()", () => {
  test("makes one more try for what waits", async () => {
    const world = new World();
    world.up = false;
    world.queue.write("one");
    await settle();
    world.up = true;
    await world.queue.close();
    expect(world.sent).toEqual(["one"]);
    expect(world.left).toEqual([]);
  });

  test("does not wait for a peer that stays away", async () => {
    const world = new World();
    world.up = false;
    world.queue.write("one");
    await settle();
    world.queue.write("two");
    await world.queue.close();
    expect(world.sent).toEqual([]);
    expect(world.closed).toBeGreaterThan(0);
    expect(world.left).toEqual([2]);
  });

  test("waits a moment for a line under way, no longer, and takes no more", async () => {
    const clock = new VirtualClock(0);
    const left: number[] = [];
    let closed = 0;
    const queue = new LineQueue(
      { send: () => new Promise(() => {}), close: () => closed++ },
      {
        clock,
        connect: () => Promise.reject(new Error("away")),
        onFailure: () => {},
        lossLine: String,
        onLeft: (count) => left.push(count),
      },
    );
    queue.write("one");
    queue.write("two");
    const closing = queue.close();
    await clock.moveBy(0.75 * SECOND_MS);
    await closing;
    queue.write("three");
    expect(closed).toBe(1);
    expect(left).toEqual([2]);
    // Nothing that it waits for keeps the process from ending.
    expect(clock.waiting).toBe(0);
  });
});
