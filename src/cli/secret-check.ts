// Secret check: files that hold a secret and that every user of the host can read.
import type { ClientConfig } from "../config/client.ts";
import type { RunnerConfig } from "../config/runner.ts";
import { fileModeOf } from "../edge/files.ts";
import { RunnerError } from "../errors.ts";
import { shellWord } from "../lib/os/ownership.ts";
import type { Call } from "./verb.ts";

const OTHERS_READ = 0o004;

/** A mistake when the key file can be read by others. A folder is looked after by GnuPG itself. */
export async function readableMistakes(keyPath: string): Promise<readonly RunnerError[]> {
  return await mistakesOf("KEYRING", keyPath, "the private key in it");
}

/** The same for the secrets that are written into the configuration. */
export async function readableConfigs({
  client,
  runner,
  environment,
}: {
  readonly client: ClientConfig | null;
  readonly runner: RunnerConfig | null;
} & Pick<Call, "environment">): Promise<readonly RunnerError[]> {
  const passphrase = runner?.client.passphrase?.reveal() ?? "";
  const file = runner?.client.passphraseFile ?? null;
  const isWritten = passphrase !== "" && passphrase !== environment.MIGPGPPASSPHRASE;
  const written = isWritten ? (file ?? runner?.path ?? null) : null;
  const inUrl = passwordOf(runner?.cluster?.url.reveal() ?? "");
  const apiKey = client?.gpg.useApiKeyAuth ?? null;
  const found = await Promise.all([
    written === null ? [] : mistakesOf("CONFIG", written, "the passphrase in it"),
    inUrl !== "" && runner !== null
      ? mistakesOf("CONFIG", runner.path, "the password of the cluster in it")
      : [],
    client !== null && apiKey !== null
      ? mistakesOf("CONFIG", client.clientPath, "the API key in it")
      : [],
  ]);
  return found.flat();
}

function passwordOf(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? "" : ((parsed.password || parsed.searchParams.get("password")) ?? "");
}

/** A mistake when every user of the host can read a file. @param what Is in it. */
export async function mistakesOf(
  code: "CONFIG" | "KEYRING" | "STORE",
  path: string,
  what: string,
): Promise<readonly RunnerError[]> {
  const mode = await fileModeOf(path);
  if (mode === null || (mode & OTHERS_READ) === 0) return [];
  const bits = mode.toString(8).padStart(4, "0");
  const message = `every user of this host can read ${what} (mode ${bits})`;
  return [new RunnerError(code, message, { path, hint: `chmod 600 ${shellWord(path)}` })];
}
