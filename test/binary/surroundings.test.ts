// Surroundings: what lies in the directory where the program is started must not steer it.
import { describe, expect, test } from "bun:test";
import { Scenario, underTest } from "../support/binary.ts";

describe.skipIf(underTest !== "binary")("the executable", () => {
  test("runs no code that a bunfig.toml in its directory names", async () => {
    await using scenario = await Scenario.create();
    await scenario.write("bunfig.toml", 'preload = ["./stranger.ts"]\n');
    await scenario.write("stranger.ts", 'console.log("a stranger was here");\n');
    const { exit, stdout, stderr } = await scenario.run(["-V"]);
    expect(stdout + stderr).not.toContain("stranger");
    expect(exit).toBe(0);
  });

  test("takes no setting from a .env in its directory", async () => {
    await using scenario = await Scenario.create();
    const next = ["next", "0 3 * * *", "--from", "2026-01-01T00:00:00Z", "-n", "1", "--json"];
    const env = { TZ: undefined };
    const before = await scenario.run(next, { env });
    expect(before.exit).toBe(0);
    await scenario.write(".env", "TZ=Asia/Tokyo\n");
    expect(await scenario.run(next, { env })).toEqual(before);
  });
});
