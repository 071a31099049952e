// Mutate: small breaks of the core, one at a time, each held against the tests that reach its line
// and against a short simulation. What no test notices is printed: it wants a test, or a reason.
//
//   bun test/faults/mutate.ts [BREAKS] [SEED] [FOLDER...]
//
// Works on a copy of the sources that git knows. The first run of a commit takes a while longer: it
// finds out which tests reach which lines, which is kept in .cache/mutate/. Ends with 1 when
// something was not noticed.
import { execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type Break, breaksOf, broken } from "./breaks.ts";
import { dice } from "./kill.ts";

const root = resolve(import.meta.dirname, "../..");

/** What is broken. */
const FOLDERS = ["src/flow", "src/workflow", "src/edge/plugins", "src/journal"];

/** Tests that may notice it; the black box would take too long. */
const TESTS =
  "test/{flow,workflow,journal,edge,cli,testkit,property,simulation,conformance,jobs}/**/*.test.ts";
const MORE_TESTS = "test/*.test.ts";
/** What looks at the text of sources, or measures. */
const LEFT_OUT =
  /^test\/(?:tidy|deviations|threat-model|text)\.test\.ts$|^test\/lib\/|^test\/simulation\//;

/** Of the tests that reach a line so many are tried, the nearest and the shortest first. */
const TESTS_MAX = 15;
const SIMULATION = ["test/simulation/main.ts", "--seeds", "60"];

/** For a hang: so many times as long as without a break, and half a minute. */
const SLOWER_MAX = 4;
const HANG_MS = 30_000;

interface Reach {
  /** How long the test file takes, in milliseconds. */
  readonly took: number;
  /** The lines of each source that it runs. */
  readonly lines: Readonly<Record<string, readonly number[]>>;
}

/** By the path of the test file. */
type TestMap = Readonly<Record<string, Reach>>;

interface Verdict {
  readonly path: string;
  readonly one: Break;
  /** Null: nothing noticed it. */
  readonly noticedBy: string | null;
  readonly reachedBy: number;
}

/** Runs a program of the copy; resolves with whether it ended with 0 in time. */
function passes(copy: string, argv: readonly string[], limitMs: number): Promise<boolean> {
  const child = spawn(process.execPath, argv, {
    cwd: copy,
    env: { ...process.env, TZ: "UTC", NO_COLOR: "1" },
    stdio: "ignore",
    detached: true,
  });
  const { promise, resolve: settle } = Promise.withResolvers<boolean>();
  const end = (): void => {
    try {
      process.kill(-(child.pid ?? 0), "SIGKILL");
    } catch {
      // It has ended.
    }
  };
  const timer = setTimeout(end, limitMs);
  child.on("exit", (code) => {
    clearTimeout(timer);
    // What a test has started may have outlived it.
    end();
    settle(code === 0);
  });
  return promise;
}

/** A copy of the sources in a directory of its own. */
function copySources(): string {
  const copy = mkdtempSync(join(tmpdir(), "mig-runner-mutate-"));
  const listed = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" });
  for (const path of listed.split("\0").filter((each) => each !== "")) {
    if (!existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    cpSync(join(root, path), join(copy, path));
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  return copy;
}

/** Which tests reach which lines. Tests that fail without a break are left out. */
async function mapTests(copy: string): Promise<TestMap> {
  const head = execFileSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
  const kept = join(root, ".cache/mutate", `${head}.json`);
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, "utf8")) as TestMap;
  const tests = globSync([TESTS, MORE_TESTS], { cwd: copy }).filter((path) => !LEFT_OUT.test(path));
  const found: Record<string, Reach> = {};
  for (const [index, path] of tests.sort().entries()) {
    const folder = join(copy, ".cache/lcov", String(index));
    const start = performance.now();
    const options = ["--coverage", "--coverage-reporter=lcov", `--coverage-dir=${folder}`];
    const sound = await passes(copy, ["test", "--timeout=60000", ...options, `./${path}`], 600_000);
    const took = performance.now() - start;
    const report = join(folder, "lcov.info");
    if (sound && existsSync(report)) found[path] = { took, lines: readReport(report) };
    console.error(
      `${index + 1}/${tests.length} ${path} ${sound ? "" : "FAILS "}${Math.round(took)} ms`,
    );
  }
  mkdirSync(dirname(kept), { recursive: true });
  writeFileSync(kept, JSON.stringify(found));
  return found;
}

