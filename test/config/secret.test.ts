import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { Secret } from "../../src/config/secret.ts";

describe("Secret", () => {
  const secret = new Secret("s3cret");

  test("gives its text to who asks for it by name", () => {
    expect(secret.reveal()).toBe("s3cret");
  });

  test("shows nothing of it in any other way", () => {
    const shown = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect({ secret }, { showHidden: true, depth: 9 }),
      Bun.inspect(secret),
      Object.values(secret).join(),
      JSON.stringify(Object.getOwnPropertyDescriptors(secret)),
    ];
    for (const text of shown) expect(text).not.toContain("s3cret");
    expect(String(secret)).toBe("[secret]");
  });
});
