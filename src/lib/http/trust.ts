// Trust: which authorities may sign the API's certificate, as Go finds them on Unix.
import { X509Certificate } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { messageOf } from "../../errors.ts";
import { readText } from "../os/read.ts";
import type { Environment } from "./proxy.ts";

/** Where distributions keep the system's bundle; the first that can be read counts. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Larger than any bundle. */
const BUNDLE_SIZE_MAX = 16 * 1024 * 1024;

export interface Trust {
  /** Made at the first use: the system's some 140 certificates take a while to read. */
  context(): SecureContext;
  /** What of SSL_CERT_FILE and SSL_CERT_DIR could not be read, or null. */
  readonly problem: string | null;
}

/**
 * Reads the authorities: the file in SSL_CERT_FILE, those in the folders of SSL_CERT_DIR, and the
 * system's. Without any, those that come with the runtime. A file that cannot be read is skipped,
 * as Go does; `problem` then says so.
 *
 * @see crypto/x509/root_unix.go of Go 1.19
 */
export function readTrust(environment: Environment): Trust {
  const problems: string[] = [];
  const texts: string[] = [];
  const take = (read: () => string): void => {
    try {
      texts.push(read());
    } catch (error) {
      problems.push(messageOf(error));
    }
  };
  const file = environment.SSL_CERT_FILE ?? "";
  if (file !== "") take(() => readBundle(file));
  for (const folder of (environment.SSL_CERT_DIR ?? "").split(":")) {
    if (folder !== "") take(() => readFolder(folder));
  }
  let context: SecureContext | null = null;
  return {
    context: () => {
      context ??= createSecureContext({
        ca: certificatesIn([...texts, readSystem()].join("\n")),
        minVersion: "TLSv1.2",
        maxVersion: "TLSv1.3",
      });
      return context;
    },
    problem: problems.length === 0 ? null : problems.join("; "),
  };
}

function readBundle(path: string): string {
  return readText(path, { sizeMax: BUNDLE_SIZE_MAX });
}

function readFolder(folder: string): string {
  return readdirSync(folder)
    .map((name) => {
      try {
        return readBundle(join(folder, name));
      } catch {
        // A folder in it, or a dangling link.
        return "";
      }
    })
    .join("\n");
}

function readSystem(): string {
  for (const path of BUNDLES) {
    try {
      return readBundle(path);
    } catch {
      // Another distribution's place.
    }
  }
  return rootCertificates.join("\n");
}

/** The certificates of a bundle, without those that are broken: one would spoil them all. */
function certificatesIn(bundle: string): string[] {
  const blocks = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return [...new Set(blocks)].filter((block) => {
    try {
      return new X509Certificate(block).subject !== null;
    } catch {
      return false;
    }
  });
}
