// Ahead: moments that were set by a clock that was ahead, and what becomes of them (I7).
//
// Next to every moment that something waits for stands the time at which it was set. If that time
// is still to come, the clock was ahead then: the wait is as long as it was meant, from now on.
// That needs no knowledge of when the clock was wrong, or by how much; a restart changes nothing.
//
// Owns:    rows, and how a clock that is set back is noticed.
// Not its: the schedules of jobs (rewind.ts).

import type { ActionRow } from "../journal/inflight.ts";
import type { AheadRows, JournalTransaction } from "../journal/journal.ts";
import type { PauseRow } from "../journal/pauses.ts";
import { formatDuration } from "../lib/go/duration.ts";
import type { Clock } from "../lib/ports.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { type Edges, say } from "./edges.ts";

/** Less than this is the trembling of a clock that is being set right all the time. */
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

/** A moment beside the time at which it was set. */
interface Dated {
  readonly at: Instant;
  readonly setAt: Instant;
}

/** The moment by the clock of now: what was left of the wait when it was set. Pure. */
export function datedAnew({ at, setAt }: Dated, now: Instant): Instant {
  return setAt > now ? now + Math.max(0, at - setAt) : at;
}

/**
 * Dates anew what waits for a time that was set by a clock that was ahead.
 *
 * @param isBusy Whether a delivery is being made just now: how it ends dates it anyway.
 * @returns How many rows.
 * @throws {RunnerError} JOURNAL, when that cannot be remembered: then it is still to be done.
 */
export async function dateAnew(
  edges: Pick<Edges, "clock" | "journal" | "log">,
  isBusy: (deliveryId: number) => boolean,
): Promise<number> {
  const now = edges.clock.now();
  const since = now + CLOCK_SLACK_MS;
  if (countOf(edges.journal.setAhead(since)) === 0) return 0;
  const dated = await edges.journal.write((transaction) => {
    const rows = transaction.setAhead(since);
    for (const { deadlineAt, begunAt, ...run } of rows.runs) {
      if (deadlineAt === null || begunAt === null) continue;
      const deadline = datedAnew({ at: deadlineAt, setAt: begunAt }, now);
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
  sayDated(edges, dated, now);
  return countOf(dated);
}

/** How long after the clock was set back it is looked for times that it set before. */
const WATCH_MS: Milliseconds = 60_000;

/**
 * Between two looks: at least this, and as long as has gone by since the first. A look reads every
 * row that waits, and most of what was begun before ends at once.
 */
const LOOK_MS: Milliseconds = 1_000;

/** Dates anew what is to be, at the start of a process and whenever the clock was set back. */
export class ClockWatch {
  readonly #edges: Pick<Edges, "journal" | "log"> & { readonly clock: WatchedClock };
  /** The start, or when the clock was seen to have been set back; null before the first look. */
  #since: Instant | null = null;
  #lookAt: Instant = 0;

  constructor(edges: Pick<Edges, "journal" | "log"> & { readonly clock: WatchedClock }) {
    this.#edges = edges;
  }

  /**
   * Looks for a while: what was begun before may still write down a time of then.
   *
   * @throws {RunnerError} JOURNAL, when something cannot be remembered.
   */
  async tick(isBusy: (deliveryId: number) => boolean): Promise<void> {
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
    await dateAnew(this.#edges, isBusy);
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
  return { nextAt: nextAt === null ? null : datedAnew({ at: nextAt, setAt }, now) };
}

function actionAnew(row: ActionRow, now: Instant): ActionRow {
  const { postBy, updatedAt: setAt } = row;
  const until = postBy === null ? null : datedAnew({ at: postBy, setAt }, now);
  return { ...row, ...nextAnew(row, setAt, now), postBy: until, updatedAt: now };
}

/** A pause lasts as long as it was meant to; one that has ended holds nothing that is to come. */
function pauseAnew(transaction: JournalTransaction, row: PauseRow, now: Instant): void {
  const { since: setAt, until: at, endedAt } = row;
  const until = at === null ? null : datedAnew({ at, setAt }, now);
  if (endedAt === null) transaction.savePause({ ...row, since: now, until });
  else transaction.dropPause(row.id);
}

/** Actions that are told of one by one. */
const TOLD_MAX = 20;

function sayDated(edges: Pick<Edges, "log">, rows: AheadRows, now: Instant): void {
  const setAt = [
    ...[...rows.actions, ...rows.deliveries].map(({ updatedAt }) => updatedAt),
    ...[...rows.bodies, ...rows.steps].map((row) => row.setAt),
    ...rows.runs.map(({ begunAt }) => begunAt ?? now),
    ...rows.pauses.map(({ since }) => since),
  ];
  const latest = setAt.reduce((late, at) => Math.max(late, at), now);
  const by = formatDuration(BigInt(latest - now) * 1_000_000n);
  const text = `${countOf(rows)} waits were set by a clock that was up to ${by} ahead: they are dated anew`;
  edges.log.emit("warning", text);
  const posted = rows.actions.filter(({ state, expireAt }) => state === "posted" && expireAt > now);
  for (const { job, actionId, expireAt } of posted.slice(0, TOLD_MAX)) {
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
