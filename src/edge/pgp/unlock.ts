// Unlock: the secret numbers of a key, out of the clear or from behind a passphrase.
//
// openpgp does the work for the usual protection, with every cipher it knows (AES, 3DES, CAST5,
// Twofish, Blowfish), and is loaded only then. It refuses the older protection with a two-byte
// checksum, which the original accepts: checksum.ts reads that.

import type { RingKey } from "../../mig/keyring.ts";
import { Cursor } from "../../mig/packets.ts";
import { openChecksummed } from "./checksum.ts";
import { KeyProblem } from "./problem.ts";

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
  const named = `failed to decrypt key "${key.keyId.slice(-8)}"`;
  if (passphrase === null || passphrase === "") {
    throw new KeyProblem(`${named}: it is locked and no passphrase is set`, {
      hint: "set passphrase in section [client] of runner.cfg",
    });
  }
  try {
    return secret.body[secret.start] === 255
      ? readNumbers(key, openChecksummed(secret.body.subarray(secret.start), passphrase))
      : await openByLibrary(secret.body, passphrase);
  } catch (error) {
    if (error instanceof KeyProblem) throw error;
    const why = error instanceof Error ? error.message : String(error);
    if (/incorrect key passphrase/i.test(why)) {
      throw new KeyProblem(`${named}: the passphrase does not open it`, {
        hint: "correct passphrase in section [client] of runner.cfg",
      });
    }
    throw new KeyProblem(`${named}: ${why}`, {
      hint: "protect the key anew, for example by gpg --edit-key and passwd",
      cause: error,
    });
  }
}

/** A key's numbers as stored without protection (RFC 4880 section 5.5.3). */
function readNumbers(key: RingKey, bytes: Uint8Array): readonly Uint8Array[] {
  const cursor = new Cursor(bytes);
  const count = key.numbers.kind === "rsa" ? 3 : 1;
  try {
    return Array.from({ length: count }, () => cursor.number());
  } catch (cause) {
    throw new KeyProblem("Keyring access failed: 'unexpected EOF' in the secret part of the key", {
      cause,
    });
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
