// Tally: how often what has happened, counted when it happens. Rows are removed in time, and a run
// that failed may be resumed: what is counted only grows.

/** What is counted: ends of runs by state, fire times that nobody ran, commands by status. */
export const TALLIES = ["run", "missed", "command"] as const;

export type Tally = (typeof TALLIES)[number];
