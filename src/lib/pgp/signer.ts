// Signer: from a folder of keys and a key id to the function that signs for MIG.
//
//   home ─▶ secring.gpg │ key file │ GnuPG 2 home ─▶ chosen key ─▶ unlocked, proven ─▶ Signer
//
// Owns:     where keys are looked for, in which order, and what is said when it fails.
// Not here: formats (keyring.ts, signature.ts), protection (unlock.ts), gpg (gnupg.ts).
//
// Nothing here prompts but gpg-agent, where it is allowed to; nothing waits without a limit.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Instant, Milliseconds } from "../../time.ts";
import { findFlaw, firstFlawIn } from "../os/ownership.ts";
import type { Signer } from "../ports.ts";
import { loadGnupgHome } from "./gnupg.ts";
import { asRunnerError, type KeyPlaces, KeyProblem } from "./problem.ts";
import type { Environment } from "./program.ts";
import { distrusted, loadRing } from "./ring.ts";
import { chooseKey, describeKey, expiredText, type KeySource, notFound } from "./source.ts";

/** A text that must not be printed. */
export interface Revealable {
  reveal(): string;
}

export interface KeyringOptions {
  /** A folder with secring.gpg, a GnuPG 2 home, or a file with a secret key. */
  readonly home: string;
  readonly clock: { now(): Instant };
  readonly environment: Environment;
  /** How long one call of gpg may take. @default 30 seconds, or 5 minutes where it may ask */
  readonly gpgTimeoutMs?: Milliseconds;
  /**
   * Whether gpg-agent may ask a person, who sits there, for a passphrase or the PIN of a card.
   * @default false
   */
  readonly mayAsk?: boolean;
}

export interface SignerOptions extends KeyringOptions {
  /** Which key: see matchKeys() in source.ts for its forms. */
  readonly keyId: string;
  /** Null when none is configured. */
  readonly passphrase: Revealable | null;
  /** Where key id and passphrase are set, for messages. @default the home */
  readonly places?: KeyPlaces;
}

/** A signer, and what the API will think of it. */
export interface OpenedSigner extends Signer {
  /** Whose subkey it is; its own fingerprint when it is a primary key. */
  readonly primaryFingerprint: string;
  /** Why the MIG API refuses this key's signatures, or null. `check` refuses such a key. */
  readonly problem: string | null;
  /** What to do about the problem, or null. */
  readonly advice: string | null;
  /** That the key has expired, or null. The API and the agents of MIG do not look at that. */
  readonly expired: string | null;
  /** The file or folder that holds the key. */
  readonly path: string;
}

/**
 * Finds, unlocks and proves the key `keyId`.
 *
 * Every key that the original signs by is accepted, also one that the API then refuses (its flags
 * allow certifying only): `problem` says so.
 *
 * @throws {RunnerError} KEYRING, `Cannot sign with key "<id>": <reason>`.
 * @see pgp/sign.go `Sign`; test/golden/keyrings.
 */
export async function openSigner(options: SignerOptions): Promise<OpenedSigner> {
  const { keyId, home, clock, places = {} } = options;
  const where = { purpose: `sign with key "${keyId}"`, places };
  const opened = await asRunnerError({ ...where, path: home }, () => openKey(options));
  const { key, sign, path } = opened;
  const { fingerprint, primaryFingerprint, problem, advice, expiresAt } = key;
  const expired = expiresAt !== null && expiresAt <= clock.now() ? expiredText(key) : null;
  return {
    fingerprint,
    primaryFingerprint,
    problem,
    advice,
    expired,
    path,
    sign: (text) => asRunnerError({ ...where, path }, () => sign(text)),
  };
}

async function openKey({ keyId, passphrase, ...options }: SignerOptions) {
  const looked: KeySource[] = [];
  for await (const source of keySources(options)) {
    looked.push(source);
    const key = chooseKey(keyId, source);
    if (key === null) continue;
    if (!key.canSign) {
      const { problem, advice } = key;
      throw new KeyProblem(problem ?? `${describeKey(key)} cannot sign`, {
        ...(advice === null ? {} : { hint: advice }),
        about: "keyId",
      });
    }
    const secret = passphrase?.reveal() ?? "";
    const sign = await source.open(key, secret === "" ? null : secret);
    return { key, sign, path: source.path };
  }
  throw notFound(keyId, looked);
}

/** How long a person may take to find a card and type its PIN. */
const ASKING_MS: Milliseconds = 300_000;

/** The sources of a home, each loaded when it is asked for. */
export async function* keySources(options: KeyringOptions): AsyncGenerator<KeySource> {
  const { home, clock, environment, mayAsk = false } = options;
  const timeoutMs = options.gpgTimeoutMs ?? (mayAsk ? ASKING_MS : undefined);
  const kind = await kindOf(home);
  if (kind === null) throw new KeyProblem(`there is no file or folder ${home}`);
  if (kind === "file") {
    yield await loadRing(home, clock);
    return;
  }
  const ring = join(home, "secring.gpg");
  const hasRing = (await kindOf(ring)) !== null;
  if (hasRing) yield await loadRing(ring, clock);
  const flaw = findFlaw(home) ?? firstFlawIn(home);
  if (flaw !== null) throw distrusted(home, flaw);
  const marks = ["private-keys-v1.d", "pubring.kbx"].map((name) => kindOf(join(home, name)));
  if ((await Promise.all(marks)).some((mark) => mark !== null)) {
    const limit = timeoutMs === undefined ? {} : { timeoutMs };
    const gnupg = { home, environment, mayAsk, ...limit };
    yield await loadGnupgHome(gnupg).catch((error: unknown) => {
      // Without a ring beside it this is the reason; with one, the ring may have the key.
      if (!hasRing || !(error instanceof KeyProblem)) throw error;
      return emptySource(home, error.message);
    });
  } else if (!hasRing) {
    throw new KeyProblem(`there are no secret keys in ${home}`, {
      hint: `put secring.gpg or a GnuPG 2 home there, or set home to a file with the key`,
    });
  }
}

function emptySource(path: string, damage: string): KeySource {
  const open = () => Promise.reject(new KeyProblem(damage));
  return { kind: "gnupg", path, keys: [], damage, open };
}

async function kindOf(path: string): Promise<"file" | "folder" | null> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : null;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KeyProblem(`${path} cannot be read: ${why}`, { cause });
  }
}
