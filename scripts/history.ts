// History: a week that never was, written into a runner directory for the page to be looked at.
//
//   bun scripts/history.ts DIRECTORY      jobs, their runs of seven days, and what went wrong
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { queueDeliveries } from "../src/flow/deliver.ts";
import { closeRun } from "../src/flow/runs.ts";
import { appendAudit } from "../src/journal/audit.ts";
import { type ActionRow, advance, advanceDelivery } from "../src/journal/inflight.ts";
import type { JournalTransaction } from "../src/journal/journal.ts";
import { openJournal } from "../src/journal/sqlite/journal.ts";
import { DAY_MS, HOUR_MS, type Instant, MINUTE_MS, SECOND_MS } from "../src/time.ts";
import { inventWorkflow } from "./workflow.ts";

/** A job that was run for a week. */
interface InventedJob {
  readonly job: string;
  readonly schedule: string;
  readonly everyMs: number;
  /** How long after midnight it fires first. */
  readonly offsetMs: number;
  readonly expiryMs: number;
  readonly agents: number;
  readonly plugins: readonly string[];
}

const JOBS: readonly InventedJob[] = [
  {
    job: "sshd-config",
    schedule: "0 3 * * *",
    everyMs: DAY_MS,
    offsetMs: 3 * HOUR_MS,
    expiryMs: 5 * MINUTE_MS,
    agents: 240,
    plugins: ["summary", "slack"],
  },
  {
    job: "packages",
    schedule: "30 */6 * * *",
    everyMs: 6 * HOUR_MS,
    offsetMs: 30 * MINUTE_MS,
    expiryMs: 30 * MINUTE_MS,
    agents: 236,
    plugins: ["elastic"],
  },
  {
    job: "new-listeners",
    schedule: "*/30 * * * *",
    everyMs: 30 * MINUTE_MS,
    offsetMs: 0,
    expiryMs: 4 * MINUTE_MS,
    agents: 118,
    plugins: ["slack"],
  },
  {
    job: "clock-drift",
    schedule: "15 * * * *",
    everyMs: HOUR_MS,
    offsetMs: 15 * MINUTE_MS,
    expiryMs: 2 * MINUTE_MS,
    agents: 240,
    plugins: [],
  },
];

/** Writes jobs and their week into a directory, as seen from a moment. */
export async function inventHistory(directory: string, now: Instant): Promise<void> {
  for (const { job, schedule } of JOBS) writeJob(directory, job, schedule);
  writeJob(directory, "yara-hunt", "0 25 * * *");
  const journal = openJournal({ path: join(directory, "journal.db") });
  const today = now - (now % DAY_MS);
  let id = 4_711_000;
  for (let day = today - 6 * DAY_MS; day <= today; day += DAY_MS) {
    await journal.write((transaction) => {
      for (const job of JOBS) {
        for (let at = day + job.offsetMs; at < day + DAY_MS && at <= now; at += job.everyMs) {
          inventRun(transaction, { directory, job, firesAt: at, now, id: id++ });
        }
      }
    });
  }
  await journal.write((transaction) => inventTroubles(transaction, now));
  const hunt = { beginAt: now - 3 * HOUR_MS, firstId: 4_712_000 };
  await journal.write((transaction) => inventWorkflow(transaction, hunt));
  await journal.close();
}

function writeJob(directory: string, job: string, schedule: string): void {
  const action = {
    name: job,
    target: "status='online'",
    operations: [{ module: "file", parameters: { searches: { s1: { paths: ["/etc/ssh"] } } } }],
  };
  const table = `[configuration]\nschedule = "${schedule}"\nexpiry = "5m"\n`;
  write(join(directory, "runners", job, "entity.cfg"), table);
  write(join(directory, "runners", job, "action.json"), JSON.stringify(action));
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, text, { mode: 0o600 });
}

interface Firing {
  readonly directory: string;
  readonly job: InventedJob;
  readonly firesAt: Instant;
  readonly now: Instant;
  readonly id: number;
}

/** A number between 0 and 1 that is always the same for a firing. */
function chance({ id }: Firing, salt: number): number {
  const mixed = Math.imul(id ^ (salt * 0x9e3779b9), 0x85ebca6b) >>> 0;
  return ((mixed ^ (mixed >>> 13)) >>> 0) / 2 ** 32;
}

function inventRun(transaction: JournalTransaction, firing: Firing): void {
  const { job, firesAt, now, id } = firing;
  // Four hours in one night in which the host was down.
  if (firesAt > now - 54 * HOUR_MS && firesAt < now - 50 * HOUR_MS) return;
  const name = job.job;
  const begunAt = firesAt + 40 + Math.floor(chance(firing, 1) * 900);
  const order = { job: name, firesAt, cause: "schedule", begunAt } as const;
  const run = transaction.insertRun(order, "open", begunAt);
  if (run === null) return;
  if (name === "new-listeners" && firesAt > now - 75 * MINUTE_MS) {
    const note = "the API refused the action: 401 Unauthorized: key is not known";
    transaction.saveRun({ ...run, state: "failed", note, endedAt: begunAt + 300 });
    return;
  }
  const expireAt = begunAt + job.expiryMs;
  const action = { runId: run.id, job: name, step: "", name: `mig-runner: ${name}`, body: "{}" };
  const kept = { signature: "s", expireAt, sendOnly: false, plugins: job.plugins };
  const planned = transaction.insertAction({ ...action, ...kept, lifeMs: job.expiryMs }, begunAt);
  const reply = new TextEncoder().encode(`{"id":${id}}`);
  const postedAt = begunAt + 180 + Math.floor(chance(firing, 2) * 2_000);
  const collectAt = expireAt + 10 * SECOND_MS;
  const posted = { kind: "posted", actionId: id, reply, postedAt, expireAt, collectAt } as const;
  const row = advance(planned, posted, postedAt);
  transaction.saveAction(row);
  if (collectAt < now) inventResult(transaction, row, { ...firing, collectAt });
}

