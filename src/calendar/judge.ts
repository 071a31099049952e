// Judge: whether the signatures of a calendar hold, by the public keys of those who may sign.
//
// Owns:     every check that needs keys, and what is said of a signature that does not hold.
// Not here: the arithmetic (lib/pgp/verify.ts), what the host has (fit.ts).
//
// K3. Every signature of every window is verified, as the API and each agent will: one that does
//     not hold would make agents refuse the action.
import { parseKeyring, type RingEntry, type RingKey, verifyProblem } from "../lib/pgp/keyring.ts";
import { Cursor, PacketError, parsePacket, TAG } from "../lib/pgp/packets.ts";
import { encodeSignatureLine, parseSignature, type Signature } from "../lib/pgp/signature.ts";
import { verifySignature } from "../lib/pgp/verify.ts";
import { type Instant, spanText } from "../time.ts";
import { actionOf, windowText } from "./action.ts";
import { type Calendar, CalendarProblem, manifestText, timeText } from "./file.ts";
import { CLOCK_OFF_MAX_MS } from "./sign.ts";

/** People who may sign, by the fingerprints of their primary keys. */
export type Keys = ReadonlyMap<string, RingEntry>;

/** Somebody whose signatures hold. */
export interface JudgedSigner {
  readonly fingerprint: string;
  /** The first user id of the key, for people; "" when it has none. */
  readonly name: string;
  readonly signedAt: Instant;
  /** When the key expires; null: never. */
  readonly keyExpiresAt: Instant | null;
}

/** Hashes that are still safe: SHA256, SHA384, SHA512, SHA224. */
const STRONG_HASHES = [8, 9, 10, 11];

/** The keys of these rings, each armored or binary, of public or secret keys. */
export function keysOf(rings: readonly Uint8Array[]): Keys {
  const keys = new Map<string, RingEntry>();
  for (const entry of rings.flatMap((ring) => parseKeyring(ring).entries)) {
    const { fingerprint } = entry.primary;
    const other = keys.get(fingerprint);
    keys.set(fingerprint, other === undefined ? entry : merged(other, entry));
  }
  return keys;
}

/** Two exports of one key: the later one counts, but a key revoked in either is revoked. */
function merged(before: RingEntry, after: RingEntry): RingEntry {
  const revoked = new Set(keysIn(before).flatMap((key) => (key.revoked ? key.fingerprint : [])));
  const known = new Set(keysIn(after).map(({ fingerprint }) => fingerprint));
  const both = (key: RingKey): RingKey =>
    revoked.has(key.fingerprint) ? { ...key, revoked: true } : key;
  const gone = before.subkeys.filter(({ fingerprint }) => !known.has(fingerprint));
  const subkeys = [...after.subkeys, ...gone].map(both);
  return { ...after, primary: both(after.primary), subkeys };
}

function keysIn({ primary, subkeys }: RingEntry): readonly RingKey[] {
  return [primary, ...subkeys];
}

/**
 * Verifies every signature of a calendar.
 *
 * @param how.keyring Where the keys come from, for messages.
 * @param how.judged Called after some windows, with how many signatures were verified.
 * @throws {CalendarProblem} For the first thing that does not hold.
 */
export async function judgeCalendar(
  calendar: Calendar,
  how: {
    readonly keys: Keys;
    readonly keyring: string;
    readonly minSigners: number;
    readonly now: Instant;
    readonly judged?: (signatures: number) => void;
  },
): Promise<readonly JudgedSigner[]> {
  const action = actionOf(calendar);
  const { windows, signers, minSigners, requestedAt } = calendar;
  const unfinished = signers.find(({ manifest }) => manifest === null);
  if (unfinished !== undefined) {
    const message = `the key ${unfinished.fingerprint} has not signed it to its end`;
    throw new CalendarProblem(message, "let that person call mig-runner calendar sign again");
  }
  const wanted = Math.max(minSigners, how.minSigners);
  if (signers.length < wanted) {
    const message = `it is signed by ${countText(signers.length)}, ${wanted} are needed`;
    throw new CalendarProblem(message, "let one more person call mig-runner calendar sign");
  }
  const { keys, keyring, now } = how;
  const entries = signers.map(({ fingerprint }) => signerIn(keys, { fingerprint, keyring, now }));
  assertApart(entries);
  let count = 0;
  for (const [at, window] of windows.entries()) {
    const text = windowText(action, window);
    const name = `of window ${at + 1} (${timeText(window.firesAt)})`;
    for (const [index, entry] of entries.entries()) {
      const line = window.signatures[index] ?? "";
      await verifyLine({ text, line, entry, name, now, requestedAt });
      count++;
    }
    if (count % 64 < entries.length) how.judged?.(count);
  }
  const judged: JudgedSigner[] = [];
  for (const [index, entry] of entries.entries()) {
    const line = signers[index]?.manifest ?? "";
    const text = manifestText(calendar, index);
    const signedAt = await verifyLine({ text, line, entry, name: WHOLE, now, requestedAt });
    const { fingerprint, expiresAt: keyExpiresAt } = entry.primary;
    judged.push({ fingerprint, name: entry.userIds[0] ?? "", signedAt, keyExpiresAt });
  }
  return judged;
}

