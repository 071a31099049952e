// Ahead: a host without a private key under `kill -9`, again and again, while it posts what two
// people have signed. At the end each window was posted once at the most, and nothing is lost.
//
//   bun test/faults/ahead.ts [KILLS] [SEED]                default 50 kills, seed 1
import {
  countSignatures,
  createKeylessSite,
  holdCeremony,
  postedActions,
} from "../support/ceremony.ts";
import type { Site } from "../support/site.ts";
import { AGENTS, countWrong, dice, keepDelivered, nap, report, type Tally } from "./kill.ts";

/** A tally, and the accepted actions that do not have both signatures or share a window. */
export interface AheadTally extends Tally {
  readonly unsigned: number;
}

/** Each of them with a calendar; one posts ahead of its fire times. */
const JOBS: Readonly<Record<string, string>> = { punctual: "0s", early: "3s" };

/** Windows that are signed: enough for the slowest machine. */
const WINDOWS = 900;

function linesOf(job: string, schedule: string): readonly string[] {
  const signing = ["signing = calendar", "minsigners = 2", `postahead = "${JOBS[job]}"`];
  return [`schedule = "${schedule}"`, ...signing, "onmissed = all", 'plugin = "keep"'];
}

/**
 * Kills the daemon `kills` times at random moments, lets it finish, and counts what is wrong.
 *
 * @param look Called at the end, before the site goes.
 */
export async function aheadLoop(
  kills: number,
  seed: number,
  look: (site: Site) => Promise<void> = async () => {},
): Promise<AheadTally> {
  await using site = await createKeylessSite({
    sandbox: { agents: AGENTS, faults: ["latency=150"] },
  });
  await keepDelivered(site);
  for (const job of Object.keys(JOBS)) {
    await site.job(job, [...linesOf(job, "*/4 * * * * * *"), 'expiry = "4s"']);
    await holdCeremony(site, job, WINDOWS);
  }
  const roll = dice(seed);
  for (let count = 0; count < kills; count++) {
    const daemon = site.start();
    if (count === 0)
      await daemon.prints(/every job is signed ahead: this host uses no private key/);
    if (count % 4 === 3) await daemon.prints(/launched action/);
    else if (roll() > 0.3) await daemon.prints(/added entity/);
    await nap(roll() * 2_500);
    await daemon.kill();
  }
  await rest(site);
  const tally = await countWrong(site, site.scenario.path("journal.db"), Object.keys(JOBS));
  await look(site);
  const posted = postedActions(site);
  const windows = new Set(posted.map(({ name, validfrom }) => `${name} ${validfrom}`));
  let unsigned = posted.length - windows.size;
  for (const action of posted) if ((await countSignatures(action)) !== 2) unsigned++;
  return { ...tally, unsigned };
}

/** Lets what was begun come to its end. What nobody has begun by now has no window any more. */
async function rest(site: Site): Promise<void> {
  for (const job of Object.keys(JOBS)) {
    await site.run("calendar", "withdraw", job);
    await site.job(job, linesOf(job, "0 0 1 1 *"));
  }
  for (let pass = 0; pass < 5; pass++) {
    const { exit } = await site.run("--once", "--wait");
    if (exit === 0) break;
  }
}

if (import.meta.main) {
  const kills = Number(process.argv[2] ?? 50);
  const { unsigned, ...tally } = await aheadLoop(kills, Number(process.argv[3] ?? 1));
  report(tally, { kills, unsigned });
  if (unsigned > 0) process.exitCode = 1;
}
