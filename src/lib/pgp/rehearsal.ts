// Rehearsal: a key that nobody trusts, to practise signing with. Its secret part is never stored.
import { assert } from "../../errors.ts";
import type { Instant } from "../../time.ts";
import { generateSigningKey } from "./generate.ts";
import { parseKeyring } from "./keyring.ts";
import { openRingKey } from "./ring.ts";
import type { SignText } from "./source.ts";

/** A key for one rehearsal. */
export interface RehearsalKey {
  /** 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  /** Its public part, as in a key ring. */
  readonly publicRing: Uint8Array;
  readonly sign: SignText;
}

/** Makes one; takes up to some seconds. */
export async function rehearsalKey(clock: { now(): Instant }): Promise<RehearsalKey> {
  const order = { name: "rehearsal", email: "rehearsal@localhost", now: clock.now() };
  const { fingerprint, bytes, publicBytes } = await generateSigningKey(order);
  const key = parseKeyring(bytes).entries[0]?.primary;
  assert(key !== undefined, "a new key ring has a key");
  const sign = await openRingKey(key, { passphrase: null, clock });
  return { fingerprint, publicRing: publicBytes, sign };
}
