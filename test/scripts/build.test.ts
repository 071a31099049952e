// Build: what its command line says of mistakes, without building anything.
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const BUILD = join(import.meta.dirname, "../../build.ts");

function buildWith(...argv: string[]) {
  const { status, stderr } = spawnSync(process.execPath, [BUILD, ...argv], { encoding: "utf8" });
  return { status, lines: stderr.trimEnd().split("\n") };
}

test("an unknown flag, and --help, show how to call it in one line", () => {
  for (const argv of [["--help"], ["--target"], ["linux-arm64"]]) {
    const { status, lines } = buildWith(...argv);
    expect(status).toBe(1);
    expect(lines).toEqual([
      "build: Use: bun build.ts [--target linux-x64|linux-arm64|linux-x64-musl|darwin-arm64] [--out FILE]",
    ]);
  }
});

test("an unknown target names the known ones", () => {
  const { status, lines } = buildWith("--target", "windows-x64");
  expect(status).toBe(1);
  expect(lines).toEqual([
    'build: Cannot build for "windows-x64": known targets are ' +
      "linux-x64, linux-arm64, linux-x64-musl, darwin-arm64",
  ]);
});
