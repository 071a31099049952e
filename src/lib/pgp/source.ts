// Source: the keys that a source has, and which of them a key id means.
import { nearest } from "../../errors.ts";
import type { Instant } from "../../time.ts";
import { hasSigningAlgorithm, type RingEntry, type RingKey, verifyProblem } from "./keyring.ts";
import { KeyProblem } from "./problem.ts";

/** One key that a source lists, fit for `check` and for choosing. */
export interface HeldKey {
  /** 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  /** Whose subkey it is; its own fingerprint when it is a primary key. */
  readonly primaryFingerprint: string;
  /** The user ids of the primary key. */
  readonly userIds: readonly string[];
  /** Such as "RSA 2048". */
  readonly algorithm: string;
  readonly createdAt: Instant;
  /** Null: never. The MIG API and the original accept expired keys; GnuPG does not. */
  readonly expiresAt: Instant | null;
  /** Where its secret part is: in the file (there perhaps locked), in gpg-agent, or not here. */
  readonly secret: "plain" | "locked" | "agent" | "missing";
  /** Null when the MIG API accepts signatures by this key, else why not. */
  readonly problem: string | null;
  /** What to do about the problem, or null when there is nothing to say. */
  readonly advice: string | null;
  /** False when no signature can be made at all; `problem` then says why. */
  readonly canSign: boolean;
}

/** A held key with what is needed to sign by it. */
export interface SourceKey extends HeldKey {
  readonly key: RingKey;
}

/** Signs a text; the answer is the one line that MIG sends. */
export type SignText = (text: Uint8Array) => Promise<string>;

/** A place that keys come from: a key ring file, or a GnuPG 2 home. */
export interface KeySource {
  readonly kind: "ring" | "gnupg";
  /** The file or folder. */
  readonly path: string;
  readonly keys: readonly SourceKey[];
  /** What could not be read of it, or null. */
  readonly damage: string | null;
  /** Makes `key` ready: unlocks it, and proves that it works. @throws {KeyProblem} */
  open(key: SourceKey, passphrase: string | null): Promise<SignText>;
}

/** The keys of a ring as a source holds them; `secretOf` says where a key's secret part is. */
export function holdKeys(
  entries: readonly RingEntry[],
  secretOf: (key: RingKey) => HeldKey["secret"],
): SourceKey[] {
  return entries.flatMap((entry) =>
    [entry.primary, ...entry.subkeys].map((key) => holdKey(entry, { key, secret: secretOf(key) })),
  );
}

function holdKey(
  { primary, userIds, subkeys }: RingEntry,
  { key, secret }: { readonly key: RingKey; readonly secret: HeldKey["secret"] },
): SourceKey {
  const problem =
    secret === "missing"
      ? "secring contains entity without private key data: its secret part is kept elsewhere"
      : (verifyProblem(key) ?? (primary.revoked ? "its primary key is revoked" : null));
  // The original signs by a primary key whatever its flags say. GnuPG does not, nor we by a subkey.
  const allowed = problem === null || (key === primary && secret !== "agent");
  return {
    fingerprint: key.fingerprint,
    primaryFingerprint: primary.fingerprint,
    userIds,
    algorithm: key.algorithmName,
    createdAt: key.createdAt,
    expiresAt: earlier(key.expiresAt, primary.expiresAt),
    secret,
    problem,
    key,
    advice: problem === null ? null : adviceFor(key, subkeys),
    canSign: secret !== "missing" && hasSigningAlgorithm(key) && allowed,
  };
}

/** A subkey ends with its primary key. */
function earlier(one: Instant | null, other: Instant | null): Instant | null {
  if (one === null || other === null) return one ?? other;
  return Math.min(one, other);
}

/** That a key's time has passed, for messages. */
export function expiredText(key: HeldKey): string {
  const day = new Date(key.expiresAt ?? 0).toISOString().slice(0, 10);
  return `the key ${describeKey(key)} expired on ${day}`;
}

function adviceFor(key: RingKey, subkeys: readonly RingKey[]): string | null {
  const other = subkeys.find((subkey) => subkey !== key && isSigningSubkey(subkey));
  if (other !== undefined) return `use its subkey ${other.fingerprint} as keyid`;
  return key.numbers.kind === "other" ? "make an RSA key for MIG" : null;
}

