// Public: the public keys of a home, for who must verify what its owner signs (the sandbox).
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { errnoCode, errnoText } from "../os/errno.ts";
import { readRegular } from "../os/read.ts";
import { asRunnerError, KeyProblem } from "./problem.ts";
import { type GnupgHome, runGpg } from "./program.ts";
import { RING_SIZE_MAX } from "./ring.ts";

/** A key ring, armored or binary, of public or secret keys. */
export interface RingFile {
  /** The file or folder that it comes from. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * The keys of a home: its secring.gpg, or all that gpg exports, or the home itself when it is a
 * file with a key.
 *
 * @throws {RunnerError} KEYRING, `Cannot read keys of "<home>": <reason>`.
 */
export async function loadPublicRing(gnupg: GnupgHome): Promise<RingFile> {
  const { home } = gnupg;
  return await asRunnerError({ purpose: `read keys of "${home}"`, path: home }, async () => {
    const path = (await isFolder(home)) ? join(home, "secring.gpg") : home;
    const bytes = await readOrNull(path);
    if (bytes !== null) return { path, bytes };
    const exported = await runGpg(gnupg, { args: ["--export"], input: new Uint8Array() });
    if (exported.output.length > 0) return { path: join(home, "pubring"), bytes: exported.output };
    throw new KeyProblem(`there are none: ${exported.message}`);
  });
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw new KeyProblem(errnoText(cause), { cause });
  }
}

async function readOrNull(path: string): Promise<Uint8Array | null> {
  try {
    return readRegular(path, { sizeMax: RING_SIZE_MAX });
  } catch (cause) {
    if (errnoCode(cause) === "ENOENT") return null;
    throw new KeyProblem(errnoText(cause), { cause });
  }
}
