// Faults: what went wrong on a connection, in words that say what to do about it.
import { messageOf } from "../../errors.ts";

/** A connection that could not be made. No byte of a request went out. */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
}

const UNTRUSTED =
  "its certificate is not signed by an authority that this host trusts; name the authority's file in " +
  "SSL_CERT_FILE, or set skipverifycert = on in [api] of the client configuration";

/** Error codes of the sockets and of TLS → what they mean here. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there; is it running, and are host and port right",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
  ENOTFOUND: "its name is not known; check the host in the URL and the resolver",
  EAI_AGAIN: "its name could not be looked up; check the resolver",
  EHOSTUNREACH: "there is no route to it",
  ENETUNREACH: "there is no route to it",
  ETIMEDOUT: "it did not answer in time",
  EMFILE: "this process has too many open files",
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  CERT_HAS_EXPIRED: "its certificate has expired, or this host's clock is wrong",
  CERT_NOT_YET_VALID: "its certificate is not valid yet, or this host's clock is wrong",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host name than that of the URL",
};

/** A connection that broke while TLS was set up on it. */
export class TlsError extends Error {
  override readonly name = "TlsError";
}

const NO_TLS = "if it does not speak TLS, its URL begins with http://";
const TLS = "if it speaks TLS, its URL begins with https://";

/**
 * The reason, with the advice to try the other scheme where that may help: a server that gets TLS
 * and expects plain HTTP, or the reverse, mostly hangs up.
 *
 * @param isPlain Whether the request went out without TLS.
 */
export function reasonBy(error: unknown, { isPlain }: { readonly isPlain: boolean }): string {
  const isTls = error instanceof TlsError;
  const reason = reasonOf(isTls ? error.cause : error);
  if (!isTls && !isPlain) return reason;
  const isOdd = /connection was cut|TLS handshake|is not HTTP/.test(reason);
  return isOdd ? `${reason}; ${isTls ? NO_TLS : TLS}` : reason;
}

/** One sentence without a period for what a socket, TLS or the HTTP parser reported. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  const known = REASONS[code];
  if (known !== undefined) return `${known} (${code})`;
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) {
    return `the TLS handshake failed (${code}); TLS 1.2 or newer is needed`;
  }
  if (code.startsWith("HPE_")) return `what it answers is not HTTP (${code})`;
  const message = messageOf(error);
  return code === "" || message.includes(code) ? message : `${message} (${code})`;
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}
