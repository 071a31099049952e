import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { reapOrphans } from "../../src/edge/reaper.ts";
import { DENO, Scratch, source } from "../support/edge.ts";

/**
 * Orphans and children of a program that the kernel gives all orphans below it, as it does to the
 * first process: how many ended orphans are left, and how its own child ended.
 */
function orphansOf(command: readonly string[], reap: string): string {
  using scratch = new Scratch();
  const script = scratch.file(
    "first.ts",
    `import { spawn } from "node:child_process";
     import { readdirSync, readFileSync } from "node:fs";
     import { reapOrphans } from ${JSON.stringify(source("edge/reaper.ts"))};
     import { noteChild } from ${JSON.stringify(source("lib/os/family.ts"))};
     import { loadLibc } from ${JSON.stringify(source("lib/os/runtime.ts"))};
     const PR_SET_CHILD_SUBREAPER = 36;
     loadLibc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
     ${reap}
     const stat = (name) => readFileSync("/proc/" + name + "/stat", "latin1");
     const ended = () => readdirSync("/proc").filter((name) => {
       try {
         const [, state, parent] = /\\) (\\S) (\\d+)/.exec(stat(name));
         return state === "Z" && Number(parent) === process.pid;
       } catch { return false; }
     }).length;
     const turn = () => new Promise((next) => setTimeout(next, 10));
     const until = async (is) => { while (!is()) await turn(); };
     const child = noteChild(spawn("sh", ["-c", "(exit 0) & (exit 0) & exit 3"]));
     const code = await new Promise((resolve) => child.on("exit", resolve));
     await until(() => ended() ${reap === "" ? "=== 2" : "=== 0"});
     const later = noteChild(spawn("sh", ["-c", "sleep 0.2; exit 4"]));
     console.log(ended(), code, await new Promise((resolve) => later.on("exit", resolve)));
     process.exit();`,
  );
  const [file = "", ...args] = command;
  const { stdout, stderr } = spawnSync(file, [...args, script], {
    encoding: "utf8",
    // A terminal's colours, which npm may ask for.
    env: { ...process.env, FORCE_COLOR: undefined, NO_COLOR: "1" },
  });
  return stdout === "" ? stderr : stdout.trim();
}

describe.each([
  ["Bun", [process.execPath]],
  ["Deno", DENO],
] as const)("reapOrphans() under %s", (_, command) => {
  test("takes ended orphans off the list, and leaves the runtime its own children", () => {
    expect(orphansOf(command, "reapOrphans(1, 20);")).toBe("0 3 4");
  });

  test("without it they stay", () => {
    expect(orphansOf(command, "")).toBe("2 3 4");
  });
});

test("reapOrphans() does nothing in any other process than the first", () => {
  reapOrphans().close();
});
