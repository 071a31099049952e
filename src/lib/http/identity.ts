// Identity: whether a server's certificate is for the host that was meant, by the rules of Go.
//
// The runtimes' own rules are wider: without a DNS name they take the common name, `ap*.example.net`
// for a wildcard, and they cut the list of names as a text, so that one name with a comma in it can
// be two. Here the names are read from the certificate's own bytes, once for Bun and Deno.
//
// Not here: the chain of signatures, the dates and the purposes: there the runtimes do as Go does.
import { Buffer } from "node:buffer";
import { isIP } from "node:net";

/** What of a certificate is looked at: those of a connection have it. */
export interface Certificate {
  /** In DER; under Deno it is no Buffer. */
  readonly raw: Uint8Array;
  readonly subject?: { readonly CN?: string | string[] } | undefined;
  readonly issuerCertificate?: Certificate | undefined;
}

/** Certificates in one chain that are looked at. */
const CHAIN_MAX = 10;

/** Names that a message lists, and characters of each. */
const NAMES_TOLD_MAX = 5;
const NAME_TOLD_MAX = 80;

/**
 * Null when the certificate is for `host` and nothing in its chain was signed by a broken hash;
 * else why not.
 *
 * @param host A name, or an address without brackets.
 * @see crypto/x509/verify.go `VerifyHostname`, crypto/x509/x509.go `checkSignature` of Go 1.19
 */
export function identityProblem(host: string, certificate: Certificate): string | null {
  try {
    const names = namesIn(Buffer.from(certificate.raw));
    const isMeant = isIP(host) === 0 ? isNamed(host, names) : isAddressed(host, names);
    return isMeant ? brokenHash(certificate) : mismatch(host, names, certificate);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return `its certificate cannot be read: ${error.message}`;
  }
}

/** Go sends none for an address, and no dot at the end of a name. Undefined: none. */
export function serverNameOf(host: string): string | undefined {
  const name = host.replace(/\.+$/, "");
  // An address is no server name (RFC 6066, section 3).
  return name === "" || isIP(host) !== 0 ? undefined : name;
}

interface Names {
  /** In lower case. */
  readonly dns: readonly string[];
  readonly addresses: readonly string[];
}

function isNamed(host: string, { dns }: Names): boolean {
  const wanted = host.toLowerCase();
  const isHost = isHostName(wanted.replace(/\.$/, ""), { pattern: false });
  return dns.some((name) => {
    if (isHost && isHostName(name, { pattern: true })) return matches(name, wanted);
    return name === wanted && name !== "" && name !== ".";
  });
}

/** A star stands for the whole first label, and for nothing else. */
function matches(pattern: string, host: string): boolean {
  const labels = host.replace(/\.$/, "").split(".");
  const parts = pattern.split(".");
  const isLabel = (part: string, at: number): boolean =>
    part === labels[at] || (at === 0 && part === "*");
  return parts.length === labels.length && parts.every(isLabel);
}

function isHostName(name: string, { pattern }: { readonly pattern: boolean }): boolean {
  const isLabel = (label: string, at: number): boolean =>
    /^[a-z0-9_][a-z0-9_-]*$/.test(label) || (pattern && at === 0 && label === "*");
  return name.split(".").every(isLabel);
}

function isAddressed(host: string, { addresses }: Names): boolean {
  return addresses.includes(mappedOf(host));
}

/** An IPv4 address inside of IPv6 is that address. */
function mappedOf(address: string): string {
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address);
  if (match === null) return address;
  const words = match.slice(1).map((word) => Number.parseInt(word, 16));
  return words.flatMap((word) => [word >> 8, word & 0xff]).join(".");
}

function mismatch(host: string, { addresses, dns }: Names, { subject }: Certificate): string {
  const all = [...dns, ...addresses.map((address) => `address ${address}`)];
  if (all.length > 0) {
    const more = all.length > NAMES_TOLD_MAX ? ` and ${all.length - NAMES_TOLD_MAX} more` : "";
    const told = all.slice(0, NAMES_TOLD_MAX).map(shortened).join(", ");
    return `its certificate is for ${told}${more}, not for ${host}`;
  }
  const { CN = "" } = subject ?? {};
  const common = CN.length === 0 ? "" : `; its common name ${shortened(String(CN))} does not count`;
  const kind = isIP(host) === 0 ? "a DNS name" : "an IP address";
  return `its certificate names no host${common}: it needs ${host} as ${kind} in subjectAltName`;
}

function shortened(name: string): string {
  const characters = [...JSON.stringify(name).slice(1, -1)];
  return characters.length <= NAME_TOLD_MAX
    ? characters.join("")
    : `${characters.slice(0, NAME_TOLD_MAX - 1).join("")}…`;
}

