// Cluster: hosts that share their jobs, by what a person sees of them.
import { afterAll, expect, test } from "bun:test";
import { eventually } from "../support/binary.ts";
import { Cluster } from "../support/cluster.ts";
import { startPostgres } from "../support/postgres.ts";
import { ACTION, ended, Host } from "../support/site.ts";

const postgres = await startPostgres();
afterAll(() => postgres?.close());

interface State {
  readonly hosts: readonly { readonly host: string; readonly shards: number }[];
  readonly unowned: number;
  readonly differences: readonly string[];
}

const RARE = '[configuration]\nschedule = "0 0 1 1 *"\nexpiry = "3s"\n';

/** The shards of each host, once it is as wanted. */
async function shares(host: Host, wanted: Record<string, number>): Promise<void> {
  await eventually(async () => {
    const { stdout } = await host.run("cluster", "status", "--json");
    const { hosts } = JSON.parse(stdout) as State;
    const found = Object.fromEntries(hosts.map((each) => [each.host, each.shards]));
    return Bun.deepEquals(found, wanted) ? true : null;
  });
}

/** What is told of the differences between hosts, once each has said what it is. */
async function differ(host: Host, wanted: readonly string[]): Promise<void> {
  await eventually(async () => {
    const { stdout } = await host.run("cluster", "status", "--json");
    return Bun.deepEquals((JSON.parse(stdout) as State).differences, wanted) ? true : null;
  });
}

test.skipIf(postgres === null)("two hosts share the jobs, and one goes on alone", async () => {
  if (postgres === null) return;
  await using cluster = await Cluster.create(postgres, { hosts: 2, leaseSeconds: 60 });
  const [first, second] = [cluster.host(1), cluster.host(2)];
  expect((await first.run("cluster", "migrate")).stdout).toBe(
    "nothing to do: schema 1, 8 shards\n",
  );
  await cluster.keepDelivered();
  for (const job of ["one", "two", "three"]) await cluster.job(job, ['plugin = "keep"']);
  await first.scenario.job("alone", { "entity.cfg": RARE, "action.json": ACTION });
  const daemon = await first.daemon();
  const other = await second.daemon();
  await shares(first, { h1: 4, h2: 4 });
  // Each host has another way to the API here, as it has not in earnest.
  await differ(second, ["job alone is not on h2", "[api] url is another on h1 than on h2"]);
  const asked = ["one", "two", "three"].map((job) => second.run("run", job, "--wait"));
  for (const outcome of await Promise.all(asked)) ended(outcome);
  const told = ended(await first.run("history", "--json"))
    .stdout.trim()
    .split("\n");
  const jobs = told.map((line) => (JSON.parse(line) as { job: string }).job);
  expect(jobs.toSorted()).toEqual(["one", "three", "two"]);
  expect(await cluster.wrong()).toMatchObject({
    ...{ posted: 3, lost: 0, twice: 0, undelivered: 0, uncounted: 0, repeated: 0 },
  });
  const id = cluster.sandbox.actions()[0]?.id ?? 0;
  const again = ended(await second.run("redeliver", `${id}`)).stdout;
  expect(again).toContain(`action ${id}: the host that has the job delivers it to keep`);
  daemon.signal("SIGTERM");
  expect(await daemon.ended()).toMatchObject({ exit: 0 });
  await shares(second, { h2: 8 });
  expect((await second.run("cluster", "forget", "h2")).exit).not.toBe(0);
  other.signal("SIGTERM");
  expect(await other.ended()).toMatchObject({ exit: 0 });
  const { exit, stdout } = await second.run("cluster", "status");
  expect({ exit, stdout }).toEqual({ exit: 1, stdout: "no hosts yet\n8 shards without a host\n" });
});

test.skipIf(postgres === null)("a host says what keeps it from joining", async () => {
  if (postgres === null) return;
  const url = await postgres.database();
  await using bare = await Host.create({ runner: ["[cluster]", `url = "${url}"`, 'name = "a"'] });
  const { exit, stderr } = await bare.run();
  expect({ exit, has: stderr.includes("run `mig-runner cluster migrate` once") }).toEqual({
    exit: 9,
    has: true,
  });
});
