// Growth bench: ten times the work is to cost ten times as much, and no more memory.
import { LoadApi } from "./api/client.ts";
import { COMMAND_BYTES, type Collects, collect } from "./collects.ts";
import type { Growth, Scale } from "./measure.ts";
import type { Ended } from "./program.ts";

export async function bench({ short }: Scale): Promise<readonly Growth[]> {
  const found: Growth[] = [];
  const runs = short ? 1 : 3;
  for (const count of short ? [10, 100] : [500, 5_000, 50_000]) {
    const order = { actions: 1, commands: count };
    found.push({ what: "commands of one action", count, ...(await grown(order, runs)) });
  }
  for (const count of short ? [1, 10] : [5, 50, 500]) {
    const order = { actions: count, commands: 100, jobs: count };
    const what = "jobs with an action of 100 commands each";
    found.push({ what, count, ...(await grown(order, runs)) });
  }
  return found;
}

async function grown(order: Collects, runs: number): Promise<Pick<Growth, "samples" | "peaks">> {
  const { commands } = order;
  await using api = await LoadApi.start({ commands, commandBytes: COMMAND_BYTES });
  const ended: Ended[] = [];
  for (let run = 0; run < runs; run++) ended.push(await collect(api, order));
  return {
    samples: ended.map(({ wallMs }) => wallMs),
    peaks: ended.map(({ peakBytes }) => peakBytes),
  };
}
