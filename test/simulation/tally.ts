// Tally: what many seeds came to, put together.

/** What one seed came to, as a worker tells it. Plain data. */
export interface SeedReport {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly virtualMs: number;
  readonly calls: number;
  readonly lives: number;
  readonly actions: number;
  readonly runs: number;
  readonly workflows: number;
  readonly faults: Readonly<Record<string, number>>;
}

/** The sum of many. */
export class Tally {
  seeds = 0;
  virtualMs = 0;
  calls = 0;
  lives = 0;
  actions = 0;
  runs = 0;
  workflows = 0;
  readonly faults: Record<string, number> = {};
  /** The seeds that broke an invariant, and how. */
  readonly failures: Pick<SeedReport, "seed" | "violations">[] = [];

  add(report: SeedReport): void {
    this.seeds++;
    for (const key of ["virtualMs", "calls", "lives", "actions", "runs", "workflows"] as const) {
      this[key] += report[key];
    }
    for (const [name, count] of Object.entries(report.faults)) {
      this.faults[name] = (this.faults[name] ?? 0) + count;
    }
    const { seed, violations } = report;
    if (violations.length > 0) this.failures.push({ seed, violations });
  }
}
