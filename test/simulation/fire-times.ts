// Fire times: which of them a job's cursor has gone over, and whether each is accounted for (I2).

/** A row of `cursor`, as far as it says what is decided. */
interface Cursor {
  readonly decidedAt: number;
  readonly aheadAt: number | null;
}

/** What the cursor of a job has gone over: each fire time in it must be accounted for, for ever. */
interface Known {
  cursor: Cursor;
  /** From the first of two wall times, without it, up to the second. */
  readonly spans: [after: number, until: number][];
}

/** What the journal has of a job. */
export interface FireRows {
  /** The fire times of its runs by the schedule. */
  readonly runs: readonly number[];
  readonly missed: readonly {
    readonly firstAt: number;
    readonly lastAt: number;
    readonly count: number;
    readonly kind: string;
  }[];
  readonly hasCursor: boolean;
  /** Whether somebody wanted fire times of it to be skipped. */
  readonly isHeld: boolean;
}

/** Beyond so many fire times the counts of what was missed stand for "at least". */
const MISSED_COUNTED_MAX = 10_000;

export class FireTimes {
  readonly #known = new Map<string, Known>();

  /**
   * The cursor of a job was seen.
   *
   * @param since When a process took on the job for the first time, where that is known.
   */
  moved(job: string, cursor: Cursor, since: number | null): void {
    const { decidedAt } = cursor;
    const known = this.#known.get(job);
    if (known === undefined) {
      const spans: Known["spans"] = [[Math.min(since ?? decidedAt, decidedAt), decidedAt]];
      this.#known.set(job, { cursor, spans });
      return;
    }
    // What was decided up to `aheadAt` was decided once already when the cursor passes it.
    const { aheadAt, decidedAt: before } = known.cursor;
    const isPassed = aheadAt !== null && decidedAt > aheadAt;
    const after = isPassed ? Math.max(before, aheadAt) : before;
    const last = known.spans.at(-1);
    if (decidedAt > after && last?.[1] === after) last[1] = decidedAt;
    else if (decidedAt > after) known.spans.push([after, decidedAt]);
    known.cursor = cursor;
  }

  /** I2: every fire time that was decided is a run or missed, and never both. */
  problems(
    job: string,
    fires: (after: number, until: number) => readonly number[],
    rows: FireRows,
  ): readonly string[] {
    const known = this.#known.get(job);
    if (known === undefined) return [];
    if (!rows.hasCursor) return [`I2: ${job} has lost its cursor`];
    const decided = new Set(known.spans.flatMap(([after, until]) => fires(after, until)));
    const fired = new Set(rows.runs);
    const missed = new Set<number>();
    // Records may go over what another one counts, such as a blackout over a pause within it: all of
    // them together count each fire time once.
    let [counted, isSkipped] = [0, false];
    for (const { firstAt, lastAt, count, kind } of rows.missed) {
      isSkipped ||= kind === "skipped";
      counted += count;
      for (const at of fires(firstAt - 1, lastAt)) if (!fired.has(at)) missed.add(at);
    }
    const problems: string[] = [];
    const isLess = counted < missed.size;
    if (counted !== missed.size && !(isLess && decided.size >= MISSED_COUNTED_MAX)) {
      problems.push(`I2: ${job} missed ${missed.size} fire times, ${counted} are counted`);
    }
    if (isSkipped && !rows.isHeld) {
      problems.push(`I2: ${job} was skipped, and nobody wanted it so`);
    }
    for (const at of decided) {
      if (fired.has(at) || missed.has(at)) continue;
      problems.push(`I2: no run and no record of ${job} at ${new Date(at).toISOString()}`);
    }
    for (const at of [...fired, ...missed]) {
      if (!decided.has(at)) problems.push(`I2: ${job} has ${at}, which nobody has decided`);
    }
    return problems;
  }
}
