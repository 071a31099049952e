// Test: every suite in turn, and one last line that counts them all.
//
//   npm test                               everything
//   npm test -- --lane deno                one lane, all of it
//   npm test -- --lane unit test/jobs      some files or folders of it
//   npm test -- -t "next fire"             tests of that name
//
// Its last line is `N passed, N failed`; the exit status is 0 only if something ran and nothing
// failed. JUnit files of each lane are left in .cache/junit/.
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildWhenStale } from "./built.ts";
import { checks } from "./checks.ts";
import { root, runTool, type ToolAnswer } from "./process.ts";
import {
  addCounts,
  type Counts,
  failedFilesOf,
  formatCounts,
  lineKind,
  NOTHING,
  runCounts,
  withoutEmptyFiles,
} from "./report.ts";

/** A suite run by `bun test`. The black-box lanes differ in what they call the program. */
interface Suite {
  readonly name: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Which of its files `npm test` runs when no lane is asked for. @default all */
  readonly brief?: (file: string) => boolean;
}

const BLACK_BOX = "test/binary";

/**
 * What depends on the runtime: its HTTP and TLS, its processes and signals, its workers, its files
 * and SQLite. All else is decided by our code alone, and the executable shows it.
 */
const RUNTIME_FILES = [
  "drop-in",
  "host",
  "hostile",
  "kill",
  "modes",
  "network",
  "plugins",
  "programs",
  "secrets",
  "surroundings",
  "workflow",
];

/** The source under Bun differs from the executable in how it is put together, and in no more. */
const SOURCE_FILES = ["programs", "plugins"];

function among(names: readonly string[]): (file: string) => boolean {
  return (file) => names.includes(basename(file, ".test.ts"));
}

const SUITES: readonly Suite[] = [
  { name: "unit", folder: "test", env: {} },
  { name: "binary", folder: BLACK_BOX, env: { MIG_RUNNER_UNDER_TEST: "binary" } },
  {
    name: "bun",
    folder: BLACK_BOX,
    env: { MIG_RUNNER_UNDER_TEST: "bun" },
    brief: among(SOURCE_FILES),
  },
  {
    name: "deno",
    folder: BLACK_BOX,
    env: { MIG_RUNNER_UNDER_TEST: "deno" },
    brief: among(RUNTIME_FILES),
  },
];

/**
 * Turns, one after the other; in each, rows of lanes that run at the same time, because they leave
 * each other room: a check has one thread, a bench and a black-box test mostly wait for the fire
 * times of their jobs. The rows of a turn take about as long as each other.
 */
const TURNS: readonly (readonly (readonly string[])[])[] = [
  [
    ["checks", "unit"],
    ["simulation", "bench", "bun"],
  ],
  [["binary"], ["deno"]],
];

const LANES: readonly string[] = TURNS.flat(2);

/** Lanes that run all they have or nothing: no file and no name of a test narrows them. */
const WHOLE: readonly string[] = ["checks", "simulation", "bench"];

/** The simulator: the same seeds each time, in which each kind of fault has to strike. */
const SIMULATION = [
  process.execPath,
  "test/simulation/main.ts",
  "--seeds",
  "600",
  "--faults",
] as const;

/** Everything that is measured, with less of it: its table, and whether its results are right. */
const BENCH = [process.execPath, "bench/main.ts", "--short"] as const;

/**
 * Files that take long, which `bun test` starts first: what begins last is then short, and no
 * processor waits for it. `bun test` measures them again with `--update-timings`.
 */
const TIMINGS = "test/timings.json";

/**
 * For the processes of the tests, and those of the sources that they start, never for the program
 * of a black-box test, which has the runtime's own settings. Each file of tests is new to them: its
 * code is thrown away before the last stage of the compiler has paid, and the memory that one test
 * gives back to the system is asked for by the next. It is a third of their processor time.
 */
const HASTE: Readonly<Record<string, string>> = {
  BUN_JSC_useFTLJIT: "0",
  MIMALLOC_PURGE_DELAY: "-1",
};

/** For one test: far above what any takes on a machine that is loaded tenfold. */
const TEST_TIME_MAX_MS = 10 * 60_000;

const CORES = Math.max(2, availableParallelism());

/** Test files at a time. From source under Deno a program takes the processors for longer. */
const PARALLEL = Math.min(8, CORES + 2);
const PARALLEL_DENO = Math.min(8, CORES + 1);

const onTerminal = process.stdout.isTTY === true && process.env.CI === undefined;

interface Filter {
  readonly lanes: readonly string[];
  /** Whether the lanes are those of a plain `npm test`. */
  readonly isPlain: boolean;
  readonly files: readonly string[];
  readonly name: string | null;
}

