// Sign: the signatures of one person under a calendar, one a window and one over the whole.
//
// Owns:     in which order is signed, and how it goes on where it was interrupted.
// Not here: keys (lib/pgp/), files and questions (cli/), whether other signatures hold (judge.ts).
import type { Instant, Milliseconds } from "../time.ts";
import { MINUTE_MS, spanText } from "../time.ts";
import { actionOf, windowText } from "./action.ts";
import {
  assertNotTooFar,
  assertSound,
  type Calendar,
  CalendarProblem,
  manifestText,
  timeText,
  type Window,
} from "./file.ts";

/** A clock may be off by this much. */
export const CLOCK_OFF_MAX_MS: Milliseconds = 5 * MINUTE_MS;

/** Signatures that are asked for at a time. */
const BATCH = 32;

/** The key of the person who signs. */
export interface CalendarKey {
  /** Of the primary key: 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  sign(text: Uint8Array): Promise<string>;
}

/**
 * Whether a person may sign it now.
 *
 * @throws {CalendarProblem} When it is over, reaches too far, when a clock is off, or when the key
 * has signed it already.
 */
export function assertSignable(
  calendar: Calendar,
  { fingerprint, now }: { readonly fingerprint: string; readonly now: Instant },
): void {
  const { windows, signers, requestedAt } = calendar;
  actionOf(calendar);
  const ahead = requestedAt - now;
  if (ahead > CLOCK_OFF_MAX_MS) {
    const message = `it was requested at ${timeText(requestedAt)}, ${spanText(ahead)} from now`;
    throw new CalendarProblem(message, "set the clock of this machine, or of the host");
  }
  if ((windows.at(-1)?.expireAfter ?? 0) <= now) throw allOver(calendar);
  assertNotTooFar(windows, now, "now");
  const own = signers.find((signer) => signer.fingerprint === fingerprint);
  if (own !== undefined && own.manifest !== null) {
    const message = `it is signed by the key ${fingerprint} already`;
    throw new CalendarProblem(message, "let another person sign, with another key");
  }
  const last = signers.at(-1);
  if (own === undefined && last?.manifest === null) {
    const message = `the key ${last.fingerprint} has not signed it to its end`;
    throw new CalendarProblem(message, "let that person call mig-runner calendar sign again");
  }
}

/** The problem of a calendar whose windows are all over. */
export function allOver({ windows }: Calendar): CalendarProblem {
  const until = timeText(windows.at(-1)?.expireAfter ?? 0);
  return new CalendarProblem(
    `all its windows have passed, the last at ${until}`,
    "request it again",
  );
}

/**
 * Signs every window that the key has not signed yet, then the whole.
 *
 * @param options.signed Called after some windows, with the calendar as far as it is signed; it is
 * waited for.
 * @throws {CalendarProblem} As `assertSignable`, or when one more signature has no room.
 */
export async function signCalendar(
  calendar: Calendar,
  options: {
    readonly key: CalendarKey;
    readonly now: Instant;
    readonly signed: (calendar: Calendar, windows: number) => Promise<void>;
  },
): Promise<Calendar> {
  const { key, now, signed } = options;
  assertSignable(calendar, { fingerprint: key.fingerprint, now });
  const action = actionOf(calendar);
  const { fingerprint } = key;
  const isBegun = calendar.signers.at(-1)?.fingerprint === fingerprint;
  const before = isBegun ? calendar.signers.slice(0, -1) : calendar.signers;
  const index = before.length;
  const windows = [...calendar.windows];
  const signers = [...before, { fingerprint, manifest: null }];
  let from = windows.findIndex(({ signatures }) => signatures.length <= index);
  while (from !== -1 && from < windows.length) {
    const batch = windows.slice(from, from + BATCH);
    const texts = batch.map((window) => new TextEncoder().encode(windowText(action, window)));
    const lines = await Promise.all(texts.map((text) => key.sign(text)));
    for (const [at, window] of batch.entries()) {
      windows[from + at] = signedWindow(window, lines[at] ?? "");
    }
    from += batch.length;
    const partly = { ...calendar, windows, signers };
    // After the first batch: is there room for one more signature in each window?
    if (from <= BATCH) assertSound(partly);
    await signed(partly, from);
  }
  const partly = { ...calendar, windows, signers };
  const manifest = await key.sign(new TextEncoder().encode(manifestText(partly, index)));
  const whole = { ...partly, signers: [...before, { fingerprint, manifest }] };
  assertSound(whole);
  return whole;
}

function signedWindow(window: Window, signature: string): Window {
  return { ...window, signatures: [...window.signatures, signature] };
}