function isSigningSubkey(key: RingKey): boolean {
  return key.secret.kind !== "stub" && verifyProblem(key) === null;
}

/**
 * The keys that `keyId` may mean, each once: a fingerprint of 40 digits, a key id of 16 or 8, in
 * any case, with spaces, `0x` or a final `!`; else a whole user id, its name or its address.
 */
export function matchKeys<Key extends HeldKey>(keyId: string, keys: readonly Key[]): Key[] {
  const digits = hexOf(keyId);
  const byId = [8, 16, 40].includes(digits.length)
    ? keys.filter(({ fingerprint }) => fingerprint.endsWith(digits))
    : [];
  const found = byId.length > 0 ? byId : keys.filter((key) => isNamed(key, keyId));
  // One key may be there twice, with and without its secret part; only the secret one can sign.
  const withSecret = found.filter(({ secret }) => secret !== "missing");
  const usable = withSecret.length > 0 ? withSecret : found;
  return [...new Map(usable.map((key) => [key.fingerprint, key])).values()];
}

function hexOf(keyId: string): string {
  const digits = keyId.replace(/\s+/g, "").replace(/^0x/i, "").replace(/!$/, "").toUpperCase();
  return /^[0-9A-F]+$/.test(digits) ? digits : "";
}

function isNamed(key: HeldKey, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  if (wanted === "" || key.fingerprint !== key.primaryFingerprint) return false;
  return key.userIds.some((userId) => namesOf(userId).includes(wanted));
}

/** "Ann Lee (work) <ann@example.net>" answers to itself, to the name and to the address. */
function namesOf(userId: string): string[] {
  const whole = userId.trim().toLowerCase();
  const address = /<([^<>]+)>/.exec(whole)?.[1]?.trim();
  const name = whole.replace(/\s*[(<].*$/, "");
  return [whole, name, ...(address === undefined ? [] : [address, `<${address}>`])].filter(Boolean);
}

/**
 * The one key of `source` that `keyId` means, or null.
 *
 * @throws {KeyProblem} If it means several.
 */
export function chooseKey(keyId: string, { keys, path }: KeySource): SourceKey | null {
  const found = matchKeys(keyId, keys);
  if (found.length > 1) {
    throw new KeyProblem(`it means ${found.length} keys of ${path}`, {
      hint: `use the fingerprint of one: ${listed(found)}`,
      about: "keyId",
    });
  }
  return found[0] ?? null;
}

/** Why `keyId` means no key of these sources. */
export function notFound(keyId: string, sources: readonly KeySource[]): KeyProblem {
  const places = sources.map(({ path }) => path).join(" and ");
  const damage = sources.map((source) => source.damage).find((text) => text !== null);
  const keys = sources.flatMap((source) => source.keys);
  if (damage !== undefined && damage !== null) {
    return new KeyProblem(`Keyring access failed: '${damage}' in ${places}`, {
      hint: keys.length === 0 ? "put a secret key ring there" : `it holds ${listed(keys)}`,
    });
  }
  return new KeyProblem(`Signer '${keyId}' not found in ${places}`, {
    hint: keys.length === 0 ? "the key ring is empty" : `it holds ${nearestFirst(keyId, keys)}`,
    about: "keyId",
  });
}

const LISTED_MAX = 5;

function nearestFirst(keyId: string, keys: readonly HeldKey[]): string {
  const digits = hexOf(keyId);
  const wanted = digits === "" ? keyId.trim() : digits;
  const names = (key: HeldKey): string[] => [
    key.fingerprint.slice(-Math.max(wanted.length, 8)),
    ...key.userIds.flatMap(namesOf),
  ];
  const name = nearest(wanted, keys.flatMap(names));
  const first = keys.filter((key) => name !== null && names(key).includes(name));
  return listed([...new Set([...first, ...keys])]);
}

function listed(keys: readonly HeldKey[]): string {
  const shown = keys.slice(0, LISTED_MAX).map(describeKey);
  const more = keys.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** The fingerprint and the first user id, for messages. */
export function describeKey(key: HeldKey): string {
  const [userId] = key.userIds;
  return userId === undefined ? key.fingerprint : `${key.fingerprint} (${userId})`;
}
