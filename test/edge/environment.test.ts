import { describe, expect, test } from "bun:test";
import { passedEnvironment } from "../../src/edge/environment.ts";

describe("passedEnvironment()", () => {
  test("passes on what is harmless and known", () => {
    const known = { PATH: "/bin", HOME: "/h", TZ: "UTC", LC_TIME: "C", https_proxy: "http://p" };
    expect(passedEnvironment(known)).toEqual(known);
  });

  test.each([
    "MIGPGPPASSPHRASE",
    "CREDENTIALS_DIRECTORY",
    "BUN_OPTIONS",
    "BUN_BE_BUN",
    "NODE_OPTIONS",
    "LD_PRELOAD",
    "AWS_SECRET_ACCESS_KEY",
    "path",
  ])("keeps %s back", (name) => {
    expect(passedEnvironment({ [name]: "x" })).toEqual({});
  });

  test("leaves out what is not set", () => {
    expect(passedEnvironment({ PATH: undefined })).toEqual({});
  });
});
