// Systemd: what the service manager hears.
import { describe, expect, test } from "bun:test";
import { openNotify, openWatchdog } from "../../src/edge/systemd.ts";
import { DatagramListener, Scratch } from "../support/edge.ts";

describe("openNotify()", () => {
  test("tells the service manager each state", async () => {
    using scratch = new Scratch();
    using manager = new DatagramListener(scratch.in("notify"));
    const notify = await openNotify({ NOTIFY_SOCKET: scratch.in("notify") });
    notify("READY=1\nSTATUS=12 jobs");
    notify("STOPPING=1");
    expect(await manager.next()).toBe("READY=1\nSTATUS=12 jobs");
    expect(await manager.next()).toBe("STOPPING=1");
  });

  test("does nothing without a service manager, or with one that has gone", async () => {
    (await openNotify({}))("READY=1");
    (await openNotify({ NOTIFY_SOCKET: "" }))("READY=1");
    (await openNotify({ NOTIFY_SOCKET: "/no/such/notify" }))("READY=1");
  });
});

describe("openWatchdog()", () => {
  /** What is told when the loop turns at these times. */
  function beats(environment: Record<string, string>, times: readonly number[]): number[] {
    let at = 0;
    const told: number[] = [];
    const notify = (state: string) => {
      if (state === "WATCHDOG=1") told.push(at);
    };
    const beat = openWatchdog(environment, { notify, now: () => at, pid: 7 });
    for (at of times) beat();
    return told;
  }

  test("tells four times within the patience, and when the clock was set back", () => {
    const environment = { WATCHDOG_USEC: "40000000" };
    const times = [0, 5_000, 9_999, 10_000, 15_000, 20_000, 3_000, 4_000];
    expect(beats(environment, times)).toEqual([0, 10_000, 20_000, 3_000]);
  });

  test("tells nothing while the loop stands still", () => {
    expect(beats({ WATCHDOG_USEC: "40000000", WATCHDOG_PID: "7" }, [0])).toEqual([0]);
  });

  test("is silent when nobody watches, or another process is meant", () => {
    for (const environment of [
      {},
      { WATCHDOG_USEC: "" },
      { WATCHDOG_USEC: "0" },
      { WATCHDOG_USEC: "soon" },
      { WATCHDOG_USEC: "40000000", WATCHDOG_PID: "8" },
    ]) {
      expect(beats(environment as Record<string, string>, [0, 60_000])).toEqual([]);
    }
  });
});