function parseFilter(argv: readonly string[]): Filter {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      lane: { type: "string", multiple: true },
      "test-name-pattern": { type: "string", short: "t" },
    },
  });
  const unknown = (values.lane ?? []).filter((lane) => !LANES.includes(lane));
  if (unknown.length > 0) {
    console.error(`Cannot run lane "${unknown[0]}": lanes are ${LANES.join(", ")}`);
    process.exit(2);
  }
  const files = positionals.map((path) => relative(root, resolve(path)));
  const name = values["test-name-pattern"] ?? null;
  const narrow = files.length > 0 || name !== null;
  const lanes = values.lane ?? LANES.filter((lane) => !narrow || !WHOLE.includes(lane));
  return { lanes, isPlain: values.lane === undefined && !narrow, files, name };
}

/** The files or folders of `suite` that the filter leaves, null when none. */
function pathsOf(suite: Suite, { files, isPlain }: Filter): readonly string[] | null {
  if (isPlain && suite.brief !== undefined) {
    return globSync(`${suite.folder}/*.test.ts`, { cwd: root }).filter(suite.brief).sort();
  }
  if (files.length === 0) return [suite.folder];
  const inBlackBox = (path: string) => `${path}/`.startsWith(`${BLACK_BOX}/`);
  const paths = files.filter((path) => inBlackBox(path) === (suite.folder === BLACK_BOX));
  return paths.length === 0 ? null : paths;
}

/** Repeats a line of output on a terminal over the one before. */
function showProgress(text: string): void {
  if (onTerminal) process.stdout.write(`\r\x1b[K${text.slice(0, process.stdout.columns - 1)}`);
}

function say(text: string): void {
  showProgress("");
  console.log(text);
}

function sayLane(name: string, counts: Counts, elapsedMs: number): void {
  say(`${name.padEnd(11)}${formatCounts(counts)} (${(elapsedMs / 1_000).toFixed(1)} s)`);
}

/** So many files are tried once more at most: beyond that something is broken. */
const AGAIN_MAX = 12;

/**
 * Runs a suite. Files with a failed test are run once more, alone: a test that passes only then is
 * named, because it depends on what ran beside it, but is no reason to refuse the whole.
 */
async function runSuite(suite: Suite, filter: Filter): Promise<Counts> {
  const paths = pathsOf(suite, filter);
  if (paths === null) return NOTHING;
  const { counts, failedFiles } = await runPaths(suite, filter, paths);
  if (counts.failed === 0 || failedFiles.length === 0) return counts;
  if (failedFiles.length > AGAIN_MAX || filter.files.length > 0) return counts;
  say(`${suite.name}: ${counts.failed} failed; once more, alone: ${failedFiles.join(" ")}`);
  const again = await runPaths(suite, filter, failedFiles, 1);
  if (again.counts.failed > 0) return { ...counts, failed: again.counts.failed };
  say(`${suite.name}: passed only alone: ${failedFiles.join(" ")}`);
  return { ...counts, passed: counts.passed + counts.failed, failed: 0 };
}

async function runPaths(
  suite: Suite,
  filter: Filter,
  paths: readonly string[],
  parallel = suite.name === "deno" ? PARALLEL_DENO : PARALLEL,
): Promise<{ readonly counts: Counts; readonly failedFiles: readonly string[] }> {
  const again = parallel === 1 ? "-again" : "";
  const junit = resolve(root, ".cache/junit", `${suite.name}${again}.xml`);
  await rm(junit, { force: true });
  const seen = { passed: 0, failed: 0 };
  const answer = await runTool({
    argv: [
      process.execPath,
      "test",
      "--no-orphans",
      `--parallel=${parallel}`,
      `--timeout=${TEST_TIME_MAX_MS}`,
      `--timings=${TIMINGS}`,
      "--reporter=junit",
      `--reporter-outfile=${junit}`,
      ...(suite.folder === BLACK_BOX ? [] : ["--path-ignore-patterns", `${BLACK_BOX}/**`]),
      ...(filter.name === null ? [] : ["--test-name-pattern", filter.name]),
      ...paths.map((path) => `./${path}`),
    ],
    // As `bun test` does by itself, but also on a machine that sets TZ.
    env: { TZ: "UTC", ...HASTE, ...suite.env },
    onLine(line) {
      const kind = lineKind(line);
      if (kind === "passed" || kind === "failed") seen[kind] += 1;
      showProgress(`${suite.name}: ${seen.passed} passed, ${seen.failed} failed  ${line}`);
      if (kind === "failed") say(`${suite.name}: ${line}`);
    },
  });
  const xml = await readFile(junit, "utf8").catch(() => "");
  const counts = runCounts({ xml, ...answer });
  sayOutput(answer, counts);
  sayLane(suite.name, counts, answer.elapsedMs);
  return { counts, failedFiles: failedFilesOf(xml) };
}

