// Clock watch: waits that were set while the clock was ahead, and how they are set right (I7).
//
// Every row that waits for a moment also holds the time at which the wait was set. If that time is
// still in the future, the clock was ahead then, and the wait begins again from now with the length
// it was meant to have. This works without knowing when the clock was wrong or by how much, and it
// works the same after a restart.
//
// Owns:     the rows of the journal that wait, and noticing that the clock was set back.
// Not here: how far the schedule of a job is decided (rewind.ts).

import type { ActionRow } from "../journal/inflight.ts";
import type { AheadRows, Journal, JournalTransaction } from "../journal/journal.ts";
import type { PauseRow } from "../journal/pauses.ts";
import { formatDuration } from "../lib/go/duration.ts";
import type { Clock } from "../lib/ports.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { type Edges, say } from "./edges.ts";

/** Steps back smaller than this are the small corrections that NTP makes all the time. */
export const CLOCK_SLACK_MS: Milliseconds = 1_000;

/** A clock that remembers the latest time that it has told. */
export class WatchedClock implements Clock {
  readonly #clock: Clock;
  #latest: Instant = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): Instant {
    const now = this.#clock.now();
    if (now > this.#latest) this.#latest = now;
    return now;
  }

  until(at: Instant, signal?: AbortSignal): Promise<void> {
    return this.#clock.until(at, signal);
  }

  sleep(ms: Milliseconds, signal?: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal);
  }

  /** By how much the clock was set back since this was asked last; 0 when it was not. */
  takeSetBack(): Milliseconds {
    const now = this.#clock.now();
    const backMs = this.#latest - now;
    if (backMs <= CLOCK_SLACK_MS) return 0;
    this.#latest = now;
    return backMs;
  }
}

/** A moment, and the time at which it was chosen. */
interface Chosen {
  readonly at: Instant;
  readonly setAt: Instant;
}

/** The moment that was meant, by the present clock: the same wait, from now on. Pure. */
export function redated({ at, setAt }: Chosen, now: Instant): Instant {
  return setAt > now ? now + Math.max(0, at - setAt) : at;
}

/** Rows of each kind that are set right in one transaction: others write in between. */
const PAGE_MAX = 500;

/**
 * Sets all waits right that were set while the clock was ahead.
 *
 * @param isBusy Whether a delivery is being made just now: its end sets a new time anyway.
 * @param isEnding Whether the process is to end: the next one goes on.
 * @returns How many rows were changed.
 * @throws {RunnerError} JOURNAL, when it cannot be written: then some may have been changed.
 */
export async function redateWaits(
  edges: Pick<Edges, "clock" | "journal" | "log">,
  isBusy: (deliveryId: number) => boolean,
  isEnding: () => boolean = () => false,
): Promise<number> {
  const sum = { count: 0, aheadMs: 0, posted: [] as ActionRow[] };
  try {
    while (!isEnding()) {
      const now = edges.clock.now();
      const rows = await redatePage(edges.journal, now, isBusy);
      const count = countOf(rows);
      if (count === 0) break;
      sum.count += count;
      sum.aheadMs = Math.max(sum.aheadMs, aheadMsOf(rows, now));
      const posted = rows.actions.filter(
        ({ state, expireAt }) => state === "posted" && expireAt > now,
      );
      sum.posted.push(...posted.slice(0, TOLD_MAX - sum.posted.length));
    }
  } finally {
    if (sum.count > 0) sayDated(edges, sum);
  }
  return sum.count;
}

/** Sets some right. Answers what they were. */
async function redatePage(
  journal: Journal,
  now: Instant,
  isBusy: (deliveryId: number) => boolean,
): Promise<AheadRows> {
  const since = now + CLOCK_SLACK_MS;
  const found = journal.setAhead(since, PAGE_MAX);
  if (countOf(found) === 0) return found;
  return await journal.write((transaction) => {
    const rows = transaction.setAhead(since, PAGE_MAX);
    for (const { deadlineAt, begunAt, ...run } of rows.runs) {
      if (deadlineAt === null || begunAt === null) continue;
      const deadline = redated({ at: deadlineAt, setAt: begunAt }, now);
      transaction.saveRun({ ...run, begunAt: now, deadlineAt: deadline });
    }
    for (const row of rows.actions) transaction.saveAction(actionAnew(row, now));
    const deliveries = rows.deliveries.filter(({ id }) => !isBusy(id));
    for (const row of deliveries) {
      transaction.saveDelivery({ ...row, ...nextAnew(row, row.updatedAt, now), updatedAt: now });
    }
    for (const row of rows.bodies) {
      transaction.saveBody({ ...row, ...nextAnew(row, row.setAt, now), setAt: now });
    }
    for (const row of rows.steps) {
      transaction.saveStep({ ...row, ...nextAnew(row, row.setAt, now), setAt: now });
    }
    for (const row of rows.pauses) pauseAnew(transaction, row, now);
    return { ...rows, deliveries };
  });
}

