import { expect, test } from "bun:test";
import { licenses } from "../../src/cli/licenses.ts";
import { programNotices } from "../../src/edge/notices.ts";
import { callVerb } from "../support/verb.ts";

test("licenses prints the notices of the program, and takes no words", async () => {
  const { exit, out } = await callVerb(licenses, []);
  expect({ exit, isWhole: out === (await programNotices()) }).toEqual({ exit: 0, isWhole: true });
  expect((await callVerb(licenses, ["x"])).thrown).toContain("licenses takes no");
});
