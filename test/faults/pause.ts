// Pause: the program under SIGSTOP for longer than any of its timeouts, then SIGCONT, as of a machine
// that was suspended. At the end nothing may be lost, posted twice, torn or undelivered.
//
//   bun test/faults/pause.ts [PAUSES] [SEED]        default 50 pauses, seed 1
import { dice, furnishJobs, nap, report, settle, type Tally } from "./kill.ts";

/** Every limit that a pause may exceed, as short as they can be to work at all. */
const LIMITS = ['timeout = "1s"', 'plugintimeout = "1s"', 'plugingrace = "200ms"'];

/** Stops the daemon `pauses` times at random moments, lets it finish, and counts what is wrong. */
export async function pauseLoop(pauses: number, seed: number): Promise<Tally> {
  await using site = await furnishJobs({ client: LIMITS });
  const roll = dice(seed);
  const daemon = site.start();
  await daemon.prints(/launched action/);
  for (let count = 0; count < pauses; count++) {
    await nap(roll() * 1_500);
    daemon.signal("SIGSTOP");
    await nap(1_500 + roll() * 2_500);
    daemon.signal("SIGCONT");
  }
  await nap(roll() * 1_500);
  daemon.signal("SIGTERM");
  await daemon.ended();
  return await settle(site);
}

if (import.meta.main) {
  const pauses = Number(process.argv[2] ?? 50);
  report(await pauseLoop(pauses, Number(process.argv[3] ?? 1)), { pauses });
}
