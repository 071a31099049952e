// Measure: figures with their targets and what they are held against, as one table.
//
// A figure is the median of its samples, and the best of them is told beside it: what a busy
// machine adds to a time says nothing about the program. A target that is missed is a word in the
// table; only a wrong result makes a bench fail.
import assert from "node:assert/strict";

/** One line of the table. */
export interface Row {
  readonly figure: string;
  /** Such as "ms"; a share is in "%". */
  readonly unit: string;
  /** At least one, in the order in which they were taken. */
  readonly samples: readonly number[];
  /** For the median, or for the ratio when there is something to compare with. Null: none. */
  readonly target: Target | null;
  /** What it is held against, sample by sample in the same runs. @default nothing */
  readonly against?: Against;
  /** For people: the peer, or what else is worth to know. @default nothing */
  readonly note?: string;
}

/** How time and memory grow with the number of something: one line of the other table. */
export interface Growth {
  readonly what: string;
  readonly count: number;
  /** Milliseconds. */
  readonly samples: readonly number[];
  /** The most memory of each sample's process, in bytes. */
  readonly peaks: readonly number[];
}

export type Target = { readonly most: number } | { readonly least: number };

export interface Against {
  /** Such as "fetch and write only": a floor, or a peer. */
  readonly name: string;
  readonly samples: readonly number[];
}

/** What bench files export as `bench`. */
export type Bench = (scale: Scale) => Promise<readonly (Row | Growth)[]>;

export interface Scale {
  /** For CI: everything is tried, with less of it, and the numbers say little. */
  readonly short: boolean;
}

/** The value below which a share of the samples is, by the nearest rank. @param share 0 to 1 */
export function quantile(samples: readonly number[], share: number): number {
  assert(samples.length > 0, "nothing was measured");
  const sorted = samples.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/** Milliseconds that each of `runs` calls takes, after those that warm it up. */
export async function timesOf(
  once: () => unknown,
  { runs, warmup = 0 }: { readonly runs: number; readonly warmup?: number },
): Promise<readonly number[]> {
  for (let count = 0; count < warmup; count++) await once();
  const times: number[] = [];
  for (let count = 0; count < runs; count++) {
    const startedAt = performance.now();
    await once();
    times.push(performance.now() - startedAt);
  }
  return times;
}

/** The samples divided by what they are held against; empty when there is nothing. */
export function ratiosOf({ samples, against }: Row): readonly number[] {
  return samples.flatMap((sample, index) => {
    const other = against?.samples[index];
    return other === undefined ? [] : [sample / other];
  });
}

/** Whether the target is met; null without one. */
export function isMet(row: Row): boolean | null {
  const { target, samples } = row;
  if (target === null) return null;
  const ratios = ratiosOf(row);
  const value = median(ratios.length > 0 ? ratios : samples);
  return "most" in target ? value <= target.most : value >= target.least;
}

/** The rows as a Markdown table. @param isJudged Whether it says which targets are met. */
export function formatTable(rows: readonly Row[], isJudged = true): string {
  const head = ["figure", "target", "median", "best", "floor or peer", "ratio (best)", "", ""];
  const body = rows.map((row) => {
    const { figure, unit, samples, against, note = "" } = row;
    const ratios = ratiosOf(row);
    const met = isJudged ? isMet(row) : null;
    return [
      figure,
      targetText(row),
      `${format(median(samples))} ${unit}`,
      `${format(bestOf(row, samples))} ${unit}`,
      against === undefined ? "" : `${against.name} ${format(median(against.samples))} ${unit}`,
      ratios.length === 0 ? "" : `${format(median(ratios))} (${format(bestOf(row, ratios))})`,
      met === null ? "" : met ? "met" : "**missed**",
      note,
    ];
  });
  return tableOf([head, ...body]);
}

/** Lines of one `what` belong together; each is held against the one before it. */
export function formatGrowth(lines: readonly Growth[]): string {
  const head = ["what grows", "how many", "median", "of the line above", "peak memory"];
  const body = lines.map(({ what, count, samples, peaks }, index) => {
    const before = lines[index - 1];
    const factor = before?.what === what ? median(samples) / median(before.samples) : null;
    return [
      what,
      format(count),
      `${format(median(samples))} ms`,
      factor === null ? "" : `${format(factor)} ×`,
      `${format(Math.max(...peaks) / 1024 ** 2)} MiB`,
    ];
  });
  return tableOf([head, ...body]);
}

/** A Markdown table whose first line is its head. */
function tableOf([head = [], ...body]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");
}

function bestOf({ target }: Row, samples: readonly number[]): number {
  return target !== null && "least" in target ? Math.max(...samples) : Math.min(...samples);
}

function targetText({ target, unit, against }: Row): string {
  if (target === null) return "";
  const [sign, value] = "most" in target ? ["≤", target.most] : ["≥", target.least];
  return `${sign} ${format(value)} ${against === undefined ? unit : "×"}`;
}

/** Three digits are what a measurement is good for. */
function format(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(value), 0.01))));
  const rounded = value >= 100 ? Math.round(value) : Number(value.toFixed(digits));
  return rounded.toLocaleString("en");
}
