import { describe, expect, test } from "bun:test";
import { readCredentials } from "../../src/cli/store.ts";
import type { BucketConfig } from "../../src/config/results.ts";
import { Secret } from "../../src/config/secret.ts";
import { Scratch } from "../support/edge.ts";

const STORE: BucketConfig = {
  kind: "bucket",
  bucket: "b",
  prefix: "",
  endpoint: "https://s3.test",
  region: "r",
  credentialsFile: null,
  keys: null,
  place: { path: "r.cfg", line: 2 },
  credentialsPlace: { path: "r.cfg", line: 3 },
};

const KEYS = "aws_access_key_id = id\n  AWS_SECRET_ACCESS_KEY=a+b/c=\n";

describe("readCredentials()", () => {
  test("takes those of the environment without a file", async () => {
    const keys = { accessKey: "id", secretKey: new Secret("key") };
    expect(await readCredentials({ ...STORE, keys })).toEqual({
      accessKey: "id",
      secretKey: "key",
    });
    await expect(readCredentials(STORE)).rejects.toThrow("there are no keys for it");
  });

  test.each([
    ["alone", KEYS],
    ["in the first section", `# keys\n[default]\n${KEYS}\n[other]\naws_access_key_id = other\n`],
  ])("reads keys that stand %s", async (_, text) => {
    using scratch = new Scratch();
    const credentialsFile = scratch.file("keys", text);
    const read = await readCredentials({ ...STORE, credentialsFile });
    expect(read).toEqual({ accessKey: "id", secretKey: "a+b/c=" });
  });

  test.each([
    ["", "there is no aws_access_key_id"],
    ["aws_access_key_id = id", "there is no aws_secret_access_key"],
    [`${KEYS}aws_session_token = x`, "they are temporary ones"],
  ])("refuses %j", async (text, why) => {
    using scratch = new Scratch();
    const credentialsFile = scratch.file("keys", text);
    await expect(readCredentials({ ...STORE, credentialsFile })).rejects.toThrow(why);
  });

  test("names the file that cannot be read", async () => {
    const work = readCredentials({ ...STORE, credentialsFile: "/nowhere/keys" });
    await expect(work).rejects.toThrow('"/nowhere/keys": no such file or directory');
  });
});
