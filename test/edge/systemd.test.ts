// Systemd: what the service manager hears.
import { describe, expect, test } from "bun:test";
import { openNotify } from "../../src/edge/systemd.ts";
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
