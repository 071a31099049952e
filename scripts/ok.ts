// Ok: the one gate. Runs every check in the order in which a fault is cheapest to mend, and stops
// at the first that fails.
import { CHECK_TIME_MAX_MS, type Check, checks } from "./checks.ts";
import { runTool } from "./process.ts";

/** Each lane has a limit of its own; this one is for a test command that hangs as a whole. */
const TESTS_TIME_MAX_MS = 20 * 60_000;

const bun = process.execPath;

const STEPS: readonly (Check & { readonly timeMaxMs?: number })[] = [
  ...checks(),
  { name: "tidy", argv: [bun, "test", "./test/tidy.test.ts"] },
  {
    name: "tests",
    argv: [bun, "scripts/test.ts", "--lane", "unit"],
    timeMaxMs: TESTS_TIME_MAX_MS,
  },
  { name: "build", argv: [bun, "build.ts"] },
  {
    name: "black box",
    argv: [bun, "scripts/test.ts", "--lane", "binary", "--lane", "bun", "--lane", "deno"],
    timeMaxMs: TESTS_TIME_MAX_MS,
  },
];

for (const { name, argv, timeMaxMs = CHECK_TIME_MAX_MS } of STEPS) {
  const { exit, lines, elapsedMs } = await runTool({ argv, timeMaxMs });
  const outcome = exit === 0 ? "ok" : "FAILED";
  const counts = lines.findLast((line) => /^\d+ passed, /.test(line)) ?? "";
  const seconds = `${(elapsedMs / 1_000).toFixed(1)} s`;
  console.log(`${name.padEnd(18)}${outcome.padEnd(8)}${seconds.padEnd(10)}${counts}`.trimEnd());
  if (exit === 0) continue;
  for (const line of lines) console.log(`  ${line}`);
  process.exit(1);
}
