// Start bench: from the shell's exec to what a user waits for.
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { LoadApi } from "./api/client.ts";
import { type Row, type Scale, timesOf } from "./measure.ts";
import { Place } from "./place.ts";
import { PROGRAM, runProgram, startProgram, until } from "./program.ts";

const root = resolve(import.meta.dirname, "..");
const tool = (name: string) => resolve(root, "node_modules/.bin", name);
const MAIN = resolve(root, "src/main.ts");

const OTHER_FORMS: readonly (readonly [name: string, ...argv: [string, ...string[]]])[] = [
  ["-V, bun src/main.ts", tool("bun"), MAIN, "-V"],
  ["-V, deno run -A src/main.ts", tool("deno"), "run", "-A", MAIN, "-V"],
];

export async function bench(scale: Scale): Promise<readonly Row[]> {
  return [
    ...(await versions(scale)),
    ...(scale.short ? [] : [await runtimeAlone()]),
    await pass(scale),
    await firstLine(scale),
    await firstCollect(scale),
  ];
}

async function versions({ short }: Scale): Promise<readonly Row[]> {
  const once = (argv: readonly [string, ...string[]]) => (): void => {
    const [command, ...rest] = argv;
    const { status, stdout, stderr } = spawnSync(command, rest, { encoding: "utf8" });
    if (status !== 0 || !/^\d+\.\S+\n$/.test(stdout))
      throw new Error(`${argv.join(" ")} ended with ${status}: ${stderr}`);
  };
  const runs = short ? 3 : 31;
  const rows: Row[] = [
    {
      figure: "-V",
      unit: "ms",
      samples: await timesOf(once([PROGRAM, "-V"]), { runs, warmup: 3 }),
      target: { most: 15 },
    },
  ];
  for (const [figure, ...argv] of OTHER_FORMS) {
    const samples = await timesOf(once(argv), { runs: short ? 1 : 5, warmup: 1 });
    rows.push({ figure, unit: "ms", samples, target: null });
  }
  return rows;
}

/** What an executable of the runtime takes that does nothing: no start can take less. */
async function runtimeAlone(): Promise<Row> {
  using place = new Place();
  place.write("line.ts", ['console.log("1");']);
  const outfile = place.in("line");
  const how = { target: "bun", format: "esm", minify: true, bytecode: true } as const;
  await Bun.build({ entrypoints: [place.in("line.ts")], compile: { outfile }, ...how });
  const once = (): void => {
    const { stdout } = spawnSync(outfile, { encoding: "utf8" });
    if (stdout !== "1\n") throw new Error(`${outfile} printed "${stdout}"`);
  };
  const samples = await timesOf(once, { runs: 31, warmup: 3 });
  return {
    figure: "an executable of the runtime that prints a line",
    unit: "ms",
    samples,
    target: null,
  };
}

async function pass({ short }: Scale): Promise<Row> {
  using place = new Place();
  place.jobs(100, "0 0 1 1 *");
  const once = () => runProgram(["--once", ...place.argv]);
  return {
    figure: "--once, nothing due in 100 jobs",
    unit: "ms",
    samples: await timesOf(once, { runs: short ? 1 : 15, warmup: 2 }),
    target: { most: 70 },
  };
}

/** To the first line of the log, in a spool of a thousand jobs. */
async function firstLine({ short }: Scale): Promise<Row> {
  using place = new Place({ log: "stdout" });
  place.jobs(short ? 100 : 1_000, "0 0 1 1 *");
  const once = async (): Promise<void> => {
    await using daemon = startProgram(place.argv);
    await daemon.stderr.getReader().read();
  };
  return {
    figure: "start to the first line of the log",
    unit: "ms",
    samples: await timesOf(once, { runs: short ? 1 : 15, warmup: 2 }),
    target: { most: 40 },
  };
}

/** A host that was down for long: from the start to the first request for commands. */
async function firstCollect({ short }: Scale): Promise<Row> {
  const pending = short ? 1_000 : 100_000;
  await using api = await LoadApi.start({ commands: 10, latencyMs: 1_000 });
  using place = new Place({ url: api.url });
  place.jobs(5, "0 0 1 1 *");
  await place.pending(pending);
  const samples: number[] = [];
  for (let run = 0; run < (short ? 1 : 6); run++) {
    // What the one before it has sent until it was killed.
    await api.stats();
    const startedAt = performance.timeOrigin + performance.now();
    await using _daemon = startProgram(place.argv);
    let firstAt: number | null = null;
    await until(async () => {
      ({ firstAt } = await api.stats());
      return firstAt !== null;
    });
    samples.push((firstAt ?? Number.NaN) - startedAt);
  }
  return {
    figure: `journal of ${pending} pending collects: start to the first request`,
    unit: "ms",
    samples: short ? samples : samples.slice(1),
    target: { most: 300 },
  };
}
