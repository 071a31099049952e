// Memory bench: one result of a gigabyte, collected, written and delivered; and a thousand collects
// in one process.
import { statSync, writeFileSync } from "node:fs";
import { LoadApi } from "./api/client.ts";
import { COMMAND_BYTES, expectResults, placeWith, resultsIn } from "./collects.ts";
import { median, type Row, type Scale } from "./measure.ts";
import { memoryOf, runProgram, startProgram, until } from "./program.ts";

const MIB = 1024 * 1024;

export async function bench(scale: Scale): Promise<readonly Row[]> {
  return [
    await largeResult("an executable plugin", PROGRAM_PLUGIN, scale),
    await largeResult("a module plugin that iterates", MODULE_PLUGIN, scale),
    await manyCollects(scale),
  ];
}

type Plugin = (counted: string) => { readonly file: string; readonly text: string };

/** Each leaves what it got: a count of bytes, or of commands. */
const PROGRAM_PLUGIN: Plugin = (counted) => ({
  file: "count",
  text: `#!/bin/sh\nwc -c > "${counted}"`,
});

const MODULE_PLUGIN: Plugin = (counted) => ({
  file: "count.ts",
  text: `import { writeFileSync } from "node:fs";
import { plugin } from "mig-runner";

export default plugin({
  async deliver(result) {
    let [count, last] = [0, 0];
    for await (const { id, results } of result.commands) {
      if (results !== null && id > last) count++;
      last = id;
    }
    writeFileSync(${JSON.stringify(counted)}, String(count));
  },
});`,
});

async function largeResult(to: string, plugin: Plugin, { short }: Scale): Promise<Row> {
  const order = { actions: 1, commands: short ? 2_000 : 200_000 };
  await using api = await LoadApi.start({ ...order, commandBytes: COMMAND_BYTES });
  using place = await placeWith(api, { ...order, plugins: ["count"] });
  const counted = place.in("counted");
  const { file, text } = plugin(counted);
  writeFileSync(place.in("plugins", file), `${text}\n`, { mode: 0o700 });
  const { peakBytes, wallMs } = await runProgram(["--once", "--wait", ...place.argv]);
  await expectResults(place, order);
  const bytes = statSync(resultsIn(place)[0] ?? "").size;
  const got = Number(await Bun.file(counted).text());
  const { undelivered } = await place.counts();
  const wanted = plugin === PROGRAM_PLUGIN ? bytes : order.commands;
  if (undelivered > 0 || got !== wanted) {
    throw new Error(`Wrong: ${to} got ${got} of ${wanted}, ${undelivered} are undelivered`);
  }
  return {
    figure: `one result of ${(bytes / 1e9).toFixed(2)} GB, collected, delivered to ${to}: peak`,
    unit: "MiB",
    samples: [peakBytes / MIB],
    target: { most: 120 },
    note: `${(wallMs / 1_000).toFixed(1)} s; the original: 2.5 GB for 143 MB`,
  };
}

/** What a process has more after all collects than after the first tenth of them. */
async function manyCollects({ short }: Scale): Promise<Row> {
  const order = { actions: short ? 50 : 1_000, commands: 100 };
  const { actions } = order;
  await using api = await LoadApi.start({ ...order, commandBytes: COMMAND_BYTES });
  using place = await placeWith(api, order);
  await using daemon = startProgram(place.argv);
  const sizes: { left: number; bytes: number }[] = [];
  await until(async () => {
    const left = (await place.counts()).pending;
    sizes.push({ left, bytes: memoryOf(daemon.pid)?.residentBytes ?? 0 });
    return left === 0;
  });
  await expectResults(place, order);
  const tenth = (from: number, to: number): number =>
    median(
      sizes
        .filter(({ left }) => left <= actions * (1 - from) && left >= actions * (1 - to))
        .map(({ bytes }) => bytes / MIB),
    );
  return {
    figure: `growth over ${actions} collects: the last fifth over the second`,
    unit: "MiB",
    samples: [tenth(0.8, 1) - tenth(0.2, 0.4)],
    target: { most: 10 },
    note: `from ${Math.round(tenth(0.2, 0.4))} MiB`,
  };
}
