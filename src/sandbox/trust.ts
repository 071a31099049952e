// Trust: the investigators of a sandbox, from their key rings.
import { parseKeyring } from "../lib/pgp/keyring.ts";
import { parsePublicKeys, verifySignature } from "../lib/pgp/verify.ts";
import type { Trust } from "../sim/auth.ts";

/**
 * The trust of a sandbox whose investigators own the keys of these rings.
 *
 * @param rings Each armored or binary, of public or secret keys; secret parts are not used.
 */
export function createTrust(rings: readonly Uint8Array[], apiKeys: readonly string[]): Trust {
  const publicKeys = rings.flatMap(parsePublicKeys);
  const known = new Set(publicKeys.map(({ primaryFingerprint }) => primaryFingerprint));
  const names = new Map<string, string>();
  for (const { primary, userIds } of rings.flatMap((ring) => parseKeyring(ring).entries)) {
    if (known.has(primary.fingerprint)) names.set(primary.fingerprint, nameOf(userIds[0] ?? ""));
  }
  const investigators = [...names].map(([fingerprint, name], index) => ({
    id: index + 1,
    name: name === "" ? `investigator${index + 1}` : name,
    fingerprint,
  }));
  return {
    investigators,
    apiKeys: new Set(apiKeys),
    verify: (text, signature) => verifySignature({ text, signature, publicKeys }),
  };
}

/** The part before the @ of a user id's address, or else what stands before the address. */
function nameOf(userId: string): string {
  return /<?([^<>@\s]+)@/.exec(userId)?.[1] ?? userId.replace(/<.*$/s, "").trim();
}
