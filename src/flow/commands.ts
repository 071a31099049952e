// Commands: fetches all commands of an action from the API into its result file, each once.
//
// The API orders commands by start time and does not break ties, so between two pages a command
// can be lost and another come twice. Each command is therefore kept once, by its id; the number
// kept is held against `counters.sent`; and while some are missing everything is read again, in
// one page as large as the whole, which the API orders once.
//
// The reading ends whatever the API answers: it stops at about as many commands as the counters
// say, and at RESULT_BYTES_MAX.
//
// Owns:     when the list of commands is complete, how often it is read, and its limits.
// Not here: splitting a page (mig/page.ts), the file (edge/spool/), retries in time (collect.ts).

import type { Completeness } from "../journal/inflight.ts";
import type { PageAnswer } from "../mig/api.ts";
import { FactReader } from "../mig/command.ts";
import type { CommandCounts } from "../mig/result.ts";
import { StatusCounts } from "../mig/statuses.ts";
import type { ResultWriter } from "../ports.ts";
import type { Milliseconds } from "../time.ts";
import type { Edges } from "./edges.ts";
import { Ids } from "./ids.ts";
import type { Reached } from "./post.ts";

/** Commands of one result: more than a fleet has agents. */
export const COMMANDS_MAX = 250_000;

/** Bytes of all commands in one reading. */
const RESULT_BYTES_MAX = 4 * 1024 * 1024 * 1024;

/** Times that each command may come in one reading, on average. */
const REPEATS_MAX = 4;

/** Waits before each further reading of an incomplete result. */
const REREAD_WAITS_MS: readonly Milliseconds[] = [500, 2_000];

/** Waits before a page that failed is asked for again; after the last one the collect is delayed. */
const PAGE_WAITS_MS: readonly Milliseconds[] = [250, 1_000];

/** How many more commands than expected are asked for, in case the counters are behind. */
const PAGE_MARGIN = 1_000;

/** The commands of one action, and where they go. */
export interface Reading {
  readonly actionId: number;
  readonly writer: ResultWriter;
  /** Commands in one page of the first reading. */
  readonly pageSize: number;
  readonly signal: AbortSignal;
}

/** How a reading ended. */
export type ReadOutcome =
  | { readonly kind: "whole"; readonly completeness: Completeness }
  | { readonly kind: "failed"; readonly message: string; readonly reached: Reached };

/** What has been kept so far. */
class KeptCommands {
  readonly #reader = new FactReader();
  readonly #ids = new Ids();
  readonly #statuses = new StatusCounts();
  fetched = 0;
  strays = 0;
  /** Entries of the list in this reading, and bytes of their commands. */
  entries = 0;
  bytes = 0;
  counters: CommandCounts | null = null;

  get sent(): number | null {
    return this.counters?.sent ?? null;
  }

  /** Whether this command is new. One without an id is new only in the first reading. */
  take(bytes: Uint8Array, first: boolean): boolean {
    const facts = this.#reader.read(bytes);
    this.bytes += bytes.length;
    const sent = facts.counters?.sent ?? 0;
    // Each command here was sent, so a counter of 0 means that the API has not counted yet.
    if (sent > 0 && sent >= (this.sent ?? 0)) this.counters = facts.counters;
    if (facts.id === null ? !first : !this.#ids.add(facts.id)) return false;
    this.#statuses.add(facts.status ?? "");
    this.fetched++;
    return true;
  }

  /** The most entries that one reading of the list may have. */
  get #entriesMax(): number {
    const { sent } = this;
    if (sent === null) return COMMANDS_MAX;
    return Math.min(COMMANDS_MAX, sent + PAGE_MARGIN) * REPEATS_MAX;
  }

  /** Notes entries of the list. @throws {Error} When it has too many, or too large ones. */
  count(entries: number): void {
    this.entries += entries;
    if (this.bytes > RESULT_BYTES_MAX) {
      throw new Error(`the list of commands is over ${RESULT_BYTES_MAX} bytes`);
    }
    if (this.fetched <= COMMANDS_MAX && this.entries <= this.#entriesMax) return;
    const counted = this.sent === null ? "counts none" : `counts ${this.sent}`;
    throw new Error(`the list of commands does not end, the API ${counted}: ${this.entries} came`);
  }

  get isWhole(): boolean {
    return this.sent !== null && this.fetched >= this.sent;
  }

  get completeness(): Completeness {
    const { fetched, sent, counters, strays } = this;
    return { fetched, sent, counters, statuses: this.#statuses.record, strays };
  }
}

/** Reads all commands of an action into its result file. Rejects when that cannot be written. */
export async function readCommands(edges: Edges, reading: Reading): Promise<ReadOutcome> {
  const kept = new KeptCommands();
  const first = await readOnce(edges, reading, { kept, limit: reading.pageSize, first: true });
  if (first !== null) return first;
  for (const waitMs of REREAD_WAITS_MS) {
    if (kept.sent === null || kept.isWhole) break;
    await edges.clock.sleep(waitMs, reading.signal);
    const limit = Math.min(kept.sent, COMMANDS_MAX) + PAGE_MARGIN;
    const failed = await readOnce(edges, reading, { kept, limit, first: false });
    if (failed !== null) return failed;
  }
  return { kind: "whole", completeness: kept.completeness };
}

/** What a failed answer tells of the API itself. */
export function reachedBy({ status }: { readonly status: number | null }): Reached {
  return status === null ? "unreachable" : "answered";
}

interface Pass {
  readonly kept: KeptCommands;
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
  pass.kept.entries = 0;
  pass.kept.bytes = 0;
  // Every page has at least one entry, so the limit in `count` ends this loop.
  for (;;) {
    const answer = await readPage(edges, reading, { ...pass, offset, again: failures > 0 });
    if (answer.kind === "end") return null;
    if (answer.kind === "failed") {
      const waitMs = PAGE_WAITS_MS[failures++];
      if (waitMs === undefined || answer.status === 401 || reading.signal.aborted) {
        return { kind: "failed", message: answer.message, reached: reachedBy(answer) };
      }
      await edges.clock.sleep(waitMs, reading.signal);
      continue;
    }
    failures = 0;
    if (pass.first) pass.kept.strays += answer.strays;
    // The counters may be behind: after a full page there may be another one.
    if (pass.kept.isWhole && answer.entries < pass.limit) return null;
    pass.kept.count(answer.strays);
    offset += answer.entries;
  }
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
      kept.count(1);
      if (!kept.take(bytes, first && !again)) return undefined;
      return begins ? writer.write(bytes) : writer.write(COMMA, bytes);
    },
  });
}

const COMMA = new Uint8Array([0x2c]);
