// Takeover with a store: of two hosts the one that has written a result where all hosts reach it is
// killed before the result is delivered. The other one has to deliver what is there: nothing may be
// lost, collected into a second result that counts, or delivered uncounted.
//
//   bun test/faults/takeover-store.ts [folder|bucket] [TIMES]        default folder, 20 times
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, type Running } from "../support/binary.ts";
import { Cluster, type Wrong } from "../support/cluster.ts";
import { type Postgres, startPostgres } from "../support/postgres.ts";
import { ended } from "../support/site.ts";
import { STORE_KEYS, type Store, startStore } from "../support/store.ts";

/** Where the results are. */
export type Kind = "folder" | "bucket";

/** What is wrong in the end. */
export interface Found extends Wrong {
  /** Deliveries that the host which was killed had not made. */
  readonly takenOver: number;
  /** Results that lie on the disk of one host. */
  readonly astray: number;
}

/** Lines of runner.cfg that keep results where both hosts reach them. */
async function linesOf(place: string, store: Store | null): Promise<readonly string[]> {
  if (store === null) return ["[results]", `store = "${place}"`];
  const path = join(place, "s3.keys");
  const { AWS_ACCESS_KEY_ID: access, AWS_SECRET_ACCESS_KEY: secret } = STORE_KEYS;
  await writeFile(path, `aws_access_key_id = ${access}\naws_secret_access_key = ${secret}\n`);
  await chmod(path, 0o600);
  return [...store.lines, `credentials = "${path}"`];
}

/** Kills a host so often between a result and its delivery, and counts what is wrong. */
export async function takeOver(postgres: Postgres, kind: Kind, times: number): Promise<Found> {
  const place = await mkdtemp(join(tmpdir(), "mig-shared-"));
  const store = kind === "bucket" ? await startStore() : null;
  try {
    await using cluster = await Cluster.create(postgres, {
      hosts: 2,
      leaseSeconds: 4,
      logging: ['mode = "stdout"', 'level = "info"'],
      runner: await linesOf(place, store),
    });
    // Slow enough to be struck, on whichever host.
    const file = cluster.host(1).scenario.path("delivered");
    const line = `$MIG_RUNNER_ACTION_ID $MIG_RUNNER_ATTEMPT`;
    const program = `cat > /dev/null; sleep 1; echo "${line}" >> "${file}"`;
    for (const { scenario } of cluster.hosts) await scenario.plugin("keep", program);
    await cluster.job("one", ['plugin = "keep"']);
    let takenOver = 0;
    for (let count = 1; count <= times; count++) {
      const running = cluster.hosts.map((host) => host.start());
      await Promise.all(running.map((daemon) => daemon.prints(/results processing routine/)));
      ended(await cluster.host(1).run("run", "one"));
      const struck = await firstTo(running, /wrote results for/);
      await struck?.kill();
      await eventually(async () => ((await settled(cluster)) === count ? true : null));
      const other = running.find((daemon) => daemon !== struck);
      if (other?.lines.some((text) => /keep: /.test(text))) takenOver++;
      other?.signal("SIGTERM");
      await other?.ended();
    }
    const results = await Promise.all(cluster.hosts.map((host) => host.results("one")));
    return { ...(await cluster.wrong()), takenOver, astray: results.flat().length };
  } finally {
    await store?.[Symbol.asyncDispose]();
    await rm(place, { recursive: true, force: true });
  }
}

/** The process that prints such a line first. */
async function firstTo(running: readonly Running[], pattern: RegExp): Promise<Running | undefined> {
  return await Promise.any(
    running.map(async (daemon) => {
      await daemon.prints(pattern);
      return daemon;
    }),
  );
}

async function settled(cluster: Cluster): Promise<number> {
  return (await cluster.rows("action")).filter(({ state }) => state === "settled").length;
}

if (import.meta.main) {
  const [, , kind = "folder", times = "20"] = process.argv;
  if (kind !== "folder" && kind !== "bucket") throw new Error(`${kind} is no kind of store`);
  const postgres = await startPostgres();
  if (postgres === null) process.exit(1);
  const found = await takeOver(postgres, kind, Number(times));
  await postgres.close();
  console.log(JSON.stringify({ kind, times: Number(times), ...found }));
  const { lost, twice, undelivered, uncounted, astray } = found;
  process.exitCode = lost + twice + undelivered + uncounted + astray === 0 ? 0 : 1;
}
