// Collect: fetch the commands of an expired action and write its result file (I5). An action that
// all agents have answered may be collected early; then, or when answers may come late, its result
// is read once more (a sweep), and written and delivered again only if it has become better.
//
// Owns:     what happens to an action whose results are due, and when a failed collect is tried
//           again.
// Not here: fetching the commands (commands.ts), when to look and to sweep (collect-times.ts), what
//           stands around the commands in the file (mig/result.ts).
import { isJournalError, messageOf } from "../errors.ts";
import type { ActionRow, Completeness } from "../journal/inflight.ts";
import { formatUtcDate } from "../lib/go/time.ts";
import { targetOf } from "../mig/action.ts";
import { FactReader } from "../mig/command.ts";
import { resultHead, resultTail } from "../mig/result.ts";
import { listedAgents } from "../mig/target.ts";
import type { ResultWriter } from "../ports.ts";
import { againText, type Instant } from "../time.ts";
import { backoffMs, COLLECT_BACKOFF } from "./backoff.ts";
import {
  type CollectTimes,
  collectAtOf,
  isAnswered,
  isBetter,
  nextLookAt,
  sweepAt,
} from "./collect-times.ts";
import { reachedBy, readCommands } from "./commands.ts";
import { queueDeliveries, settleDelivered } from "./deliver.ts";
import { type Edges, say, subjectOf } from "./edges.ts";
import { settleElsewhere } from "./elsewhere.ts";
import type { Reached } from "./post.ts";
import { shortfalls } from "./shortfall.ts";
import { record } from "./transition.ts";

/** How one action is to be collected. */
export interface CollectOptions extends CollectTimes {
  readonly signal: AbortSignal;
  /** Called when the API has answered all that is asked of it: what is left is the disk's. */
  readonly answered?: () => void;
}

/**
 * Collects a posted action: writes the result file and the outbox rows, and removes the original's
 * in-flight record. Before the action has expired it only looks whether all agents have answered.
 * For an action that is collected already it makes the sweep.
 */
export async function collectAction(
  edges: Edges,
  row: ActionRow,
  options: CollectOptions,
): Promise<Reached | null> {
  const { actionId } = row;
  if (actionId === null || row.reply === null) throw new Error("I4: a posted action has an id");
  try {
    if (await settleElsewhere(edges, row)) return null;
  } catch (error) {
    if (isJournalError(error)) throw error;
    return await delay(edges, row, { message: messageOf(error), reached: null });
  }
  const collectAt = collectAtOf(row, edges.limits);
  if (row.state === "posted" && edges.clock.now() < collectAt) {
    const look = options.early
      ? await hasAnswered(edges, actionId, options.signal)
      : ({ kind: "waiting" } as const);
    if (look.kind === "failed") return await delay(edges, row, look, collectAt);
    if (look.kind === "waiting") return await watch(edges, row, options.early);
  }
  return await writeResult(edges, { ...row, actionId, reply: row.reply }, options);
}

type Look =
  | { readonly kind: "answered" | "waiting" }
  | { readonly kind: "failed"; readonly message: string; readonly reached: Reached };

/** Whether every agent has answered, by the action's counters, which each command carries. */
async function hasAnswered(edges: Edges, actionId: number, signal: AbortSignal): Promise<Look> {
  let hasAll = false;
  const onCommand = (bytes: Uint8Array): undefined => {
    const { sent, done } = new FactReader().read(bytes).counters ?? { sent: 0, done: 0 };
    hasAll = sent > 0 && done >= sent;
  };
  const answer = await edges.api.commands(actionId, { offset: 0, limit: 1, signal, onCommand });
  if (answer.kind !== "failed") return { kind: hasAll ? "answered" : "waiting" };
  return { kind: "failed", message: answer.message, reached: reachedBy(answer) };
}

/** Too early: sets the time of the next look, or without looks that of the action's expiry. */
async function watch(edges: Edges, row: ActionRow, early: boolean): Promise<Reached | null> {
  const collectAt = collectAtOf(row, edges.limits);
  const nextAt = early ? nextLookAt(collectAt, row, edges.clock.now()) : collectAt;
  await record(edges, row, { kind: "watched", nextAt });
  return early ? "answered" : null;
}

/** A row that can be collected. */
type Collectable = ActionRow & { readonly actionId: number; readonly reply: Uint8Array };

