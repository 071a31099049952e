// Certificate: what this host shows of itself by TLS: whether a certificate and its key are fit for
// that, and for which names.
//
// Not here: files and who may write them (the callers), connections (web.ts).
import { Buffer } from "node:buffer";
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { messageOf } from "../errors.ts";
import { identityProblem } from "../lib/http/identity.ts";
import type { Instant } from "../time.ts";
import type { Credentials } from "./web.ts";

/** A certificate that is fit for its key. */
export interface Fit {
  readonly credentials: Credentials;
  readonly validFrom: Instant;
  readonly validUntil: Instant;
  /** Whether it names any host: one that does not is refused by browsers. */
  readonly namesHosts: boolean;
  /** Whether it is for a name, or an address, as a Host header has it without a port. */
  isFor(host: string): boolean;
}

/** What is wrong with one of the two. */
export class UnfitCredentials extends Error {
  override readonly name = "UnfitCredentials";
  readonly which: "certificate" | "key";

  constructor(which: "certificate" | "key", message: string) {
    super(message);
    this.which = which;
  }
}

/**
 * Looks at a certificate, which may have those of its authorities behind it, and at its key.
 *
 * @throws {UnfitCredentials} When they cannot be used.
 */
export function fitOf(credentials: Credentials): Fit {
  const certificate = certificateIn(credentials.certificate);
  const key = keyIn(credentials.key);
  if (!certificate.checkPrivateKey(key)) {
    throw new UnfitCredentials("key", "it is not the key of the certificate");
  }
  try {
    createSecureContext({
      cert: Buffer.from(credentials.certificate),
      key: Buffer.from(credentials.key),
    });
  } catch (error) {
    throw new UnfitCredentials("certificate", `it cannot be used for TLS: ${messageOf(error)}`);
  }
  const { raw } = certificate;
  return {
    credentials,
    validFrom: certificate.validFromDate.getTime(),
    validUntil: certificate.validToDate.getTime(),
    namesHosts: certificate.subjectAltName !== undefined,
    isFor: (host) => identityProblem(host.replace(/^\[(.*)\]$/, "$1"), { raw }) === null,
  };
}

function certificateIn(bytes: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(bytes);
  } catch {
    const wanted = "a line -----BEGIN CERTIFICATE----- and what follows it is wanted";
    throw new UnfitCredentials("certificate", `it holds no certificate in PEM: ${wanted}`);
  }
}

function keyIn(bytes: Uint8Array): KeyObject {
  const text = new TextDecoder().decode(bytes);
  if (/ENCRYPTED/.test(text)) {
    const wanted = "one without a passphrase is wanted, as nobody is there to type it";
    throw new UnfitCredentials("key", `it is encrypted: ${wanted}`);
  }
  try {
    return createPrivateKey(text);
  } catch {
    const wanted = "a line -----BEGIN PRIVATE KEY----- and what follows it is wanted";
    throw new UnfitCredentials("key", `it holds no private key in PEM: ${wanted}`);
  }
}