/** For how long after a start, or a clock that was set back, such rows are looked for. */
const WATCH_MS: Milliseconds = 60_000;

/**
 * The shortest time between two looks. They come further and further apart, because each reads
 * every row that waits, and most work that was begun under the old time ends soon.
 */
const LOOK_MS: Milliseconds = 1_000;

/** Sets waits right at the start of the process, and whenever the clock was set back. */
export class ClockWatch {
  readonly #edges: Pick<Edges, "journal" | "log"> & { readonly clock: WatchedClock };
  /** The start, or when the clock was seen to have been set back; null before the first look. */
  #since: Instant | null = null;
  #lookAt: Instant = 0;

  constructor(edges: Pick<Edges, "journal" | "log"> & { readonly clock: WatchedClock }) {
    this.#edges = edges;
  }

  /**
   * Looks more than once: work that was begun before may still write times of the old clock.
   *
   * @throws {RunnerError} JOURNAL, when it cannot be written.
   */
  async tick(
    isBusy: (deliveryId: number) => boolean,
    isEnding: () => boolean = () => false,
  ): Promise<void> {
    const { clock, log } = this.#edges;
    const backMs = clock.takeSetBack();
    const now = clock.now();
    if (backMs > 0) {
      const by = formatDuration(BigInt(backMs) * 1_000_000n);
      log.emit("warning", `the clock was set back by ${by}`);
    }
    if (backMs > 0 || this.#since === null) {
      this.#since = now;
      this.#lookAt = now;
    }
    const goneMs = now - this.#since;
    if (goneMs > WATCH_MS || now < this.#lookAt) return;
    try {
      await redateWaits(this.#edges, isBusy, isEnding);
    } catch (error) {
      // A full disk may last longer than the watch, which begins once the rows can be written.
      this.#since = null;
      throw error;
    }
    this.#lookAt = now + Math.max(LOOK_MS, goneMs);
  }
}

function countOf(rows: AheadRows): number {
  return Object.values(rows).reduce(
    (sum: number, some: readonly unknown[]) => sum + some.length,
    0,
  );
}

function nextAnew<Row extends { readonly nextAt: Instant | null }>(
  { nextAt }: Row,
  setAt: Instant,
  now: Instant,
): { readonly nextAt: Instant | null } {
  return { nextAt: nextAt === null ? null : redated({ at: nextAt, setAt }, now) };
}

function actionAnew(row: ActionRow, now: Instant): ActionRow {
  const { postBy, updatedAt: setAt } = row;
  const until = postBy === null ? null : redated({ at: postBy, setAt }, now);
  return { ...row, ...nextAnew(row, setAt, now), postBy: until, updatedAt: now };
}

/** A pause keeps its length from now on; one that has ended cannot hold anything any more. */
function pauseAnew(transaction: JournalTransaction, row: PauseRow, now: Instant): void {
  const { since: setAt, until: at, endedAt } = row;
  const until = at === null ? null : redated({ at, setAt }, now);
  if (endedAt === null) transaction.savePause({ ...row, since: now, until });
  else transaction.dropPause(row.id);
}

/** Actions that get a log line each. */
const TOLD_MAX = 20;

/** By how much the clock was ahead that set these waits. */
function aheadMsOf(rows: AheadRows, now: Instant): Milliseconds {
  const setAt = [
    ...[...rows.actions, ...rows.deliveries].map(({ updatedAt }) => updatedAt),
    ...[...rows.bodies, ...rows.steps].map((row) => row.setAt),
    ...rows.runs.map(({ begunAt }) => begunAt ?? now),
    ...rows.pauses.map(({ since }) => since),
  ];
  return Math.max(...setAt) - now;
}

interface Dated {
  readonly count: number;
  readonly aheadMs: Milliseconds;
  /** Some of the actions that are still to expire. */
  readonly posted: readonly ActionRow[];
}

function sayDated(edges: Pick<Edges, "log">, { count, aheadMs, posted }: Dated): void {
  const by = formatDuration(BigInt(aheadMs) * 1_000_000n);
  const waits = `${count} waits were set by a clock that was up to ${by} ahead`;
  const text = `${waits}: each begins again now, with its full length`;
  edges.log.emit("warning", text);
  for (const { job, actionId, expireAt } of posted) {
    const until = new Date(expireAt).toISOString();
    const drop = `\`mig-runner drop ${actionId}\` gives it up`;
    say(
      edges,
      job,
      "warning",
      `action ${actionId} may have been dated by that clock, it expires at ${until}; ${drop}`,
    );
  }
}
