// Client keys: every section and key of .migrc (and its .toml form), once, as keys.ts has those of
// runner.cfg.
//
// A new key is one line here and one in the type that holds its value (client.ts).
import { original, type SectionKeys, text } from "./key.ts";

/**
 * .migrc, or a client configuration in TOML.
 *
 * @see client/client.go `Configuration`; test/golden/gcfg.
 */
export const CLIENT_KEYS = {
  api: {
    url: {
      ...text,
      since: original,
      unset: "must be set",
      about:
        "of the MIG API, such as `https://mig.example.net/api/v1/`. Where it redirects to another " +
        "scheme, host or port, write that one: no token and no key goes there",
    },
    skipverifycert: {
      kind: "flag",
      default: false,
      since: original,
      unset: "false",
      about:
        "accepts any certificate. Else it must be signed by an authority that this host trusts " +
        "(`SSL_CERT_FILE` names others) and name the host in subjectAltName; its common name does " +
        "not count",
    },
  },
  gpg: {
    home: {
      ...text,
      since: original,
      unset: "`$GNUPGHOME`, `~/.gnupg`",
      about: "a directory with `secring.gpg`, a GnuPG 2 home, or a key file",
    },
    keyid: {
      ...text,
      since: original,
      unset: "must be set",
      about: "fingerprint, key id or e-mail of the signing key, if only one has it",
    },
    signers: {
      kind: "list",
      since: "0.1",
      unset: "`keyid`",
      about:
        "may be repeated: each action is signed by these keys, in this order, with the passphrase of " +
        "`[client]`; `keyid` goes on to prove who this host is. docs/trust.md",
    },
    useapikeyauth: {
      ...text,
      since: original,
      unset: "",
      about: "an API key; actions are signed all the same",
    },
    keyserver: {
      ...text,
      since: original,
      unset: "",
      about: "accepted, not used",
    },
  },
  targets: {
    macro: {
      kind: "list",
      since: original,
      unset: "",
      about: "`name:condition`, may be repeated",
    },
  },
} as const satisfies Readonly<Record<string, SectionKeys>>;
