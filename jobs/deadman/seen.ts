// Seen: which hosts answered when.

/** When each host answered last, by its name: ids change when an agent is restarted. */
export type Seen = Readonly<Record<string, number>>;

const WEEK_MS = 7 * 86_400_000;

/** The hosts that answered before and are not among these, sorted. */
export function silentOf(seen: Seen, here: readonly string[]): readonly string[] {
  const answered = new Set(here);
  const silent = Object.keys(seen).filter((name) => !answered.has(name));
  return silent.sort();
}

/** What is known after these hosts answered. After a week without an answer a host is forgotten. */
export function seenAfter(seen: Seen, here: readonly string[], now: number): Seen {
  const lately = Object.entries(seen).filter(([, at]) => now - at < WEEK_MS);
  const today = here.map((name) => [name, now] as const);
  return Object.fromEntries([...lately, ...today]);
}
