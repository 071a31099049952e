// Gnupg: GnuPG homes for tests, each in a folder of its own, and programs that stand in for gpg.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The environment of gpg in tests. */
export const GPG_ENVIRONMENT = { PATH: process.env.PATH, HOME: process.env.HOME };

/** True when this machine has gpg 2. Tests that need it say so when it is missing. */
export function hasGpg(): boolean {
  try {
    return execFileSync("gpg", ["--version"]).toString().startsWith("gpg (GnuPG) 2");
  } catch {
    return false;
  }
}

/** A folder that is removed when the test disposes of it, with the gpg-agent in it. */
export interface Folder extends Disposable {
  readonly path: string;
}

/** An empty folder with a short path: gpg-agent's socket must fit in 107 bytes. */
export function temporaryFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), "pgp-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A GnuPG 2 home with the secret keys of these ring files. */
export function gnupgHome(rings: readonly string[]): Folder {
  const { path } = temporaryFolder();
  execFileSync("gpg", ["--homedir", path, "--batch", "--quiet", "--import", ...rings], {
    env: GPG_ENVIRONMENT,
    stdio: "ignore",
  });
  return {
    path,
    [Symbol.dispose]() {
      execFileSync("gpgconf", ["--homedir", path, "--kill", "all"], { env: GPG_ENVIRONMENT });
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Puts a shell script named gpg into `folder`, and gives the environment that finds only it. */
export function standIn(folder: string, script: string): { PATH: string } {
  const path = join(folder, "gpg");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return { PATH: `${folder}:/bin:/usr/bin` };
}
