// Measure: times one thing many times, and says what the times have in common.
import assert from "node:assert/strict";

/** Times in milliseconds. The minimum is what it costs, the rest is what the machine adds. */
export interface Summary {
  readonly runs: number;
  readonly minMs: number;
  readonly medianMs: number;
  readonly p95Ms: number;
}

/** The summary of at least one time, in any order. */
export function summarize(timesMs: readonly number[]): Summary {
  assert(timesMs.length > 0, "nothing was measured");
  const sorted = timesMs.toSorted((left, right) => left - right);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? sorted[0] ?? 0;
  return { runs: sorted.length, minMs: sorted[0] ?? 0, medianMs: at(0.5), p95Ms: at(0.95) };
}

/** Runs `once` until it is warm, then `runs` times against the clock. */
export async function measure(
  once: () => unknown,
  { runs, warmup = 3 }: { runs: number; warmup?: number },
): Promise<Summary> {
  for (let count = 0; count < warmup; count++) await once();
  const timesMs: number[] = [];
  for (let count = 0; count < runs; count++) {
    const startedAt = performance.now();
    await once();
    timesMs.push(performance.now() - startedAt);
  }
  return summarize(timesMs);
}

/** One row of the table: what was measured, its numbers, and what they mean for throughput. */
export interface Row {
  readonly name: string;
  readonly summary: Summary;
  /** Such as "640 MB/s"; null when the time says it all. */
  readonly rate: string | null;
}

/** The rows as a Markdown table. */
export function formatTable(rows: readonly Row[]): string {
  const body = rows.map(({ name, summary, rate }) => {
    const times = [summary.minMs, summary.medianMs, summary.p95Ms].map((ms) => ms.toFixed(2));
    return `| ${[name, ...times, summary.runs, rate ?? ""].join(" | ")} |`;
  });
  return [
    "| what | min ms | median ms | p95 ms | runs | rate |",
    "|---|---|---|---|---|---|",
    ...body,
  ].join("\n");
}
