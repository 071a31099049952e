// Store: what a large result in a bucket takes: memory while it is uploaded, fetched and read.
// A program of its own: its server writes as much to the disk as it is given.
//
//   bun bench/store.ts [MiB]        @default 1024
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../src/cli/store.ts";
import type { BucketConfig } from "../src/config/results.ts";
import { Secret } from "../src/config/secret.ts";
import { systemClock, systemRandom } from "../src/edge/clock.ts";
import { STORE_KEYS, startStore } from "../test/support/store.ts";

const MIB = 1024 * 1024;

/** The service is another process: its memory is none of ours. */
async function serve(): Promise<void> {
  const store = await startStore();
  console.log(store.endpoint);
  process.on("SIGTERM", () => void store[Symbol.asyncDispose]().then(() => process.exit(0)));
}

function open(directory: string, endpoint: string) {
  const keys = {
    accessKey: STORE_KEYS.AWS_ACCESS_KEY_ID,
    secretKey: new Secret(STORE_KEYS.AWS_SECRET_ACCESS_KEY),
  };
  const store: BucketConfig = {
    kind: "bucket",
    bucket: "results",
    prefix: "bench",
    endpoint,
    region: "us-east-1",
    credentialsFile: null,
    keys,
    place: { path: "" },
    credentialsPlace: { path: "" },
  };
  const around = { clock: systemClock(), random: systemRandom(), environment: {} };
  return openStore({ config: { directory, store }, ...around });
}

/** How much more memory was resident at the most than before, in MiB, and how long it took. */
async function measured<Value>(name: string, work: () => Promise<Value>): Promise<Value> {
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 20);
  const began = performance.now();
  const value = await work();
  clearInterval(timer);
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  console.log(`${name}: ${Math.round((most - before) / MIB)} MiB more at the most, ${seconds} s`);
  return value;
}

async function measure(mib: number, endpoint: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "mig-runner-bench-"));
  const [here, there] = [join(directory, "here"), join(directory, "there")];
  try {
    for (const path of [here, there]) await Bun.write(join(path, "README"), "");
    const { bucket } = open(here, endpoint);
    const place = await measured(`upload of ${mib} MiB`, async () => {
      const writer = await bucket.create("bench", "20260101", 7);
      const chunk = Buffer.alloc(MIB / 4, '{"id":1},');
      for (let count = 0; count < mib * 4; count++) await writer.write(chunk);
      return (await writer.commit()).place;
    });
    const other = open(there, endpoint).bucket;
    const { path } = await measured("fetching it as a file", () => other.lend(place));
    const { size } = await stat(path);
    if (size !== mib * MIB) throw new Error(`it has ${size} bytes`);
    await measured("reading it in a stream", async () => {
      for await (const _ of other.stream(place));
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

if (process.argv.includes("--serve")) {
  await serve();
} else {
  const child: ChildProcess = spawn(process.execPath, [import.meta.filename, "--serve"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [endpoint] = (await once(child.stdout ?? child, "data")) as [Buffer];
  await measure(Number(process.argv[2] ?? 1_024), endpoint.toString().trim());
  child.kill("SIGTERM");
}
