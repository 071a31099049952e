// Signals: a process that listens, and what it does when it is signalled.
import { describe, expect, test } from "bun:test";
import { holdSignals, onSignals } from "../../src/edge/signals.ts";
import { Scenario } from "../support/binary.ts";
import { DENO, source } from "../support/edge.ts";

const SCRIPT = `
import { onSignals } from "${source("edge/signals.ts")}";
const hold = setInterval(() => {}, 1000);
onSignals({
  stop: (name) => console.log("stop " + name),
  scan: () => console.log("scan"),
});
console.log("ready");
`;

const RUNTIMES = [
  ["bun", [process.execPath, "run"]],
  ["deno", DENO],
] as const;

describe.each(RUNTIMES)("onSignals() in %s", (_, program) => {
  test("stops once, scans as often as asked, and leaves on the second SIGINT", async () => {
    await using scenario = await Scenario.create(program as [string, ...string[]]);
    const running = scenario.start([await scenario.write("script.ts", SCRIPT)]);
    await running.prints(/ready/);
    process.kill(running.pid, "SIGHUP");
    await running.prints(/scan/);
    process.kill(running.pid, "SIGTERM");
    await running.prints(/stop SIGTERM/);
    process.kill(running.pid, "SIGTERM");
    process.kill(running.pid, "SIGHUP");
    process.kill(running.pid, "SIGINT");
    const { exit, stdout } = await running.ended();
    expect(exit).toBe(130);
    expect(stdout.match(/stop/g)).toHaveLength(1);
  });
});

describe("onSignals()", () => {
  test("asks to force only after it asked to stop, and gives the signals back", () => {
    const said: string[] = [];
    const signals = onSignals({
      stop: (name) => said.push(name),
      scan: () => said.push("scan"),
      force: () => said.push("force"),
    });
    for (const name of ["SIGHUP", "SIGINT", "SIGINT", "SIGTERM"] as const) process.emit(name);
    expect(said).toEqual(["scan", "SIGINT", "force"]);
    const listening = process.listenerCount("SIGHUP");
    signals.close();
    expect(process.listenerCount("SIGHUP")).toBe(listening - 1);
  });
});

describe("holdSignals()", () => {
  test.each([
    { came: ["SIGHUP"], stops: false },
    { came: ["SIGTERM"], stops: true },
    { came: ["SIGHUP", "SIGINT"], stops: true },
  ] as const)(
    "tells whether $came asked to stop, and gives the signals back",
    ({ came, stops }) => {
      const listening = process.listenerCount("SIGTERM");
      const held = holdSignals();
      for (const name of came) process.emit(name);
      expect(held.release()).toBe(stops);
      expect(process.listenerCount("SIGTERM")).toBe(listening);
    },
  );
});
