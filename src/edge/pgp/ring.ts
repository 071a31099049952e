// Ring: a key ring file as a source of keys: secring.gpg of old, or an exported secret key.
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { parseKeyring, type RingKey } from "../../mig/keyring.ts";
import { joinBytes } from "../../mig/numbers.ts";
import {
  encodeSignature,
  encodeSignatureLine,
  hashedPart,
  hashSuffix,
} from "../../mig/signature.ts";
import type { Instant } from "../../time.ts";
import { gate } from "./gate.ts";
import { type HeldKey, holdKeys, type KeySource, type SignText } from "./held.ts";
import { privateKey, type SignNumbers } from "./private.ts";
import { KeyProblem } from "./problem.ts";
import { secretNumbers } from "./unlock.ts";

/** Largest key ring that is read, in bytes. */
export const RING_SIZE_MAX = 16 * 1024 * 1024;

/** Signatures made at a time. More are no faster, and on Deno they would hold up the event loop. */
const SIGNING_MAX = 4;

/**
 * Reads the key ring file at `path`. A damaged one is a source with fewer keys.
 *
 * @throws {KeyProblem} If it cannot be read, or everybody may write to it.
 */
export async function loadRing(path: string, clock: { now(): Instant }): Promise<KeySource> {
  const { entries, damage } = parseKeyring(await readKeyFile(path));
  return {
    ...{ kind: "ring", path, damage, keys: holdKeys(entries, secretIn) },
    async open({ key }, passphrase) {
      const sign = await privateKey(key, await secretNumbers(key, passphrase));
      return textSigner(key, { sign, clock });
    },
  };
}

function secretIn({ secret }: RingKey): HeldKey["secret"] {
  return secret.kind === "plain" || secret.kind === "locked" ? secret.kind : "missing";
}

async function readKeyFile(path: string): Promise<Uint8Array> {
  try {
    const { mode, size } = await stat(path);
    if ((mode & 0o002) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, "0");
      throw new KeyProblem(`everybody may write to ${path} (mode ${octal})`, {
        hint: `chmod 600 ${path}`,
      });
    }
    if (size > RING_SIZE_MAX) {
      throw new KeyProblem(`${path} is larger than ${RING_SIZE_MAX} bytes`);
    }
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof KeyProblem) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KeyProblem(`${path} cannot be read: ${why}`, { cause });
  }
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
