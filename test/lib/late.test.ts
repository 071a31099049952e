// Late: the same as the modules of Node, when they are asked for.
import { describe, expect, test } from "bun:test";
import { createHash, gunzipSync, gzipSync } from "../../src/lib/late.ts";

describe("createHash()", () => {
  test("hashes as FIPS 180-2 has it", () => {
    const hash = createHash("sha256").update("abc").digest("hex");
    expect(hash).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});

describe("gunzipSync()", () => {
  test("unpacks what gzipSync() has packed, up to its bound", () => {
    const packed = gzipSync("x".repeat(1_000));
    expect(packed.length).toBeLessThan(100);
    expect(gunzipSync(packed, { maxOutputLength: 1_000 }).toString()).toBe("x".repeat(1_000));
    expect(() => gunzipSync(packed, { maxOutputLength: 999 })).toThrow();
  });
});
