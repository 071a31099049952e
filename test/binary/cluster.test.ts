// Cluster: hosts that share their jobs, by what a person sees of them.
import { afterAll, expect, test } from "bun:test";
import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { eventually } from "../support/binary.ts";
import { Cluster } from "../support/cluster.ts";
import { blocksOf, commandsOf, readPage } from "../support/doc.ts";
import { Scratch } from "../support/edge.ts";
import { type Postgres, startPostgres } from "../support/postgres.ts";
import { ACTION, ended, Host, Site } from "../support/site.ts";
import { STORE_KEYS, type Store, startStore } from "../support/store.ts";

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
  using shared = new Scratch();
  const [, , folder = ""] = configsIn(await readPage("docs/cluster.md"));
  const runner = folder.replace("/mnt/shared/results", shared.path).trim().split("\n");
  await using cluster = await Cluster.create(postgres, { hosts: 2, leaseSeconds: 60, runner });
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
    posted: 3,
    lost: 0,
    twice: 0,
    undelivered: 0,
    uncounted: 0,
    repeated: 0,
  });
  const [day = "", tag, ...others] = (await readdir(shared.path)).toSorted();
  expect([tag, others]).toEqual([expect.stringMatching(/^mig-runner\.[0-9a-f]{16}$/), []]);
  expect((await readdir(shared.in(day))).toSorted()).toEqual(["one", "three", "two"]);
  const id = cluster.sandbox.actions()[0]?.id ?? 0;
  const again = ended(await second.run("redeliver", `${id}`)).stdout;
  expect(again).toContain(`action ${id}: the host that has the job delivers it to keep`);
  daemon.signal("SIGTERM");
  expect(await daemon.ended()).toMatchObject({ exit: 0 });
  await shares(second, { h2: 8 });
  await other.prints(/cluster: this host has job \w+ now/);
  expect(daemon.lines.join("\n")).toMatch(/cluster: this host has job \w+ no longer/);
  expect(daemon.lines.join("\n")).not.toContain("removed entity");
  expect(ended(await first.run("--once")).stderr).toMatch(
    /other hosts have all jobs: nothing to do$/m,
  );
  expect((await second.run("cluster", "forget", "h2")).exit).not.toBe(0);
  other.signal("SIGTERM");
  expect(await other.ended()).toMatchObject({ exit: 0 });
  const { exit, stdout } = await second.run("cluster", "status");
  expect({ exit, stdout }).toEqual({ exit: 1, stdout: "no hosts yet\n8 shards without a host\n" });
});

test.skipIf(postgres === null)(
  "a pass that gets no job says until when others have them",
  async () => {
    if (postgres === null) return;
    await using cluster = await Cluster.create(postgres, { hosts: 1 });
    // As a pass that was killed has left it.
    const until = "lease_until = now() + interval '1 hour'";
    await postgres.query(
      cluster.url,
      `UPDATE mig_shard SET owner = 'h9/0a', ${until} WHERE id > 0`,
    );
    const { stderr } = ended(await cluster.host(1).run("--once"));
    expect(stderr).toMatch(
      /other hosts have all jobs: nothing to do; a pass on h9 has 8 shards until \d{4}-.*, or longer/,
    );
  },
);

test.skipIf(postgres === null)("a daemon ends in order once the schema is another", async () => {
  if (postgres === null) return;
  await using cluster = await Cluster.create(postgres, { hosts: 1 });
  const host = cluster.host(1);
  const daemon = await host.daemon();
  await shares(host, { h1: 8 });
  await postgres.query(cluster.url, "UPDATE mig_cluster SET version = 2");
  const { exit } = await daemon.ended();
  expect(exit).toBe(9);
  expect(daemon.lines.join("\n")).toContain(
    "runner error: Cannot use the cluster's database: it has schema 2, this mig-runner works with 1",
  );
  const left = "SELECT count(*) FILTER (WHERE owner IS NOT NULL)::int AS owned FROM mig_shard";
  expect(await postgres.query(cluster.url, left)).toEqual([{ owned: 0 }]);
});