function inventResult(
  transaction: JournalTransaction,
  posted: ActionRow,
  firing: Firing & { readonly collectAt: Instant },
): void {
  const { directory, job, id, now, firesAt } = firing;
  const at = firing.collectAt + 400 + Math.floor(chance(firing, 3) * 3_000);
  const expired = Math.floor(chance(firing, 4) ** 3 * 30);
  const day = new Date(firesAt).toISOString().slice(0, 10).replaceAll("-", "");
  const resultPath = join(directory, "runners", job.job, "results", day, `${id}.json`);
  if (firesAt > now - 2 * DAY_MS) write(resultPath, resultText(firing, expired));
  const statuses = { success: job.agents - expired, ...(expired > 0 ? { expired } : {}) };
  const counts = { fetched: job.agents, sent: job.agents, counters: null, statuses, strays: 0 };
  const event = { kind: "collected", resultPath, completeness: counts, sweepAt: null } as const;
  const collected = advance(posted, event, at);
  transaction.saveAction(collected);
  if (collected.state === "settled") closeRun(transaction, collected.runId, at);
  queueDeliveries(transaction, collected, at);
  let hasAll = true;
  for (const delivery of transaction.deliveriesOf(collected.id)) {
    const isDown = delivery.plugin === "elastic" && firesAt > now - 14 * HOUR_MS;
    const begun = advanceDelivery(delivery, { kind: "begun", nextAt: at + MINUTE_MS }, at);
    const error = "connect ECONNREFUSED 10.22.75.4:9200";
    const last = isDown
      ? advanceDelivery({ ...begun, attempts: 10 }, { kind: "failed", error, nextAt: null }, at)
      : advanceDelivery(begun, { kind: "delivered" }, at + 900);
    transaction.saveDelivery(last);
    hasAll &&= !isDown;
  }
  if (hasAll && collected.state === "collected") {
    transaction.saveAction(advance(collected, { kind: "delivered" }, at + 900));
  }
  closeRun(transaction, collected.runId, at + 900);
}

function resultText(firing: Firing, expired: number): string {
  const { job, id } = firing;
  const commands = Array.from({ length: job.agents }, (_, index) => {
    const host = `${["web", "db", "build", "mail"][index % 4]}${index}.${["ams", "fra"][index % 2]}.example.net`;
    const isFound = index % 9 === 4;
    const elements = isFound ? { s1: [{ file: "/etc/ssh/sshd_config", size: 3_214 }] } : null;
    const errors = index % 41 === 7 ? ["open /etc/ssh: permission denied"] : null;
    const answer = { foundanything: isFound, success: errors === null, elements, errors };
    const isOut = index < expired;
    return {
      id: id * 1_000 + index,
      action: { id },
      agent: { id: index + 1, name: host },
      status: isOut ? "expired" : "success",
      results: isOut ? [] : [answer],
    };
  });
  return JSON.stringify({ action: { id, name: job.job }, commands, name: job.job, plugin: "" });
}

function inventTroubles(transaction: JournalTransaction, now: Instant): void {
  const [from, to] = [now - 54 * HOUR_MS, now - 50 * HOUR_MS];
  const missed = { firstAt: from, lastAt: to, recordedAt: to };
  const reason = "the runner was down";
  transaction.insertMissed({ ...missed, job: "new-listeners", count: 8, reason });
  transaction.insertMissed({ ...missed, job: "clock-drift", count: 4, reason });
  transaction.insertMissed({
    firstAt: now - 9 * HOUR_MS,
    lastAt: now - 9 * HOUR_MS,
    recordedAt: now - 9 * HOUR_MS,
    job: "clock-drift",
    count: 1,
    reason: "the API was down until the action had expired",
  });
  const alarm = {
    ...({ event: "failed", job: "new-listeners", subject: "", runId: null, count: 3 } as const),
    since: now - 75 * MINUTE_MS,
    raisedAt: now - 75 * MINUTE_MS,
    toldAt: now - 75 * MINUTE_MS,
    message: "new-listeners failed: the API refused the action: 401 Unauthorized: key is not known",
    hint: "mig-runner check --api shows whether the API takes the key",
  };
  transaction.insertAlarm(alarm);
  const past = { ...alarm, event: "dead", job: "packages", subject: "elastic", count: 1 } as const;
  const ended = transaction.insertAlarm({
    ...past,
    since: now - 70 * HOUR_MS,
    message: "elastic did not take a result of packages",
  });
  transaction.saveAlarm({ ...ended, endedAt: now - 66 * HOUR_MS });
  const entry = { actor: "ann", deed: "run", subject: "sshd-config", detail: "run 3" };
  appendAudit(transaction, entry, now - 80 * HOUR_MS);
  const more = { actor: "root by sudo of ben", deed: "redeliver", subject: "packages" };
  appendAudit(transaction, { ...more, detail: "action 4711008 to elastic" }, now - 66 * HOUR_MS);
}

if (import.meta.main) {
  const [directory] = process.argv.slice(2);
  if (directory === undefined) throw new Error("Use: bun scripts/history.ts DIRECTORY");
  await inventHistory(directory, Date.now());
}