async function writeResult(
  edges: Edges,
  row: Collectable,
  options: CollectOptions,
): Promise<Reached | null> {
  const { actionId } = row;
  edges.log.emit("info", `fetching results for ${row.job}/${actionId}`, subjectOf(row));
  const collectAt = collectAtOf(row, edges.limits);
  let writer: ResultWriter | null = null;
  try {
    const now = edges.clock.now();
    // A sweep replaces the result that exists, in its own folder.
    const date = /(\d{8})\/\d+\.json$/.exec(row.resultPath ?? "")?.[1] ?? formatUtcDate(now);
    writer = await edges.results.create(row.job, date, actionId);
    await writer.write(resultHead(row.reply));
    const pageSize = row.pageSize ?? edges.limits.pageSize;
    const { signal } = options;
    const outcome = await readCommands(edges, { actionId, writer, pageSize, signal });
    options.answered?.();
    if (outcome.kind === "failed") {
      await writer.abort();
      return await delay(edges, row, outcome);
    }
    const completeness = { ...outcome.completeness, ...listedBy(row) };
    if (row.state === "posted" && now < collectAt && !isAnswered(completeness)) {
      await writer.abort();
      return await watch(edges, row, options.early);
    }
    if (row.completeness !== null && !isBetter(completeness, row.completeness)) {
      await writer.abort();
      return await keepSwept(edges, row);
    }
    await writer.write(resultTail(row.job, row.plugins[0] ?? ""));
    if (!(await mayCommit(edges, row))) {
      await writer.abort();
      return "answered";
    }
    const { place: resultPath, sha256: resultSha256 } = await writer.commit(signal);
    const sweep = sweepAt(row, { collectAt, completeness }, { ...options, now });
    await keepCollected(edges, row, {
      resultPath,
      resultSha256,
      completeness,
      sweepAt: sweep,
    });
    return "answered";
  } catch (error) {
    await writer?.abort();
    // This host's own disk shows nothing of the API.
    return await delay(edges, row, { message: messageOf(error), reached: null });
  }
}

/** Journals that the result file is about to appear (I5). False when an operator dropped it. */
async function mayCommit(edges: Edges, row: ActionRow): Promise<boolean> {
  if (row.state !== "posted" || row.writing) return true;
  return (await record(edges, row, { kind: "writing" })) !== null;
}

/**
 * How many agents the target lists, where it is a list. Read from the signed action, which the
 * journal does not have for adopted ones.
 */
function listedBy({ body }: ActionRow): Pick<Completeness, "listed"> {
  if (!body.includes(" IN (")) return {};
  const listed = listedAgents(targetOf(body));
  return listed === null ? {} : { listed };
}

async function keepSwept(edges: Edges, row: ActionRow): Promise<Reached> {
  edges.log.emit("info", `${row.job}/${row.actionId}: no more answers have come`, subjectOf(row));
  await record(edges, row, { kind: "swept" }, (transaction, next) => {
    settleDelivered(transaction, next.id, edges.clock.now());
  });
  return "answered";
}

interface Collected {
  readonly resultPath: string;
  readonly resultSha256: string;
  readonly completeness: Completeness;
  readonly sweepAt: Instant | null;
}

async function keepCollected(edges: Edges, row: ActionRow, result: Collected): Promise<void> {
  const { completeness, resultPath } = result;
  const { fetched, sent, strays } = completeness;
  const where = `${row.job}/${row.actionId}`;
  edges.log.emit("info", `${where}: fetched results, ${fetched} commands returned`, {
    ...subjectOf(row),
    hosts: fetched,
  });
  if (sent !== null && sent > fetched) {
    edges.log.emit(
      "warning",
      `${where}: the API counts ${sent} commands, ${fetched} came`,
      subjectOf(row),
    );
  }
  for (const shortfall of shortfalls([completeness])) {
    edges.log.emit("warning", `${where}: ${shortfall}`, subjectOf(row));
  }
  if (strays > 0)
    edges.log.emit("warning", `${where}: ${strays} entries were not commands`, subjectOf(row));
  edges.log.emit("info", `wrote results for ${row.actionId} to ${resultPath}`, subjectOf(row));
  await record(edges, row, { kind: "collected", ...result }, (transaction, next) => {
    queueDeliveries(transaction, next, edges.clock.now(), row.state === "posted");
  });
  // What becomes of a workflow's results is said by its function, later.
  if (row.plugins.length === 0 && row.step === "") {
    edges.log.emit(
      "info",
      `no output plugin for ${row.actionId}, skipping plugin processing`,
      subjectOf(row),
    );
  }
  await forgetInflight(edges, row);
}

async function forgetInflight(edges: Edges, row: ActionRow): Promise<void> {
  if (row.actionId === null) return;
  try {
    const path = await edges.spool.removeInflight(row.job, row.actionId);
    say(edges, row, "info", `action marked as complete, removed ${path}`);
  } catch (error) {
    say(edges, row, "warning", messageOf(error));
  }
}

async function delay(
  edges: Edges,
  row: ActionRow,
  why: { readonly message: string; readonly reached: Reached | null },
  collectAt = Number.MAX_SAFE_INTEGER,
): Promise<Reached | null> {
  const backoff = backoffMs(COLLECT_BACKOFF, row.failures + 1, edges.random.next()) ?? 0;
  const waitMs = Math.min(backoff, collectAt - edges.clock.now());
  const nextAt = edges.clock.now() + waitMs;
  edges.log.emit(
    "warning",
    `results error for ${row.job}: ${row.actionId}: ${why.message}; ${againText(waitMs)}`,
    subjectOf(row),
  );
  await record(edges, row, { kind: "delayed", nextAt, error: why.message });
  return why.reached;
}
