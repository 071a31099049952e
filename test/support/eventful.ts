// Eventful: a runner directory in which something of every kind has happened.
import { appendAudit } from "../../src/journal/audit.ts";
import { advanceDelivery } from "../../src/journal/inflight.ts";
import { Directory, THEN } from "./verb.ts";

/** Every page of a directory with job `nightly` and run 1. */
export const PAGES = [
  "/",
  "/jobs",
  "/jobs/nightly",
  "/runs",
  "/runs?job=nightly&failed=1",
  "/runs/1",
  "/alarms",
  "/missed",
  "/audit",
];

/** Where the same is as JSON. */
export function jsonPath(path: string): string {
  return path === "/" ? "/overview.json" : path.replace(/(\?|$)/, ".json$1");
}

/** A directory in which something of every kind has happened, told in one text of somebody else. */
export async function eventful(text: string): Promise<Directory> {
  const directory = await Directory.create();
  await directory.job("nightly");
  await directory.job("broken", [`description = "${text.slice(0, 5).replace(/\W/g, "")}`]);
  await directory.collected("nightly", 8, ["slack"]);
  await directory.posted("nightly", 9);
  await directory.remember((transaction) => {
    const [delivery] = transaction.dueDeliveries(THEN, 1);
    if (delivery === undefined) throw new Error("nothing is delivered");
    const event = { kind: "failed", error: text, nextAt: null } as const;
    transaction.saveDelivery(advanceDelivery(delivery, event, THEN));
    const run = transaction.insertRun({ job: text, firesAt: 10, cause: "manual" }, "failed", THEN);
    if (run !== null) transaction.saveRun({ ...run, note: text, endedAt: 11 });
    const steps = { job: "nightly", firesAt: 12, cause: "manual", source: "hash" } as const;
    const flow = transaction.insertRun(
      { ...steps, params: JSON.stringify({ text }) },
      "open",
      THEN,
    );
    if (flow === null) throw new Error("no run");
    const step = { runId: flow.id, name: text, kind: "step", digest: "d", nextAt: THEN } as const;
    transaction.insertStep(step);
    const times = { firstAt: THEN, lastAt: THEN, recordedAt: THEN };
    transaction.insertMissed({ job: text, ...times, count: 2, reason: text });
    transaction.insertAlarm({
      event: "failed",
      job: text,
      subject: text,
      runId: null,
      since: THEN,
      raisedAt: THEN,
      toldAt: THEN,
      count: 3,
      message: text,
      hint: text,
    });
    const entry = { actor: text, deed: "run", subject: text, detail: text };
    appendAudit(transaction, entry, THEN);
  });
  const statuses = JSON.stringify({ [text]: 1, success: 3 });
  const told = `{"fetched":4,"sent":4,"counters":null,"statuses":${statuses},"strays":0}`;
  directory.meddle(`UPDATE action SET completeness = '${told.replaceAll("'", "''")}' WHERE id = 1`);
  return directory;
}

/** A run of a workflow that asks people: `dig` and `bury` for approval, `ticket` for an answer. */
export async function askingRun(directory: Directory): Promise<number> {
  return await directory.remember((tables) => {
    tables.insertSource("hash", "code");
    const order = { job: "nightly", firesAt: 77, cause: "manual", source: "hash" } as const;
    const run = tables.insertRun(order, "open", THEN);
    if (run === null) throw new Error("no run");
    const body = { runId: run.id, template: null, expiryMs: 1, agentsMax: null, plugins: [] };
    tables.insertBody({ ...body, seed: 1, begunAt: THEN, nextAt: null });
    const asked = JSON.stringify({ ms: 1e12, show: null, isChecked: false });
    for (const [name, kind] of [
      ["dig", "approval"],
      ["bury", "approval"],
      ["ticket", "wait"],
    ] as const) {
      const step = { runId: run.id, name, kind, digest: "d", asked };
      tables.insertStep({ ...step, nextAt: THEN + 1e12, setAt: THEN });
    }
    return run.id;
  });
}
