// Address: the IPv4 address of a host, as the original picks it from those that its agent lists.
import { BlockList, isIP } from "node:net";

/**
 * The first entry with a dot that is an address with a prefix length; "" when there is none.
 *
 * An IPv4 address that is written as IPv6 is given as IPv4, any other IPv6 address with a dot in
 * the short form.
 *
 * @see Go `net.ParseCIDR` and `net.IP.String`
 */
export function firstIpv4(addresses: readonly unknown[]): string {
  for (const entry of addresses) {
    if (typeof entry !== "string" || !entry.includes(".")) continue;
    const address = parsePrefixed(entry);
    if (address !== null) return address;
  }
  return "";
}

function parsePrefixed(entry: string): string | null {
  const [, text = "", length = ""] = /^([^/%]+)\/(\d{1,3})$/.exec(entry) ?? [];
  const kind = isIP(text);
  if (kind === 0 || Number(length) > (kind === 4 ? 32 : 128)) return null;
  if (length.length > 1 && length.startsWith("0")) return null;
  if (kind === 4) return text;
  const host = new URL(`http://[${text}]`).hostname.slice(1, -1);
  return mappedIpv4(host) ?? host;
}

const MAPPED = new BlockList();
MAPPED.addSubnet("::ffff:0:0", 96, "ipv6");

/** `::ffff:a00:2` as `10.0.0.2`; null for any other address. */
function mappedIpv4(address: string): string | null {
  if (!MAPPED.check(address, "ipv6")) return null;
  const [low = 0, high = 0] = address
    .split(":")
    .toReversed()
    .map((group) => Number.parseInt(group === "" ? "0" : group, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
