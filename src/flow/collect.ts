// Collect: fetch the commands of an expired action and write its result file (I5).
//
// The API orders commands by start time and does not break ties, so between two pages a command
// can be lost and another come twice. Each command is therefore kept once, by its id; the number
// kept is held against `counters.sent`; and while some are missing everything is read again, in
// one page as large as the whole, which the API orders once.
//
// Owns:    when a result is whole, and its bytes on the way into the file.
// Not its: splitting a page (mig/page.ts), the document's frame (mig/result.ts), retries in time.
import { messageOf } from "../errors.ts";
import { formatUtcDate } from "../go/time.ts";
import type { PageAnswer } from "../mig/api.ts";
import { FactReader } from "../mig/facts.ts";
import { resultHead, resultTail } from "../mig/result.ts";
import type { ResultWriter } from "../ports.ts";
import type { Milliseconds } from "../time.ts";
import { backoffMs, COLLECT_BACKOFF } from "./backoff.ts";
import { queueDeliveries } from "./deliver.ts";
import type { Reached } from "./dispatch.ts";
import { type Edges, say } from "./edges.ts";
import type { ActionRow, Completeness } from "./inflight.ts";
import { keep } from "./keep.ts";

/** Pages of one reading: bounds an API that never ends its list. */
export const PAGES_MAX = 100_000;

/** Waits before each further reading of an incomplete result. */
const REREAD_WAITS_MS: readonly Milliseconds[] = [500, 2_000];

/** Waits before a page that failed is asked for again; after the last one the collect is delayed. */
const PAGE_WAITS_MS: readonly Milliseconds[] = [250, 1_000];

/** Asked for beyond the number still expected, in case the counters are behind. */
const PAGE_MARGIN = 1_000;

/** Collects a posted action: result file, outbox rows, and the original's record removed. */
export async function collectAction(
  edges: Edges,
  row: ActionRow,
  signal: AbortSignal,
): Promise<Reached> {
  const { actionId } = row;
  if (actionId === null || row.reply === null) throw new Error("I4: a posted action has an id");
  edges.log.emit("info", `fetching results for ${row.job}/${actionId}`);
  let writer: ResultWriter | null = null;
  try {
    const date = formatUtcDate(edges.clock.now());
    writer = await edges.spool.createResult(row.job, date, actionId);
    await writer.write(resultHead(row.reply));
    const pageSize = row.pageSize ?? edges.limits.pageSize;
    const outcome = await readCommands(edges, { actionId, writer, pageSize, signal });
    if (outcome.kind === "failed") {
      await writer.abort();
      return await delay(edges, row, outcome);
    }
    await writer.write(resultTail(row.job, row.plugins[0] ?? ""));
    await writer.commit();
    const resultPath = edges.spool.resultPath(row.job, date, actionId);
    await keepCollected(edges, row, { resultPath, completeness: outcome.completeness });
    return "answered";
  } catch (error) {
    await writer?.abort();
    return await delay(edges, row, { message: messageOf(error), reached: "answered" });
  }
}

async function keepCollected(
  edges: Edges,
  row: ActionRow,
  result: { readonly resultPath: string; readonly completeness: Completeness },
): Promise<void> {
  const { completeness, resultPath } = result;
  const { fetched, sent, strays } = completeness;
  const where = `${row.job}/${row.actionId}`;
  edges.log.emit("info", `${where}: fetched results, ${fetched} commands returned`);
  if (sent !== null && sent > fetched) {
    edges.log.emit("warning", `${where}: the API counts ${sent} commands, ${fetched} came`);
  }
  if (strays > 0) edges.log.emit("warning", `${where}: ${strays} entries were no commands`);
  edges.log.emit("info", `wrote results for ${row.actionId} to ${resultPath}`);
  await keep(edges, row, { kind: "collected", ...result }, (transaction, next) => {
    queueDeliveries(transaction, next, edges.clock.now());
  });
  if (row.plugins.length === 0) {
    edges.log.emit("info", `no output plugin for ${row.actionId}, skipping plugin processing`);
  }
  await forgetInflight(edges, row);
}

async function forgetInflight(edges: Edges, row: ActionRow): Promise<void> {
  if (row.actionId === null) return;
  try {
    const path = await edges.spool.removeInflight(row.job, row.actionId);
    say(edges, row.job, "info", `action marked as complete, removed ${path}`);
  } catch (error) {
    say(edges, row.job, "warning", messageOf(error));
  }
}

