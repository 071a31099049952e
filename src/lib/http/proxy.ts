// Proxy: which proxy a URL goes through, by the rules of Go's net/http (ProxyFromEnvironment).
import { BlockList, isIP } from "node:net";

/** The environment variables that decide; upper case wins, an empty one counts as unset. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Picks the proxy for a URL; null: go there directly. */
export type ProxyFinder = (url: URL) => URL | null;

/**
 * Reads http_proxy, https_proxy and no_proxy once. `localhost` and loopback addresses never go
 * through a proxy; ALL_PROXY is not looked at.
 *
 * @see golang.org/x/net/http/httpproxy of Go 1.19
 */
export function findProxies(environment: Environment): ProxyFinder {
  const http = parseProxy(read(environment, "HTTP_PROXY"));
  const https = parseProxy(read(environment, "HTTPS_PROXY"));
  const exceptions = parseExceptions(read(environment, "NO_PROXY"));
  return (url) => {
    const proxy = url.protocol === "https:" ? https : http;
    if (proxy === null) return null;
    return isException(url, exceptions) ? null : proxy;
  };
}

function read(environment: Environment, name: string): string {
  return environment[name] || environment[name.toLowerCase()] || "";
}

/** `host:port` means `http://host:port`. What is no URL at all is ignored, as Go does. */
function parseProxy(text: string): URL | null {
  if (text === "") return null;
  const isUrl = /^(?:https?|socks5):\/\//i.test(text);
  return URL.parse(isUrl ? text : `http://${text}`);
}

/** One entry of no_proxy: a check of host and port, both as text. */
type Exception = (host: string, port: string) => boolean;

function parseExceptions(text: string): readonly Exception[] {
  const entries = text.split(",").map((entry) => entry.trim().toLowerCase());
  if (entries.includes("*")) return [() => true];
  return entries.flatMap((entry) => parseException(entry) ?? []);
}

function parseException(entry: string): Exception | null {
  const [, network = "", prefix = ""] = /^([^/]+)\/(\d{1,3})$/.exec(entry) ?? [];
  if (isIP(network) !== 0) return inNetwork(network, Number(prefix));
  const [, bracketed, plain = "", port = ""] =
    /^(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/.exec(entry) ?? (isIP(entry) ? [entry, entry] : []);
  const host = bracketed ?? plain;
  if (host === "") return null;
  if (isIP(host) !== 0) {
    const same = inNetwork(host, isIP(host) === 4 ? 32 : 128);
    return (other, otherPort) => (port === "" || port === otherPort) && same(other, otherPort);
  }
  // "example.com" means itself and what is below it, ".example.com" and "*.example.com" only that.
  const below = host.startsWith("*.") ? host.slice(1) : host.startsWith(".") ? host : `.${host}`;
  const isItself = below !== host && !host.startsWith("*");
  return (other, otherPort) =>
    (port === "" || port === otherPort) &&
    (other.endsWith(below) || (isItself && other === below.slice(1)));
}

function inNetwork(network: string, prefix: number): Exception {
  const list = new BlockList();
  const kind = isIP(network) === 4 ? "ipv4" : "ipv6";
  if (prefix <= (kind === "ipv4" ? 32 : 128)) list.addSubnet(network, prefix, kind);
  return (host) => isIP(host) !== 0 && list.check(host, isIP(host) === 4 ? "ipv4" : "ipv6");
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

function isException(url: URL, exceptions: readonly Exception[]): boolean {
  const host = hostOf(url);
  const kind = isIP(host);
  if (host === "localhost") return true;
  if (kind !== 0 && LOOPBACK.check(host, kind === 4 ? "ipv4" : "ipv6")) return true;
  return exceptions.some((matches) => matches(host, String(portOf(url))));
}

/** The URL's host as sockets take it: without the brackets of an IPv6 address. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

/** The URL's port, or that of its scheme. */
export function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "https:" ? 443 : 80;
}

/** The value of an Authorization header for the credentials in a URL; null when it has none. */
export function basicCredentials(url: URL): string | null {
  if (url.username === "" && url.password === "") return null;
  const pair = `${unescaped(url.username)}:${unescaped(url.password)}`;
  return `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
