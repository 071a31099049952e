// Full: the disks of the jobs and of the journal fill up and get space again, over and over, while
// the program works. At the end nothing may be lost, posted twice, torn or undelivered. Needs a
// user who may mount.
//
//   bun test/faults/full.ts [TIMES] [SEED]        default 20 times, seed 1
import { canMount, fill, mountMemory } from "../support/mount.ts";
import { dice, furnishJobs, nap, report, scheduleJobs, settle, type Tally } from "./kill.ts";

/** Fills both disks `times` times, lets the program finish, and counts what is wrong. */
export async function fullLoop(times: number, seed: number): Promise<Tally & { said: number }> {
  await using site = await furnishJobs();
  const { scenario } = site;
  using jobs = mountMemory(scenario.path("runners"), { size: "4m" });
  using state = mountMemory(scenario.path("state"), { size: "8m" });
  await scheduleJobs(site);
  const config = await scenario.read("runner.cfg");
  await scenario.write("runner.cfg", `${config}[journal]\npath = "${state.path}/journal.db"\n`);
  const roll = dice(seed);
  const daemon = site.start();
  await daemon.prints(/launched action/);
  for (let count = 0; count < times; count++) {
    await nap(roll() * 3_000);
    const which = roll();
    const free = [];
    if (which < 0.7) free.push(await fill(state.path));
    if (which > 0.4) free.push(await fill(jobs.path));
    await nap(roll() * 4_000);
    for (const again of free) await again();
  }
  await nap(3_000);
  daemon.signal("SIGTERM");
  const { exit, stderr } = await daemon.ended();
  if (exit !== 0) throw new Error(`The program ended with ${exit}:\n${stderr}`);
  const said = stderr.match(/disk is full|no space left/g)?.length ?? 0;
  return { said, ...(await settle(site, "state/journal.db")) };
}

if (import.meta.main) {
  const times = Number(process.argv[2] ?? 20);
  if (!canMount) throw new Error("Cannot fill a disk: only a user who may mount can");
  report(await fullLoop(times, Number(process.argv[3] ?? 1)), { times });
}
