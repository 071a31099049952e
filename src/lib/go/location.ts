// Location: a time zone from a file of the tz database, read as Go's package time reads it.
//
// Owns:     the format TZif (RFC 9636), the rule in its last line for all later years, and which
//           offset and letters hold at a second.
// Not here: where the file is (edge/timezone.ts), what a wall clock means (lib/cron/zone.ts).
//
// Two things are done otherwise than there. A file whose times are in disorder, whose offsets no
// place on earth has, or that ends before its rule does, is refused: Go would find nonsense in it,
// or one half of the year for ever. And the rule is followed across the ends of years, which Go
// leaves out: it matters only to zones that are on summer time all year.

/** Seconds since 1970-01-01T00:00:00Z. */
type UnixSeconds = number;

/** A stretch of time with one offset and one name for it. */
export interface LocationSpan {
  /** Negative infinity: from ever. */
  readonly start: UnixSeconds;
  /** The first second that no longer belongs to it; infinity: for ever. */
  readonly end: UnixSeconds;
  /** East of UTC is positive. */
  readonly offsetSeconds: number;
  /** Such as "CET", "-03". */
  readonly abbreviation: string;
}

interface LocalTime {
  readonly offsetSeconds: number;
  readonly isDst: boolean;
  readonly abbreviation: string;
}

interface Transition {
  readonly at: UnixSeconds;
  /** What holds from then on. */
  readonly local: LocalTime;
}

/** A time zone. */
export interface Location {
  /** What holds before the first transition. */
  readonly first: LocalTime;
  readonly transitions: readonly Transition[];
  /** What holds after the last one, if the file says so. */
  readonly rule: PosixRule | null;
}

/** A day of a year and the second of it at which something changes, by the clock until then. */
interface RuleDay {
  readonly kind: "julian" | "day" | "weekday";
  /** 1 to 365 without February 29; 0 to 365 with it; 0 (Sunday) to 6. */
  readonly day: number;
  readonly week: number;
  readonly month: number;
  readonly seconds: number;
}

/** A zone as the last line of a file, or a TZ of POSIX, tells it. */
interface PosixRule {
  readonly standard: LocalTime;
  readonly summer: {
    readonly local: LocalTime;
    readonly from: RuleDay;
    readonly to: RuleDay;
  } | null;
}

/** No place was ever further from UTC. @see RFC 9636, 3.2 */
const OFFSET_MAX = 26 * 3_600;

const MAGIC = "TZif";
const HEADER_SIZE = 44;

/** How many records of each kind a block has, in the order of its header. */
interface Counts {
  readonly utc: number;
  readonly standard: number;
  readonly leaps: number;
  readonly times: number;
  readonly locals: number;
  readonly letters: number;
}

/**
 * The zone that a file holds, or null when it is none: cut short, damaged, or something else.
 *
 * @see time/zoneinfo_read.go `LoadLocationFromTZData` of Go 1.19
 */
export function parseLocation(bytes: Uint8Array): Location | null {
  const first = countsAt(bytes, 0);
  if (first === null) return null;
  // From version 2 on the same stands there once more, with times of 64 bits, and then the rule.
  const at = (bytes[4] ?? 0) === 0 ? 0 : HEADER_SIZE + sizeOf(first, 4);
  const wide = at > 0;
  const counts = wide ? countsAt(bytes, at) : first;
  if (counts === null || counts.locals === 0) return null;
  const size = sizeOf(counts, wide ? 8 : 4);
  const start = at + HEADER_SIZE;
  if (start + size > bytes.length) return null;
  const locals = localsOf(bytes, start, { counts, wide });
  if (locals === null) return null;
  const transitions = transitionsOf(bytes, start, { counts, wide, locals });
  if (transitions === null) return null;
  const footer = wide ? footerOf(bytes.subarray(start + size)) : "";
  if (footer === null) return null;
  const rule = parsePosixRule(footer);
  return { first: firstOf(transitions, locals), transitions, rule };
}

function countsAt(bytes: Uint8Array, at: number): Counts | null {
  if (at + HEADER_SIZE > bytes.length) return null;
  if (new TextDecoder("latin1").decode(bytes.subarray(at, at + 4)) !== MAGIC) return null;
  const version = bytes[at + 4] ?? 0;
  if (version !== 0 && (version < 0x32 || version > 0x39)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at + 20, 24);
  const [utc = 0, standard = 0, leaps = 0, times = 0, locals = 0, letters = 0] = Array.from(
    { length: 6 },
    (_, index) => view.getUint32(index * 4),
  );
  return { utc, standard, leaps, times, locals, letters };
}

