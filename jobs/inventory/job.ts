// Inventory: which packages changed on which hosts since the last run.
//
// An inventory may be large, so it goes from run to run in a file and never through the journal: a
// step gives only what changed. The file is replaced after the change was told, never before: so a
// run that dies in between tells it again, under the same key, instead of losing it.
import { ensureOk, job, modules } from "mig-runner";
import { readLast, switchTo, writeNext } from "./files.ts";
import { changesOf, takeInventory } from "./packages.ts";

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
    const unknown = packages.agents.filter(({ success }) => !success).map(({ name }) => name);
    if (unknown.length > 0) run.log("warning", `${unknown.length} hosts stay as they were`);
    // Each step that uses files says what stands in for it in tests, which leave them alone.
    const simulated = () => ({ changes: ["web1: bash 5.1 became 5.2"], more: 0 });
    const compare = { timeout: "30m", simulated } as const;
    const { changes, more } = await run.step("compare", compare, async () => {
      const before = await readLast();
      const after = await takeInventory(packages.commands, before);
      await writeNext(run.id, after);
      const lines = changesOf(before, after);
      return { changes: lines.slice(0, LINES_MAX), more: Math.max(0, lines.length - LINES_MAX) };
    });
    if (changes.length > 0) {
      await run.step("tell", { retry: 20 }, async ({ fetch }) => {
        const body = JSON.stringify({ changes, more, unknown });
        const headers = { "content-type": "application/json" };
        ensureOk(await fetch(CHANGES, { method: "POST", headers, body, idempotent: true }));
      });
    }
    await run.step("keep", { simulated: () => {} }, () => switchTo(run.id));
  },
);
