// Lost results: what is still to be delivered, and does not lie on this host.
import { OwnFiles } from "../edge/results/own-files.ts";
import { openJournal } from "../journal/sqlite/journal.ts";

/** What lies in a store is looked for when it is delivered. */
const IN_STORE = /^\w+:\/\//;

/** The most undelivered results that are looked for. */
const UNDELIVERED_MAX = 100_000;

/** Results that are to be delivered and are not there any more. */
export async function lostResults(path: string): Promise<readonly string[]> {
  const rows = openJournal({ path, readOnly: true });
  const files = new OwnFiles().reads;
  try {
    const lost: string[] = [];
    for (const row of rows.undelivered(UNDELIVERED_MAX)) {
      const { actionRow, job, plugin } = row;
      const action = rows.action(actionRow);
      const resultPath = row.resultPath ?? action?.resultPath ?? null;
      if (action === null || resultPath === null || IN_STORE.test(resultPath)) continue;
      const sha256 = row.resultPath === null ? action.resultSha256 : null;
      if (await files.has(resultPath, sha256).catch(() => false)) continue;
      const what = `action ${action.actionId} (${job}): its result for ${plugin} is gone`;
      lost.push(`${what}: ${resultPath} (mig-runner drop ${action.actionId} gives it up)`);
    }
    return lost;
  } finally {
    await rows.close();
  }
}
