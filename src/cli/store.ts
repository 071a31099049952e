// Store: the bucket that a configuration means, opened. Loaded only where there is one.
import type { BucketConfig } from "../config/results.ts";
import { readBytes } from "../edge/files.ts";
import { Bucket } from "../edge/results/bucket.ts";
import { Copies } from "../edge/results/copies.ts";
import { type Credentials, Objects } from "../edge/results/objects.ts";
import { RunnerError } from "../errors.ts";
import { openHttp } from "../lib/http/client.ts";
import { errnoText } from "../lib/os/errno.ts";
import type { Clock, Random } from "../lib/ports.ts";
import { MINUTE_MS, SECOND_MS } from "../time.ts";
import type { Call } from "./verb.ts";

/** What opening a bucket needs. */
export interface StoreOptions extends Pick<Call, "environment"> {
  readonly config: { readonly directory: string; readonly store: BucketConfig };
  readonly clock: Clock;
  readonly random: Random;
  /** How often a request is tried at the most. @default as long as nobody waits for it */
  readonly attemptsMax?: number;
}

/** A bucket that is open. */
export interface OpenedStore {
  readonly bucket: Bucket;
  close(): Promise<void>;
}

/** Opens the bucket. Nothing is asked of it yet. */
export function openStore(options: StoreOptions): OpenedStore {
  const { config, clock, random, environment, attemptsMax } = options;
  const { directory, store } = config;
  const http = openHttp({
    skipVerifyCert: false,
    environment,
    connectTimeoutMs: 10 * SECOND_MS,
    // A part that is sent has left by then, over a line of one megabit a second.
    headersTimeoutMs: 2 * MINUTE_MS,
    idleTimeoutMs: MINUTE_MS,
    exchangeTimeoutMs: 5 * MINUTE_MS,
    connectionsMax: 16,
  });
  const { bucket, endpoint, prefix, region } = store;
  const objects = new Objects({
    bucket,
    endpoint,
    region,
    http,
    clock,
    random,
    ...(attemptsMax === undefined ? {} : { attemptsMax }),
    credentials: () => readCredentials(store),
  });
  const copies = new Copies({ directory });
  return {
    bucket: new Bucket({ bucket, prefix, objects, copies }),
    async close() {
      http.close();
      await copies.close();
    },
  };
}

/** @throws {RunnerError} STORE: there are none. */
export async function readCredentials(store: BucketConfig): Promise<Credentials> {
  const { credentialsFile: path, keys, credentialsPlace } = store;
  if (path === null) {
    if (keys !== null) return { accessKey: keys.accessKey, secretKey: keys.secretKey.reveal() };
    const message = "Cannot use the store of results: there are no keys for it";
    const hint = "set credentials in [results], or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    throw new RunnerError("STORE", message, { ...store.place, hint });
  }
  let text: string;
  try {
    text = new TextDecoder().decode(await readBytes(path));
  } catch (cause) {
    const message = `Cannot read the keys of the store "${path}": ${errnoText(cause)}`;
    throw new RunnerError("STORE", message, { ...credentialsPlace }, { cause });
  }
  return credentialsIn(text, path);
}

/** The keys in the first section of a file in the form of `~/.aws/credentials`. */
function credentialsIn(text: string, path: string): Credentials {
  const values = new Map<string, string>();
  let sections = 0;
  for (const line of text.split("\n")) {
    const [, name, value] = /^\s*([A-Za-z_]+)\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (/^\s*\[/.test(line) && (++sections > 1 || values.size > 0)) break;
    if (name !== undefined && value !== undefined) values.set(name.toLowerCase(), value);
  }
  const accessKey = values.get("aws_access_key_id");
  const secretKey = values.get("aws_secret_access_key");
  const hint = "it has the lines aws_access_key_id = ... and aws_secret_access_key = ...";
  if (accessKey === undefined || secretKey === undefined) {
    const missing = accessKey === undefined ? "aws_access_key_id" : "aws_secret_access_key";
    const message = `Cannot use the keys of the store "${path}": there is no ${missing}`;
    throw new RunnerError("STORE", message, { path, hint });
  }
  if (values.has("aws_session_token")) {
    const message = `Cannot use the keys of the store "${path}": they are temporary ones`;
    throw new RunnerError("STORE", message, { path, hint: "use keys without a session token" });
  }
  return { accessKey, secretKey };
}
