// Store: an S3 service with one empty bucket, for the tests: s3rver, over a folder that is gone
// afterwards.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3mini } from "s3mini";
import S3rver from "s3rver";

/** The only keys that s3rver takes. */
export const STORE_KEYS = { AWS_ACCESS_KEY_ID: "S3RVER", AWS_SECRET_ACCESS_KEY: "S3RVER" } as const;

const BUCKET = "results";

/** A service that runs. */
export interface Store extends AsyncDisposable {
  /** Without the bucket. */
  readonly endpoint: string;
  readonly bucket: string;
  /** Lines of runner.cfg that keep results there. */
  readonly lines: readonly string[];
  /** The objects that are there, by their keys. */
  objects(): Promise<ReadonlyMap<string, string>>;
  remove(key: string): Promise<void>;
}

/** Starts the service on a free port. */
export async function startStore(): Promise<Store> {
  const directory = await mkdtemp(join(tmpdir(), "mig-runner-store-"));
  const server = new S3rver({
    address: "127.0.0.1",
    port: 0,
    silent: true,
    directory,
    configureBuckets: [{ name: BUCKET, configs: [] }],
  });
  const { port } = await server.run();
  const endpoint = `http://127.0.0.1:${port}`;
  const client = new S3mini({
    accessKeyId: STORE_KEYS.AWS_ACCESS_KEY_ID,
    secretAccessKey: STORE_KEYS.AWS_SECRET_ACCESS_KEY,
    endpoint: `${endpoint}/${BUCKET}`,
    region: "us-east-1",
  });
  return {
    endpoint,
    bucket: BUCKET,
    lines: ["[results]", `store = "s3://${BUCKET}/site"`, `endpoint = "${endpoint}"`],
    async objects() {
      const found = (await client.listObjects("/", "")) ?? [];
      const texts = found.map(
        async ({ Key }) => [Key, (await client.getObject(Key)) ?? ""] as const,
      );
      return new Map(await Promise.all(texts));
    },
    async remove(key) {
      await client.deleteObject(key);
    },
    async [Symbol.asyncDispose]() {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
