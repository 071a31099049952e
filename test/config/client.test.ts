import { describe, expect, test } from "bun:test";
import { homeOf, resolveClient } from "../../src/config/client.ts";
import { readGcfg } from "../../src/config/gcfg.ts";
import { openResolver } from "../../src/config/resolve.ts";
import type { Environment } from "../../src/config/runner.ts";
import { CLIENT_SCHEMA } from "../../src/config/schemas.ts";

function resolve(text: string, environment: Environment = {}) {
  const options = { path: ".migrc", schema: CLIENT_SCHEMA };
  const resolver = openResolver(readGcfg(new TextEncoder().encode(text), options));
  const config = resolveClient(resolver, { environment, home: "/home/mig" });
  return { config, mistakes: resolver.mistakes.map(({ message }) => message) };
}

describe("resolveClient()", () => {
  test("puts a slash behind the address of the API, once", () => {
    expect(resolve("[api]\nurl = http://h/api/v1\n").config.api.url).toBe("http://h/api/v1/");
    expect(resolve("[api]\nurl = http://h/api/v1/\n").config.api.url).toBe("http://h/api/v1/");
  });

  test("refuses an address that is too short or no HTTP address", () => {
    expect(resolve("").mistakes).toEqual(["config API URL too short or undefined: len 0"]);
    expect(resolve("[api]\nurl = x\n").mistakes).toEqual([
      "config API URL too short or undefined: len 1",
    ]);
    for (const url of ["'http://x/'", "ftp://h/", "http://", "http:///x", "localhost:1664"]) {
      expect(resolve(`[api]\nurl = ${url}\n`).mistakes.length).toBe(1);
    }
  });

  test("keeps a password of the address out of its message", () => {
    const { mistakes } = resolve("[api]\nurl = htp://u:s3cret@h/\n");
    expect(mistakes.join()).not.toContain("s3cret");
  });

  test("finds the keyring's directory: set, else GNUPGHOME, else .gnupg at home", () => {
    const home = (text: string, environment: Environment = {}): string =>
      resolve(text, environment).config.gpg.home;
    expect(home("[gpg]\nhome = /k/\n", { GNUPGHOME: "/g" })).toBe("/k/");
    expect(home("", { GNUPGHOME: "/g" })).toBe("/g");
    expect(home("", { GNUPGHOME: "gg" })).toBe("/home/mig/gg");
    expect(home("", { GNUPGHOME: "" })).toBe("/home/mig/.gnupg");
    expect(home("[gpg]\nuseapikeyauth = k\n")).toBe("/home/mig/.gnupg");
    expect(resolve("[gpg]\nhome = /k/\n").config.gpg.secringPath).toBe("/k/secring.gpg");
  });

  test("splits macros at their first colon; the last of a name wins", () => {
    const { config, mistakes } = resolve(
      "[targets]\nmacro = a:x:y\nmacro = b:\nmacro = a:z\nmacro = nocolon\nmacro = :x\n",
    );
    expect([...config.targets]).toEqual([
      ["a", "z"],
      ["b", ""],
    ]);
    expect(mistakes.slice(1)).toEqual([
      'Invalid macro format: "nocolon"',
      'Invalid macro format: ":x"',
    ]);
  });
});

describe("homeOf()", () => {
  test("takes HOME unless it is empty", () => {
    expect(homeOf({ HOME: "/h" }, "/s")).toBe("/h");
    expect(homeOf({ HOME: "" }, "/s")).toBe("/s");
    expect(homeOf({}, "/s")).toBe("/s");
  });
});
