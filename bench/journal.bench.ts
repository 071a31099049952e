// Journal bench: how many transitions of an action are durable in a second, one after the other and
// many at once, against appends to a file that are durable as well.
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { record } from "../src/flow/transition.ts";
import type { ActionRow } from "../src/journal/inflight.ts";
import { openJournal } from "../src/journal/sqlite/journal.ts";
import type { Row, Scale } from "./measure.ts";
import { Place } from "./place.ts";

/** What a raw append writes: about as much as a transition changes. */
const RECORD_BYTES = 256;

export async function bench({ short }: Scale): Promise<readonly Row[]> {
  const count = short ? 100 : 1_000;
  const many = short ? 1_000 : 20_000;
  using place = new Place();
  await place.pending(Math.max(count, many));
  const journal = openJournal({ path: place.in("journal.db") });
  const clock = { now: Date.now, until: never, sleep: never };
  const rows = journal.pendingActions(many);
  const delay = (row: ActionRow) =>
    record({ journal, clock }, row, { kind: "delayed", nextAt: Date.now() + 1, error: "later" });
  const ours: number[] = [];
  const raw: number[] = [];
  const grouped: number[] = [];
  for (let run = 0; run < (short ? 1 : 5); run++) {
    ours.push(
      await rateOf(count, async () => {
        for (const row of rows.slice(0, count)) await delay(row);
      }),
    );
    raw.push(await rateOf(count, () => append(place.in("raw"), count)));
    grouped.push(await rateOf(many, () => Promise.all(rows.map(delay))));
  }
  const failures = journal.action(rows[0]?.id ?? 0)?.failures ?? 0;
  await journal.close();
  if (failures !== ours.length * 2) throw new Error(`Wrong: ${failures} transitions were kept`);
  return [
    {
      figure: "journal: durable transitions, one after the other",
      unit: "a second",
      samples: ours,
      target: { least: 0.7 },
      against: { name: `append of ${RECORD_BYTES} bytes and fdatasync`, samples: raw },
    },
    {
      figure: "journal: durable transitions, many in hand",
      unit: "a second",
      samples: grouped,
      target: { least: 40_000 },
    },
  ];
}

function never(): Promise<void> {
  return Promise.reject(new Error("nothing waits here"));
}

async function rateOf(count: number, work: () => unknown): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (count * 1_000) / (performance.now() - startedAt);
}

function append(path: string, count: number): void {
  const record = new Uint8Array(RECORD_BYTES).fill(97);
  const fd = openSync(path, "a");
  for (let index = 0; index < count; index++) {
    writeSync(fd, record);
    fdatasyncSync(fd);
  }
  closeSync(fd);
  rmSync(path);
}
