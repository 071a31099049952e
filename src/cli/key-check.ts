// Key check: whether the investigator's key can sign, and whether the API takes its signatures.
import type { ClientConfig } from "../config/client.ts";
import type { PlaceInFile } from "../config/resolve.ts";
import type { RunnerConfig } from "../config/runner.ts";
import { systemClock } from "../edge/clock.ts";
import { describeError, RunnerError } from "../errors.ts";
import type { Gathering } from "./findings.ts";
import { errorsOf } from "./jobs.ts";
import { readableMistakes } from "./secret-check.ts";
import type { Call } from "./verb.ts";
import { listedTwice } from "./wire.ts";

interface KeySetup extends Pick<Call, "environment"> {
  readonly client: ClientConfig;
  /** For the passphrase; null when runner.cfg cannot be read. */
  readonly runner: RunnerConfig | null;
}

/** Opens the keys as the daemon would: finds, unlocks and proves them. */
export async function checkKey(gathering: Gathering, setup: KeySetup): Promise<void> {
  const { mistakes } = gathering;
  const { keyId, keyIdPlace, signers, signersPlace, useApiKeyAuth } = setup.client.gpg;
  const isListed = !signers.includes(keyId);
  // With an API key and a list of its own nothing asks for it.
  if (keyId === "" && !(isListed && useApiKeyAuth !== null)) {
    const message = "Cannot sign: [gpg] keyid is not set";
    const hint = "set it to the fingerprint that gpg --list-secret-keys shows";
    mistakes.push(new RunnerError("KEYRING", message, { ...keyIdPlace, hint }));
    return;
  }
  const known = new Set<string>();
  for (const each of new Set([keyId, ...signers])) {
    if (each === "") continue;
    const place = each === keyId ? keyIdPlace : signersPlace;
    const fingerprint = await checkOne(gathering, setup, { keyId: each, place });
    if (fingerprint === null || !signers.includes(each)) continue;
    if (known.has(fingerprint)) mistakes.push(listedTwice(fingerprint, signersPlace));
    known.add(fingerprint);
  }
}

/** @returns What people know the key by; null when it cannot be opened. */
async function checkOne(
  { mistakes, warnings }: Gathering,
  { client, runner, environment }: KeySetup,
  { keyId, place }: { readonly keyId: string; readonly place: PlaceInFile },
): Promise<string | null> {
  try {
    const { home } = client.gpg;
    const { openSigner } = await import("../lib/pgp/signer.ts");
    const { passphrase = null, passphrasePlace = {} } = runner?.client ?? {};
    const places = { keyId: place, passphrase: passphrasePlace };
    const options = { home, keyId, passphrase, places, clock: systemClock(), environment };
    const { path, primaryFingerprint, problem, advice, expired } = await openSigner(options);
    mistakes.push(...(await readableMistakes(path)));
    if (expired !== null) {
      const text = `${expired} (MIG takes its signatures all the same)`;
      warnings.push(describeError(new RunnerError("KEYRING", text, place)));
    }
    if (problem === null) return primaryFingerprint;
    const detail = { ...place, ...(advice === null ? {} : { hint: advice }) };
    mistakes.push(
      new RunnerError("KEYRING", `Cannot sign with key "${keyId}": ${problem}`, detail),
    );
    return primaryFingerprint;
  } catch (error) {
    mistakes.push(...errorsOf(error));
    return null;
  }
}
