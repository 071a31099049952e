// Client: .migrc, or a client configuration in TOML, as the part of the configuration it holds.
import { posix } from "node:path";
import {
  flagOf,
  listOf,
  noteMistake,
  type PlaceInFile,
  placeOf,
  type Resolver,
  textOf,
} from "./resolve.ts";
import type { Environment } from "./runner.ts";
import { quoteGo } from "./scalars.ts";
import { Secret } from "./secret.ts";

/** GnuPG's default folder of keys, in $HOME. */
const GPG_HOME = ".gnupg";

/** What .migrc says. */
export interface ClientConfig {
  /** The file that it was read from. */
  readonly clientPath: string;
  readonly api: {
    /** With a slash at its end. */
    readonly url: string;
    /** True: any certificate is accepted. */
    readonly skipVerifyCert: boolean;
  };
  readonly gpg: {
    /** The directory that holds secring.gpg. */
    readonly home: string;
    /** `home` and secring.gpg. */
    readonly secringPath: string;
    /** As written; checked when the key is opened. Empty when it is not set. */
    readonly keyId: string;
    /** Where it is set, for messages. */
    readonly keyIdPlace: PlaceInFile;
    /** The keys that sign each action, in order; at least one, which is "" when none is set. */
    readonly signers: readonly string[];
    readonly signersPlace: PlaceInFile;
    /** Sent instead of a signed token. Null: tokens are used. Actions are signed either way. */
    readonly useApiKeyAuth: Secret | null;
  };
  /** Conditions by macro name. The last of one name wins. */
  readonly targets: ReadonlyMap<string, string>;
}

/** `$HOME`, or the home directory of the user when that is empty. */
export function homeOf(environment: Environment, homeDirectory: string): string {
  const home = environment.HOME ?? "";
  return home === "" ? homeDirectory : home;
}

/**
 * The configuration that a read .migrc makes. Pure; mistakes are noted in the resolver.
 *
 * Unlike the original, an absolute GNUPGHOME is taken as it is (there it is put behind $HOME), and
 * the home of the keyring has its default in API-key mode too.
 */
export function resolveClient(
  resolver: Resolver,
  { environment, home }: { readonly environment: Environment; readonly home: string },
): ClientConfig {
  const gpgHome = textOf(resolver, ["gpg", "home"]) ?? defaultGpgHome(environment, home);
  const apiKey = textOf(resolver, ["gpg", "useapikeyauth"]);
  const keyId = textOf(resolver, ["gpg", "keyid"]) ?? "";
  return {
    clientPath: resolver.file.path,
    api: { url: urlOf(resolver), skipVerifyCert: flagOf(resolver, ["api", "skipverifycert"]) },
    gpg: {
      home: gpgHome,
      secringPath: posix.join(gpgHome, "secring.gpg"),
      keyId,
      keyIdPlace: placeOf(resolver, ["gpg", "keyid"]),
      ...signersOf(resolver, keyId),
      useApiKeyAuth: apiKey === null ? null : new Secret(apiKey),
    },
    targets: macrosOf(resolver),
  };
}

/** Where GnuPG keeps its keys: `$GNUPGHOME`, else `.gnupg` in the home directory. */
export function defaultGpgHome(environment: Environment, home: string): string {
  const gnupgHome = environment.GNUPGHOME ?? "";
  if (gnupgHome === "") return posix.join(home, GPG_HOME);
  return posix.isAbsolute(gnupgHome) ? gnupgHome : posix.join(home, gnupgHome);
}

/** Whether an API can be asked by it. */
export function isHttpUrl(url: string): boolean {
  return /^https?:\/\/[^/]/i.test(url) && URL.canParse(url);
}

function urlOf(resolver: Resolver): string {
  const path = ["api", "url"] as const;
  const url = textOf(resolver, path) ?? "";
  const hint = "Set [api] url, for example http://localhost:1664/api/v1/";
  if (url.length < 2) {
    const message = `config API URL too short or undefined: len ${url.length}`;
    noteMistake(resolver, path, { message, hint, absence: url === "" });
  } else if (!isHttpUrl(url)) {
    // The address may hold a password, so it is not shown.
    noteMistake(resolver, path, {
      message: "Cannot use [api] url: it is not an http or https URL",
      hint,
    });
  }
  return url.endsWith("/") ? url : `${url}/`;
}

function signersOf(
  resolver: Resolver,
  keyId: string,
): Pick<ClientConfig["gpg"], "signers" | "signersPlace"> {
  const path = ["gpg", "signers"] as const;
  const listed = listOf(resolver, path);
  if (listed.length === 0) {
    return { signers: [keyId], signersPlace: placeOf(resolver, ["gpg", "keyid"]) };
  }
  if (new Set(listed).size !== listed.length) {
    // The API stores the action of a key that signs twice, and no agent takes it.
    const message = "Cannot use [gpg] signers: a key is listed twice";
    noteMistake(resolver, path, { message, hint: "List each key once, a line each" });
  }
  return { signers: listed, signersPlace: placeOf(resolver, path) };
}

function macrosOf(resolver: Resolver): ReadonlyMap<string, string> {
  const path = ["targets", "macro"] as const;
  const macros = new Map<string, string>();
  for (const macro of listOf(resolver, path)) {
    const colon = macro.indexOf(":");
    if (colon > 0) macros.set(macro.slice(0, colon), macro.slice(colon + 1));
    else {
      const message = `Invalid macro format: ${quoteGo(macro)}`;
      noteMistake(resolver, path, { message, hint: "Write macro = NAME:CONDITION" });
    }
  }
  return macros;
}
