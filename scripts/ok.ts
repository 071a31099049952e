// Ok: the one gate. Runs every check in the order in which a fault is cheapest to mend, and stops
// at the first that fails.
import { type Check, checks } from "./checks.ts";
import { HANG_MS, runTool } from "./process.ts";

const bun = process.execPath;

const STEPS: readonly Check[] = [
  ...checks(),
  { name: "tidy", argv: [bun, "test", "./test/tidy.test.ts"] },
  {
    name: "tests",
    argv: [bun, "scripts/test.ts", "--lane", "unit"],
  },
  { name: "build", argv: [bun, "build.ts"] },
  {
    name: "black box",
    argv: [bun, "scripts/test.ts", "--lane", "binary", "--lane", "bun", "--lane", "deno"],
  },
];

/** A step of tests prints one line for each lane, at its end. */
const SILENCE_MAX_MS = 4 * HANG_MS;

for (const { name, argv } of STEPS) {
  const { exit, lines, elapsedMs } = await runTool({ argv, silenceMaxMs: SILENCE_MAX_MS });
  const outcome = exit === 0 ? "ok" : "FAILED";
  const counts = lines.findLast((line) => /^\d+ passed, /.test(line)) ?? "";
  const seconds = `${(elapsedMs / 1_000).toFixed(1)} s`;
  console.log(`${name.padEnd(18)}${outcome.padEnd(8)}${seconds.padEnd(10)}${counts}`.trimEnd());
  if (exit === 0) continue;
  for (const line of lines) console.log(`  ${line}`);
  process.exit(1);
}
