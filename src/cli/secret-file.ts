// Secret file: reads what only its owner may know: a token, a private key.
import { fileModeOf, readBytes } from "../edge/files.ts";
import { messageOf, RunnerError } from "../errors.ts";
import { distrust, findFlaw, shellWord } from "../lib/os/ownership.ts";

/** Others may neither read nor write it; a group may read it, as systemd's credentials are. */
const OTHERS = 0o007;

/**
 * @param what.thing How messages call it.
 * @param what.make The command that makes one.
 * @throws {RunnerError} CONFIG, when it cannot be read, or others can read or write it.
 */
export async function readSecret(
  path: string,
  { thing, make }: { readonly thing: string; readonly make: string },
): Promise<Uint8Array> {
  const attempt = `Cannot take the ${thing} in "${path}"`;
  const refuse = (state: string, hint: string): RunnerError =>
    new RunnerError("CONFIG", `${attempt}: ${state}`, { path, hint });
  const mode = await fileModeOf(path);
  if (mode === null) throw refuse("there is no such file", make);
  const flaw = findFlaw(path);
  if (flaw !== null) throw distrust({ code: "CONFIG", thing, path }, flaw);
  if ((mode & OTHERS) !== 0) {
    const bits = mode.toString(8).padStart(4, "0");
    const state = `every user of this host can read it (mode ${bits})`;
    throw refuse(state, `chmod 600 ${shellWord(path)}`);
  }
  return await readBytes(path).catch((error: unknown) => {
    throw refuse(messageOf(error), make);
  });
}