async function delay(
  edges: Edges,
  row: ActionRow,
  why: { readonly message: string; readonly reached: Reached },
): Promise<Reached> {
  const waitMs = backoffMs(COLLECT_BACKOFF, row.attempts + 1, edges.random.next()) ?? 0;
  const nextAt = edges.clock.now() + waitMs;
  const seconds = Math.ceil(waitMs / 1_000);
  edges.log.emit(
    "warning",
    `results error for ${row.job}: ${row.actionId}: ${why.message}; trying again in ${seconds} s`,
  );
  await keep(edges, row, { kind: "delayed", nextAt, error: why.message });
  return why.reached;
}

interface Reading {
  readonly actionId: number;
  readonly writer: ResultWriter;
  /** Commands in one page of the first reading. */
  readonly pageSize: number;
  readonly signal: AbortSignal;
}

type ReadOutcome =
  | { readonly kind: "whole"; readonly completeness: Completeness }
  | { readonly kind: "failed"; readonly message: string; readonly reached: Reached };

/** What has been kept so far. */
class Kept {
  readonly #reader = new FactReader();
  readonly #ids = new Set<number>();
  readonly #statuses = new Map<string, number>();
  fetched = 0;
  strays = 0;
  sent: number | null = null;

  /** Whether this command is new; a command without an id counts as new only when `first`. */
  take(bytes: Uint8Array, first: boolean): boolean {
    const facts = this.#reader.read(bytes);
    const sent = facts.counters?.sent ?? 0;
    // A command that is there was sent: none sent means that the API has not counted.
    if (sent > 0) this.sent = Math.max(this.sent ?? 0, sent);
    if (facts.id === null ? !first : this.#ids.has(facts.id)) return false;
    if (facts.id !== null) this.#ids.add(facts.id);
    const status = facts.status ?? "";
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    this.fetched++;
    return true;
  }

  get isWhole(): boolean {
    return this.sent !== null && this.fetched >= this.sent;
  }

  get completeness(): Completeness {
    const statuses = Object.fromEntries(this.#statuses);
    return { fetched: this.fetched, sent: this.sent, statuses, strays: this.strays };
  }
}

async function readCommands(edges: Edges, reading: Reading): Promise<ReadOutcome> {
  const kept = new Kept();
  const first = await readOnce(edges, reading, { kept, limit: reading.pageSize, first: true });
  if (first !== null) return first;
  for (const waitMs of REREAD_WAITS_MS) {
    if (kept.sent === null || kept.isWhole) break;
    await edges.clock.sleep(waitMs, reading.signal);
    const limit = kept.sent + PAGE_MARGIN;
    const failed = await readOnce(edges, reading, { kept, limit, first: false });
    if (failed !== null) return failed;
  }
  return { kind: "whole", completeness: kept.completeness };
}

interface Pass {
  readonly kept: Kept;
  readonly limit: number;
  readonly first: boolean;
}

/** Pages through all commands once. Null when the list ended. */
async function readOnce(
  edges: Edges,
  reading: Reading,
  pass: Pass,
): Promise<Extract<ReadOutcome, { kind: "failed" }> | null> {
  let offset = 0;
  let failures = 0;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await readPage(edges, reading, { ...pass, offset, again: failures > 0 });
    if (answer.kind === "end") return null;
    if (answer.kind === "failed") {
      const waitMs = PAGE_WAITS_MS[failures++];
      if (waitMs === undefined || answer.status === 401 || reading.signal.aborted) {
        const reached = answer.status === null ? "unreachable" : "answered";
        return { kind: "failed", message: answer.message, reached };
      }
      await edges.clock.sleep(waitMs, reading.signal);
      continue;
    }
    failures = 0;
    if (pass.first) pass.kept.strays += answer.strays;
    // Counters may be behind: a full page may have a next one, whatever they say.
    if (pass.kept.isWhole && answer.entries < pass.limit) return null;
    offset += answer.entries;
  }
  return { kind: "failed", message: `the list has over ${PAGES_MAX} pages`, reached: "answered" };
}

/** One page into the file. A page that is asked for again adds only what is new in it. */
async function readPage(
  edges: Edges,
  { actionId, writer, signal }: Reading,
  { kept, limit, first, offset, again }: Pass & { offset: number; again: boolean },
): Promise<PageAnswer> {
  return await edges.api.commands(actionId, {
    offset,
    limit,
    signal,
    onCommand: (bytes) => {
      const begins = kept.fetched === 0;
      if (!kept.take(bytes, first && !again)) return undefined;
      return begins ? writer.write(bytes) : writer.write(COMMA, bytes);
    },
  });
}

const COMMA = new Uint8Array([0x2c]);
