// Names: certificates in test/fixtures/tls/names.json, and which hosts they are for. Right is what
// `VerifyHostname` and `Verify` of Go 1.19 say; its rules are written down beside each group.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

interface Fixture {
  /** The authority that all of them come from. */
  readonly authority: string;
  /** Of each of them. */
  readonly key: string;
  /** By name, each with the authorities between it and the first. */
  readonly certificates: Readonly<Record<string, string>>;
}

/** The certificates. */
export const NAMED = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../fixtures/tls/names.json"), "utf8"),
) as Fixture;

/** A certificate, a host, and whether a client that means the host may take the certificate. */
export type NameCase = readonly [certificate: string, host: string, isMeant: boolean];

/** What can be told from the certificate alone. */
export const NAME_CASES: readonly NameCase[] = [
  // A DNS name counts in any case, with or without a dot at the end of the host.
  ["name", "localhost", true],
  ["name", "LOCALHOST", true],
  ["name", "localhost.", true],
  ["name", "localhost..", false],
  ["name", "xlocalhost", false],
  ["name", "local", false],
  ["upper", "localhost", true],
  // The common name counts never, whatever other names there are.
  ["common", "localhost", false],
  ["common-address", "localhost", false],
  ["common-email", "localhost", false],
  ["common-uri", "localhost", false],
  ["common-other", "localhost", false],
  ["common-directory", "localhost", false],
  ["common-empty", "localhost", false],
  ["common-name", "localhost", false],
  ["common-name", "other.example", true],
  ["two-commons", "localhost", false],
  ["star-email", "a.example.test", false],
  // An address is for an address only, and a name for a name.
  ["address", "127.0.0.1", true],
  ["address", "127.0.0.2", false],
  ["address", "::ffff:7f00:1", true],
  ["address-mapped", "127.0.0.1", true],
  ["address6", "::1", true],
  ["address6", "::2", false],
  ["address-as-name", "127.0.0.1", false],
  ["address-common", "127.0.0.1", false],
  ["address", "localhost", false],
  ["name", "127.0.0.1", false],
  ["address-short", "127.0.0.1", false],
  // A star is one whole label, the first.
  ["star", "a.example.test", true],
  ["star", "A.EXAMPLE.test.", true],
  ["star", "a.b.example.test", false],
  ["star", "example.test", false],
  ["star", ".example.test", false],
  // What is no name of a host is compared as it is.
  ["star", "*.example.test", true],
  ["star", "a b.example.test", false],
  ["star-alone", "localhost", true],
  ["star-alone", "a.test", false],
  ["star-part", "api.example.test", false],
  ["star-middle", "a.b.test", false],
  ["star-twice", "a.b.test", false],
  // A dot at the end of a certificate's name makes it a name that is compared as it is.
  ["dot", "localhost", false],
  ["dot", "localhost.", true],
  ["underscore", "a_b.example.test", true],
  // One name is one name, whatever is in it.
  ["comma", "localhost", false],
  ["comma-blank", "localhost", false],
  ["nul", "localhost", false],
  ["nul-behind", "localhost", false],
  ["empty-name", "localhost", false],
  ["empty-name", "", false],
  // A name that is not ASCII spoils the certificate.
  ["latin", "localhost", false],
];

/** What the chain makes of a certificate for localhost. */
export const CHAIN_CASES: readonly NameCase[] = [
  ["by-middle", "localhost", true],
  ["by-middle-expired", "localhost", false],
  ["by-middle-sha1", "localhost", false],
  ["by-no-authority", "localhost", false],
  ["by-constrained", "localhost", false],
  ["sha1", "localhost", false],
  ["client", "localhost", false],
];