/** Everything but the passed tests when something failed, else what was measured or left out. */
function sayOutput({ lines }: ToolAnswer, counts: Counts): void {
  const kinds = counts.failed > 0 ? ["passed"] : ["passed", "failed", "broken", "other"];
  for (const line of new Set(lines.filter((text) => lineKind(text) === "golden"))) say(line);
  const told = lines.filter((line) => {
    const kind = lineKind(line);
    return kind !== "golden" && !kinds.includes(kind);
  });
  for (const line of withoutEmptyFiles(told)) say(`  ${line}`);
}

/** One check counts as one test. */
async function runChecks(): Promise<Counts> {
  let counts = NOTHING;
  let elapsedMs = 0;
  for (const { name, argv } of checks()) {
    showProgress(name);
    const answer = await runTool({ argv });
    const passed = answer.exit === 0;
    if (!passed) for (const line of [`${name}:`, ...answer.lines]) say(`  ${line}`);
    counts = addCounts(counts, passed ? { ...NOTHING, passed: 1 } : { ...NOTHING, failed: 1 });
    elapsedMs += answer.elapsedMs;
  }
  sayLane("checks", counts, elapsedMs);
  return counts;
}

/** The whole bench counts as one test: it fails on a result that is wrong, never on a time. */
async function runBench(): Promise<Counts> {
  const answer = await runTool({ argv: BENCH, onLine: showProgress });
  for (const line of answer.lines) say(`  ${line}`);
  const passed = answer.exit === 0;
  const counts = passed ? { ...NOTHING, passed: 1 } : { ...NOTHING, failed: 1 };
  sayLane("bench", counts, answer.elapsedMs);
  return counts;
}

/** Builds the executable when it is stale. A build that fails counts as one failed test. */
async function build(): Promise<Counts> {
  showProgress("build");
  const answer = await buildWhenStale();
  if (answer === null || answer.exit === 0) return NOTHING;
  for (const line of answer.lines) say(`  ${line}`);
  const counts = { ...NOTHING, failed: 1 };
  sayLane("build", counts, answer.elapsedMs);
  return counts;
}

/** Searches some seeds for a world that breaks an invariant. All of it counts as one test. */
async function runSimulation(): Promise<Counts> {
  showProgress("simulation");
  const answer = await runTool({ argv: SIMULATION, env: HASTE });
  const passed = answer.exit === 0;
  const verdict = answer.lines.findLast((line) => line.startsWith("simulation: "));
  if (!passed) for (const line of answer.lines) say(`  ${line}`);
  else if (verdict !== undefined) say(verdict);
  const counts = passed ? { ...NOTHING, passed: 1 } : { ...NOTHING, failed: 1 };
  sayLane("simulation", counts, answer.elapsedMs);
  return counts;
}

async function runLane(lane: string, filter: Filter): Promise<Counts> {
  if (lane === "checks") return runChecks();
  if (lane === "simulation") return runSimulation();
  if (lane === "bench") return runBench();
  return runSuite(suiteOf(lane), filter);
}

function suiteOf(lane: string): Suite {
  const suite = SUITES.find(({ name }) => name === lane);
  assert(suite !== undefined, `no lane ${lane}`);
  return suite;
}

/** Whether a lane tests the executable, or takes from its build what authors get (dist/sdk). */
function isOfBuild(lane: string, filter: Filter): boolean {
  if (lane === "bench") return true;
  const suite = SUITES.find(({ name }) => name === lane);
  return suite?.folder === BLACK_BOX && pathsOf(suite, filter) !== null;
}

async function runTurn(rows: readonly (readonly string[])[], filter: Filter): Promise<Counts> {
  const lanes = rows.flat();
  const built = lanes.some((lane) => isOfBuild(lane, filter)) ? await build() : NOTHING;
  if (built.failed > 0) return built;
  const counts = await Promise.all(
    rows.map(async (row) => {
      let sum = NOTHING;
      for (const lane of row) sum = addCounts(sum, await runLane(lane, filter));
      return sum;
    }),
  );
  return counts.reduce(addCounts, NOTHING);
}

const filter = parseFilter(process.argv.slice(2));
await mkdir(resolve(root, ".cache/junit"), { recursive: true });
let total = NOTHING;
for (const turn of TURNS) {
  const rows = turn.map((row) => row.filter((lane) => filter.lanes.includes(lane)));
  total = addCounts(total, await runTurn(rows, filter));
}
console.log(formatCounts(total));
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
