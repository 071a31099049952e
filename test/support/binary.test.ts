// Binary: the scenario builder itself, tried on a shell instead of the program.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { eventually, Scenario } from "./binary.ts";

const shell = () => Scenario.create(["/bin/sh", "-c"]);

describe("Scenario", () => {
  test("keeps apart what a program prints on either stream", async () => {
    await using scenario = await shell();
    const outcome = await scenario.run(["cat; echo problem >&2; exit 9"], { stdin: "given\n" });
    expect(outcome).toEqual({ exit: 9, signal: null, stdout: "given\n", stderr: "problem\n" });
  });

  test("runs in its own directory, with nothing of this machine's settings", async () => {
    await using scenario = await shell();
    const { stdout } = await scenario.run(["pwd -P; echo $HOME; env"], { env: { TZ: undefined } });
    const [cwd, home, ...env] = stdout.trim().split("\n");
    expect(cwd).toEndWith(scenario.directory);
    expect(home).toBe(scenario.path("home"));
    expect(env.filter((line) => /^(TZ|https?_proxy|GNUPGHOME)=/i.test(line))).toEqual([]);
  });

  test("writes jobs and plugins where the program looks for them", async () => {
    await using scenario = await shell();
    await scenario.job("nightly", { "entity.cfg": "[configuration]\n" });
    await scenario.plugin("count", "wc -c");
    const { stdout } = await scenario.run([
      "cat runners/nightly/entity.cfg; echo four | plugins/count",
    ]);
    expect(stdout.split("\n").map((line) => line.trim())).toEqual(["[configuration]", "5", ""]);
  });

  test("leaves nothing behind: no process, no file", async () => {
    const scenario = await shell();
    // Disposal resolves only when nobody holds the output open, so the child is gone as well.
    const running = scenario.start(["sleep 600 & echo started; wait"]);
    await running.prints(/started/);
    await scenario[Symbol.asyncDispose]();
    expect(existsSync(scenario.directory)).toBe(false);
    expect(() => process.kill(running.pid, 0)).toThrow("ESRCH");
  });
});

describe("Running", () => {
  test("finds a line that was printed before the question, or after it", async () => {
    await using scenario = await shell();
    const running = scenario.start(["echo one; read line; echo two >&2"], { stdin: "go\n" });
    expect(await running.prints(/one/)).toBe("one");
    expect(await running.prints(/two/)).toBe("two");
    expect(await running.prints(/one/)).toBe("one");
  });

  test("says what was printed when the wanted line cannot come any more", async () => {
    await using scenario = await shell();
    const running = scenario.start(["echo only this; exit 3"]);
    await expect(running.prints(/wanted/)).rejects.toThrow(/wanted.*exit 3.*\nonly this/s);
  });

  test("passes a signal on to the program", async () => {
    await using scenario = await shell();
    const running = scenario.start([
      "trap 'echo bye; exit 4' INT; echo ready; while :; do sleep 0.01; done",
    ]);
    await running.prints(/ready/);
    running.signal("SIGINT");
    expect(await running.ended()).toMatchObject({ exit: 4, stdout: "ready\nbye\n" });
  });

  test("kills as a power cut would", async () => {
    await using scenario = await shell();
    const running = scenario.start(["trap '' TERM; echo ready; sleep 600"]);
    await running.prints(/ready/);
    expect(await running.kill()).toMatchObject({ exit: null, signal: "SIGKILL" });
  });
});

describe("eventually()", () => {
  test("asks again while the answer is null or an error", async () => {
    let asked = 0;
    const answer = await eventually(() => {
      asked += 1;
      if (asked === 1) throw new Error("not yet");
      return asked === 2 ? null : "there";
    });
    expect(answer).toBe("there");
  });
});