/** What /healthz answers. */
async function health(url: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${url}/healthz`);
  return { status: answer.status, text: await answer.text() };
}

test.skipIf(postgres === null)("a host without PostgreSQL says that it is not well", async () => {
  if (postgres === null) return;
  await using cluster = await Cluster.create(postgres, { hosts: 1 });
  const host = cluster.host(1);
  await cluster.job("one", []);
  const daemon = await host.daemon();
  const page = host.start("dashboard", "--listen", "127.0.0.1:0");
  const url = (await page.prints(/the page is at /)).replace(/.* /, "").replace(/\/$/, "");
  await eventually(async () => ((await health(url)).status === 200 ? true : null));
  cluster.ways[0]?.postgres.cut("both");
  const told = await eventually(async () => {
    const answer = await health(url);
    return answer.status === 503 ? answer.text : null;
  });
  expect(told).toContain("PostgreSQL has not answered since");
  expect(await (await fetch(url)).text()).toContain('role="alert">PostgreSQL has not answered');
  cluster.ways[0]?.postgres.mend();
  await eventually(async () => ((await health(url)).status === 200 ? true : null));
  for (const each of [page, daemon]) {
    each.signal("SIGTERM");
    ended(await each.ended());
  }
});

/** What the page would have in runner.cfg: of the cluster, of a bucket, of a folder. */
function configsIn(page: string): readonly string[] {
  return blocksOf(page)
    .filter(({ path }) => path === "runner.cfg")
    .map(({ code }) => code);
}

/** The page, with what stands for the places of the test. */
async function pageOf(server: Postgres, store: Store, path: string) {
  const page = (await readPage("docs/cluster.md"))
    .replaceAll("s3://mig-results", `s3://${store.bucket}`)
    .replaceAll("https://minio.example.com:9000", store.endpoint)
    .replaceAll("/etc/mig/s3.keys", path.replace(/[^/]*$/, "s3.keys"))
    .replace("aws_access_key_id = ...", `aws_access_key_id = ${STORE_KEYS.AWS_ACCESS_KEY_ID}`)
    .replace(
      "aws_secret_access_key = ...",
      `aws_secret_access_key = ${STORE_KEYS.AWS_SECRET_ACCESS_KEY}`,
    )
    .replaceAll("db.example.com", `127.0.0.1:${server.port}`)
    .replaceAll("?sslmode=verify-full", "")
    .replaceAll("/var/lib/mig-runner/journal.db", path);
  const blocks = blocksOf(page);
  const sql = blocks.filter(({ language }) => language === "sql").map(({ code }) => code.trim());
  const [cluster = "", bucket = ""] = configsIn(page);
  const keys = blocks.find((block) => block.path === "s3.keys")?.code ?? "";
  const calls = commandsOf(blocks).map(([program, flag, config, ...words]) => {
    expect([program, flag, config]).toEqual(["mig-runner", "-c", "runner.cfg"]);
    return words;
  });
  return { sql, section: `${cluster}${bucket}`, keys, calls };
}

test.skipIf(postgres === null)("docs/cluster.md makes one host two, and one again", async () => {
  if (postgres === null) return;
  await using alpha = await Site.create();
  await using beta = await Host.create({ url: alpha.sandbox.url });
  const journal = alpha.scenario.path("journal.db");
  await using store = await startStore();
  const { sql, section, keys, calls } = await pageOf(postgres, store, journal);
  const [migrate = [], status = [], drain = [], undrain = [], dry = [], move = [], back = []] =
    calls;
  expect(calls.length).toBe(7);
  const alone = await readFile(alpha.config, "utf8");
  const join = async (host: Host, text: string) =>
    await writeFile(host.config, `${await readFile(host.config, "utf8")}${text}`);
  for (const host of [alpha, beta]) await host.job("one", ['plugin = "keep"']);
  for (const host of [alpha, beta]) await host.scenario.plugin("keep", "cat > /dev/null");
  ended(await alpha.run("run", "one"));

  const superuser = `postgres://postgres@127.0.0.1:${postgres.port}/postgres`;
  const [make = "", grant = ""] = sql;
  for (const line of make.split("\n")) await postgres.query(superuser, line);
  await chmod(await alpha.scenario.write("s3.keys", keys), 0o600);
  const betaAlone = await readFile(beta.config, "utf8");
  const ofBeta = section.replace("alpha", "beta");
  await join(alpha, section);
  await join(beta, ofBeta.replace("mig_runner:secret", "postgres"));
  const early = await beta.run();
  expect([early.exit, early.stderr.includes("run `mig-runner cluster migrate` once")]).toEqual([
    9,
    true,
  ]);
  ended(await beta.run(...migrate));
  await writeFile(beta.config, `${betaAlone}${ofBeta}`);
  await postgres.query(superuser.replace(/postgres$/, "mig_runner"), grant);
  const unmoved = await alpha.run();
  expect(unmoved.exit).toBe(9);
  expect(unmoved.stderr).toContain("there is a journal of this host alone");
  ended(await alpha.run(...dry));
  expect(ended(await alpha.run(...move)).stdout).toContain("and compared\n");

  const daemons = [await alpha.daemon(), await beta.daemon()];
  await eventually(async () => {
    const { stdout } = await alpha.run(...status);
    return /alpha +up +32 shards[\s\S]*beta +up +32 shards/.test(stdout) ? true : null;
  });
  // What was in flight goes on, on whichever host has it.
  await eventually(async () => {
    const { stdout } = await beta.run("history", "--json");
    return (JSON.parse(stdout) as { state: string }).state === "done" ? true : null;
  });
  expect(alpha.sandbox.actions()).toHaveLength(1);
  const objects = [...(await store.objects()).keys()];
  expect(objects).toEqual([expect.stringMatching(/^site-a\/\d{8}\/one\/\d+\.[0-9a-f]+\.json$/)]);
  ended(await alpha.run(...drain));
  ended(await alpha.run(...undrain));
  for (const daemon of daemons) daemon.signal("SIGTERM");
  for (const daemon of daemons) ended(await daemon.ended());
  ended(await alpha.run(...back));
  await writeFile(alpha.config, alone);
  const kept = JSON.parse(ended(await alpha.run("history", "--json")).stdout);
  expect(kept).toMatchObject({ job: "one", state: "done" });
});
