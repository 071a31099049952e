// Ip: the texts that Go's package net takes for an address or a network.

const BYTE = "(?:0|[1-9]\\d?|1\\d\\d|2[0-4]\\d|25[0-5])";
const IPV4 = new RegExp(`^${BYTE}(?:\\.${BYTE}){3}$`);

/**
 * Whether a text is an IPv4 or IPv6 address. Zones (`%eth0`) are none.
 *
 * @see net/ip.go `ParseIP` of Go 1.19, which refuses leading zeros in IPv4
 */
export function isIp(text: string): boolean {
  return IPV4.test(text) || isIpv6(text);
}

/** Whether a text is an address, a slash and a length in bits. @see net/ip.go `ParseCIDR` */
export function isCidr(text: string): boolean {
  const [address = "", bits = "", ...rest] = text.split("/");
  if (rest.length > 0 || !isIp(address) || !/^\d{1,3}$/.test(bits)) return false;
  return Number(bits) <= (IPV4.test(address) ? 32 : 128);
}

const GROUPS = 8;

function isIpv6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const sides = halves.map((half) => (half === "" ? [] : half.split(":")));
  const groups = sides.flat();
  const last = groups.at(-1) ?? "";
  // An address in the form of IPv4 at the end takes the place of two groups.
  const isMixed = last.includes(".") && (sides.at(-1)?.length ?? 0) > 0;
  if (isMixed && !IPV4.test(last)) return false;
  const words = isMixed ? groups.slice(0, -1) : groups;
  if (!words.every((word) => /^[0-9A-Fa-f]{1,4}$/.test(word))) return false;
  const size = words.length + (isMixed ? 2 : 0);
  return halves.length === 2 ? size < GROUPS : size === GROUPS;
}
