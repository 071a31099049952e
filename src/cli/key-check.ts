// Key check: whether the investigator's key can sign, and whether the API takes its signatures.
import type { ClientConfig } from "../config/client.ts";
import type { RunnerConfig } from "../config/runner.ts";
import { systemClock } from "../edge/clock.ts";
import { describeError, RunnerError } from "../errors.ts";
import type { Gathering } from "./findings.ts";
import { errorsOf } from "./jobs.ts";
import { readableMistakes } from "./secret-check.ts";
import type { Call } from "./verb.ts";

/** Opens the key as the daemon would: finds, unlocks and proves it. */
export async function checkKey(
  { mistakes, warnings }: Gathering,
  setup: {
    readonly client: ClientConfig;
    /** For the passphrase; null when runner.cfg cannot be read. */
    readonly runner: RunnerConfig | null;
  } & Pick<Call, "environment">,
): Promise<void> {
  const { client, runner, environment } = setup;
  const { home, keyId, keyIdPlace } = client.gpg;
  if (keyId === "") {
    const message = "Cannot sign: [gpg] keyid is not set";
    const hint = "set it to the fingerprint that gpg --list-secret-keys shows";
    mistakes.push(new RunnerError("KEYRING", message, { ...keyIdPlace, hint }));
    return;
  }
  try {
    const { openSigner } = await import("../lib/pgp/signer.ts");
    const { passphrase = null, passphrasePlace = {} } = runner?.client ?? {};
    const places = { keyId: keyIdPlace, passphrase: passphrasePlace };
    const options = { home, keyId, passphrase, places, clock: systemClock(), environment };
    const { path, problem, advice, expired } = await openSigner(options);
    mistakes.push(...(await readableMistakes(path)));
    if (expired !== null) {
      const text = `${expired} (MIG takes its signatures all the same)`;
      warnings.push(describeError(new RunnerError("KEYRING", text, keyIdPlace)));
    }
    if (problem === null) return;
    const detail = { ...keyIdPlace, ...(advice === null ? {} : { hint: advice }) };
    mistakes.push(
      new RunnerError("KEYRING", `Cannot sign with key "${keyId}": ${problem}`, detail),
    );
  } catch (error) {
    mistakes.push(...errorsOf(error));
  }
}
