// Search: many seeds on all processors. Each process asks for one seed after the other, so that a
// world that takes long, hangs or brings its process down costs nobody else's seeds.
import { type ChildProcess, fork } from "node:child_process";
import { resolve } from "node:path";
import { type SeedReport, Tally } from "./tally.ts";

/** A seed that takes longer than this hangs: its loop spins without any time going by. */
const SEED_TIME_MAX_MS = 120_000;

const WORKER = resolve(import.meta.dirname, "worker.ts");

export interface SearchOptions {
  /** The first seed. */
  readonly from: number;
  readonly seeds: number;
  readonly processes: number;
  /** Whether the first failure ends it. @default false */
  readonly first?: boolean;
  /** No seed is begun after so long. @default never */
  readonly timeMaxMs?: number;
  /** The program that runs one seed for each number that it is sent. @default worker.ts */
  readonly worker?: string;
  /** What that program is told. @default nothing */
  readonly args?: readonly string[];
  /** Called after each seed. */
  onReport?(tally: Tally, report: SeedReport): void;
}

/** Runs the seeds `from`, `from + 1` and so on; resolves when all that were begun have ended. */
export async function searchSeeds(options: SearchOptions): Promise<Tally> {
  const tally = new Tally();
  let next = options.from;
  const end = options.from + options.seeds;
  const endsAt = performance.now() + (options.timeMaxMs ?? Number.POSITIVE_INFINITY);
  const isOver = (): boolean => {
    const hasFailed = options.first === true && tally.failures.length > 0;
    return next >= end || hasFailed || performance.now() >= endsAt;
  };
  const take = (): number | null => (isOver() ? null : next++);
  const report = (made: SeedReport): void => {
    tally.add(made);
    options.onReport?.(tally, made);
  };
  const { args = [], processes, worker = WORKER } = options;
  const lanes = Array.from({ length: Math.min(processes, options.seeds) }, async () => {
    // A process that ends early has failed the seed that it was at; the rest needs another.
    while (await runProcess([worker, ...args], { take, report }));
  });
  await Promise.all(lanes);
  tally.failures.sort((left, right) => left.seed - right.seed);
  return tally;
}

interface Lane {
  take(): number | null;
  report(made: SeedReport): void;
}

/** Resolves with whether the process died, so that there may be more to do. */
function runProcess(
  [worker, ...args]: readonly [worker: string, ...args: readonly string[]],
  { take, report }: Lane,
): Promise<boolean> {
  const first = take();
  if (first === null) return Promise.resolve(false);
  return new Promise((settle) => {
    const child = fork(worker, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    let seed: number | null = first;
    let timer = watch(child);
    const ask = (): void => {
      if (seed === null) child.disconnect();
      else child.send(seed);
    };
    child.on("message", (made) => {
      clearTimeout(timer);
      report(made as SeedReport);
      seed = take();
      if (seed !== null) timer = watch(child);
      ask();
    });
    child.on("exit", (status, signal) => {
      clearTimeout(timer);
      if (seed !== null) report(lost(seed, `its process ended by ${signal ?? status}`));
      settle(seed !== null);
    });
    ask();
  });
}

function watch(child: ChildProcess): NodeJS.Timeout {
  return setTimeout(() => child.kill("SIGKILL"), SEED_TIME_MAX_MS);
}

function lost(seed: number, why: string): SeedReport {
  const nothing = { virtualMs: 0, calls: 0, lives: 0, actions: 0, runs: 0, workflows: 0 };
  return { seed, violations: [why], ...nothing, faults: {} };
}
