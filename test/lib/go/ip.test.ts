import { describe, expect, test } from "bun:test";
import { isIP } from "node:net";
import fc from "fast-check";
import { isCidr, isIp } from "../../../src/lib/go/ip.ts";

describe("isIp()", () => {
  // From net/ip_test.go `parseIPTests` of Go 1.19.
  test.each([
    "127.0.1.2",
    "::ffff:127.1.2.3",
    "::ffff:7f01:0203",
    "0:0:0:0:0000:ffff:127.1.2.3",
    "2001:4860:0:2001::68",
    "2001:4860:0000:2001:0000:0000:0000:0068",
    "::",
  ])("knows %s", (text) => expect(isIp(text)).toBe(true));

  test.each([
    "-0.0.0.0",
    "127.001.002.003",
    "127.0.0.256",
    "abc",
    "123:",
    "fe80::1%lo0",
    "fe80::1%911",
    "",
    "a1:a2:a3:a4::b1:b2:b3:b4",
    "::ffff:127.001.002.003",
    "1::2::3",
    ":1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "10.0.0.1/8",
  ])("refuses %j", (text) => expect(isIp(text)).toBe(false));

  test("agrees with Node on any address and on what is nearly one", () => {
    const part = fc.constantFrom("", "0", "1", "ff", "12345", "255", "256", "1.2.3.4", "g");
    const text = fc.array(part, { maxLength: 9 }).map((parts) => parts.join(":"));
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), text), (address) => {
        expect([address, isIp(address)]).toEqual([address, isIP(address) !== 0]);
      }),
    );
  });
});

describe("isCidr()", () => {
  // From net/ip_test.go `parseCIDRTests`.
  test.each(["135.104.0.0/32", "0.0.0.0/0", "abcd:2345::/24", "::1/128"])("knows %s", (text) => {
    expect(isCidr(text)).toBe(true);
  });

  test.each([
    "192.168.1.1/255.255.255.0",
    "192.168.1.1/35",
    "2001:db8::1/-1",
    "2001:db8::1/129",
    "-0.0.0.0/32",
    "0.-1.0.0/32",
    "",
    "10.0.0.1",
    "10.0.0.1/",
    "10.0.0.1/8/8",
  ])("refuses %j", (text) => expect(isCidr(text)).toBe(false));
});
