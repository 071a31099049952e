// Worker: simulates each seed that its parent sends, and answers with what it came to. Its first
// argument makes it a cluster, of so many hosts; 0: as many as the seed says.
import { simulateCluster } from "./cluster/simulate.ts";
import { type Outcome, simulate } from "./simulate.ts";
import type { SeedReport } from "./tally.ts";

/** What nobody caught: a promise of the runner that rejected on its own is a fault of its own. */
const unhandled: string[] = [];
process.on("unhandledRejection", (error) => void unhandled.push(`nobody caught: ${error}`));

const hosts = process.argv[2];

function outcomeOf(seed: number): Outcome {
  if (hosts === undefined) return simulate({ seed });
  return simulateCluster({ seed, hosts: Number(hosts) || null });
}

async function reportOf(seed: number): Promise<SeedReport> {
  try {
    const { faults, violations, lines: _, ...counts } = outcomeOf(seed);
    // Rejections are told in a turn of the event loop of their own.
    await new Promise<void>((resolve) => setImmediate(resolve));
    const all = [...violations, ...unhandled.splice(0)];
    return { seed, violations: all, ...counts, faults: Object.fromEntries(faults) };
  } catch (error) {
    const thrown = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const nothing = { virtualMs: 0, calls: 0, lives: 0, actions: 0, runs: 0, workflows: 0 };
    return { seed, violations: [`the simulation threw ${thrown}`], ...nothing, faults: {} };
  }
}

process.on("message", (seed: number) => {
  void reportOf(seed).then((report) => process.send?.(report));
});
process.on("disconnect", () => process.exit(0));