const WHOLE = "over the whole calendar";

function countText(signers: number): string {
  return signers === 0 ? "no one" : signers === 1 ? "1 key" : `${signers} keys`;
}

/** @throws {CalendarProblem} Unless the key is known and may sign now. */
function signerIn(
  keys: Keys,
  { fingerprint, keyring, now }: { fingerprint: string; keyring: string; now: Instant },
): RingEntry {
  const entry = keys.get(fingerprint);
  if (entry === undefined) {
    const message = `the key ${fingerprint} of one of its signers is not in ${keyring}`;
    throw new CalendarProblem(message, "add the public key, if its owner may sign");
  }
  if (entry.primary.revoked) {
    const message = `the key ${fingerprint} of one of its signers is revoked`;
    throw new CalendarProblem(message, "let another person sign");
  }
  assertNotExpired(entry.primary, now);
  return entry;
}

/**
 * One key may stand in a ring twice, as a subkey of one person and again of another or by itself.
 *
 * @throws {CalendarProblem} Unless each of the signers has keys of their own.
 */
function assertApart(entries: readonly RingEntry[]): void {
  const owners = new Map<string, string>();
  for (const entry of entries) {
    const { fingerprint } = entry.primary;
    for (const { keyId } of keysIn(entry)) {
      const other = owners.get(keyId) ?? fingerprint;
      if (other !== fingerprint) {
        const message = `the keys ${other} and ${fingerprint} of two signers share the key ${keyId}`;
        throw new CalendarProblem(message, "let another person sign, with a key of their own");
      }
      owners.set(keyId, fingerprint);
    }
  }
}

function assertNotExpired({ fingerprint, expiresAt }: RingKey, now: Instant): void {
  if (expiresAt === null || expiresAt > now) return;
  const message = `the key ${fingerprint} of one of its signers expired at ${timeText(expiresAt)}`;
  throw new CalendarProblem(message, "extend it and export it again, or let another person sign");
}

interface Claim {
  readonly text: string;
  readonly line: string;
  readonly entry: RingEntry;
  /** Which signature it is, for messages. */
  readonly name: string;
  readonly now: Instant;
  readonly requestedAt: Instant;
}

/** @returns When it was made. @throws {CalendarProblem} When it does not hold. */
async function verifyLine(claim: Claim): Promise<Instant> {
  const { text, line, entry, name, now, requestedAt } = claim;
  const { primary } = entry;
  const what = `the signature ${name} by the key ${primary.fingerprint}`;
  const signature = signatureIn(line, what);
  const { issuerKeyId, createdAt, hash } = signature;
  const key = keysIn(entry).find(({ keyId }) => keyId === issuerKeyId);
  if (key === undefined) {
    const message = `${what} was made by another key, ${issuerKeyId ?? "which it does not name"}`;
    throw new CalendarProblem(message, MENDED);
  }
  const problem = verifyProblem(key);
  if (problem !== null) throw new CalendarProblem(`${what} cannot hold: ${problem}`);
  assertNotExpired(key, now);
  if (!STRONG_HASHES.includes(hash)) {
    throw new CalendarProblem(`${what} is made with a hash that is too weak`, "sign with SHA256");
  }
  const publicKeys = [{ key, primaryFingerprint: primary.fingerprint }];
  const verdict = await verifySignature({ text, signature: line, publicKeys });
  if (verdict.kind === "bad") {
    throw new CalendarProblem(`${what} does not hold: ${verdict.message}`, MENDED);
  }
  assertTimely(what, { createdAt, requestedAt, now });
  return createdAt;
}

const MENDED = "the file was changed after it was signed: take the one that its signers have";

function assertTimely(
  what: string,
  { createdAt, requestedAt, now }: { createdAt: Instant; requestedAt: Instant; now: Instant },
): void {
  if (createdAt - now > CLOCK_OFF_MAX_MS) {
    const ahead = spanText(createdAt - now);
    const message = `${what} was made at ${timeText(createdAt)}, ${ahead} ahead of this clock`;
    throw new CalendarProblem(message, "set the clock of this host, or of the signer's machine");
  }
  if (requestedAt - createdAt > CLOCK_OFF_MAX_MS) {
    const before = spanText(requestedAt - createdAt);
    const message = `${what} was made ${before} before it was requested`;
    throw new CalendarProblem(message, "set the clock of the signer's machine, or of the host");
  }
}

/** The one packet of a line; any other spelling of the same packet is refused. */
function signatureIn(line: string, what: string): Signature {
  try {
    const end = line.lastIndexOf("=");
    const packet = Uint8Array.fromBase64(line.slice(0, Math.max(end, 0)));
    const cursor = new Cursor(packet);
    const { tag, body } = parsePacket(cursor);
    const isOne = tag === TAG.signature && cursor.left === 0;
    if (isOne && encodeSignatureLine(packet) === line) return parseSignature(body);
  } catch (error) {
    if (!(error instanceof PacketError || error instanceof SyntaxError)) throw error;
  }
  throw new CalendarProblem(`${what} cannot be read`, MENDED);
}
