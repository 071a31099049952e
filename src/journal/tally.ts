// Tally: counts of what has happened, for metrics, kept when it happens. A count only grows, also
// when the rows behind it are removed, or a failed run is resumed.

/** What is counted: ends of runs by state, fire times that nobody ran, commands by status. */
export const TALLIES = ["run", "missed", "command"] as const;

export type Tally = (typeof TALLIES)[number];
