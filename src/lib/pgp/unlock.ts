// Unlock: the secret numbers of a key, out of the clear or from behind a passphrase.
//
// protection.ts opens the usual ones. The openpgp library is loaded only for the rest: other
// ciphers (CAST5, Twofish, Blowfish, Camellia) and newer protections (AEAD, Argon2).
import { messageOf } from "../../errors.ts";
import type { RingKey } from "./keyring.ts";
import { Cursor } from "./packets.ts";
import { KeyProblem, type KeyProblemOptions } from "./problem.ts";
import { openProtected } from "./protection.ts";

/**
 * The secret numbers in the order of the format: d, p, q for RSA, x for DSA, d for ECDSA.
 *
 * @param passphrase Null when none is configured. One that is not needed does no harm.
 * @throws {KeyProblem} If the passphrase is missing or wrong, or the key cannot be read.
 */
export async function secretNumbers(
  key: RingKey,
  passphrase: string | null,
): Promise<readonly Uint8Array[]> {
  const { secret } = key;
  if (secret.kind === "none" || secret.kind === "stub") {
    throw new KeyProblem("secring contains entity without private key data");
  }
  if (secret.kind === "plain") return readNumbers(key, secret.numbers);
  // A key may be locked by an empty passphrase: the original tries that when none is configured.
  const given = passphrase ?? "";
  const wrong = passphrase === null ? noPassphrase(key) : wrongPassphrase(key);
  try {
    const opened = openProtected(secret.body.subarray(secret.start), given);
    if (opened.kind === "open") return readNumbers(key, opened.numbers);
    if (opened.kind === "wrong passphrase") throw wrong;
    return await openByLibrary(secret.body, given);
  } catch (error) {
    if (error instanceof KeyProblem) throw error;
    if (/incorrect key passphrase/i.test(messageOf(error))) throw wrong;
    throw locked(key, messageOf(error), {
      hint: "set its passphrase again, for example with gpg --edit-key and passwd",
      cause: error,
    });
  }
}

/** Where the passphrase comes from. */
export const PASSPHRASE = "passphrase in [client] of runner.cfg, or MIGPGPPASSPHRASE";

function noPassphrase(key: RingKey): KeyProblem {
  return locked(key, "it is locked and no passphrase is set", {
    hint: `set ${PASSPHRASE}`,
    about: "passphrase",
  });
}

/** A key that could not be opened; the words before `why` are the original's. */
export function locked(key: RingKey, why: string, options: KeyProblemOptions): KeyProblem {
  return new KeyProblem(`failed to decrypt key "${key.keyId.slice(-8)}": ${why}`, options);
}

/** A key that the configured passphrase does not open. */
export function wrongPassphrase(key: RingKey): KeyProblem {
  return locked(key, "the passphrase does not open it", {
    hint: `correct ${PASSPHRASE}`,
    about: "passphrase",
    // A card counts the tries, and locks itself.
    passing: false,
  });
}

/** A key's numbers as stored without protection (RFC 4880 section 5.5.3). */
function readNumbers(key: RingKey, bytes: Uint8Array): readonly Uint8Array[] {
  const cursor = new Cursor(bytes);
  const count = key.numbers.kind === "rsa" ? 3 : 1;
  try {
    return Array.from({ length: count }, () => cursor.number());
  } catch (cause) {
    const why = `Keyring access failed: '${messageOf(cause)}' in the secret part of the key`;
    throw new KeyProblem(why, { cause });
  }
}

async function openByLibrary(body: Uint8Array, passphrase: string): Promise<Uint8Array[]> {
  const { SecretKeyPacket } = await import("openpgp");
  const packet = new SecretKeyPacket();
  await packet.read(body);
  await packet.decrypt(passphrase);
  const numbers = packet.privateParams as Readonly<Record<string, Uint8Array | undefined>> | null;
  return ["d", "p", "q", "x"].map((name) => numbers?.[name]).filter((value) => value !== undefined);
}