/** The lines that were run, of the sources that may be broken. */
function readReport(path: string): Reach["lines"] {
  const lines: Record<string, number[]> = {};
  let own: number[] = [];
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const [, source] = /^SF:(.*)$/.exec(line) ?? [];
    const [, number, count] = /^DA:(\d+),(\d+)/.exec(line) ?? [];
    if (source !== undefined) own = [];
    if (source !== undefined && FOLDERS.some((folder) => source.startsWith(`${folder}/`))) {
      lines[source] = own;
    }
    if (number !== undefined && count !== "0") own.push(Number(number));
  }
  return lines;
}

/** The tests of a line: those named as the source first, then the shortest. */
function testsOf(map: TestMap, path: string, line: number): readonly string[] {
  const own = path.replace("src/", "test/").replace(/\.ts$/, ".test.ts");
  // A break takes lines beside it out of the report: those near it count as well.
  const isNear = (reach: Reach): boolean =>
    (reach.lines[path] ?? []).some((each) => Math.abs(each - line) <= 1);
  return Object.entries(map)
    .filter(([, reach]) => isNear(reach))
    .sort(([a, left], [b, right]) => (a === own ? -1 : b === own ? 1 : left.took - right.took))
    .map(([test]) => test);
}

interface Judge {
  readonly copy: string;
  readonly map: TestMap;
  /** How long the simulation takes, in milliseconds. */
  readonly usualMs: number;
}

async function judge({ copy, map, usualMs }: Judge, path: string, one: Break): Promise<Verdict> {
  const source = readFileSync(join(root, path), "utf8");
  const tests = testsOf(map, path, one.line);
  const verdict = { path, one, reachedBy: tests.length };
  writeFileSync(join(copy, path), broken(source, one));
  try {
    const [first, ...others] = tests.slice(0, TESTS_MAX);
    for (const batch of [first === undefined ? [] : [first], others]) {
      if (batch.length === 0) continue;
      const usual = batch.reduce((sum, test) => sum + (map[test]?.took ?? 0), 0);
      const argv = ["test", "--bail", "--timeout=30000", ...batch.map((test) => `./${test}`)];
      const limitMs = usual * SLOWER_MAX + HANG_MS;
      if (!(await passes(copy, argv, limitMs))) return { ...verdict, noticedBy: batch.join(" ") };
    }
    const isSimulated = !path.startsWith("src/edge/plugins/");
    if (isSimulated && !(await passes(copy, SIMULATION, usualMs * SLOWER_MAX + HANG_MS))) {
      return { ...verdict, noticedBy: "simulation" };
    }
    return { ...verdict, noticedBy: null };
  } finally {
    writeFileSync(join(copy, path), source);
  }
}

/** The breaks of all files, shuffled by a seed. */
function sample(folders: readonly string[], seed: number): readonly (readonly [string, Break])[] {
  const paths = globSync(
    folders.map((folder) => `${folder}/**/*.ts`),
    { cwd: root },
  ).sort();
  const all = paths.flatMap((path) =>
    breaksOf(readFileSync(join(root, path), "utf8")).map((one) => [path, one] as const),
  );
  const next = dice(seed);
  return all
    .map((each) => [next(), each] as const)
    .sort(([left], [right]) => left - right)
    .map(([, each]) => each);
}

function describe({ path, one, noticedBy, reachedBy }: Verdict): string {
  const source = readFileSync(join(root, path), "utf8");
  const written = source.split("\n")[one.line - 1]?.trim() ?? "";
  const now = broken(source, one).split("\n")[one.line - 1]?.trim() ?? "";
  const by = noticedBy === null ? `NOT NOTICED (${reachedBy} tests reach it)` : "noticed";
  return `${by} ${path}:${one.line} ${one.kind}: ${written}  ->  ${now}`;
}

const [count = "300", seed = "1", ...folders] = process.argv.slice(2);
const copy = copySources();
try {
  const map = await mapTests(copy);
  const start = performance.now();
  if (!(await passes(copy, SIMULATION, 600_000))) throw new Error("the simulation itself fails");
  const by = { copy, map, usualMs: performance.now() - start };
  const chosen = sample(folders.length === 0 ? FOLDERS : folders, Number(seed));
  let left = 0;
  for (const [index, [path, one]] of chosen.slice(0, Number(count)).entries()) {
    const verdict = await judge(by, path, one);
    if (verdict.noticedBy === null) left++;
    console.log(`${index + 1} ${describe(verdict)}`);
  }
  console.log(
    `${Math.min(Number(count), chosen.length)} breaks of ${chosen.length}, ${left} not noticed`,
  );
  process.exitCode = left === 0 ? 0 : 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}
