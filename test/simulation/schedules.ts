// Schedules: the few forms of schedules that a simulated job has, each with its own arithmetic of
// fire times, so that the oracle need not ask the runner's.

/** A schedule as the operator writes it, and what it means. */
export interface KnownSchedule {
  readonly text: string;
  readonly timezone: string | null;
  /** The fire times in (after, until]; null when the oracle does not count this form. */
  readonly fires: ((after: number, until: number) => number[]) | null;
  /** Between these it has fire times, in wall time; absent: always. */
  readonly from?: number;
  readonly until?: number;
}

/** The same schedule with fire times only from the first time up to the second, without it. */
export function between(schedule: KnownSchedule, from: number, until: number): KnownSchedule {
  const { fires } = schedule;
  if (fires === null) return schedule;
  return {
    ...schedule,
    from,
    until,
    fires: (after, last) => fires(Math.max(after, from - 1), Math.min(last, until - 1)),
  };
}

/** Fires at each multiple of `seconds` within its minute or hour. */
export function everySeconds(seconds: number): KnownSchedule {
  const text = seconds < 60 ? `*/${seconds} * * * * * *` : `*/${seconds / 60} * * * *`;
  const stepMs = seconds * 1_000;
  return {
    text,
    timezone: null,
    fires(after, until) {
      const times: number[] = [];
      for (let at = (Math.floor(after / stepMs) + 1) * stepMs; at <= until; at += stepMs) {
        times.push(at);
      }
      return times;
    },
  };
}

/** Fires at these minutes of each hour. */
export function atMinutes(minutes: readonly number[]): KnownSchedule {
  return {
    text: `${minutes.join(",")} * * * *`,
    timezone: null,
    fires(after, until) {
      const times: number[] = [];
      for (let at = (Math.floor(after / 60_000) + 1) * 60_000; at <= until; at += 60_000) {
        if (minutes.includes(new Date(at).getUTCMinutes())) times.push(at);
      }
      return times;
    },
  };
}

/** Forms that never fire, or hardly ever: what they may not do is spin or fire twice (I7). */
export const ODD_SCHEDULES: readonly KnownSchedule[] = [
  { text: "0 0 30 2 *", timezone: null, fires: () => [] },
  { text: "0 0 1 1 * 1999", timezone: null, fires: () => [] },
  { text: "30 2 * * *", timezone: "Europe/Berlin", fires: null },
  { text: "*/10 1-3 * * *", timezone: "America/New_York", fires: null },
  { text: "0 0 29 2 *", timezone: "Pacific/Apia", fires: null },
];
