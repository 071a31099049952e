// Time: the two units that the runner counts in, and nothing that reads a clock.

/** A moment, in whole milliseconds since the Unix epoch. Names of instants end in `At`. */
export type Instant = number;

/** A length of time in milliseconds. Names of durations end in `Ms`. */
export type Milliseconds = number;

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

const UNITS: readonly (readonly [name: string, ms: Milliseconds])[] = [
  ["d", DAY_MS],
  ["h", HOUR_MS],
  ["m", MINUTE_MS],
  ["s", SECOND_MS],
];

/** A length of time for people, in its two largest units: `456d4h`, `3h2m`, `0s`. */
export function spanText(ms: Milliseconds): string {
  const first = UNITS.findIndex(([, unit]) => ms >= unit);
  if (first < 0) return "0s";
  let rest = ms;
  let text = "";
  for (const [name, unit] of UNITS.slice(first, first + 2)) {
    const amount = Math.floor(rest / unit);
    rest -= amount * unit;
    if (amount > 0) text += `${amount}${name}`;
  }
  return text;
}

/** When something is tried again, for the log. */
export function againText(waitMs: Milliseconds): string {
  return `trying again in ${Math.ceil(waitMs / 1_000)} s`;
}

/** A limit as it is written in a configuration, without units that are 0; with days if it has any. */
export function limitText(ms: Milliseconds): string {
  let rest = ms;
  let text = "";
  for (const [name, unit] of UNITS.slice(1)) {
    const amount = Math.floor(rest / unit);
    rest -= amount * unit;
    if (amount > 0) text += `${amount}${name}`;
  }
  if (rest > 0) text += `${rest}ms`;
  if (text === "") text = "0s";
  const days = ms / DAY_MS;
  return Number.isInteger(days) && days > 1 ? `${text} (${days} days)` : text;
}
