// Keys: the recorded key rings, and a clock that stands where a recorded signature was made.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findFlawIfThere, firstFlawIn } from "../../src/lib/os/ownership.ts";
import { Cursor, parsePacket } from "../../src/lib/pgp/packets.ts";
import { parseSignature, type Signature } from "../../src/lib/pgp/signature.ts";
import { keySources } from "../../src/lib/pgp/signer.ts";
import type { Instant } from "../../src/time.ts";

const golden = new URL("../golden/keyrings/", import.meta.url);

/** Fingerprint of the recorded runner's key; it has no passphrase. */
export const RUNNER_KEY = "D35069ED9046944C204ED0AAB669E288E7530642";

/** Fingerprint of the recorded runner's second key, behind RUNNER_PASSPHRASE. */
export const LOCKED_KEY = "B4AF398F5023C283919CBB0C0C085125A1BD5B2C";

export const RUNNER_PASSPHRASE = "s3cret pass";

/** The lines of a recorded file. */
export function recorded<Line>(name: string): readonly Line[] {
  const text = readFileSync(new URL(name, golden), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** The folder of a recorded ring; without a name, that of the recorded runner. */
export function homeOf(ring?: string): string {
  const home = fileURLToPath(new URL(ring === undefined ? "keys" : `rings/${ring}`, golden));
  const flaw = findFlawIfThere(home) ?? firstFlawIn(home);
  return flaw === null ? home : copyOf(home);
}

/** Where the sources belong to another user than the tests: keys of others are refused. */
function copyOf(home: string): string {
  const copies = join(tmpdir(), `mig-runner-keys-${process.geteuid?.() ?? 0}`);
  mkdirSync(copies, { recursive: true, mode: 0o700 });
  const copy = join(copies, basename(home));
  if (existsSync(copy)) return copy;
  const fresh = mkdtempSync(`${copy}-`);
  for (const name of readdirSync(home)) {
    writeFileSync(join(fresh, name), readFileSync(join(home, name)));
  }
  try {
    renameSync(fresh, copy);
  } catch {
    // Another process of the tests was faster.
    rmSync(fresh, { recursive: true });
  }
  return copy;
}

/** The bytes of a recorded file. */
export function keyFile(path: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(path, golden)));
}

/** A signature line, read. */
export function readLine(line: string): Signature {
  const packet = Uint8Array.fromBase64(line.slice(0, line.lastIndexOf("=")));
  return parseSignature(parsePacket(new Cursor(packet)).body);
}

/** A clock that stands. */
export function clockAt(at: Instant): { now(): Instant } {
  return { now: () => at };
}

/** A secret as the configuration holds it; "" is none. */
export function secret(text: string): { reveal(): string } | null {
  return text === "" ? null : { reveal: () => text };
}

/** A text as bytes. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text));
}

/** All keys of a home, by their sources: what each is fit for, without the secrets. */
export async function listKeys(options: Parameters<typeof keySources>[0]) {
  const listings = [];
  for await (const { kind, path, keys, damage } of keySources(options)) {
    listings.push({ kind, path, damage, keys: keys.map(({ key: _, ...held }) => held) });
  }
  return listings;
}
