import { describe, expect, test } from "bun:test";
import { Cursor, dearmor, PacketError, parsePackets } from "../../../src/lib/pgp/packets.ts";

function packets(hex: string): { list: readonly string[]; damage: string | null } {
  const { packets, damage } = parsePackets(Uint8Array.fromHex(hex));
  return { list: packets.map(({ tag, body }) => `${tag}:${body.toHex()}`), damage };
}

describe("parsePackets()", () => {
  test("reads lengths of the old format", () => {
    expect(packets("b4026162").list).toEqual(["13:6162"]);
    expect(packets("b500026162").list).toEqual(["13:6162"]);
    expect(packets("b6000000026162").list).toEqual(["13:6162"]);
    expect(packets("b7616263").list).toEqual(["13:616263"]);
  });

  test("reads lengths of the new format", () => {
    expect(packets("cd026162").list).toEqual(["13:6162"]);
    expect(packets("cdff000000026162").list).toEqual(["13:6162"]);
    expect(packets(`cdc000${"61".repeat(192)}`).list).toEqual([`13:${"61".repeat(192)}`]);
    // Two bytes, then the last part of one.
    expect(packets("cde161620163").list).toEqual(["13:616263"]);
  });

  test("keeps what stands before the damage, and names the damage", () => {
    expect(packets("b4016100")).toEqual({
      list: ["13:61"],
      damage: "openpgp: invalid data: tag byte does not have MSB set",
    });
    expect(packets("b40161b40561")).toEqual({ list: ["13:61"], damage: "unexpected EOF" });
    expect(packets("b5ff")).toEqual({ list: [], damage: "unexpected EOF" });
    expect(packets("")).toEqual({ list: [], damage: null });
  });
});

describe("Cursor", () => {
  test("reads integers and numbers, and never past the end", () => {
    const cursor = new Cursor(Uint8Array.fromHex("010200090102ff"));
    expect(cursor.integer(2)).toBe(0x0102);
    expect(cursor.number().toHex()).toBe("0102");
    expect([cursor.offset, cursor.left]).toEqual([6, 1]);
    expect(() => cursor.take(2)).toThrow(new PacketError("unexpected EOF"));
    expect(cursor.rest().toHex()).toBe("ff");
  });
});

describe("dearmor()", () => {
  const BODY = "tAFh";
  const decode = (text: string) => dearmor(new TextEncoder().encode(text)).toHex();

  test("leaves binary data and what has no armor", () => {
    expect(dearmor(Uint8Array.fromHex("b40161")).toHex()).toBe("b40161");
    expect(decode("junk")).toBe(new TextEncoder().encode("junk").toHex());
  });

  test("skips headers, line ends of any kind, the checksum and what is around", () => {
    const lines = [
      "Exported for MIG:",
      "-----BEGIN PGP PRIVATE KEY BLOCK-----",
      "Version: GnuPG v1.4.23",
      "Comment: throw-away",
      "",
      BODY,
      "=abcd",
      "-----END PGP PRIVATE KEY BLOCK-----",
      "",
    ];
    expect(decode(lines.join("\n"))).toBe("b40161");
    expect(decode(lines.join("\r\n"))).toBe("b40161");
  });

  test("joins several blocks", () => {
    const label = "PGP PUBLIC KEY BLOCK-----";
    const block = `-----BEGIN ${label}\n\n${BODY}\n-----END ${label}\n`;
    expect(decode(block + block)).toBe("b40161b40161");
  });

  test("keeps the beginning of a file that is cut", () => {
    expect(decode(`-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${BODY}tAFi`)).toBe("b40161b40162");
    expect(decode(`-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${BODY}t`)).toBe("b40161");
  });
});
