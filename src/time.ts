// Time: the two units that the runner counts in, and nothing that reads a clock.

/** A moment, in whole milliseconds since the Unix epoch. Names of instants end in `At`. */
export type Instant = number;

/** A length of time in milliseconds. Names of durations end in `Ms`. */
export type Milliseconds = number;

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
