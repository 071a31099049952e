// Collect bench: how fast commands come in, how long an API that takes its time holds them up, and
// how cost grows with their number.
import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { LoadApi } from "./api/client.ts";
import type { Row, Scale } from "./measure.ts";
import { Place } from "./place.ts";
import { type Ended, runCommand, runProgram, startProgram, until } from "./program.ts";

const COMMAND_BYTES = 5_000;
const PAGE_SIZE = 1_000;
const MIB = 1024 * 1024;

export async function bench(scale: Scale): Promise<readonly Row[]> {
  return [
    ...(await throughput(scale)),
    await latency(scale),
    await silence(scale),
    ...(await growth(scale)),
  ];
}

interface Collects {
  readonly actions: number;
  readonly commands: number;
  /** Actions that stay in flight. @default 0 */
  readonly left?: number;
}

/** Collects in a new place, and proves that everything was written. */
async function collect(api: LoadApi, { actions, commands }: Collects): Promise<Ended> {
  using place = await placeWith(api, actions);
  const ended = await runProgram(["--once", "--wait", ...place.argv]);
  await expectResults(place, { actions, commands });
  return ended;
}

async function placeWith(api: LoadApi, actions: number): Promise<Place> {
  const place = new Place({ url: api.url });
  place.jobs(5, "0 0 1 1 *");
  await place.pending(actions);
  return place;
}

/** Whether each action has its result, as large as its commands and no larger. */
async function expectResults(
  place: Place,
  { actions, commands, left = 0 }: Collects,
): Promise<void> {
  const { pending } = await place.counts();
  const names = readdirSync(place.in("runners"), { recursive: true, encoding: "utf8" });
  const results = names.filter((name) => /results\/\d+\/\d+\.json$/.test(name));
  const sizes = results.map((name) => statSync(join(place.in("runners"), name)).size);
  const [smallest, largest] = [Math.min(...sizes), Math.max(...sizes)];
  const isWhole =
    smallest > commands * COMMAND_BYTES * 0.97 && largest < (commands + 1) * COMMAND_BYTES * 1.03;
  if (pending === left && results.length === actions && isWhole) return;
  throw new Error(
    `Wrong results: ${pending} actions pending, ${results.length} results of ${smallest} to ` +
      `${largest} bytes, wanted ${actions} with ${commands} commands of ${COMMAND_BYTES} bytes`,
  );
}

async function throughput({ short }: Scale): Promise<readonly Row[]> {
  const order = short ? { actions: 4, commands: 200 } : { actions: 20, commands: 2_000 };
  const { actions, commands } = order;
  await using api = await LoadApi.start({ commands, commandBytes: COMMAND_BYTES });
  const ours: Ended[] = [];
  const floors: Ended[] = [];
  for (let run = 0; run < (short ? 1 : 6); run++) {
    ours.push(await collect(api, order));
    floors.push(await floorOf(api, order));
  }
  // The first pair warms up the API and the disk.
  const times = (all: readonly Ended[]) => all.slice(short ? 0 : 1).map(({ wallMs }) => wallMs);
  const bytes = actions * commands * COMMAND_BYTES;
  return [
    {
      figure: `collect ${actions} × ${commands} commands × 5 kB`,
      unit: "ms",
      samples: times(ours),
      target: { most: 2 },
      against: { name: "fetch and write only:", samples: times(floors) },
      note: `peak ${Math.round(Math.max(...ours.map((ended) => ended.peakBytes)) / MIB)} MiB`,
    },
    {
      figure: "the same as throughput",
      unit: "MB/s",
      samples: times(ours).map((ms) => bytes / 1_000 / ms),
      target: null,
      note: "peer: about 5 MB/s, one action after the other",
    },
  ];
}

async function floorOf(api: LoadApi, { actions, commands }: Collects): Promise<Ended> {
  using place = new Place();
  const script = resolve(import.meta.dirname, "floor.ts");
  const numbers = [actions, commands, PAGE_SIZE].map(String);
  const ended = await runCommand([process.execPath, script, api.url, place.path, ...numbers]);
  if (ended.exit !== 0) throw new Error(`The floor ended with ${ended.exit}: ${ended.stderr}`);
  return ended;
}

async function latency({ short }: Scale): Promise<Row> {
  const order = { actions: short ? 20 : 100, commands: 10 };
  await using api = await LoadApi.start({
    ...{ commands: order.commands, commandBytes: COMMAND_BYTES, latencyMs: 50 },
  });
  const samples: number[] = [];
  for (let run = 0; run < (short ? 1 : 5); run++) samples.push((await collect(api, order)).wallMs);
  return {
    figure: `collect ${order.actions} actions, 50 ms per answer`,
    unit: "ms",
    samples,
    target: { most: 1_000 },
    note: `peer: ${(order.actions * 0.05).toFixed(0)} s and more, one after the other`,
  };
}

/** One action of many is never answered: when are the others in? */
async function silence({ short }: Scale): Promise<Row> {
  const [actions, commands, left] = [short ? 20 : 100, 10, 1];
  await using api = await LoadApi.start({
    ...{ commands, commandBytes: COMMAND_BYTES, latencyMs: 50, silent: [1] },
  });
  const samples: number[] = [];
  for (let run = 0; run < (short ? 1 : 5); run++) {
    using place = await placeWith(api, actions);
    const startedAt = performance.now();
    await using _daemon = startProgram(place.argv);
    await until(async () => (await place.counts()).pending === left);
    samples.push(performance.now() - startedAt);
    await expectResults(place, { actions: actions - left, commands, left });
  }
  return {
    figure: "the same, one of them never answered: the others",
    unit: "ms",
    samples,
    target: { most: 1_000 },
    note: "peer: for ever",
  };
}

/** Ten times the work is to cost ten times as much, and no more memory. */
async function growth({ short }: Scale): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const commands of short ? [100, 1_000] : [1_000, 10_000, 100_000]) {
    await using api = await LoadApi.start({ commands, commandBytes: COMMAND_BYTES });
    rows.push(await grown(api, { actions: 1, commands }, commands <= 1_000 ? 5 : 2));
  }
  await using api = await LoadApi.start({ commands: 100, commandBytes: COMMAND_BYTES });
  for (const actions of short ? [10, 100] : [10, 100, 1_000]) {
    rows.push(await grown(api, { actions, commands: 100 }, actions <= 10 ? 5 : 2));
  }
  return rows;
}

async function grown(api: LoadApi, order: Collects, runs: number): Promise<Row> {
  const samples: number[] = [];
  const peaks: number[] = [];
  for (let run = 0; run < runs; run++) {
    const { wallMs, peakBytes } = await collect(api, order);
    samples.push(wallMs);
    peaks.push(peakBytes / MIB);
  }
  const { actions, commands } = order;
  const figure = `growth: ${actions} × ${commands} commands`;
  const megabytes = Math.round((actions * commands * COMMAND_BYTES) / 1e6);
  const note = `${megabytes} MB, peak ${Math.round(Math.max(...peaks))} MiB`;
  return { figure, unit: "ms", samples, target: null, note };
}
