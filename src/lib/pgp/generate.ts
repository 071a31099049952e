// Generate: a new key of the kind that MIG's API verifies, for trying things out.
import type { Instant } from "../../time.ts";

/** A secret key without a passphrase. */
export interface NewKey {
  /** 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  /** As in secring.gpg. */
  readonly bytes: Uint8Array;
  /** Its public part, as in pubring.gpg. */
  readonly publicBytes: Uint8Array;
}

/** The smallest size that is still taken for safe, and the one that MIG's own guide makes. */
const RSA_BITS = 2_048;

/** Makes an RSA key that signs; takes up to some seconds. @param order.now Its creation time. */
export async function generateSigningKey(order: {
  readonly name: string;
  readonly email: string;
  readonly now: Instant;
}): Promise<NewKey> {
  const { generateKey } = await import("openpgp");
  const { name, email, now } = order;
  const { privateKey } = await generateKey({
    type: "rsa",
    rsaBits: RSA_BITS,
    userIDs: [{ name, email }],
    date: new Date(now),
    format: "object",
  });
  return {
    fingerprint: privateKey.getFingerprint().toUpperCase(),
    bytes: privateKey.write(),
    publicBytes: privateKey.toPublic().write(),
  };
}
