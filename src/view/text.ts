// Text (view): times and counts as people read them, and answers as programs do.
import { zoneOffsetSeconds } from "../lib/cron/zone.ts";
import { type Instant, SECOND_MS, spanText } from "../time.ts";

/** An answer as one line of JSON. Instants, which end in `At`, go out as RFC 3339 in UTC. */
export function jsonAnswer(answer: unknown): string {
  return JSON.stringify(answer, (key, value: unknown) =>
    key.endsWith("At") && typeof value === "number" ? new Date(value).toISOString() : value,
  );
}

/** `2026-01-02 03:04:05`, as a clock in the zone shows it. Null: the host's zone. */
export function formatClock(at: Instant, timezone: string | null = null): string {
  const wall = new Date(at + zoneOffsetSeconds(timezone, at) * SECOND_MS);
  return wall.toISOString().slice(0, 19).replace("T", " ");
}

/** How far `at` is from `now`: `in 3h2m`, `2d4h ago`, `now`. Its two largest units. */
export function formatDistance(at: Instant, now: Instant): string {
  const span = spanText(Math.abs(at - now));
  if (span === "0s") return "now";
  return at > now ? `in ${span}` : `${span} ago`;
}

/** `1 job`, `3 jobs`. */
export function plural(count: number, noun: string): string {
  return `${count} ${count === 1 ? noun : /[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;
}
