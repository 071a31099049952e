// Load bench: what job.ts costs: a thousand of them at once, one that is changed a thousand times,
// a scan of them, and the text that a run keeps.
//
// Started by itself, with a directory, it is the process whose memory is looked at while one job
// changes again and again.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLoader } from "../src/edge/loader.ts";
import { bundleJob } from "../src/edge/modules/bundle.ts";
import { fileStamp } from "../src/edge/modules/graph.ts";
import { openSpool } from "../src/edge/spool.ts";
import { Catalog } from "../src/jobs/catalog.ts";
import { moduleEntity } from "../src/jobs/module.ts";
import { type Row, type Scale, timesOf } from "./measure.ts";
import { runProgram } from "./program.ts";

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
export async function bench({ short }: Scale): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), "mig-runner-bench-"));
  const jobs = short ? 50 : 1_000;
  try {
    writeJobs(directory, jobs);
    return [
      ...(await executable(directory, { jobs, runs: short ? 1 : 5 })),
      await rescan(directory, { jobs, runs: short ? 1 : 20 }),
      await source(directory, { runs: short ? 1 : 50 }),
      ...(await reload(directory, { turns: short ? 60 : 1_000 })),
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Counts {
  readonly jobs: number;
  readonly runs: number;
}

/** The whole program, from its start to the table of its jobs. */
async function executable(directory: string, { jobs, runs }: Counts): Promise<readonly Row[]> {
  const peaks: number[] = [];
  const once = async (): Promise<void> => {
    const argv = ["-c", join(directory, "runner.cfg"), "next", "job7", "-n", "1"];
    const { peakBytes, stdout } = await runProgram(argv);
    if (!/T03:07:00/.test(stdout)) throw new Error(`Wrong: job7 is to run at ${stdout}`);
    peaks.push(peakBytes / MIB);
  };
  const samples = await timesOf(once, { runs, warmup: 1 });
  return [
    { figure: `load ${jobs} job.ts`, unit: "ms", samples, target: { most: 3_000 } },
    { figure: "the same: peak", unit: "MiB", samples: peaks, target: { most: 200 } },
  ];
}

async function rescan(directory: string, { jobs, runs }: Counts): Promise<Row> {
  const spool = openSpool({ directory });
  const loader = openLoader();
  const catalog = new Catalog(
    async ({ job, path }, dependsOn) => {
      const request = { job, path: join(path, "job.ts"), dependsOn };
      const { outline, text } = await loader.load(request);
      return moduleEntity(outline, { ...request, text, defaults: { timezone: null } });
    },
    { stampOf: fileStamp },
  );
  const once = async () => {
    const found = await spool.scan();
    if (found.length !== jobs) throw new Error(`Wrong: ${found.length} jobs of ${jobs} are there`);
    await catalog.refresh(found);
  };
  const samples = await timesOf(once, { runs, warmup: 1 });
  await loader.close();
  return { figure: `${jobs} unchanged job.ts: a scan`, unit: "ms", samples, target: null };
}

async function source(directory: string, { runs }: Pick<Counts, "runs">): Promise<Row> {
  const once = async () => {
    const { source: text } = await bundleJob(join(directory, "runners/job7/job.ts"));
    if (!text.includes("tickets")) throw new Error("Wrong: the body is not in the text");
  };
  const samples = await timesOf(once, { runs, warmup: 1 });
  return { figure: "the text of a job.ts that a run keeps", unit: "ms", samples, target: null };
}

async function reload(
  directory: string,
  { turns }: { readonly turns: number },
): Promise<readonly Row[]> {
  const argv = [process.execPath, import.meta.path, directory, `${turns}`];
  const child = Bun.spawn(argv, { stdout: "pipe", stderr: "inherit" });
  const { timesMs, grownMib } = JSON.parse(await new Response(child.stdout).text());
  return [
    { figure: "load a changed job.ts again", unit: "ms", samples: timesMs, target: null },
    {
      figure: `the same ${turns} times: memory grown by`,
      unit: "MiB",
      samples: [grownMib],
      target: { most: 50 },
    },
  ];
}

/** Anonymous memory: what of it belongs to no file. */
function memoryMib(): number {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

async function reloadMany(directory: string, turns: number): Promise<void> {
  const loader = openLoader();
  const path = join(directory, "runners/job7/job.ts");
  const timesMs: number[] = [];
  let before = 0;
  let most = 0;
  for (let turn = 0; turn < turns; turn++) {
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

if (import.meta.main) await reloadMany(process.argv[2] ?? "", Number(process.argv[3]));
