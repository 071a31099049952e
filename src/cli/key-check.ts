// Key check: whether the investigator's key can sign, and whether the API takes its signatures.
import type { ClientConfig } from "../config/client.ts";
import type { RunnerConfig } from "../config/runner.ts";
import { systemClock } from "../edge/clock.ts";
import { RunnerError } from "../errors.ts";
import type { Gathering } from "./findings.ts";
import { errorsOf } from "./jobs.ts";
import type { Call } from "./verb.ts";

/** Opens the key as the daemon would: finds, unlocks and proves it. */
export async function checkKey(
  { mistakes }: Gathering,
  setup: {
    readonly client: ClientConfig;
    /** For the passphrase; null when runner.cfg cannot be read. */
    readonly runner: RunnerConfig | null;
  } & Pick<Call, "environment">,
): Promise<void> {
  const { client, runner, environment } = setup;
  const { home, keyId } = client.gpg;
  if (keyId === "") {
    const message = "Cannot sign: [gpg] keyid is not set";
    const hint = "set it to the fingerprint that gpg --list-secret-keys shows";
    mistakes.push(new RunnerError("KEYRING", message, { path: client.clientPath, hint }));
    return;
  }
  try {
    const { openSigner } = await import("../edge/pgp/signer.ts");
    const passphrase = runner?.client.passphrase ?? null;
    const options = { home, keyId, passphrase, clock: systemClock(), environment };
    const { path, problem, advice } = await openSigner(options);
    if (problem === null) return;
    const detail = { path, ...(advice === null ? {} : { hint: advice }) };
    mistakes.push(
      new RunnerError("KEYRING", `Cannot sign with key "${keyId}": ${problem}`, detail),
    );
  } catch (error) {
    mistakes.push(...errorsOf(error));
  }
}
