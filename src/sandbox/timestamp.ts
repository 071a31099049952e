// Timestamp: times as the API reads, stores and prints them, to the nanosecond.
//
// Written apart from the runner's own time texts on purpose: a mistake there must not hide here.

/** A moment as Go's time.Time holds it: seconds, nanoseconds, and the offset that it prints. */
export interface Timestamp {
  /** Unix seconds, rounded down; negative before 1970. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanos: number;
  /** Minutes east of UTC, for printing only. */
  readonly offsetMinutes: number;
}

/** Go's zero time, 0001-01-01T00:00:00Z. */
export const ZERO_TIME: Timestamp = { seconds: -62_135_596_800, nanos: 0, offsetMinutes: 0 };

const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?(?:(Z)|([+-])(\d\d):(\d\d))$/;

/**
 * Reads an RFC 3339 time as Go 1.19 does (one digit for the hour and a comma are accepted).
 *
 * @returns null when it is not such a time.
 */
export function parseTimestamp(text: string): Timestamp | null {
  const match = RFC3339.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCDate() !== day || day === 0) return null;
  date.setUTCHours(hour, minute, second);
  const sign = match[9] === "-" ? -1 : 1;
  const offsetMinutes =
    match[8] === "Z" ? 0 : sign * (Number(match[10]) * 60 + Number(match[11])) || 0;
  return {
    seconds: date.getTime() / 1000 - offsetMinutes * 60,
    nanos: Number((match[7] ?? "").slice(0, 9).padEnd(9, "0")),
    offsetMinutes,
  };
}

/** RFC 3339 with as many digits of the fraction as it needs, "Z" for UTC. */
export function formatTimestamp(time: Timestamp): string {
  const date = new Date((time.seconds + time.offsetMinutes * 60) * 1000);
  const year = String(date.getUTCFullYear()).padStart(4, "0");
  const rest = date.toISOString().slice(-20, -5);
  const digits = String(time.nanos).padStart(9, "0").replace(/0+$/, "");
  const fraction = digits === "" ? "" : `.${digits}`;
  return `${year}${rest}${fraction}${formatOffset(time.offsetMinutes)}`;
}

function formatOffset(minutes: number): string {
  if (minutes === 0) return "Z";
  const size = Math.abs(minutes);
  const pair = (value: number) => String(value).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${pair(Math.floor(size / 60))}:${pair(size % 60)}`;
}

/** What PostgreSQL keeps of a time: rounded to the nearest microsecond, in UTC. */
export function storedTimestamp(time: Timestamp): Timestamp {
  const micros = Math.round(time.nanos / 1000);
  const carry = micros === 1_000_000;
  return {
    seconds: time.seconds + (carry ? 1 : 0),
    nanos: carry ? 0 : micros * 1000,
    offsetMinutes: 0,
  };
}

/** The time `micros` microseconds after the Unix epoch, in UTC. */
export function timestampOfMicros(micros: number): Timestamp {
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds, nanos: (micros - seconds * 1_000_000) * 1000, offsetMinutes: 0 };
}

/** Milliseconds since the Unix epoch, with the part below one as a fraction. */
export function millisOf(time: Timestamp): number {
  return time.seconds * 1000 + time.nanos / 1_000_000;
}

/** Negative, zero or positive as `left` is before, at or after `right`. */
export function compareTimestamps(left: Timestamp, right: Timestamp): number {
  return left.seconds - right.seconds || left.nanos - right.nanos;
}
