import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { DENO, Scratch, source } from "../support/edge.ts";

/** What a program prints that is started with these variables. */
function printed(
  command: readonly string[],
  code: string,
  env: Readonly<Record<string, string>>,
): string {
  using scratch = new Scratch();
  const script = scratch.file(
    "script.ts",
    `import { forgetVariable, sealProcess } from ${JSON.stringify(source("edge/secrecy.ts"))};
     import { loadLibc } from ${JSON.stringify(source("lib/os/runtime.ts"))};
     import { readFileSync } from "node:fs";
     const block = () => readFileSync("/proc/self/environ", "latin1");
     ${code}`,
  );
  const [file = "", ...args] = command;
  const { PATH = "", HOME = "" } = process.env;
  const options = { env: { PATH, HOME, ...env }, encoding: "utf8" } as const;
  const { stdout, stderr } = spawnSync(file, [...args, script], options);
  return stdout === "" ? stderr : stdout.trim();
}

describe.each([
  ["Bun", [process.execPath]],
  ["Deno", DENO],
] as const)("under %s", (_, command) => {
  test.each([
    ["first", { SECRET: "open sesame", OTHER: "kept" }],
    ["last", { OTHER: "kept", SECRET: "open sesame" }],
    ["empty", { OTHER: "kept", SECRET: "" }],
    ["not there", { OTHER: "kept" }],
    ["the end of another's name", { OTHER: "kept", MY_SECRET: "mine", SECRET: "open sesame" }],
  ])("forgetVariable() leaves nothing of it, and all others: %s", (_where, env) => {
    const code = `forgetVariable("SECRET");
      console.log(JSON.stringify([process.env.SECRET ?? null, process.env.OTHER, block()]));`;
    const [secret, other, block] = JSON.parse(printed(command, code, env)) as string[];
    expect([secret, other]).toEqual([null as never, "kept"]);
    expect(block).not.toContain("sesame");
    expect(block?.split("\0")).toContain("OTHER=kept");
    if ("MY_SECRET" in env) expect(block?.split("\0")).toContain("MY_SECRET=mine");
  });

  test("sealProcess() lets nobody read this process's memory", () => {
    // 3 is PR_GET_DUMPABLE.
    const code = "sealProcess(); console.log(loadLibc().prctl(3, 0, 0, 0, 0));";
    expect(printed(command, code, {})).toBe("0");
  });
});
