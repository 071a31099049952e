// Gnupg: a GnuPG 2 home as a source of keys. The secret parts never leave gpg-agent.
//
// gpg tells which secret keys there are and signs; its packets are read and written by ours, so
// that a signature gets the full-length RSA number that the API insists on.

import { gate } from "./gate.ts";
import { parseKeyring } from "./keyring.ts";
import { bitLength, joinBytes } from "./numbers.ts";
import { PacketError, parsePackets, TAG } from "./packets.ts";
import { KeyProblem } from "./problem.ts";
import { type GnupgHome, type GpgAnswer, runGpg } from "./program.ts";
import {
  encodeFullNumber,
  encodeNumber,
  encodeSignature,
  encodeSignatureLine,
  parseSignature,
} from "./signature.ts";
import {
  expiredText,
  type HeldKey,
  holdKeys,
  type KeySource,
  type SignText,
  type SourceKey,
} from "./source.ts";
import { locked, PASSPHRASE, wrongPassphrase } from "./unlock.ts";

const NO_INPUT = new Uint8Array();

/**
 * Lists the secret keys of a GnuPG 2 home.
 *
 * @throws {KeyProblem} If gpg cannot be run or refuses the home.
 */
export async function loadGnupgHome(gnupg: GnupgHome): Promise<KeySource> {
  const listing = await succeed(gnupg, ["--with-colons", "--list-secret-keys"]);
  const secrets = parseListing(new TextDecoder().decode(listing));
  const fingerprints = [...secrets.keys()];
  // Without names gpg exports every key of the home, also those of other people.
  const ring =
    fingerprints.length === 0
      ? NO_INPUT
      : await succeed(gnupg, ["--export-options", "export-minimal", "--export", ...fingerprints]);
  const { entries, damage } = parseKeyring(ring);
  return {
    kind: "gnupg",
    path: gnupg.home,
    damage,
    keys: holdKeys(entries, ({ fingerprint }) => secrets.get(fingerprint) ?? "missing"),
    async open(held, passphrase) {
      const sign = textSigner(gnupg, { held, passphrase });
      // gpg opens a key only to sign: a wrong passphrase must show now, not at the first job.
      await sign(NO_INPUT);
      return sign;
    },
  };
}

/**
 * Where each secret key is, by fingerprint. Lines are records of fields between colons: `sec` and
 * `ssb` begin a key and have `#` in field 15 when its secret part is not there; `fpr` follows.
 *
 * @see doc/DETAILS of GnuPG.
 */
export function parseListing(text: string): ReadonlyMap<string, HeldKey["secret"]> {
  const secrets = new Map<string, HeldKey["secret"]>();
  let secret: HeldKey["secret"] = "missing";
  for (const fields of text.split("\n").map((line) => line.split(":"))) {
    if (fields[0] === "sec" || fields[0] === "ssb") {
      secret = fields[14] === "#" ? "missing" : "agent";
    } else if (fields[0] === "fpr") {
      secrets.set(fields[9] ?? "", secret);
    }
  }
  return secrets;
}

async function succeed(gnupg: GnupgHome, args: readonly string[]): Promise<Uint8Array> {
  const answer = await runGpg(gnupg, { args, input: NO_INPUT });
  if (answer.status !== 0) {
    throw new KeyProblem(`gpg refused to list keys: ${answer.message}`, { passing: true });
  }
  return answer.output;
}

function textSigner(
  gnupg: GnupgHome,
  { held, passphrase }: { readonly held: SourceKey; readonly passphrase: string | null },
): SignText {
  // With mode "error" gpg-agent uses what it has cached, and fails instead of asking.
  const cached = gnupg.mayAsk === true ? ["ask"] : ["error"];
  const mode = passphrase === null ? cached : ["loopback", "--passphrase-fd", "0"];
  const args = ["--pinentry-mode", ...mode, "--digest-algo", "SHA256"];
  args.push("--output", "-", "--local-user", `${held.fingerprint}!`, "--detach-sign");
  const secret = new TextEncoder().encode(passphrase === null ? "" : `${passphrase}\n`);
  // gpg-agent signs one at a time anyway; more processes would only wait for it.
  return gate(1, async (text: Uint8Array) => {
    // gpg takes the first line as the passphrase and all after it as the text.
    const input = joinBytes(secret, text);
    return reencode(await runGpg(gnupg, { args, input }), held);
  });
}

function reencode(answer: GpgAnswer, held: SourceKey): string {
  const { key } = held;
  if (answer.status !== 0) throw refusal(answer.message, held);
  const [packet] = parsePackets(answer.output).packets;
  if (packet?.tag !== TAG.signature) {
    throw new KeyProblem("gpg gave no signature", { passing: true });
  }
  try {
    const signature = parseSignature(packet.body);
    const { hashed, unhashed, digestStart: digest } = signature;
    const numbers = signature.numbers.map((number) =>
      key.numbers.kind === "rsa"
        ? encodeFullNumber(number, Math.ceil(bitLength(key.numbers.n) / 8))
        : encodeNumber(number),
    );
    return encodeSignatureLine(encodeSignature({ hashed, unhashed, digest, numbers }));
  } catch (error) {
    if (!(error instanceof PacketError)) throw error;
    throw new KeyProblem(`gpg gave a signature that MIG cannot read: ${error.message}`, {
      cause: error,
    });
  }
}

function refusal(message: string, held: SourceKey): KeyProblem {
  const { key, expiresAt } = held;
  if (expiresAt !== null && /expired|unusable/i.test(message)) {
    return new KeyProblem(`${expiredText(held)}, and gpg refuses to sign by it (${message})`, {
      hint: `extend it with gpg --quick-set-expire ${held.primaryFingerprint} 2y, or name another`,
      about: "keyId",
      passing: false,
    });
  }
  if (/bad passphrase/i.test(message)) return wrongPassphrase(key);
  if (/no pinentry|cancel|no passphrase|timeout/i.test(message)) {
    return locked(key, `it is locked and no passphrase is set (gpg: ${message})`, {
      hint: `unlock the key in gpg-agent, or set ${PASSPHRASE}`,
      about: "passphrase",
    });
  }
  // Such as an agent that is being started again.
  return new KeyProblem(`gpg refused to sign: ${message}`, { passing: true });
}
