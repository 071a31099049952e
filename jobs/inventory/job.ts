// Inventory: which packages changed on which hosts since the last run.
//
// An inventory may be large, so it goes from run to run in a file and never through the journal: a
// step gives only what changed. The file is replaced after the change was told, never before: so a
// run that dies in between tells it again, under the same key, instead of losing it.
import { job, modules } from "mig-runner";
import { readLast, switchTo, writeNext } from "./files.ts";
import { changesOf, takeInventory } from "./packages.ts";
import { post } from "./post.ts";

const CHANGES = "https://inventory.example.net/changes";

/** Lines that are told; of the others only how many there are. */
const LINES_MAX = 200;

export default job(
  {
    schedule: { cron: "30 2 * * *", overlap: "skip" },
    expiry: "20m",
    action: {
      target: "environment->>'os'='linux' AND mode='daemon'",
      operations: [
        modules.pkg(
          { pkgmatch: { matches: ["^openssl$", "^openssh-", "^linux-image-", "^docker"] } },
          { compress: true },
        ),
      ],
    },
  },
  async (run) => {
    const packages = await run.collect("packages");
    const { changes, more, unknown } = await run.step("compare", { timeout: "30m" }, async () => {
      const before = await readLast();
      const taken = await takeInventory(packages.commands, before);
      await writeNext(run.id, taken.hosts);
      const lines = changesOf(before, taken.hosts);
      return {
        changes: lines.slice(0, LINES_MAX),
        more: Math.max(0, lines.length - LINES_MAX),
        unknown: taken.unknown,
      };
    });
    if (unknown.length > 0) run.log("warning", `nothing is known of ${unknown.join(", ")}`);
    if (changes.length > 0) {
      await run.step("tell", { retry: 20 }, (context) =>
        post(CHANGES, { changes, more, unknown }, context),
      );
    }
    await run.step("keep", () => switchTo(run.id));
  },
);

/** What stands in for these steps in tests, which leave the files alone. */
export const steps = {
  compare: { changes: ["web1: openssl 3.0.15-1 became 3.0.17-1"], more: 0, unknown: ["web2"] },
  keep: null,
};
