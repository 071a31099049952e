import { expect, test } from "bun:test";
import { version } from "../../src/cli/version.ts";
import { VERSION } from "../../src/version.ts";
import { callVerb } from "../support/verb.ts";

test("version prints the version, and takes no words", async () => {
  const { exit, out, error } = await callVerb(version, []);
  expect({ exit, out, error }).toEqual({ exit: 0, out: `${VERSION}\n`, error: "" });
  expect((await callVerb(version, ["status"])).thrown).toBe("version takes no words");
});
