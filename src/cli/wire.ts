// Wire: the way to the API that a configuration means: HTTP client, key, tokens.
import type { ClientConfig } from "../config/client.ts";
import type { PlaceInFile } from "../config/resolve.ts";
import type { RunnerConfig } from "../config/runner.ts";
import { RunnerError } from "../errors.ts";
import type { HttpOptions } from "../lib/http/client.ts";
import type { Clock, Http, Signer } from "../lib/ports.ts";
import { type ApiProbe, type MigApi, openApi } from "../mig/api.ts";
import { firstNonce } from "../mig/token.ts";
import { HOUR_MS } from "../time.ts";
import type { Call } from "./verb.ts";

/** One page of a very large result may take this long, as long as it never stands still. */
const EXCHANGE_TIMEOUT_MS = HOUR_MS;

/** What a wire is made of. */
export interface WireOptions extends Pick<Call, "environment"> {
  readonly config: Pick<RunnerConfig, "client"> & Pick<ClientConfig, "api" | "gpg">;
  readonly clock: Clock;
  /** Sees each answer of the API. @default nobody does */
  readonly seen?: (answer: Awaited<ReturnType<Http["send"]>>) => void;
}

/** A key that is opened when it is first needed. */
export interface LazySigner extends Pick<Signer, "sign"> {
  /** Opens it now. Rejects with RunnerError KEYRING. */
  open(): Promise<void>;
  /** Null before it was opened. */
  fingerprint(): string | null;
  /** That of the key that it is a part of, which people know it by; null before it was opened. */
  primaryFingerprint(): string | null;
}

/** The way to one API. */
export interface Wire {
  readonly api: MigApi & ApiProbe;
  /** Each signs every action, the first of them first. */
  readonly signers: readonly [LazySigner, ...LazySigner[]];
  /** Opens all keys now. Rejects with RunnerError KEYRING. */
  openKeys(): Promise<void>;
  close(): void;
}

/** Opens the way to the API. Neither the key is read nor anything sent yet. */
export function openWire({ config, clock, environment, seen }: WireOptions): Wire {
  const { client, api, gpg } = config;
  const keyOf = (keyId: string, place: PlaceInFile): LazySigner =>
    lazySigner({ config, clock, environment }, { keyId, place });
  const signer = keyOf(gpg.keyId, gpg.keyIdPlace);
  // One that proves this host and signs is opened once.
  const keys = gpg.signers.map((keyId) =>
    keyId === gpg.keyId ? signer : keyOf(keyId, gpg.signersPlace),
  );
  const openSigners = (): Promise<void> => openDistinct(keys, gpg.signersPlace);
  const [first = signer, ...others] = keys.map((key) => ({
    ...key,
    async sign(text: Uint8Array) {
      await openSigners();
      return await key.sign(text);
    },
  }));
  const http = lazyHttp({
    skipVerifyCert: api.skipVerifyCert,
    environment,
    connectTimeoutMs: client.timeoutMs,
    headersTimeoutMs: client.timeoutMs,
    idleTimeoutMs: client.timeoutMs,
    exchangeTimeoutMs: EXCHANGE_TIMEOUT_MS,
    connectionsMax: client.collectsMax + client.dispatchesMax,
  });
  let nonce = firstNonce(clock.now());
  const migApi = openApi({
    http: seen === undefined ? http : watched(http, seen),
    clock,
    url: api.url,
    nonce: () => nonce++,
    signer,
    keyName: () => signer.fingerprint() ?? gpg.keyId,
    apiKey: gpg.useApiKeyAuth,
  });
  return {
    api: migApi,
    signers: [first, ...others],
    async openKeys() {
      if (gpg.useApiKeyAuth === null) await signer.open();
      await openSigners();
    },
    close: () => http.close(),
  };
}

/**
 * Opens the keys that sign. A key has several names, and one that signs twice makes an action that
 * the API stores and no agent takes.
 *
 * @throws {RunnerError} KEYRING.
 */
async function openDistinct(keys: readonly LazySigner[], place: PlaceInFile): Promise<void> {
  const known = new Set<string>();
  for (const key of keys) {
    await key.open();
    const fingerprint = key.primaryFingerprint() ?? "";
    if (known.has(fingerprint)) throw listedTwice(fingerprint, place);
    known.add(fingerprint);
  }
}

/** The mistake of a key that is to sign twice. */
export function listedTwice(fingerprint: string, place: PlaceInFile): RunnerError {
  const message = `Cannot sign with [gpg] signers: the key ${fingerprint} is listed twice`;
  return new RunnerError("KEYRING", message, { ...place, hint: "List each key once, a line each" });
}

function watched(http: Http, seen: NonNullable<WireOptions["seen"]>): Pick<Http, "send"> {
  return {
    async send(request) {
      const answer = await http.send(request);
      seen(answer);
      return answer;
    },
  };
}

/** Loads the HTTP client at the first request: a pass in which nothing is due needs none. */
function lazyHttp(options: HttpOptions): Http {
  let opened: Promise<Http> | null = null;
  const open = async (): Promise<Http> => (await import("../lib/http/client.ts")).openHttp(options);
  return {
    async send(request) {
      opened ??= open();
      return await (await opened).send(request);
    },
    close() {
      void opened?.then((http) => http.close());
    },
  };
}

/** Opens the key at the first signature; a failure is tried again at the next one. */
function lazySigner(
  { config, clock, environment }: Omit<WireOptions, "seen">,
  { keyId, place }: { readonly keyId: string; readonly place: PlaceInFile },
): LazySigner {
  let opened: Promise<Signer> | null = null;
  let fingerprint: string | null = null;
  let primaryFingerprint: string | null = null;
  const open = async (): Promise<Signer> => {
    const { openSigner } = await import("../lib/pgp/signer.ts");
    const { home } = config.gpg;
    const { passphrase, passphrasePlace } = config.client;
    const places = { keyId: place, passphrase: passphrasePlace };
    const signer = await openSigner({ home, keyId, passphrase, places, clock, environment });
    ({ fingerprint, primaryFingerprint } = signer);
    return signer;
  };
  const shared = (): Promise<Signer> => {
    opened ??= open().catch((error: unknown) => {
      opened = null;
      throw error;
    });
    return opened;
  };
  return {
    async sign(text) {
      return await (await shared()).sign(text);
    },
    async open() {
      await shared();
    },
    fingerprint: () => fingerprint,
    primaryFingerprint: () => primaryFingerprint,
  };
}
