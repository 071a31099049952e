// Results: the section [results] of runner.cfg: where results are kept, when not in the runner
// directory: a folder that hosts share, or a bucket of an S3 service.
import { posix } from "node:path";
import { RUNNER_KEYS } from "./keys.ts";
import {
  noteMistake,
  type PlaceInFile,
  placeOf,
  type Resolver,
  settingOf,
  textOf,
} from "./resolve.ts";
import { Secret, STORE_VARIABLES } from "./secret.ts";

/** Where results are kept. */
export type StoreConfig = FolderConfig | BucketConfig;

/** A folder that all hosts have under this path. */
export interface FolderConfig {
  readonly kind: "folder";
  readonly path: string;
  /** Where it is set, for messages. */
  readonly place: PlaceInFile;
}

/** A bucket of an S3 service. */
export interface BucketConfig {
  readonly kind: "bucket";
  readonly bucket: string;
  /** What the names of all objects begin with; "" or without a slash at its ends. */
  readonly prefix: string;
  /** Of the service, without the bucket. */
  readonly endpoint: string;
  readonly region: string;
  /** The file with the keys; null: they are in the environment. */
  readonly credentialsFile: string | null;
  /** Those of the environment; null when one of them is not set. */
  readonly keys: { readonly accessKey: string; readonly secretKey: Secret } | null;
  readonly place: PlaceInFile;
  readonly credentialsPlace: PlaceInFile;
}

const STORE = ["results", "store"] as const;

/** As services have them: letters, digits, dots and dashes. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** The section [results]; null: they are in the runner directory. */
export function storeOf(
  resolver: Resolver,
  environment: Readonly<Record<string, string | undefined>>,
): StoreConfig | null {
  const store = textOf(resolver, STORE);
  const keys = ["endpoint", "region", "credentials"] as const;
  const others = keys.find((key) => settingOf(resolver, ["results", key]) !== null);
  if (store === null || !store.startsWith("s3:")) {
    if (others !== undefined) {
      const message = `Cannot use [results] ${others}: store is not set to a bucket`;
      const hint = "Set [results] store, such as s3://mig-results/site-a";
      noteMistake(resolver, ["results", others], { message, hint });
    }
    return store === null ? null : folderOf(resolver, store);
  }
  return bucketOf(resolver, store, environment);
}

function folderOf(resolver: Resolver, store: string): FolderConfig | null {
  const path = store.startsWith("file://") ? store.slice("file://".length) : store;
  if (posix.isAbsolute(path)) {
    return { kind: "folder", path: posix.resolve(path), place: placeOf(resolver, STORE) };
  }
  noteMistake(resolver, STORE, {
    message: `Cannot keep results in "${store}": it is neither a bucket nor an absolute path`,
    hint: "Write s3://BUCKET/PREFIX, or the path of a folder, such as /mnt/shared/results",
  });
  return null;
}

function bucketOf(
  resolver: Resolver,
  store: string,
  environment: Readonly<Record<string, string | undefined>>,
): BucketConfig | null {
  const [, bucket = "", prefix = ""] = /^s3:\/\/([^/]*)(?:\/+(.*?))?\/*$/.exec(store) ?? [];
  if (
    !BUCKET.test(bucket) ||
    !/^[A-Za-z0-9._/-]*$/.test(prefix) ||
    /\/\/|(^|\/)\.+(\/|$)/.test(prefix)
  ) {
    noteMistake(resolver, STORE, {
      message: `Cannot keep results in "${store}": it is no bucket with a prefix`,
      hint: "It is like s3://mig-results/site-a, of letters, digits, dots and dashes",
    });
    return null;
  }
  const region = regionOf(resolver);
  const [access = "", secret = ""] = STORE_VARIABLES.map((name) => environment[name]);
  const isSet = access !== "" && secret !== "";
  const credentialsFile = credentialsFileOf(resolver, environment);
  if (credentialsFile === null && isSet && (environment.AWS_SESSION_TOKEN ?? "") !== "") {
    const message =
      "Cannot use the keys in the environment: AWS_SESSION_TOKEN says they are temporary";
    const hint = "use keys without a session token, or set credentials to a file with some";
    noteMistake(resolver, STORE, { message, hint });
  }
  return {
    kind: "bucket",
    bucket,
    prefix,
    region,
    endpoint: endpointOf(resolver, region),
    credentialsFile,
    keys: isSet ? { accessKey: access, secretKey: new Secret(secret) } : null,
    place: placeOf(resolver, STORE),
    credentialsPlace: placeOf(resolver, ["results", "credentials"]),
  };
}

function regionOf(resolver: Resolver): string {
  const key = ["results", "region"] as const;
  const region = textOf(resolver, key) ?? RUNNER_KEYS.results.region.default;
  if (!/^[A-Za-z0-9-]+$/.test(region)) {
    noteMistake(resolver, key, {
      message: `Cannot use [results] region "${region}": it is no name of a region`,
      hint: "It is like eu-central-1, of letters, digits and dashes",
    });
  }
  return region;
}

function endpointOf(resolver: Resolver, region: string): string {
  const key = ["results", "endpoint"] as const;
  const endpoint = textOf(resolver, key);
  if (endpoint === null) return `https://s3.${region}.amazonaws.com`;
  const url = URL.parse(endpoint);
  const isPlain =
    url !== null && url.search === "" && url.hash === "" && `${url.username}${url.password}` === "";
  if (!isPlain || !/^https?:$/.test(url.protocol)) {
    noteMistake(resolver, key, {
      // Not the whole: it may hold a password.
      message: `Cannot use [results] endpoint "${url?.host ?? ""}": it is no plain http or https URL`,
      hint: "It is the service without the bucket, such as https://minio.example.com:9000",
    });
  }
  return endpoint.replace(/\/+$/, "");
}

/** A name without a path is a credential of the service manager. */
function credentialsFileOf(
  resolver: Resolver,
  environment: Readonly<Record<string, string | undefined>>,
): string | null {
  const key = ["results", "credentials"] as const;
  const file = textOf(resolver, key);
  if (file === null || posix.isAbsolute(file)) return file;
  const folder = environment.CREDENTIALS_DIRECTORY ?? "";
  if (folder !== "" && !file.includes("/")) return posix.join(folder, file);
  noteMistake(resolver, key, {
    message: `Cannot read the keys of the store: "${file}" is no path, and there are no credentials`,
    hint: "Write a path that begins with a slash, or give the unit LoadCredential=",
  });
  return null;
}
