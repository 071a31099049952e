// Calendars: a calendar as a host requests it, and people who sign it, for tests.
import type { Calendar } from "../../src/calendar/file.ts";
import { type RequestOrder, requestCalendar } from "../../src/calendar/request.ts";
import { type CalendarKey, signCalendar } from "../../src/calendar/sign.ts";
import { parseSchedule } from "../../src/jobs/schedule.ts";
import { openSigner } from "../../src/lib/pgp/signer.ts";
import { parseTemplate } from "../../src/mig/action.ts";
import {
  bytesOf,
  clockAt,
  homeOf,
  keyFile,
  LOCKED_KEY,
  RUNNER_KEY,
  RUNNER_PASSPHRASE,
  secret,
} from "./keys.ts";

/** When the calendars of tests are requested and signed. */
export const REQUESTED = Date.UTC(2027, 2, 1, 12, 0, 0);

const HOUR = 3_600_000;

/** The public keys of both signers. */
export const PUBLIC_RING: Uint8Array = keyFile("keys/pubring.gpg");

/** An action template with parameters that are posted compressed. */
export const TEMPLATE = JSON.stringify({
  name: "sshd",
  target: "status='online'",
  operations: [
    {
      module: "file",
      parameters: { searches: { sshd: { paths: ["/etc/ssh"], names: ["^sshd_config$"] } } },
      want_compressed: true,
    },
  ],
});

/** A request of three nightly windows, or of another. */
export function orderOf(changes: Partial<RequestOrder> = {}): RequestOrder {
  return {
    job: "sshd",
    template: parseTemplate(bytesOf(TEMPLATE)),
    schedule: parseSchedule("0 3 * * *", { timezone: "UTC" }),
    timezone: "UTC",
    offsetMs: 0,
    expiryMs: HOUR,
    leadMs: null,
    minSigners: 2,
    until: REQUESTED + 90 * 24 * HOUR,
    count: 3,
    before: null,
    audit: null,
    agents: 20,
    now: REQUESTED,
    ...changes,
  };
}

/** A calendar that nobody has signed. */
export function requested(changes: Partial<RequestOrder> = {}): Calendar {
  return requestCalendar(orderOf(changes));
}

/** One of the recorded keys, whose signatures are of this time. */
export async function keyOf(name: "ann" | "bob", now = REQUESTED): Promise<CalendarKey> {
  const keyId = name === "ann" ? RUNNER_KEY : LOCKED_KEY;
  const signer = await openSigner({
    home: homeOf(),
    keyId,
    passphrase: secret(name === "ann" ? "" : RUNNER_PASSPHRASE),
    clock: clockAt(now),
    environment: {},
  });
  return { fingerprint: keyId, sign: (text) => signer.sign(text) };
}

/** The same calendar, signed by these people one after the other. */
export async function signedBy(
  calendar: Calendar,
  people: readonly ("ann" | "bob")[],
  now = REQUESTED,
): Promise<Calendar> {
  let signed = calendar;
  for (const name of people) {
    const key = await keyOf(name, now);
    signed = await signCalendar(signed, { key, now, signed: async () => {} });
  }
  return signed;
}

/** What a check says against a calendar, or "" when it takes it. */
export async function refusalOf(check: () => unknown): Promise<string> {
  try {
    await check();
    return "";
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "CalendarProblem") throw error;
    return error.message;
  }
}
