// Verify: `calendar verify`: whether every signature of a file holds, by public keys.
import { describeCalendar } from "../../calendar/describe.ts";
import { type Calendar, CalendarProblem, decodeCalendar } from "../../calendar/file.ts";
import { type JudgedSigner, judgeCalendar, keysOf } from "../../calendar/judge.ts";
import { systemClock } from "../../edge/clock.ts";
import type { Instant } from "../../time.ts";
import { formatClock, jsonAnswer, plural } from "../../view/text.ts";
import { UsageError } from "../flags.ts";
import type { Call } from "../verb.ts";
import { asCalendarError, type Deed, factLines, readFileFor } from "./deed.ts";
import { summaryOf } from "./request.ts";

export const verify: Deed = { word: "FILE", run: verifyFile };

async function verifyFile(call: Call, path: string): Promise<number> {
  const { flags, terminal } = call;
  const keyring = flags.text("keyring");
  if (keyring === null) throw new UsageError("calendar verify needs --keyring FILE");
  const attempt = `verify calendar "${path}"`;
  const keys = keysOf([readFileFor(attempt, keyring)]);
  const bytes = readFileFor(attempt, path);
  const now = systemClock().now();
  const judge = async () => {
    const calendar = decodeCalendar(bytes);
    const judged = progressOf(call, calendar);
    const signers = await judgeCalendar(calendar, { keys, keyring, minSigners: 1, now, judged });
    return { calendar, signers, shown: describe(calendar, signers) };
  };
  try {
    if (!flags.has("json")) {
      const { shown } = await asCalendarError(attempt, {}, judge);
      terminal.out(shown);
      return 0;
    }
    const { calendar, signers } = await judge();
    terminal.json(jsonAnswer({ valid: true, ...summaryOf(path, calendar), signers }));
    return 0;
  } catch (error) {
    if (!(error instanceof CalendarProblem)) throw error;
    const { message, hint } = error;
    terminal.json(jsonAnswer({ valid: false, path, error: message, hint }));
    return 1;
  } finally {
    terminal.progress("");
  }
}

/** What is shown while signatures are verified. */
export function progressOf(
  { terminal }: Pick<Call, "terminal">,
  { windows, signers }: Calendar,
): (signatures: number) => void {
  const all = windows.length * signers.length;
  return (count) => terminal.progress(`${count} of ${all} signatures verified`);
}

function describe(calendar: Calendar, signers: readonly JudgedSigner[]): string[] {
  const { job, windows } = calendar;
  const people = plural(signers.length, "signer");
  return [
    job,
    ...factLines(describeCalendar(calendar)),
    ...signers.map(signerLine),
    `every signature of ${plural(windows.length, "window")} by ${people} holds`,
  ];
}

function signerLine({ fingerprint, name, signedAt, keyExpiresAt }: JudgedSigner): string {
  const who = name === "" ? fingerprint : `${fingerprint} (${name})`;
  return `  ${who} signed it ${formatClock(signedAt)}${expiryText(keyExpiresAt)}`;
}

function expiryText(at: Instant | null): string {
  return at === null ? "" : `, the key expires ${formatClock(at)}`;
}
