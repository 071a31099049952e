// Memory bench: one result of a gigabyte, collected, written and delivered; and a thousand collects
// in one process.
import { LoadApi } from "./api/client.ts";
import { median, type Row, type Scale } from "./measure.ts";
import { Place } from "./place.ts";
import { memoryOf, runProgram, startProgram, until } from "./program.ts";

const MIB = 1024 * 1024;

export async function bench(scale: Scale): Promise<readonly Row[]> {
  return [await largeResult(scale), await manyCollects(scale)];
}

async function largeResult({ short }: Scale): Promise<Row> {
  const commands = short ? 2_000 : 200_000;
  await using api = await LoadApi.start({ commands, commandBytes: 5_000 });
  using place = new Place({ url: api.url });
  place.jobs(1, "0 0 1 1 *", ['plugin = "count"']);
  place.plugin("count", `wc -c > "${place.in("counted")}"`);
  await place.pending(1, { plugins: ["count"] });
  const { peakBytes, wallMs } = await runProgram(["--once", "--wait", ...place.argv]);
  const counted = Number(await Bun.file(place.in("counted")).text());
  const { undelivered } = await place.counts();
  if (undelivered > 0 || counted < commands * 4_900) {
    throw new Error(`Wrong: the plugin got ${counted} bytes, ${undelivered} undelivered`);
  }
  return {
    figure: `one result of ${(counted / 1e9).toFixed(2)} GB, collected and delivered: peak`,
    unit: "MiB",
    samples: [peakBytes / MIB],
    target: { most: 120 },
    note: `${(wallMs / 1_000).toFixed(1)} s; peer: 2.5 GB for 143 MB of results`,
  };
}

/** What a process has more after all collects than after the first tenth of them. */
async function manyCollects({ short }: Scale): Promise<Row> {
  const actions = short ? 50 : 1_000;
  await using api = await LoadApi.start({ commands: 100, commandBytes: 5_000 });
  using place = new Place({ url: api.url });
  place.jobs(5, "0 0 1 1 *");
  await place.pending(actions);
  await using daemon = startProgram(place.argv);
  const sizes: { left: number; bytes: number }[] = [];
  await until(async () => {
    const left = (await place.counts()).pending;
    sizes.push({ left, bytes: memoryOf(daemon.pid)?.residentBytes ?? 0 });
    return left === 0;
  });
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
