import { describe, expect, test } from "bun:test";
import { decodeBase64 } from "../../../src/lib/go/base64.ts";

describe("decodeBase64()", () => {
  test("decodes padded text, skipping line breaks", () => {
    expect(Buffer.from(decodeBase64("QUJD")).toString()).toBe("ABC");
    expect(Buffer.from(decodeBase64("QU\r\nI=\n")).toString()).toBe("AB");
    expect(decodeBase64("").length).toBe(0);
  });

  // Offsets as encoding/base64 of Go 1.19.8 gave them.
  test.each([
    ["!!", 0],
    ["Q", 0],
    ["QQ", 0],
    ["QQ=", 3],
    ["QQ=x", 2],
    ["=", 0],
    ["QUJDR", 4],
    ["QUJD-_==", 4],
    ["QQ==QQ==", 4],
    ["QUI=x", 4],
    ["QUJDé", 4],
    ["Q\nQ", 1],
  ])("counts bytes to the first bad one of %j", (text, offset) => {
    expect(() => decodeBase64(text)).toThrow(`illegal base64 data at input byte ${offset}`);
  });
});