/** Bytes of a block after its header. */
function sizeOf({ utc, standard, leaps, times, locals, letters }: Counts, timeSize: 4 | 8): number {
  return times * (timeSize + 1) + locals * 6 + letters + leaps * (timeSize + 4) + standard + utc;
}

interface Block {
  readonly counts: Counts;
  readonly wide: boolean;
}

function localsOf(bytes: Uint8Array, start: number, block: Block): readonly LocalTime[] | null {
  const { times, locals, letters } = block.counts;
  const from = start + times * ((block.wide ? 8 : 4) + 1);
  const view = new DataView(bytes.buffer, bytes.byteOffset + from, locals * 6);
  const names = bytes.subarray(from + locals * 6, from + locals * 6 + letters);
  const all: LocalTime[] = [];
  for (let index = 0; index < locals; index++) {
    const offsetSeconds = view.getInt32(index * 6);
    const name = view.getUint8(index * 6 + 5);
    if (Math.abs(offsetSeconds) > OFFSET_MAX || name >= names.length) return null;
    const end = names.indexOf(0, name);
    const text = names.subarray(name, end < 0 ? names.length : end);
    const abbreviation = new TextDecoder("latin1").decode(text);
    all.push({ offsetSeconds, isDst: view.getUint8(index * 6 + 4) !== 0, abbreviation });
  }
  return all;
}

function transitionsOf(
  bytes: Uint8Array,
  start: number,
  { counts: { times }, wide, locals }: Block & { readonly locals: readonly LocalTime[] },
): readonly Transition[] | null {
  const size = wide ? 8 : 4;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, times * (size + 1));
  const all: Transition[] = [];
  for (let index = 0; index < times; index++) {
    const at = wide ? Number(view.getBigInt64(index * 8)) : view.getInt32(index * 4);
    const local = locals[view.getUint8(times * size + index)];
    if (local === undefined || at <= (all.at(-1)?.at ?? Number.NEGATIVE_INFINITY)) return null;
    all.push({ at, local });
  }
  return all;
}

/** @see time/zoneinfo.go `lookupFirstZone` */
function firstOf(transitions: readonly Transition[], locals: readonly LocalTime[]): LocalTime {
  const [zero] = locals as [LocalTime];
  const [first] = transitions;
  if (!transitions.some(({ local }) => local === zero)) return zero;
  const before = first?.local.isDst ? locals.slice(0, locals.indexOf(first.local)) : [];
  const isStandard = ({ isDst }: LocalTime): boolean => !isDst;
  return before.findLast(isStandard) ?? locals.find(isStandard) ?? zero;
}

/** The last line of a file, which may be empty; null when the file was cut off in it. */
function footerOf(rest: Uint8Array): string | null {
  return /^\n(.*)\n$/.exec(new TextDecoder("latin1").decode(rest))?.[1] ?? null;
}

/** What holds at a second, since when and until when. */
export function spanAt(location: Location, at: UnixSeconds): LocationSpan {
  const { first, transitions, rule } = location;
  let [low, high] = [0, transitions.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((transitions[middle]?.at ?? at) <= at) low = middle + 1;
    else high = middle;
  }
  const { at: start, local } = transitions[low - 1] ?? {
    at: Number.NEGATIVE_INFINITY,
    local: first,
  };
  if (low === transitions.length && rule !== null) return ruleSpanAt(rule, { at, start });
  return spanOf(local, start, transitions[low]?.at ?? Number.POSITIVE_INFINITY);
}

function spanOf({ offsetSeconds, abbreviation }: LocalTime, start: number, end: number) {
  return { start, end, offsetSeconds, abbreviation };
}

function ruleSpanAt(
  { standard, summer }: PosixRule,
  { at, start }: { readonly at: UnixSeconds; readonly start: UnixSeconds },
): LocationSpan {
  if (summer === null) return spanOf(standard, start, Number.POSITIVE_INFINITY);
  const year = new Date(at * 1_000).getUTCFullYear();
  const changes = [year - 1, year, year + 1].flatMap((each): Transition[] => [
    { at: changeAt(each, summer.to) - summer.local.offsetSeconds, local: standard },
    { at: changeAt(each, summer.from) - standard.offsetSeconds, local: summer.local },
  ]);
  // Where one ends as the other begins, summer stays: it is listed later.
  changes.sort((left, right) => left.at - right.at);
  const last = changes.findLast((change) => change.at <= at);
  const next = changes.find((change) => change.at > at);
  const since = Math.max(last?.at ?? start, start);
  return spanOf(last?.local ?? standard, since, next?.at ?? Number.POSITIVE_INFINITY);
}

