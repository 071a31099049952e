// Ring: a key ring file as a source of keys: secring.gpg of old, or an exported secret key.
import { createHash } from "node:crypto";
import type { Instant } from "../../time.ts";
import { errnoText } from "../os/errno.ts";
import type { Flaw } from "../os/ownership.ts";
import { readRegular, UnfitFile } from "../os/read.ts";
import { gate } from "./gate.ts";
import { parseKeyring, type RingKey } from "./keyring.ts";
import { joinBytes } from "./numbers.ts";
import { privateKey, type SignNumbers } from "./private.ts";
import { KeyProblem } from "./problem.ts";
import { encodeSignature, encodeSignatureLine, hashedPart, hashSuffix } from "./signature.ts";
import { type HeldKey, holdKeys, type KeySource, type SignText } from "./source.ts";
import { secretNumbers } from "./unlock.ts";

/** Largest key ring that is read, in bytes. */
export const RING_SIZE_MAX = 16 * 1024 * 1024;

/** Signatures made at a time. More are no faster, and on Deno they would hold up the event loop. */
const SIGNING_MAX = 4;

/**
 * Reads the key ring file at `path`. A damaged one is a source with fewer keys.
 *
 * @throws {KeyProblem} If it cannot be read, or others can have written it.
 */
export async function loadRing(path: string, clock: { now(): Instant }): Promise<KeySource> {
  const { entries, damage } = parseKeyring(readKeyFile(path));
  return {
    kind: "ring",
    path,
    damage,
    keys: holdKeys(entries, secretIn),
    open: ({ key }, passphrase) => openRingKey(key, { passphrase, clock }),
  };
}

/** The function that signs by a key of a ring. @throws {KeyProblem} When it cannot be unlocked. */
export async function openRingKey(
  key: RingKey,
  { passphrase, clock }: { readonly passphrase: string | null; readonly clock: { now(): Instant } },
): Promise<SignText> {
  const sign = await privateKey(key, await secretNumbers(key, passphrase));
  return textSigner(key, { sign, clock });
}

function secretIn({ secret }: RingKey): HeldKey["secret"] {
  return secret.kind === "plain" || secret.kind === "locked" ? secret.kind : "missing";
}

function readKeyFile(path: string): Uint8Array {
  try {
    return readRegular(path, { sizeMax: RING_SIZE_MAX, owned: {} });
  } catch (cause) {
    const flaw = cause instanceof UnfitFile ? cause.flaw : null;
    if (flaw !== null) throw distrusted(path, flaw);
    throw new KeyProblem(`${path} cannot be read: ${errnoText(cause)}`, { cause });
  }
}

/** The problem of a file or folder of keys that others can have written. */
export function distrusted(path: string, { state, mend }: Flaw): KeyProblem {
  return new KeyProblem(`${path} cannot be trusted: ${state}`, { hint: mend });
}

function textSigner(
  { algorithm, keyId }: RingKey,
  { sign, clock }: { readonly sign: SignNumbers; readonly clock: { now(): Instant } },
): SignText {
  return gate(SIGNING_MAX, async (text: Uint8Array) => {
    const hashed = hashedPart({ algorithm, createdAt: clock.now(), issuerKeyId: keyId });
    const data = joinBytes(text, hashSuffix(hashed));
    const digest = new Uint8Array(createHash("sha256").update(data).digest());
    const numbers = await sign({ data, digest });
    return encodeSignatureLine(encodeSignature({ hashed, digest, numbers }));
  });
}
