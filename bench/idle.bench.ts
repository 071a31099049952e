// Idle bench: what a daemon costs that has nothing to do.
import { median, type Row, type Scale } from "./measure.ts";
import { Place } from "./place.ts";
import { cpuMsOf, memoryOf, startProgram, until } from "./program.ts";

const MIB = 1024 * 1024;

/** The configuration's default between two scans. */
const SCAN_EACH_MS = 60_000;

/** What a daemon does besides waiting, so many times. */
const SCANS = 7;

export async function bench({ short }: Scale): Promise<readonly Row[]> {
  if (short) return await idle(100, { settleMs: 0, restMs: 1_000, memoryMax: 60 });
  return [
    ...(await idle(100, { settleMs: 0, restMs: 3_000, memoryMax: null })),
    ...(await idle(1_000, { settleMs: 0, restMs: 5_000, memoryMax: 60 })),
    ...(await idle(10_000, { settleMs: 10_000, restMs: 10_000, memoryMax: 90 })),
  ];
}

interface IdleOptions {
  /** The runtime looks its heap through once more, some ten seconds after a large one was made. */
  readonly settleMs: number;
  readonly restMs: number;
  readonly memoryMax: number | null;
}

async function idle(
  jobs: number,
  { settleMs, restMs, memoryMax }: IdleOptions,
): Promise<readonly Row[]> {
  using place = new Place();
  place.jobs(jobs, "0 0 1 1 *");
  const log = Bun.file(place.in("runner.log"));
  await using daemon = startProgram(place.argv);
  const loaded = async () => (await log.text().catch(() => "")).split("added entity").length - 1;
  await until(async () => (await loaded()) >= jobs);
  await Bun.sleep(settleMs);
  await until(quietness(daemon.pid));
  if ((await loaded()) !== jobs) throw new Error(`Wrong: over ${jobs} jobs were loaded`);
  const before = cpuMsOf(daemon.pid);
  await Bun.sleep(restMs);
  const restingShare = (cpuMsOf(daemon.pid) - before) / restMs;
  const resident = memoryOf(daemon.pid)?.residentBytes ?? 0;
  const scans: number[] = [];
  for (let scan = 0; scan < SCANS; scan++) {
    const beforeScan = cpuMsOf(daemon.pid);
    daemon.kill("SIGHUP");
    await Bun.sleep(300);
    scans.push(cpuMsOf(daemon.pid) - beforeScan);
  }
  const scanned = memoryOf(daemon.pid)?.residentBytes ?? 0;
  const memoryTarget = memoryMax === null ? null : { most: memoryMax };
  const isLarge = jobs >= 10_000;
  const share = restingShare + median(scans) / SCAN_EACH_MS;
  return [
    {
      figure: `${jobs} jobs, idle: resident memory`,
      unit: "MiB",
      samples: [resident / MIB],
      target: memoryTarget,
    },
    {
      figure: `${jobs} jobs, after ${SCANS} scans: resident memory`,
      unit: "MiB",
      samples: [scanned / MIB],
      target: memoryTarget,
    },
    {
      figure: `${jobs} jobs, idle: processor, a scan each minute`,
      unit: "%",
      samples: [share * 100],
      target: isLarge ? { most: 0.5 } : null,
    },
    {
      figure: `${jobs} jobs, unchanged: a scan`,
      unit: "ms",
      samples: scans,
      target: isLarge ? { most: 100 } : null,
      note: "processor time of the whole program",
    },
  ];
}

/** Longer than a daemon waits after its start until it gives memory back. */
const QUIET_MS = 2_500;

/** Whether a process used next to nothing since it was asked last. */
function quietness(pid: number): () => Promise<boolean> {
  let before = 0;
  return async () => {
    await Bun.sleep(QUIET_MS);
    const now = cpuMsOf(pid);
    const used = now - before;
    before = now;
    return now > 30 && used < 12;
  };
}
