// Sign: `calendar sign`: shows a person what is to be signed, asks, and signs it by their key.
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { describeCalendar, differences, foldedLines } from "../../calendar/describe.ts";
import { type Calendar, encodeCalendar } from "../../calendar/file.ts";
import { assertSignable, type CalendarKey, signCalendar } from "../../calendar/sign.ts";
import { defaultGpgHome, homeOf } from "../../config/client.ts";
import { PASSPHRASE_VARIABLE, Secret } from "../../config/secret.ts";
import { systemClock } from "../../edge/clock.ts";
import { homeDirectory, isThere, readBytes, replaceFile } from "../../edge/files.ts";
import { sealProcess } from "../../edge/secrecy.ts";
import { RunnerError } from "../../errors.ts";
import { errnoText } from "../../lib/os/errno.ts";
import { joinBytes } from "../../lib/pgp/numbers.ts";
import type { Clock } from "../../lib/ports.ts";
import { type Milliseconds, SECOND_MS, spanText } from "../../time.ts";
import { jsonAnswer, plural } from "../../view/text.ts";
import { UsageError } from "../flags.ts";
import type { Call } from "../verb.ts";
import { asCalendarError, type Deed, factLines, readCalendar } from "./deed.ts";
import { summaryOf } from "./request.ts";

/** How often what is signed is saved. */
const SAVE_EACH_MS: Milliseconds = 2 * SECOND_MS;

export const sign: Deed = { word: "FILE", run: signFile };

async function signFile(call: Call, path: string): Promise<number> {
  const { flags, terminal } = call;
  const isRehearsal = flags.has("rehearse");
  if ((flags.text("key") === null) !== isRehearsal) {
    throw new UsageError("calendar sign needs --key ID, or --rehearse");
  }
  sealProcess();
  const clock = systemClock();
  const from = isRehearsal ? await rehearsalOf(path) : path;
  const read = await readCalendar("sign", from);
  // Real signatures and those of a rehearsal are never together in one file.
  const calendar = isRehearsal && from === path ? unsigned(read) : read;
  const attempt = `sign calendar "${path}"`;
  await asCalendarError(attempt, {}, () =>
    assertSignable(calendar, { fingerprint: "", now: clock.now() }),
  );
  const memory = memoryPath(call, calendar.job);
  const shown = await asCalendarError(attempt, {}, () => describe(call, { calendar, memory }));
  if (!flags.has("json")) terminal.out(shown);
  confirm(call, calendar);
  const key = isRehearsal ? await throwAway(path, clock) : await openKey(call, clock);
  const to = isRehearsal ? rehearsalPath(path) : path;
  const save = savingTo(to, from === to ? encodeCalendar(read) : null);
  const signed = await asCalendarError(attempt, {}, () =>
    signCalendar(calendar, {
      key,
      now: clock.now(),
      signed: saver(call, { save: isRehearsal ? null : save, clock }),
    }),
  ).finally(() => terminal.progress(""));
  await save(signed);
  if (!isRehearsal) await replaceFile(memory, encodeCalendar(unsigned(signed)));
  if (flags.has("json")) terminal.json(jsonAnswer(summaryOf(to, signed)));
  else terminal.out([outcome(to, signed)]);
  return 0;
}

/** @throws {RunnerError} Unless the person, or the script, names the job. */
function confirm({ flags, terminal }: Call, { job, windows }: Calendar): void {
  const given = flags.text("confirm") ?? ask();
  if (given === job) return;
  const message = `Cannot sign calendar: "${given}" is not the name of the job`;
  throw new RunnerError("CALENDAR", message, { hint: `type ${job}, or use --confirm ${job}` });

  function ask(): string {
    terminal.out([`To sign ${plural(windows.length, "window")}, type the name of the job:`]);
    for (const line of terminal.lines()) return line.trim();
    return "";
  }
}

async function openKey({ flags, environment }: Call, clock: Clock): Promise<CalendarKey> {
  const { openSigner } = await import("../../lib/pgp/signer.ts");
  const home =
    flags.text("home") ?? defaultGpgHome(environment, homeOf(environment, homeDirectory()));
  const secret = environment[PASSPHRASE_VARIABLE] ?? "";
  const passphrase = secret === "" ? null : new Secret(secret);
  const keyId = flags.text("key") ?? "";
  const options = { home, keyId, passphrase, clock, environment, mayAsk: true };
  const signer = await openSigner(options);
  const { primaryFingerprint: fingerprint, problem, advice, expired } = signer;
  if (problem !== null || expired !== null) {
    const hint = advice === null ? {} : { hint: advice };
    const message = `Cannot sign with key "${keyId}": ${problem ?? expired}`;
    throw new RunnerError("KEYRING", message, hint);
  }
  return { fingerprint, sign: (text) => signer.sign(text) };
}

