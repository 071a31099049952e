// Kill: the program under `kill -9`, again and again, beside an API that takes its time. At the end
// nothing may be lost, posted twice, torn or undelivered.
//
//   bun test/faults/kill.ts [KILLS] [SEED] [SIGNAL]        default 200 kills, seed 1, SIGKILL
//
// With SIGTERM each process that has opened its files ends by itself, with 0, whatever it is at.
import { readFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { verifyJournal } from "../../src/journal/sqlite/maintenance.ts";
import type { Running } from "../support/binary.ts";
import { Site, type SiteOptions } from "../support/site.ts";

export interface Tally {
  /** Actions that the API accepted. */
  readonly posted: number;
  /** Accepted actions without a whole result with each command once. */
  readonly lost: number;
  /** Accepted actions beyond one for a run. */
  readonly twice: number;
  /** Result files that are no JSON document, or hold a command twice. */
  readonly torn: number;
  /** Results that no plugin got. */
  readonly undelivered: number;
  /** What is wrong with the journal. */
  readonly unsound: number;
}

export const AGENTS = 5;

/** A small generator of numbers in [0, 1), the same for a seed everywhere. */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const JOBS = ["one", "two", "three"];

/** Three jobs every two seconds, each with a plugin, beside an API that takes its time. */
export async function furnishJobs(options: SiteOptions = {}): Promise<Site> {
  const site = await Site.create({
    sandbox: { agents: AGENTS, faults: ["latency=150"] },
    ...options,
  });
  await keepDelivered(site);
  await scheduleJobs(site);
  return site;
}

/** A plugin that keeps the ids of what it got. */
export async function keepDelivered({ scenario }: Site): Promise<void> {
  const file = scenario.path("delivered");
  await scenario.plugin("keep", `cat > /dev/null; echo "$MIG_RUNNER_ACTION_ID" >> "${file}"`);
}

/** Writes the jobs; a directory that was mounted over them meanwhile is empty. */
export async function scheduleJobs(site: Site): Promise<void> {
  for (const job of JOBS) {
    await site.job(job, ['schedule = "*/2 * * * * * *"', 'expiry = "2s"', 'plugin = "keep"']);
  }
}

/** Lets everything that was begun come to its end, and counts what is wrong. */
export async function settle(site: Site, journal = "journal.db"): Promise<Tally> {
  for (const job of JOBS) await site.job(job, ['plugin = "keep"']);
  for (let pass = 0; pass < 5; pass++) {
    const { exit } = await site.run("--once", "--wait");
    if (exit === 0) break;
  }
  return await countWrong(site, site.scenario.path(journal));
}

/** Kills the daemon `kills` times at random moments, lets it finish, and counts what is wrong. */
export async function killLoop(
  kills: number,
  seed: number,
  signal: "SIGKILL" | "SIGTERM" = "SIGKILL",
): Promise<Tally> {
  await using site = await furnishJobs();
  const roll = dice(seed);
  for (let count = 0; count < kills; count++) {
    const daemon = site.start();
    // From before the first line to long after a post, however slowly it starts.
    if (count % 4 === 3) await daemon.prints(/launched action/);
    else if (roll() > 0.3) await daemon.prints(/added entity/);
    await nap(roll() * 1_200);
    if (signal === "SIGKILL") await daemon.kill();
    else await stop(daemon);
  }
  return await settle(site);
}

async function stop(daemon: Running): Promise<void> {
  daemon.signal("SIGTERM");
  const { exit, signal, stderr } = await daemon.ended();
  // While it opens its files the signal ends it as the system does: nothing was begun.
  const isOpen = stderr.includes("results processing routine started");
  if (exit !== 0 && isOpen) throw new Error(`It ended with ${exit ?? signal}:\n${stderr}`);
}

/** A random moment cannot be an event. */
export function nap(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What is wrong once everything has come to its end. */
export async function countWrong(
  site: Site,
  journalPath: string,
  jobs: readonly string[] = JOBS,
): Promise<Tally> {
  const accepted = site.sandbox.actions().map(({ id }) => id);
  const delivered = new Set(
    (await readFile(site.scenario.path("delivered"), "utf8").catch(() => "")).split("\n"),
  );
  const whole = new Set<number>();
  let torn = 0;
  for (const job of jobs) {
    for (const path of await site.results(job)) {
      try {
        const document = JSON.parse(await readFile(path, "utf8"));
        const ids = document.commands.map(({ id }: { id: number }) => id);
        if (new Set(ids).size !== ids.length) torn++;
        else if (ids.length === AGENTS) whole.add(document.action.id);
      } catch {
        torn++;
      }
    }
  }
  const journal = new DatabaseSync(journalPath, { readOnly: true });
  const rows = journal
    .prepare("SELECT run_id, action_id FROM action WHERE action_id IS NOT NULL")
    .all() as { run_id: number; action_id: number }[];
  journal.close();
  const runs = new Set(rows.map(({ run_id }) => run_id));
  const { damage, faults } = await verifyJournal(journalPath);
  return {
    unsound: damage.length + faults.length,
    posted: accepted.length,
    lost: accepted.filter((id) => !whole.has(id)).length,
    twice: accepted.length - runs.size,
    torn,
    undelivered: [...whole].filter((id) => !delivered.has(String(id))).length,
  };
}

/** Prints what was counted; anything but nothing wrong ends with 1. */
export function report(tally: Tally, more: object = {}): void {
  console.log(JSON.stringify({ ...more, ...tally }));
  const { lost, twice, torn, undelivered, unsound } = tally;
  process.exitCode = lost + twice + torn + undelivered + unsound === 0 ? 0 : 1;
}

if (import.meta.main) {
  const kills = Number(process.argv[2] ?? 200);
  const signal = process.argv[4] === "SIGTERM" ? "SIGTERM" : "SIGKILL";
  report(await killLoop(kills, Number(process.argv[3] ?? 1), signal), { kills, signal });
}
