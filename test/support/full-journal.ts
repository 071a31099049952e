// Full journal: one with rows in all of its tables, and all that is in a journal's file.
import { DatabaseSync } from "node:sqlite";
import { appendAudit } from "../../src/journal/audit.ts";
import { advance } from "../../src/journal/inflight.ts";
import type { Journal, NewAction } from "../../src/journal/journal.ts";
import { tablesOf } from "../../src/journal/sqlite/foreign.ts";

/** When everything was written. */
export const NOW = 1_000_000;

/** An action as a launch plans it. */
export function newAction(runId: number, changes: Partial<NewAction> = {}): NewAction {
  return {
    runId,
    job: "nightly",
    step: "",
    name: "n",
    body: '{"a":"\\u0000 \u2028"}',
    signature: "sig",
    expireAt: NOW + 300_000,
    sendOnly: false,
    plugins: ["mail"],
    ...changes,
  };
}

const completeness = { fetched: 1, sent: 1, counters: null, statuses: {}, strays: 0 };

/** Every kind of write, each in a transaction of its own. */
export async function writeAll(journal: Journal): Promise<void> {
  const write = journal.write.bind(journal) as Journal["write"];
  const run = await write((to) =>
    to.insertRun({ job: "nightly", firesAt: NOW, cause: "schedule" }, "open", NOW),
  );
  const runId = run?.id ?? 0;
  const action = await write((to) => to.insertAction(newAction(runId), NOW));
  const posted = advance(
    action,
    {
      kind: "posted",
      actionId: 2 ** 45 + 7,
      reply: new Uint8Array([0, 255, 10]),
      expireAt: NOW,
      collectAt: NOW + 5,
    },
    NOW,
  );
  await write((to) => to.saveAction(posted));
  const result = { resultPath: "/r", completeness, sweepAt: null };
  await write((to) => {
    to.saveAction(advance(posted, { kind: "collected", ...result }, NOW + 6));
    to.insertDelivery({ actionRow: action.id, job: "nightly", plugin: "mail", key: "k" }, NOW);
    to.insertDelivery({ actionRow: action.id, job: "nightly", plugin: "disk", key: "l" }, NOW);
    // The same row twice in one transaction, by a statement with a conflict clause.
    to.setCursor("nightly", { decidedAt: NOW, schedule: "* * * * *" });
    to.setCursor("nightly", { decidedAt: NOW + 1, schedule: "* * * * *", aheadAt: NOW + 9 });
    to.setCursor("gone", { decidedAt: NOW, schedule: "" });
  });
  await write((to) => {
    to.insertSource("hash", "await run.collect()");
    const wanted = { job: "flow", firesAt: NOW + 1, cause: "manual", source: "hash" } as const;
    const flow = to.insertRun(wanted, "open", NOW)?.id ?? 0;
    to.insertBody({
      runId: flow,
      template: null,
      expiryMs: 1,
      agentsMax: null,
      plugins: [],
      seed: 7,
      begunAt: NOW,
      nextAt: NOW,
    });
    for (const name of ["a", "b"]) {
      to.insertStep({ runId: flow, name, kind: "step", digest: "d", nextAt: NOW });
    }
    to.removeStep(to.stepNamed(flow, "b")?.id ?? 0);
    const step = to.stepNamed(flow, "a");
    const ended = { state: "saved", value: '{"x":1}', nextAt: null, sequence: 1 } as const;
    if (step !== null) to.saveStep({ ...step, ...ended, endedAt: NOW });
  });
  await write((to) => {
    to.removeCursor("gone");
    const missed = { job: "nightly", firstAt: 1, lastAt: 2, count: 2, reason: "r" };
    to.insertMissed({ ...missed, recordedAt: NOW });
    to.insertMissed({ ...missed, recordedAt: NOW - 1, kind: "skipped" });
    to.insertPause({ job: "nightly", since: NOW, until: null, actor: "ann", why: "'\"\\ü" });
    const decided = { actor: "ann", deed: "pause", subject: "nightly", detail: "" } as const;
    appendAudit(to, decided, NOW);
    appendAudit(to, { ...decided, deed: "unpause" }, NOW);
  });
  await write((to) => to.removeMissed(NOW, 10));
  const calendar = {
    job: "ahead",
    sequence: 1,
    hash: "h",
    action: "{}",
    template: "t",
    minSigners: 1,
    signers: ["x"],
    requestedAt: NOW,
    windows: [NOW + 5, NOW + 6].map((firesAt) => ({
      firesAt,
      validFrom: firesAt,
      expireAfter: firesAt + 9,
      signatures: ["s"],
    })),
  };
  await write((to) => to.insertCalendar(calendar, NOW));
  const old = await write((to) =>
    to.insertRun({ job: "old", firesAt: 1, cause: "manual" }, "done", 2),
  );
  await write((to) => to.insertAction(newAction(old?.id ?? 0, { job: "old" }), NOW));
  await write((to) => to.removeRuns([old?.id ?? 0]));
}

/** What only the flow of alarms and workflows writes. */
export async function writeRest(journal: Journal): Promise<void> {
  await journal.write((to) => {
    const about = { subject: "", runId: 1, since: NOW, raisedAt: NOW, toldAt: NOW, count: 1 };
    const said = { message: "m", hint: "h" };
    const alarm = to.insertAlarm({ ...about, ...said, event: "failed", job: "nightly" });
    to.insertAlarm({ ...about, ...said, event: "api", job: "", runId: null });
    to.insertNotice({ alarmId: alarm.id, plugin: "mail", body: '{"run":1}' }, NOW);
    to.setState({ job: "nightly", key: "known", value: "[1]", runId: 1, setAt: NOW });
    to.setState({ job: "", key: "down", value: "1", runId: null, setAt: NOW });
  });
}

/** All rows of a journal's file, by table. */
export function dump(path: string): Record<string, unknown[]> {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const rows = (table: string) =>
      database
        .prepare(`SELECT * FROM "${table}"`)
        .all()
        .map((row) => JSON.stringify(row, (_, it) => (it instanceof Uint8Array ? [...it] : it)))
        .toSorted();
    return Object.fromEntries(tablesOf(database).map((table) => [table, rows(table)]));
  } finally {
    database.close();
  }
}
