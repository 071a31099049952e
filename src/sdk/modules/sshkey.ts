// Sshkey: the module that finds SSH private keys, public keys and entries of authorized_keys.
import * as v from "valibot";
import { defineModule } from "./module.ts";
import { members, texts, whole } from "./rules.ts";

/** Where to look. Only files below 1 MiB with RSA or DSA keys are seen. */
export interface SshkeyParameters {
  /** @default /root and /home, on Windows c:\Users */
  readonly paths?: readonly string[] | undefined;
  /** Levels of directories, 0 to 1000. @default 0: eight */
  readonly maxdepth?: number | undefined;
}

/** A key, or an entry of an authorized_keys file. */
export interface SshkeyKey {
  /** "" when the key is encrypted, as the next one. */
  readonly fingerprint_md5: string;
  readonly fingerprint_sha256: string;
  readonly path: string;
  readonly encrypted: boolean;
  /** "private", "public" or "authorizedkeys". */
  readonly type: string;
}

/** The keys; null when there are none. */
export interface SshkeyElements {
  readonly keys: readonly SshkeyKey[] | null;
}

/** The sshkey module. @see modules/sshkey/sshkey.go `ValidateParameters` of the original */
export const sshkey = defineModule<SshkeyParameters, SshkeyElements, unknown>({
  module: "sshkey",
  parameters: members({
    paths: v.optional(texts()),
    maxdepth: v.optional(whole(0, 1_000)),
  }),
  elements: v.looseObject({
    keys: v.nullable(
      v.array(
        v.looseObject({
          fingerprint_md5: v.string(),
          fingerprint_sha256: v.string(),
          path: v.string(),
          encrypted: v.boolean(),
          type: v.string(),
        }),
      ),
    ),
  }),
  statistics: v.unknown(),
});
