// Timestamp: what PostgreSQL and the sandbox do with Go's times (lib/go/time.ts).
import { type GoTime, parseTime } from "../lib/go/time.ts";

/** Reads an RFC 3339 time as Go 1.19 does. @returns null when it is not such a time. */
export function parseTimestamp(text: string): GoTime | null {
  try {
    return parseTime(text);
  } catch {
    return null;
  }
}

/** What PostgreSQL keeps of a time: rounded to the nearest microsecond, in UTC. */
export function storedTimestamp({ unixSeconds, nanoseconds }: GoTime): GoTime {
  const micros = Math.round(nanoseconds / 1_000);
  const carry = micros === 1_000_000;
  return {
    unixSeconds: unixSeconds + (carry ? 1 : 0),
    nanoseconds: carry ? 0 : micros * 1_000,
    offsetSeconds: 0,
  };
}

/** The time `micros` microseconds after the Unix epoch, in UTC. */
export function timestampOfMicros(micros: number): GoTime {
  const unixSeconds = Math.floor(micros / 1_000_000);
  const nanoseconds = (micros - unixSeconds * 1_000_000) * 1_000;
  return { unixSeconds, nanoseconds, offsetSeconds: 0 };
}

/** Milliseconds since the Unix epoch, with the part below one as a fraction. */
export function millisOf(time: GoTime): number {
  return time.unixSeconds * 1_000 + time.nanoseconds / 1_000_000;
}

/** Negative, zero or positive as `left` is before, at or after `right`. */
export function compareTimestamps(left: GoTime, right: GoTime): number {
  return left.unixSeconds - right.unixSeconds || left.nanoseconds - right.nanoseconds;
}
