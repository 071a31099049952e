import { describe, expect, test } from "bun:test";
import { readSettings } from "../../src/config/read.ts";
import { openResolver } from "../../src/config/resolve.ts";
import { storeOf } from "../../src/config/results.ts";
import { RUNNER_SCHEMA } from "../../src/config/schemas.ts";

/** What the section says, and what is wrong with it. */
function read(lines: readonly string[], environment: Record<string, string> = {}) {
  const text = `[results]\n${lines.join("\n")}\n`;
  const bytes = new TextEncoder().encode(text);
  const resolver = openResolver(readSettings(bytes, { path: "r.cfg", schema: RUNNER_SCHEMA }));
  const store = storeOf(resolver, environment);
  return { store, mistakes: resolver.mistakes.map(({ message }) => message) };
}

describe("storeOf()", () => {
  test("without a store results stay in the runner directory", () => {
    expect(read([])).toEqual({ store: null, mistakes: [] });
  });

  test.each([
    ["/mnt/shared/results/", "/mnt/shared/results"],
    ["file:///mnt/shared", "/mnt/shared"],
  ])("%s is a folder", (store, path) => {
    expect(read([`store = "${store}"`])).toMatchObject({
      store: { kind: "folder", path },
      mistakes: [],
    });
  });

  test.each([
    ["s3://mig-results", "mig-results", ""],
    ["s3://mig-results/", "mig-results", ""],
    ["s3://mig.results/site/a/", "mig.results", "site/a"],
  ])("%s is a bucket, of Amazon and with keys of the environment", (store, bucket, prefix) => {
    const keys = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "s3cret" };
    const found = read([`store = "${store}"`, 'region = "eu-central-1"'], keys);
    expect(found).toMatchObject({
      store: {
        kind: "bucket",
        bucket,
        prefix,
        region: "eu-central-1",
        credentialsFile: null,
        endpoint: "https://s3.eu-central-1.amazonaws.com",
        keys: { accessKey: "id" },
      },
      mistakes: [],
    });
    expect(JSON.stringify(found)).not.toContain("s3cret");
  });

  test("refuses keys of the environment that are temporary", () => {
    const keys = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "k", AWS_SESSION_TOKEN: "t" };
    expect(read(['store = "s3://bucket"'], keys).mistakes).toEqual([
      "Cannot use the keys in the environment: AWS_SESSION_TOKEN says they are temporary",
    ]);
    const file = read(['store = "s3://bucket"', 'credentials = "/etc/mig/s3.keys"'], keys);
    expect(file.mistakes).toEqual([]);
  });

  test("takes another service, and a credential of the service manager", () => {
    const lines = [
      'store = "s3://b-1/x"',
      'endpoint = "http://minio.test:9000/"',
      'credentials = "s3"',
    ];
    expect(read(lines, { CREDENTIALS_DIRECTORY: "/run/credentials/mig" })).toMatchObject({
      store: {
        endpoint: "http://minio.test:9000",
        region: "us-east-1",
        credentialsFile: "/run/credentials/mig/s3",
        keys: null,
      },
      mistakes: [],
    });
    expect(read(lines).mistakes).toEqual([
      'Cannot read the keys of the store: "s3" is no path, and there are no credentials',
    ]);
  });

  test.each([
    ["results", "it is neither a bucket nor an absolute path"],
    ["https://s3.example.com/b", "it is neither a bucket nor an absolute path"],
    ["s3://", "it is no bucket with a prefix"],
    ["s3:bucket", "it is no bucket with a prefix"],
    ["s3://Bucket/x", "it is no bucket with a prefix"],
    ["s3://bucket/a/../b", "it is no bucket with a prefix"],
    ["s3://bucket/a b", "it is no bucket with a prefix"],
  ])("refuses %s", (store, why) => {
    expect(read([`store = "${store}"`])).toEqual({
      store: null,
      mistakes: [`Cannot keep results in "${store}": ${why}`],
    });
  });

  test("refuses keys that mean nothing, and an endpoint that is none", () => {
    expect(read(['store = "s3://bucket"', 'region = "us east"']).mistakes).toEqual([
      'Cannot use [results] region "us east": it is no name of a region',
    ]);
    expect(read(['region = "x"']).mistakes).toEqual([
      "Cannot use [results] region: store is not set to a bucket",
    ]);
    expect(read(['store = "/mnt/x"', 'endpoint = "https://s3.test"']).mistakes).toEqual([
      "Cannot use [results] endpoint: store is not set to a bucket",
    ]);
    const hidden = ["https://id:key@s3.test", "https://:key@s3.test"];
    for (const endpoint of ["s3.test", "ftp://s3.test", ...hidden]) {
      expect(read(['store = "s3://bucket"', `endpoint = "${endpoint}"`]).mistakes).toEqual([
        `Cannot use [results] endpoint "${URL.parse(endpoint)?.host ?? ""}": it is no plain http or https URL`,
      ]);
    }
  });
});
