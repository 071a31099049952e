import { describe, expect, test } from "bun:test";
import { Auth, TOKEN_LIFE_MS } from "../../src/mig/auth.ts";

const start = Date.UTC(2026, 10, 23, 15, 31, 0);

function setup({ failures = 0 } = {}) {
  let now = start;
  let nonce = 100;
  let left = failures;
  const signed: string[] = [];
  const auth = new Auth({
    apiKey: null,
    clock: { now: () => now },
    nonce: () => nonce++,
    signer: {
      sign: async (text) => {
        if (left-- > 0) throw new Error("the key is locked");
        return `sig${signed.push(new TextDecoder().decode(text))}`;
      },
    },
  });
  const at = (time: number): void => {
    now = time;
  };
  return { auth, signed, at };
}

describe("Auth", () => {
  test("signs the time and a number", async () => {
    const { auth, signed } = setup();
    expect(await auth.header()).toEqual(["X-Pgpauthorization", "1;2026-11-23T15:31:00Z;100;sig1"]);
    expect(signed).toEqual(["1;2026-11-23T15:31:00Z;100\n"]);
    expect(auth.canRenew).toBe(true);
  });

  test("signs once for requests at the same time, and for half the token's life", async () => {
    const { auth, at, signed } = setup();
    await Promise.all([auth.header(), auth.header(), auth.header()]);
    at(start + TOKEN_LIFE_MS - 1);
    await auth.header();
    expect(signed).toHaveLength(1);
    at(start + TOKEN_LIFE_MS);
    expect((await auth.header())[1]).toContain("2026-11-23T15:36:00Z;101;sig2");
  });

  test("makes a new token when the clock jumps back or far ahead", async () => {
    const { auth, at, signed } = setup();
    await auth.header();
    at(start - 1);
    expect((await auth.header())[1]).toContain("2026-11-23T15:30:59Z");
    at(start + 86_400_000);
    expect((await auth.header())[1]).toContain("2026-11-24T15:31:00Z");
    expect(signed).toHaveLength(3);
  });

  test("renews a refused token once for all who had it", async () => {
    const { auth, signed } = setup();
    const [, refused] = await auth.header();
    const renewed = await Promise.all([auth.renewed(refused), auth.renewed(refused)]);
    expect(renewed[0]).toEqual(renewed[1]);
    expect(renewed[0][1]).not.toBe(refused);
    expect(signed).toHaveLength(2);
    expect(await auth.renewed(refused)).toEqual(renewed[0]);
    expect(signed).toHaveLength(2);
  });

  test("tries again after a failure to sign", async () => {
    const { auth, signed } = setup({ failures: 1 });
    const failed = Promise.all([auth.header(), auth.header()]);
    await expect(failed).rejects.toThrow("the key is locked");
    expect((await auth.header())[1]).toContain("sig1");
    expect(signed).toHaveLength(1);
  });

  test("sends an API key instead, unsigned and never renewed", async () => {
    const { auth: _, ...rest } = setup();
    const auth = new Auth({
      apiKey: { reveal: () => "k3y" },
      clock: { now: () => start },
      nonce: () => 1,
      signer: { sign: () => Promise.reject(new Error("not asked")) },
    });
    expect(await auth.header()).toEqual(["X-Migapikey", "k3y"]);
    expect(auth.canRenew).toBe(false);
    expect(rest.signed).toEqual([]);
  });
});