/** Algorithms whose hash can be forged, by the hexadecimal of their object identifiers. */
const BROKEN: Readonly<Record<string, string>> = {
  "2a864886f70d010102": "MD2",
  "2a864886f70d010104": "MD5",
  "2a864886f70d010105": "SHA-1",
  "2b0e03021d": "SHA-1",
  "2a8648ce380403": "SHA-1",
  "2a8648ce3d0401": "SHA-1",
};

/** What the anchor of the chain is signed by does not matter: it is trusted as it is. */
function brokenHash(leaf: Certificate): string | null {
  let certificate = leaf;
  for (let depth = 0; depth < CHAIN_MAX; depth++) {
    const { issuerCertificate: issuer } = certificate;
    if (issuer?.raw === undefined || Buffer.from(issuer.raw).equals(certificate.raw)) return null;
    const hash = BROKEN[algorithmOf(Buffer.from(certificate.raw))];
    const which = depth === 0 ? "its certificate is" : "an authority above its certificate is";
    if (hash !== undefined) return `${which} signed with ${hash}, which can be forged`;
    certificate = issuer;
  }
  return null;
}

/** The identifier of the algorithm that a certificate is signed with, in hexadecimal. */
function algorithmOf(raw: Buffer): string {
  const [certificate] = elementsOf(raw);
  const [, algorithm] = elementsOf(bodyOf(certificate, SEQUENCE));
  const [identifier] = elementsOf(bodyOf(algorithm, SEQUENCE));
  return bodyOf(identifier, IDENTIFIER).toString("hex");
}

const SEQUENCE = 0x30;
const IDENTIFIER = 0x06;
const OCTETS = 0x04;
/** The extensions in what is signed of a certificate. */
const EXTENSIONS = 0xa3;
/** The two kinds of general names that can be a server's. */
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

/** 2.5.29.17 */
const SUBJECT_ALT_NAME = "551d11";

/** @throws {RangeError} Where Go refuses the certificate as a whole. */
function namesIn(raw: Buffer): Names {
  const [certificate] = elementsOf(raw);
  const [signed] = elementsOf(bodyOf(certificate, SEQUENCE));
  const extensions = elementsOf(bodyOf(signed, SEQUENCE)).find(({ tag }) => tag === EXTENSIONS);
  if (extensions === undefined) return { dns: [], addresses: [] };
  const [list] = elementsOf(extensions.body);
  const lists = elementsOf(bodyOf(list, SEQUENCE)).flatMap(altNamesOf);
  if (lists.length > 1) throw new RangeError("it has two lists of names");
  const names = lists.flatMap(elementsOf);
  return {
    dns: names.filter(({ tag }) => tag === DNS_NAME).map(({ body }) => dnsNameOf(body)),
    addresses: names.filter(({ tag }) => tag === IP_ADDRESS).map(({ body }) => addressOf(body)),
  };
}

/** What the list of names holds, when that is what the extension is. */
function altNamesOf(extension: Element): Buffer[] {
  const parts = elementsOf(bodyOf(extension, SEQUENCE));
  if (bodyOf(parts[0], IDENTIFIER).toString("hex") !== SUBJECT_ALT_NAME) return [];
  const [list] = elementsOf(bodyOf(parts.at(-1), OCTETS));
  return [bodyOf(list, SEQUENCE)];
}

function dnsNameOf(body: Buffer): string {
  if (body.some((byte) => byte > 0x7f)) throw new RangeError("a DNS name in it is not ASCII");
  return body.toString("latin1").toLowerCase();
}

/** As a URL has it: IPv6 in its shortest form. */
function addressOf(body: Buffer): string {
  if (body.length === 4) return body.join(".");
  if (body.length !== 16) throw new RangeError("an IP address in it has a wrong length");
  const words = Array.from({ length: 8 }, (_, index) => body.readUInt16BE(index * 2).toString(16));
  return mappedOf(new URL(`http://[${words.join(":")}]/`).hostname.slice(1, -1));
}

/** One value in DER: its tag and what is inside of it. */
interface Element {
  readonly tag: number;
  readonly body: Buffer;
}

/** The values that stand one behind the other. @throws {RangeError} When they do not fit. */
function elementsOf(bytes: Buffer): readonly Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0;
    const first = bytes[at + 1] ?? 0x80;
    const more = first < 0x80 ? 0 : first & 0x7f;
    const isKnown = first !== 0x80 && more <= 4 && at + 2 + more <= bytes.length;
    if (!isKnown) throw new RangeError("it is torn");
    const size = more === 0 ? first : bytes.readUIntBE(at + 2, more);
    const start = at + 2 + more;
    if (start + size > bytes.length) throw new RangeError("it is torn");
    elements.push({ tag, body: bytes.subarray(start, start + size) });
    at = start + size;
  }
  return elements;
}

function bodyOf(element: Element | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw new RangeError("it is not a certificate");
  return element.body;
}