/** Saves what is signed now and then, and shows how far it is. */
function saver(
  { terminal }: Call,
  { save, clock }: { readonly save: Save | null; readonly clock: Clock },
): (calendar: Calendar, windows: number) => Promise<void> {
  const begunAt = clock.now();
  let savedAt = begunAt;
  let first: number | null = null;
  return async (calendar, windows) => {
    const now = clock.now();
    const all = calendar.windows.length;
    first ??= windows;
    const left = timeLeft({ done: windows - first, left: all - windows, ms: now - begunAt });
    terminal.progress(`${windows} of ${all} windows signed${left}`);
    // The key of a rehearsal is lost with this process: nobody could go on.
    if (save === null || now - savedAt < SAVE_EACH_MS) return;
    savedAt = now;
    await save(calendar);
  };
}

function timeLeft({ done, left, ms }: { done: number; left: number; ms: Milliseconds }): string {
  return done === 0 ? "" : `, about ${spanText((ms / done) * left)} left`;
}

type Save = (calendar: Calendar) => Promise<void>;

/**
 * Saves a calendar as far as it is signed.
 *
 * @param read What the file holds, as it was read; null: there is none, or it is not looked at. In
 * a folder that people share, another may have signed it meanwhile.
 */
function savingTo(path: string, read: string | null): Save {
  let known = read;
  return async (calendar) => {
    const cannot = (state: string, hint: string, cause?: unknown): never => {
      const message = `Cannot save calendar "${path}": ${state}`;
      throw new RunnerError("CALENDAR", message, { hint }, { cause });
    };
    const text = encodeCalendar(calendar);
    if (known !== null && (await isThere(path)) && (await textOf(path)) !== known) {
      cannot("another program has changed it meanwhile", "call mig-runner calendar sign again");
    }
    try {
      await replaceFile(path, text);
      known = text;
    } catch (cause) {
      const hint = "make the folder writable, or free some space; what was saved is kept";
      cannot(errnoText(cause), hint, cause);
    }
  };
}

async function textOf(path: string): Promise<string> {
  return new TextDecoder().decode(await readBytes(path));
}

async function describe(
  call: Call,
  { calendar, memory }: { readonly calendar: Calendar; readonly memory: string },
): Promise<string[]> {
  const path = call.flags.text("before") ?? ((await isThere(memory)) ? memory : null);
  const facts = factLines(describeCalendar(calendar));
  if (path === null) {
    return [calendar.job, ...facts, "No calendar of this job was signed here before."];
  }
  const before = await readCalendar("compare", path);
  const changed = differences(before, calendar);
  const since = call.flags.has("before") ? `"${path}"` : "the one that was signed here last";
  const head = changed.length === 0 ? "only the times are new" : "what is new";
  return [
    calendar.job,
    ...facts,
    `Against ${since}, number ${before.sequence}: ${head}`,
    ...changed.flatMap(foldedLines).map((text) => `  ${text}`),
  ];
}

/** Where it is remembered what this person has signed of a job. */
function memoryPath({ environment }: Call, job: string): string {
  const state = environment.XDG_STATE_HOME ?? "";
  const home = homeOf(environment, homeDirectory());
  const base = posix.isAbsolute(state) ? state : posix.join(home, ".local", "state");
  return posix.join(base, "mig-runner", "signed", `${fileNameOf(job)}.calendar`);
}

/** Most characters of a file's name before its ending; file systems take 255. */
const FILE_NAME_MAX = 200;

/** A job's name as that of a file: as it is where that can be, for whoever looks. */
function fileNameOf(job: string): string {
  const name = encodeURIComponent(job);
  return name.length <= FILE_NAME_MAX ? name : createHash("sha256").update(job).digest("hex");
}

function unsigned(calendar: Calendar): Calendar {
  const windows = calendar.windows.map((window) => ({ ...window, signatures: [] }));
  return { ...calendar, windows, signers: [] };
}

function outcome(path: string, { windows, signers, minSigners }: Calendar): string {
  const missing = minSigners - signers.length;
  const next =
    missing > 0
      ? `${plural(missing, "signer")} missing: mig-runner calendar sign FILE --key ID`
      : "on the host: mig-runner calendar install FILE";
  return `${path}: ${plural(windows.length, "window")}, signed by ${signers.length}; ${next}`;
}

function rehearsalPath(path: string): string {
  return `${path}.rehearsal`;
}

/** A rehearsal that was begun goes on: so it can be co-signed. */
async function rehearsalOf(path: string): Promise<string> {
  return (await isThere(rehearsalPath(path))) ? rehearsalPath(path) : path;
}

/** A new key, whose public part is added to the ring of the rehearsal; it is never written down. */
async function throwAway(path: string, clock: Clock): Promise<CalendarKey> {
  const { rehearsalKey } = await import("../../lib/pgp/rehearsal.ts");
  const key = await rehearsalKey(clock);
  const ring = `${rehearsalPath(path)}.gpg`;
  const known = (await isThere(ring)) ? await readBytes(ring) : new Uint8Array();
  await replaceFile(ring, joinBytes(known, key.publicRing));
  return key;
}