/** The second, as the clock shows it, at which a rule changes the clock in a year. */
function changeAt(year: number, { kind, day, week, month, seconds }: RuleDay): UnixSeconds {
  return dayOf(year, { kind, day, week, month }) * 86_400 + seconds;
}

function dayOf(year: number, { kind, day, week, month }: Omit<RuleDay, "seconds">): number {
  const january = daysTo(year, 1);
  if (kind === "day") return january + day;
  if (kind === "julian")
    return january + day - 1 + (day >= 60 && daysTo(year, 3) - january > 59 ? 1 : 0);
  const first = daysTo(year, month);
  const length = daysTo(year, month + 1) - first;
  // 1970-01-01 was a Thursday.
  let date = (((day - first - 4) % 7) + 7) % 7;
  date += 7 * (week - 1);
  while (date >= length) date -= 7;
  return first + date;
}

/** Days from 1970-01-01 to the first of a month; month 13 is January of the next year. */
function daysTo(year: number, month: number): number {
  return Date.UTC(year, month - 1) / 86_400_000;
}

const NAME = "(?:<[^>]+>|[^0-9<>,;+-]{3,})";
const OFFSET = "[+-]?\\d{1,3}(?::\\d{1,2}(?::\\d{1,2})?)?";
const DAY = `(?:J\\d{1,3}|\\d{1,3}|M\\d{1,2}\\.[1-5]\\.[0-6])(?:/${OFFSET})?`;
const RULE = new RegExp(
  `^(${NAME})(${OFFSET})(?:(${NAME})(${OFFSET})?(?:[,;](${DAY}),(${DAY}))?)?$`,
);

/** When summer time begins and ends where that is not said. @see tzcode */
const DAYS_DEFAULT = ["M3.2.0", "M11.1.0"] as const;

/**
 * A zone in the words of POSIX, such as "CET-1CEST,M3.5.0,M10.5.0/3"; null when the text is none.
 *
 * @see time/zoneinfo.go `tzset` of Go 1.19
 */
export function parsePosixRule(text: string): PosixRule | null {
  const [, name = "", offset = "", summerName, summerOffset, from, to] = RULE.exec(text) ?? [];
  const west = secondsOf(offset, 24);
  if (name === "" || west === null) return null;
  const standard = localOf(name, -west, false);
  if (summerName === undefined) return { standard, summer: null };
  const summerWest = summerOffset === undefined ? west - 3_600 : secondsOf(summerOffset, 24);
  const [begin, end] = [from ?? DAYS_DEFAULT[0], to ?? DAYS_DEFAULT[1]].map(parseDay);
  if (summerWest === null || begin == null || end == null) return null;
  const local = localOf(summerName, -summerWest, true);
  return { standard, summer: { local, from: begin, to: end } };
}

function localOf(name: string, offsetSeconds: number, isDst: boolean): LocalTime {
  // Minus nothing is nothing.
  return { offsetSeconds: offsetSeconds + 0, isDst, abbreviation: name.replace(/^<|>$/g, "") };
}

/** `[+-]h[h[h]][:mm[:ss]]` in seconds, or null when it is out of range. */
function secondsOf(text: string, hoursMax: number): number | null {
  const [hours = 0, minutes = 0, seconds = 0] = text.replace(/^[+-]/, "").split(":").map(Number);
  if (hours > hoursMax || minutes > 59 || seconds > 59) return null;
  const size = hours * 3_600 + minutes * 60 + seconds;
  return text.startsWith("-") ? -size : size;
}

function parseDay(text: string): RuleDay | null {
  const [date = "", time = "2"] = text.split("/");
  const seconds = secondsOf(time, 24 * 7);
  if (seconds === null) return null;
  if (date.startsWith("M")) {
    const [month = 0, week = 0, day = 0] = date.slice(1).split(".").map(Number);
    return month >= 1 && month <= 12 ? { kind: "weekday", day, week, month, seconds } : null;
  }
  const isJulian = date.startsWith("J");
  const day = Number(date.replace("J", ""));
  if (day > 365 || (isJulian && day === 0)) return null;
  return { kind: isJulian ? "julian" : "day", day, week: 0, month: 0, seconds };
}
