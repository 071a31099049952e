// Collect bench: how fast commands come in, and how long an API that takes its time holds them up.
import { readdirSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { LoadApi } from "./api/client.ts";
import { COMMAND_BYTES, type Collects, collect, expectResults, placeWith } from "./collects.ts";
import { median, type Row, type Scale } from "./measure.ts";
import { Place } from "./place.ts";
import { type Ended, runCommand, startProgram, until } from "./program.ts";

/** Commands a page, as the runner asks for them. */
const PAGE_SIZE = 1_000;
const MIB = 1024 * 1024;

export async function bench(scale: Scale): Promise<readonly Row[]> {
  return [...(await throughput(scale)), await latency(scale), await silence(scale)];
}

async function throughput({ short }: Scale): Promise<readonly Row[]> {
  const order = short ? { actions: 4, commands: 200 } : { actions: 20, commands: 2_000 };
  const { actions, commands } = order;
  await using api = await LoadApi.start({ commands, commandBytes: COMMAND_BYTES });
  const ours: Ended[] = [];
  const floors: Ended[] = [];
  for (let run = 0; run < (short ? 1 : 6); run++) {
    ours.push(await collect(api, order));
    floors.push(await pages(api, { ...order, script: "floor.ts" }));
  }
  const originals = [await pages(api, { ...order, script: "original.ts" })];
  // The first pair warms up the API and the disk.
  const times = (all: readonly Ended[]) => all.map(({ wallMs }) => wallMs).slice(short ? 0 : 1);
  const peak = (all: readonly Ended[]) =>
    `peak ${Math.round(Math.max(...all.map((ended) => ended.peakBytes)) / MIB)} MiB`;
  const megabytes = (actions * commands * COMMAND_BYTES) / 1e6;
  const processor = median(ours.map(({ cpuMs }, run) => cpuMs / (floors[run]?.cpuMs ?? cpuMs)));
  const speed = `${Math.round(megabytes / (median(times(ours)) / 1_000))} MB/s`;
  return [
    {
      figure: `collect ${actions} × ${commands} commands × 5 kB`,
      unit: "ms",
      samples: times(ours),
      target: { most: 2 },
      against: { name: "fetch and write only", samples: times(floors) },
      note: `${speed}, ${peak(ours)}, ${processor.toFixed(1)} × its processor time`,
    },
    {
      figure: "the same against a stand-in for the original",
      unit: "ms",
      samples: [median(times(ours))],
      target: null,
      against: { name: "37 a page, one by one, decoded", samples: [originals[0]?.wallMs ?? 0] },
      note: `${peak(originals)}; the original itself: about 5 MB/s`,
    },
  ];
}

/** Fetches the same commands by another script, and proves that it has as much. */
async function pages(
  api: LoadApi,
  { actions, commands, script }: Collects & { readonly script: "floor.ts" | "original.ts" },
): Promise<Ended> {
  using place = new Place();
  const path = resolve(import.meta.dirname, script);
  const numbers = [actions, commands, PAGE_SIZE].map(String);
  const ended = await runCommand([process.execPath, path, api.url, place.path, ...numbers]);
  if (ended.exit !== 0) throw new Error(`${script} ended with ${ended.exit}: ${ended.stderr}`);
  const files = readdirSync(place.path).filter((name) => /^(floor|original)-\d+$/.test(name));
  const sizes = files.map((name) => statSync(place.in(name)).size);
  if (files.length !== actions || Math.min(...sizes) < commands * COMMAND_BYTES * 0.97) {
    throw new Error(`Wrong: ${script} wrote ${files.length} files, the smallest is too small`);
  }
  return ended;
}

async function latency({ short }: Scale): Promise<Row> {
  const order = { actions: short ? 20 : 100, commands: 10 };
  await using api = await LoadApi.start({
    commands: order.commands,
    commandBytes: COMMAND_BYTES,
    latencyMs: 50,
  });
  const samples: number[] = [];
  for (let run = 0; run < (short ? 1 : 5); run++) samples.push((await collect(api, order)).wallMs);
  return {
    figure: `collect ${order.actions} actions, 50 ms per answer`,
    unit: "ms",
    samples,
    target: { most: 600 },
    note: `the original: ${order.actions * 0.1} s at least, one after the other`,
  };
}

/** One action of many is never answered: when are the others in? */
async function silence({ short }: Scale): Promise<Row> {
  const [actions, commands, left] = [short ? 20 : 100, 10, 1];
  await using api = await LoadApi.start({
    commands,
    commandBytes: COMMAND_BYTES,
    latencyMs: 50,
    silent: [1],
  });
  const samples: number[] = [];
  for (let run = 0; run < (short ? 1 : 5); run++) {
    using place = await placeWith(api, { actions, commands });
    const startedAt = performance.now();
    await using _daemon = startProgram(place.argv);
    await until(async () => (await place.counts()).pending === left);
    samples.push(performance.now() - startedAt);
    await expectResults(place, { actions, commands, left });
  }
  return {
    figure: "the same, one of them never answered: the others",
    unit: "ms",
    samples,
    target: { most: 1_000 },
    note: "the original: for ever",
  };
}
