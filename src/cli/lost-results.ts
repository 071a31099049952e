// Lost results: what is still to be delivered, and does not lie on this host.
import { isFile } from "../edge/spool/stored.ts";
import { openJournal } from "../journal/sqlite/journal.ts";

/** What lies in a store is looked for when it is delivered. */
const IN_STORE = /^\w+:\/\//;

/** The most undelivered results that are looked for. */
const UNDELIVERED_MAX = 100_000;

/** Results that are to be delivered and are not there any more. */
export async function lostResults(path: string): Promise<readonly string[]> {
  const rows = openJournal({ path, readOnly: true });
  try {
    const lost: string[] = [];
    for (const row of rows.undelivered(UNDELIVERED_MAX)) {
      const { actionRow, job, plugin } = row;
      const action = rows.action(actionRow);
      const resultPath = row.resultPath ?? action?.resultPath ?? null;
      if (action === null || resultPath === null || IN_STORE.test(resultPath)) continue;
      if (await isFile(resultPath)) continue;
      const what = `action ${action.actionId} (${job}): its result for ${plugin} is gone`;
      lost.push(`${what}: ${resultPath} (mig-runner drop ${action.actionId} gives it up)`);
    }
    return lost;
  } finally {
    await rows.close();
  }
}
