// Load bench: what job.ts costs: a thousand of them at once, one that is changed a thousand times,
// a scan of them, and the text that a run keeps.
//
// Started by itself, with a directory, it is the process whose memory is looked at while one job
// changes again and again.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { openLoader } from "../src/edge/loader.ts";
import { bundleJob } from "../src/edge/modules/bundle.ts";
import { fileMark } from "../src/edge/modules/graph.ts";
import { openSpool } from "../src/edge/spool.ts";
import { Catalog } from "../src/jobs/catalog.ts";
import { moduleEntity } from "../src/jobs/module.ts";
import { measure, type Row, summarize } from "./measure.ts";

const PROGRAM = resolve(import.meta.dirname, "../dist/mig-runner");
const JOBS = 1_000;
const RELOADS = 1_000;
const MIB = 1024 * 1024;

/** About 2.5 KB, a tenth of which is left when it is bundled, with a helper that all jobs share. */
function textOf(number: number): string {
  const functions = Array.from({ length: 20 }, (_, index) => {
    const body = `return \`\${value} \${other ?? "none"} ${number} ${index}\`;`;
    return `function helper${index}(value: number, other?: string): string { ${body} }`;
  });
  return `import { job, modules } from "mig-runner";
import { expiry, first } from "../../lib/shared.ts";
interface Ticket { id: number; text: string }
const tickets: Ticket[] = [];
${functions.join("\n")}
export default job({
  schedule: "${number % 60} 3 * * *",
  expiry,
  action: {
    target: "status='online'",
    operations: [modules.pkg({ pkgmatch: { matches: ["^openssl$"] } })],
  },
}, async (run) => {
  const base = await run.collect("base");
  const bad = base.agents.filter((agent) => agent.found);
  tickets.push({ id: 1, text: helper1(2) });
  first(bad);
});
`;
}

const SHARED = `export const expiry: string = "10m";
export function first<T>(all: readonly T[]): T | undefined { return all[0]; }
`;

function writeJobs(directory: string, count: number): void {
  for (const folder of ["lib", "plugins"]) mkdirSync(join(directory, folder));
  writeFileSync(join(directory, "lib/shared.ts"), SHARED);
  for (let number = 0; number < count; number++) {
    mkdirSync(join(directory, `runners/job${number}`), { recursive: true });
    writeFileSync(join(directory, `runners/job${number}/job.ts`), textOf(number));
  }
  writeFileSync(join(directory, "runner.cfg"), `[runner]\ndirectory = "${directory}"\n`);
}

/** What an operator with programs for jobs waits for, and what the daemon does all day. */
export async function bench(): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), "mig-runner-bench-"));
  try {
    writeJobs(directory, JOBS);
    return [
      await executable(directory),
      await rescan(directory),
      await source(directory),
      await reload(directory),
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The whole program, from its start to the table of its jobs. */
async function executable(directory: string): Promise<Row> {
  const peaks: number[] = [];
  const seconds: number[] = [];
  const once = async () => {
    const argv = [PROGRAM, "-c", join(directory, "runner.cfg"), "next", "job7", "-n", "1"];
    const child = Bun.spawn(argv, { stdout: "pipe", stderr: "pipe" });
    if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
    const used = child.resourceUsage();
    peaks.push((used?.maxRSS ?? 0) / MIB);
    seconds.push(Number(used?.cpuTime.total ?? 0n) / 1e6);
  };
  const summary = await measure(once, { runs: 5, warmup: 1 });
  const peak = `peak ${Math.round(Math.max(...peaks))} MiB`;
  const rate = `${peak}, ${Math.min(...seconds).toFixed(1)} s of processor`;
  return { name: `load ${JOBS} job.ts, executable`, summary, rate };
}

async function rescan(directory: string): Promise<Row> {
  const spool = openSpool({ directory });
  const loader = openLoader();
  const catalog = new Catalog(
    async ({ job, path }, dependsOn) => {
      const request = { job, path: join(path, "job.ts"), dependsOn };
      const { outline, text } = await loader.load(request);
      return moduleEntity(outline, { ...request, text, defaults: { timezone: null } });
    },
    { markOf: fileMark },
  );
  const once = async () => catalog.refresh(await spool.scan());
  const summary = await measure(once, { runs: 50, warmup: 1 });
  await loader.close();
  return { name: `scan of ${JOBS} unchanged job.ts`, summary, rate: null };
}

async function source(directory: string): Promise<Row> {
  const once = () => bundleJob(join(directory, "runners/job7/job.ts"));
  return { name: "bundleJob()", summary: await measure(once, { runs: 200 }), rate: null };
}

async function reload(directory: string): Promise<Row> {
  const argv = [process.execPath, import.meta.path, directory];
  const child = Bun.spawn(argv, { stdout: "pipe", stderr: "inherit" });
  const { timesMs, grownMib } = JSON.parse(await new Response(child.stdout).text());
  const rate = `grew ${grownMib} MiB in ${RELOADS}`;
  return { name: "reload of a changed job.ts", summary: summarize(timesMs), rate };
}

/** Anonymous memory: what of it belongs to no file. */
function memoryMib(): number {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

async function reloadMany(directory: string): Promise<void> {
  const loader = openLoader();
  const path = join(directory, "runners/job7/job.ts");
  const timesMs: number[] = [];
  let before = 0;
  let most = 0;
  for (let turn = 0; turn < RELOADS; turn++) {
    writeFileSync(path, textOf(turn));
    const startedAt = performance.now();
    const { outline } = await loader.load({ job: "job7", path, dependsOn: () => {} });
    timesMs.push(performance.now() - startedAt);
    if (!JSON.stringify(outline).includes(`"${turn % 60} 3 * * *"`)) throw new Error("stale");
    if (turn === 50) before = memoryMib();
    if (turn >= 50) most = Math.max(most, memoryMib());
  }
  await loader.close();
  console.log(JSON.stringify({ timesMs, grownMib: Math.round(most - before) }));
}

if (import.meta.main) await reloadMany(process.argv[2] ?? "");
