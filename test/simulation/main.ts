// Main: searches seeds for a world in which the runner breaks an invariant.
//
//   npm run simulate -- --seeds 100000     many seeds, on all processors
//   npm run simulate -- --seed 4711        one seed, with everything that happened in it
//   npm run simulate -- --hosts 0 …        the same of several hosts with one journal
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { simulateCluster } from "./cluster/simulate.ts";
import { CLUSTER_FAULT_KINDS, countKinds, FAULT_KINDS } from "./faults.ts";
import { searchSeeds } from "./search.ts";
import { simulate } from "./simulate.ts";
import type { SeedReport, Tally } from "./tally.ts";

const HELP = `Searches seeds for a world in which the runner breaks an invariant.

  npm run simulate -- --seeds N [--from S] [--processes P] [--minutes M] [--faults] [--first]
  npm run simulate -- --seed S
  npm run simulate -- --hosts N ...

  --seeds N       how many seeds (default 1000)
  --from S        the first of them (default 1)
  --processes P   how many at a time (default: one for each processor)
  --minutes M     begins no more seeds after so long (default: never)
  --faults        how often each kind of fault struck; one that never did is a failure
  --first         ends at the first failure
  --seed S        one seed again, with everything that happened in it
  --hosts N       so many hosts with one journal instead of one alone; 0: as the seed says

The exit status is 1 when an invariant was broken. A seed gives the same world on every machine,
as long as the simulator and the runner are the same.
`;

const YEAR_MS = 365.25 * 86_400_000;

/** Failing seeds that are shown one by one. */
const SHOWN_MAX = 20;

/** Shows every line of one seed. */
function replay(seed: number, hosts: number | null): number {
  const { lines, violations } =
    hosts === null
      ? simulate({ seed, traced: true })
      : simulateCluster({ seed, hosts: hosts || null, traced: true });
  console.log(lines.join("\n"));
  for (const violation of violations) console.log(`seed ${seed}: ${violation}`);
  if (violations.length === 0) console.log(`seed ${seed}: every invariant held`);
  return violations.length === 0 ? 0 : 1;
}

function sayFailure(
  { seed, violations }: Pick<SeedReport, "seed" | "violations">,
  hosts: number | null,
): void {
  console.log(`seed ${seed}: ${violations[0]}`);
  const words = hosts === null ? "" : `--hosts ${hosts} `;
  console.log(`  again by: npm run simulate -- ${words}--seed ${seed}`);
}

/** The line that says what many seeds came to. */
function verdictOf(tally: Tally, elapsedMs: number): string {
  const passed = tally.seeds - tally.failures.length;
  const years = ((tally.virtualMs / YEAR_MS) * 60_000) / elapsedMs;
  return `simulation: ${passed} of ${tally.seeds} seeds, ${years.toFixed(3)} runner-years per minute`;
}

/** What happened in them, as a table for the documents. */
function summaryOf(
  tally: Tally,
  elapsedMs: number,
  kinds: ReadonlyMap<string, number>,
): readonly string[] {
  const { actions, calls, lives, runs, virtualMs, workflows } = tally;
  const minutes = (elapsedMs / 60_000).toFixed(1);
  const days = Math.round(virtualMs / 86_400_000);
  const lived = `${lives} processes of the runner, ${days} days of their time in ${minutes} minutes`;
  const worked = `${runs} runs (${workflows} of workflows), ${actions} actions, ${calls} port calls`;
  const rows = [...kinds].map(([kind, count]) => `| ${kind} | ${count} |`);
  return [`${lived};`, `${worked}.`, "", "| fault | how often |", "|---|---|", ...rows];
}

async function search(options: {
  readonly from: number;
  readonly seeds: number;
  readonly processes: number;
  readonly timeMaxMs: number;
  readonly faults: boolean;
  readonly first: boolean;
  /** Null: one host alone. */
  readonly hosts: number | null;
}): Promise<number> {
  const startedAt = performance.now();
  const isShown = process.stdout.isTTY === true;
  const { hosts } = options;
  const tally = await searchSeeds({
    ...options,
    args: hosts === null ? [] : [`${hosts}`],
    onReport(sofar, report) {
      if (isShown) process.stdout.write("\r\x1b[K");
      if (report.violations.length > 0 && sofar.failures.length <= SHOWN_MAX) {
        sayFailure(report, hosts);
      }
      if (isShown) process.stdout.write(verdictOf(sofar, performance.now() - startedAt));
    },
  });
  if (isShown) process.stdout.write("\r\x1b[K");
  const elapsedMs = performance.now() - startedAt;
  const known = hosts === null ? FAULT_KINDS : CLUSTER_FAULT_KINDS;
  const kinds = options.faults ? countKinds(tally.faults, known) : new Map<string, number>();
  if (options.faults) for (const line of summaryOf(tally, elapsedMs, kinds)) console.log(line);
  const idle = [...kinds].flatMap(([kind, count]) => (count === 0 ? [kind] : []));
  for (const kind of idle) console.log(`never struck: ${kind}`);
  console.log(verdictOf(tally, elapsedMs));
  return tally.failures.length + idle.length === 0 ? 0 : 1;
}

function whole(name: string, text: string | undefined, otherwise: number, least = 1): number {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  console.error(`Cannot use --${name} "${text}": a whole number from ${least} is wanted`);
  process.exit(2);
}

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    from: { type: "string" },
    processes: { type: "string" },
    minutes: { type: "string" },
    faults: { type: "boolean", default: false },
    first: { type: "boolean", default: false },
    seed: { type: "string" },
    hosts: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});
const hosts = values.hosts === undefined ? null : whole("hosts", values.hosts, 0, 0);
if (values.help) console.log(HELP);
else if (values.seed !== undefined) process.exitCode = replay(whole("seed", values.seed, 1), hosts);
else {
  process.exitCode = await search({
    from: whole("from", values.from, 1),
    seeds: whole("seeds", values.seeds, 1_000),
    processes: whole("processes", values.processes, availableParallelism()),
    timeMaxMs: whole("minutes", values.minutes, Number.MAX_SAFE_INTEGER) * 60_000,
    faults: values.faults,
    first: values.first,
    hosts,
  });
}
