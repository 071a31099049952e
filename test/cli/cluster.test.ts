// Verbs of a host that is one of several, called in this process beside a real PostgreSQL.
import { afterAll, expect, test } from "bun:test";
import { audit } from "../../src/cli/audit.ts";
import { calendar } from "../../src/cli/calendar.ts";
import { check } from "../../src/cli/check.ts";
import { cluster } from "../../src/cli/cluster.ts";
import { completionOf } from "../../src/cli/completion.ts";
import { drop } from "../../src/cli/drop.ts";
import { history } from "../../src/cli/history.ts";
import { jobsKey } from "../../src/cli/host-watch.ts";
import { journal as verb } from "../../src/cli/journal.ts";
import { next } from "../../src/cli/next.ts";
import { openJournalAccess, openSpoolView } from "../../src/cli/open.ts";
import { pause } from "../../src/cli/pause.ts";
import { journalFileKept } from "../../src/cli/reading.ts";
import { redeliver } from "../../src/cli/redeliver.ts";
import { run } from "../../src/cli/run.ts";
import { show } from "../../src/cli/show.ts";
import { state } from "../../src/cli/state.ts";
import { status } from "../../src/cli/status.ts";
import type { Call, Verb } from "../../src/cli/verb.ts";
import { findVerb, VERBS } from "../../src/cli/verbs.ts";
import { openClusterJournal } from "../../src/journal/postgres/journal.ts";
import { Server } from "../../src/journal/postgres/server.ts";
import { shardOf } from "../../src/journal/postgres/shapes.ts";
import { startPostgres } from "../support/postgres.ts";
import { Directory, THEN } from "../support/verb.ts";

const postgres = await startPostgres();
afterAll(() => postgres?.close());

const SHARDS = 4;

const completion = completionOf(VERBS, await findVerb(""));

/** A host of a cluster of its own, with the job `nightly` and the plugin `keep`. */
async function newHost(): Promise<{ readonly url: string; readonly directory: Directory }> {
  const url = (await postgres?.database()) ?? "";
  const directory = await Directory.create();
  await directory.config("[cluster]", `url = "${url}"`, 'name = "alpha"', `shards = ${SHARDS}`);
  await directory.job("nightly", ['plugin = "keep"']);
  await directory.plugin("keep", "cat > /dev/null");
  await directory.call(cluster, ["migrate"]);
  return { url, directory };
}

/** The journal of a cluster, beside its owners. */
async function beside(url: string, directory: Directory) {
  const server = new Server({ connectionString: url });
  const path = directory.at("beside.db");
  const journal = openClusterJournal({ server, path, shards: SHARDS, me: "test" });
  await journal.load([0, 1, 2, 3, 4]);
  return {
    journal,
    async [Symbol.asyncDispose]() {
      await journal.close();
      await server.close();
    },
  };
}

/** A verb that only does this. */
function probe(work: (call: Call) => Promise<void>): Verb {
  return { usage: "", flags: [], help: "", run: async (call) => work(call).then(() => 0) };
}

test.skipIf(postgres === null)("verbs work on the journal of all hosts", async () => {
  const { url, directory } = await newHost();
  await using _ = directory;
  await using held = await beside(url, directory);
  const { journal } = held;

  expect((await directory.call(state, ["nightly", "--set", "known=[1]"])).exit).toBe(0);
  const kept = JSON.parse((await directory.call(state, ["nightly", "--json"])).out);
  expect(kept.jobs[0].keys).toMatchObject([{ key: "known", value: [1] }]);

  const asked = await directory.call(run, ["nightly", "--at", "2098-01-02T03:00:00Z"]);
  expect([asked.thrown, asked.exit]).toEqual(["", 0]);
  expect(asked.out).toMatch(/^run \d+ of nightly starts 2098-01-02 03:00:00 \(in \d+d\w*\); /);
  expect(asked.out).not.toContain("warning");

  const none = await directory.call(calendar, ["show", "nightly"]);
  expect(none.thrown).toContain("none is installed");
  const window = { firesAt: THEN, validFrom: THEN, expireAfter: THEN + 1_000, signatures: ["s"] };
  const signed = {
    job: "nightly",
    sequence: 7,
    hash: "h",
    action: "{}",
    template: "t",
    minSigners: 1,
    signers: ["A1"],
    requestedAt: THEN,
    windows: [window],
  };
  await journal.write((tables) => tables.insertCalendar(signed, THEN));
  const shown = JSON.parse((await directory.call(calendar, ["show", "nightly", "--json"])).out);
  expect(shown).toMatchObject({ job: "nightly", sequence: 7, all: 1 });
  const withdrawn = await directory.call(calendar, ["withdraw", "nightly"]);
  expect([withdrawn.thrown, withdrawn.exit]).toEqual(["", 0]);
  expect((await directory.call(calendar, ["show", "nightly"])).thrown).toContain("none is");
});

test.skipIf(postgres === null)(
  "verbs that read take no ids, and need no right to write",
  async () => {
    const { url, directory } = await newHost();
    await using _ = directory;
    expect((await directory.call(state, ["nightly", "--set", "known=[1]"])).exit).toBe(0);
    const asked = await directory.call(run, ["nightly", "--at", "2098-01-02T03:00:00Z"]);
    const [, id = ""] = /^run (\d+) /.exec(asked.out) ?? [];
    await postgres?.query(url, "CREATE ROLE reader LOGIN");
    await postgres?.query(url, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader");
    const reader = url.replace("postgres@", "reader@");
    await directory.config("[cluster]", `url = "${reader}"`, 'name = "alpha"');
    const nextId = "SELECT next_id FROM mig_cluster";
    const before = await postgres?.query(url, nextId);
    const told: readonly [verb: Verb, words: readonly string[], says: string][] = [
      [history, [], `${id}`],
      [history, ["nightly"], `${id}`],
      [history, [id], `run ${id} of nightly (manual): requested`],
      [status, [], `run ${id}  2098-01-02`],
      [state, [], "known"],
      [state, ["nightly"], "[1]"],
      [audit, [], "run nightly"],
      [completionOf([], history), ["keys", "nightly"], "known"],
      [completionOf([], history), ["questions"], ""],
      [next, ["nightly", "--from", "2098-01-01T00:00:00Z"], `run ${id}`],
      [audit, ["verify"], "2 rows, sound"],
      [cluster, ["status"], "no hosts yet"],
    ];
    for (const [verb, words, says] of told) {
      const { out, thrown } = await directory.call(verb, words);
      expect([thrown, out]).toEqual(["", expect.stringContaining(says)]);
    }
    expect((await directory.call(calendar, ["show", "nightly"])).thrown).toContain("none is");
    expect((await directory.call(history, ["nihgtly"])).thrown).toContain('did you mean "nightly"');
    const page = probe(async (call) => (await journalFileKept(await openSpoolView(call))).close());
    expect((await directory.call(page, [])).thrown).toBe("");
    expect(await postgres?.query(url, nextId)).toEqual(before ?? []);
    expect((await directory.call(pause, ["nightly"])).thrown).toContain("permission denied");
  },
);

test.skipIf(postgres === null)("no verb sends people to a file for rows of a cluster", async () => {
  const { directory } = await newHost();
  await using _ = directory;
  for (const verb of [drop, history]) {
    const { thrown } = await directory.call(verb, ["99"]);
    expect(thrown).toContain("the journal has none of this id");
    expect(thrown).not.toContain("journal.db");
  }
});

test.skipIf(postgres === null)(
  "next shows what holds a job of the cluster, or says that it cannot",
  async () => {
    const { directory } = await newHost();
    await using _ = directory;
    const free = await directory.call(next, ["nightly", "-n", "1"]);
    expect(free.out).not.toContain("paused");
    expect((await directory.call(pause, ["nightly", "--why", "move"])).thrown).toBe("");
    const held = await directory.call(next, ["nightly", "-n", "1"]);
    expect([held.error, held.out]).toEqual(["", expect.stringContaining("paused by ")]);
    const nowhere = '"postgres://x@127.0.0.1:9/x"';
    await directory.config("[cluster]", `url = ${nowhere}`, 'name = "alpha"');
    const blind = await directory.call(next, ["nightly", "-n", "1"]);
    expect([blind.exit, blind.error.split("\n").length]).toEqual([0, 2]);
    expect(blind.error).toMatch(/^warning: pauses .* are not known: .*ECONNREFUSED/);
    expect(blind.out).not.toContain("paused");
  },
);

test.skipIf(postgres === null)(
  "a job that lies on other hosts only is named with these",
  async () => {
    const { url, directory } = await newHost();
    await using _ = directory;
    await using held = await beside(url, directory);
    const server = new Server({ connectionString: url });
    await server.beat("beta", "two", 60_000);
    await server.beat("gamma", "three", 60_000);
    await server.close();
    await held.journal.write((to) => {
      for (const host of ["beta", "gamma"]) {
        const value = JSON.stringify({ far: "digest", nightly: "digest" });
        to.setState({ job: "", key: jobsKey(host), value, runId: null, setAt: THEN });
      }
    });
    for (const verb of [show, next]) {
      const { thrown } = await directory.call(verb, ["far"]);
      expect(thrown).toContain('Cannot show job "far": it does not lie on this host');
      expect(thrown).toContain("they lie on beta, gamma");
      expect((await directory.call(verb, ["nigthly"])).thrown).toContain('did you mean "nightly"?');
    }
    const { out } = await directory.call(status, []);
    expect(out).toMatch(/\n1 job on other hosts only\n +far +its files lie on beta, gamma\n/);
    const { elsewhere } = JSON.parse((await directory.call(status, ["--json"])).out);
    expect(elsewhere).toEqual([{ job: "far", hosts: ["beta", "gamma"] }]);
  },
);

test.skipIf(postgres === null)("a verb about one job fetches no other's rows", async () => {
  const { url, directory } = await newHost();
  await using _ = directory;
  await using held = await beside(url, directory);
  const jobs = ["nightly", "b", "c", "d", "e", "f"];
  const runs = await held.journal.write((to) =>
    jobs.map((job) => to.insertRun({ job, firesAt: 1, cause: "manual" }, "open", THEN)?.id ?? 0),
  );
  const shards = jobs.map((job) => shardOf(job, SHARDS));
  expect(new Set(shards).size).toBeGreaterThan(1);
  for (const [index, run] of runs.entries()) {
    for (const word of [jobs[index] ?? "", `${run}`]) {
      const seen: string[] = [];
      const looking = probe(async (call) => {
        const { edges, close } = await openJournalAccess(call, { kind: "named", word });
        seen.push(...jobs.filter((job) => edges.journal.runs(job, 1).length > 0));
        await close();
      });
      expect((await directory.call(looking, [])).thrown).toBe("");
      // A number may be the name of a job, too.
      const here = [shards[index], shardOf(word, SHARDS)];
      expect(seen).toEqual(jobs.filter((_, other) => here.includes(shards[other])));
    }
  }
});

test.skipIf(postgres === null)("drain says when nobody is left who takes the jobs", async () => {
  const { url, directory } = await newHost();
  await using _ = directory;
  const unknown = await directory.call(cluster, ["undrain", "alpha"]);
  expect(unknown.thrown).toContain('Cannot undrain host "alpha": there is none of this name');
  expect((await directory.call(cluster, ["forget", "alpha"])).thrown).toContain("there is none");
  const server = new Server({ connectionString: url });
  await server.beat("alpha", "one", 60_000);
  await server.beat("beta", "two", 60_000);
  for (const [deed, host, hint] of [
    ["drain", "alhpa", 'did you mean "alpha"?'],
    ["undrain", "gamma-nord", "there are alpha, beta"],
    ["forget", "betta", 'did you mean "beta"?'],
  ] as const) {
    const { thrown } = await directory.call(cluster, [deed, host]);
    expect(thrown).toContain(`Cannot ${deed} host "${host}": there is none of this name (${hint}`);
  }
  const offered = async (deed: string) =>
    (await directory.call(completion, ["hosts", deed])).out.trim().split("\n");
  expect(await offered("drain")).toEqual(["alpha", "beta"]);
  expect(await offered("undrain")).toEqual([""]);
  expect(await offered("status")).toEqual([""]);
  const first = await directory.call(cluster, ["drain", "alpha"]);
  expect(first.out).toBe("alpha gives its jobs to the others\n");
  const now = await Promise.all(["drain", "undrain", "forget"].map(offered));
  expect(now).toEqual([["beta"], ["alpha"], ["alpha", "beta"]]);
  const last = await directory.call(cluster, ["drain", "beta"]);
  expect(last.out).toContain("warning: no host is left that takes them");
  const plain = await directory.call(cluster, ["drain", "beta", "--json"]);
  expect(JSON.parse(plain.out)).toMatchObject({ host: "beta", draining: true, takers: false });
  const back = JSON.parse((await directory.call(cluster, ["undrain", "beta", "--json"])).out);
  expect(back).toMatchObject({ host: "beta", draining: false, takers: true });
  await server.close();
});

test.skipIf(postgres === null)(
  "verbs say which host has a job, and how many each has",
  async () => {
    const { url, directory } = await newHost();
    await using _ = directory;
    await using held = await beside(url, directory);
    const server = new Server({ connectionString: url });
    const digests = (jobs: readonly string[]) =>
      JSON.stringify(Object.fromEntries(jobs.map((job) => [job, "d"])));
    const about = { job: "", runId: null, setAt: THEN };
    await held.journal.write((to) => {
      const lists = { alpha: digests(["nightly", "weekly"]), beta: digests(["nightly"]) };
      for (const [host, value] of Object.entries(lists)) {
        to.setState({ ...about, key: `jobs of host ${host}`, value });
      }
    });
    const told = async () => {
      const { hosts } = JSON.parse((await directory.call(cluster, ["status", "--json"])).out);
      const counts = hosts.map(({ host, jobs }: Record<string, unknown>) => [host, jobs]);
      const { jobs } = JSON.parse((await directory.call(status, ["--json"])).out);
      const shown = JSON.parse((await directory.call(show, ["nightly", "--json"])).out);
      return { counts, status: jobs[0].host, show: shown.host };
    };
    await server.beat("alpha", "one", 60_000);
    await server.beat("beta", "two", 60_000);
    const none = { status: null, show: null };
    expect(await told()).toEqual({
      counts: [
        ["alpha", 0],
        ["beta", 0],
      ],
      ...none,
    });
    await server.claim("two", 60_000, [1, 2, 3, 4]);
    expect(await told()).toEqual({
      counts: [
        ["alpha", 0],
        ["beta", 2],
      ],
      status: "beta",
      show: "beta",
    });
    const rows = (await directory.call(cluster, ["status"])).out;
    expect(rows).toMatch(/^ +alpha +up +0 shards +0 jobs .*\n +beta +up +4 shards +2 jobs /);
    expect((await directory.call(show, ["nightly"])).out).toMatch(/^ +host +beta$/m);
    await server.close();
    // Without PostgreSQL the rest is shown.
    await directory.config("[cluster]", 'url = "postgres://127.0.0.1:1/none"', 'name = "alpha"');
    const { exit, out } = await directory.call(show, ["nightly"]);
    expect([exit, /^ +host +not known: Cannot use the journal in PostgreSQL/m.test(out)]).toEqual([
      0,
      true,
    ]);
  },
);

test.skipIf(postgres === null)("the audit log of a cluster says on which host it was", async () => {
  const { directory } = await newHost();
  await using _ = directory;
  expect((await directory.call(state, ["nightly", "--set", "known=[1]"])).thrown).toBe("");
  expect((await directory.call(pause, ["nightly"])).thrown).toBe("");
  const rows = (await directory.call(audit, ["--json"])).out.trim().split("\n");
  const details = rows.map((row) => (JSON.parse(row) as { detail: string }).detail);
  expect(details.map((detail) => detail.endsWith("on host alpha"))).toEqual([true, true]);
  expect(details).toContain("on host alpha");
  expect((await directory.call(audit, ["verify"])).exit).toBe(0);
});

test.skipIf(postgres === null)("redeliver leaves it to the host that has the job", async () => {
  const { url, directory } = await newHost();
  await using _ = directory;
  await using held = await beside(url, directory);
  const { journal } = held;
  // As another host has left it: its result does not lie here.
  const id = await journal.write((tables) => {
    const fired = { job: "nightly", firesAt: 1_001, cause: "manual" } as const;
    const row = tables.insertRun(fired, "open", THEN);
    const action = {
      runId: row?.id ?? 0,
      job: "nightly",
      step: "",
      name: "n",
      body: "{}",
      signature: "s",
      plugins: ["keep"],
      expireAt: THEN,
      sendOnly: false,
    };
    const planned = tables.insertAction(action, THEN);
    const completeness = { fetched: 1, sent: 1, counters: null, statuses: {}, strays: 0 };
    const result = { resultPath: "/other/host/8.json", completeness };
    tables.saveAction({ ...planned, ...result, state: "settled", actionId: 8, nextAt: null });
    return planned.id;
  });
  for (const word of ["8", "nightly"]) {
    const { out, thrown } = await directory.call(redeliver, [word]);
    expect([out, thrown]).toEqual([
      "nightly: action 8: the host that has the job delivers it to keep\n",
      "",
    ]);
  }
  await journal.refresh(await new Server({ connectionString: url }).look());
  expect(journal.deliveriesOf(id)).toMatchObject([{ plugin: "keep", state: "pending" }]);
  await directory.result("nightly", 9);
  const { thrown } = await directory.call(redeliver, ["9"]);
  expect(thrown).toContain('Cannot redeliver action "9": the journal of the cluster has none');
});

test.skipIf(postgres === null)("journal verify checks the rows that hosts share", async () => {
  const { url, directory } = await newHost();
  await using _ = directory;
  await using held = await beside(url, directory);
  await held.journal.write((to) => {
    for (const firesAt of [1, 2, 3, 4]) {
      to.insertRun({ job: "nightly", firesAt, cause: "manual" }, "requested", THEN);
    }
  });
  const place = url.replace("postgres@", "");
  const sound = await directory.call(verb, ["verify"]);
  expect([sound.exit, sound.out]).toEqual([0, `${place}: it is sound\n  run  4 rows\n`]);
  const change = (at: number, data: string) =>
    postgres?.query(url, `UPDATE mig_row SET data = ${data} WHERE data LIKE '%"fires_at":${at},%'`);
  await change(1, "'no JSON'");
  await change(2, `replace(data, '"requested"', '"done"')`);
  await change(3, `replace(data, '"requested"', '"lost"')`);
  const faulty = await directory.call(verb, ["verify"]);
  expect(faulty.exit).toBe(1);
  expect(faulty.out).toMatch(
    /2 rows cannot be read.*\n {2}run \d+: .*JSON.*\n {2}run \d+ \(nightly\)/,
  );
  expect(faulty.out).toContain("mend or delete them in the table mig_row of PostgreSQL");
  expect(faulty.out).toMatch(/1 row cannot be right\n.*it ended, but when was not recorded/);
  const plain = JSON.parse((await directory.call(verb, ["verify", "--json"])).out);
  expect(plain).toMatchObject({ path: place, sound: false, rows: { run: 3 } });
  for (const [deed, hint] of [
    [["backup", "x"], "pg_dump"],
    [["restore", "x"], "stop the daemons"],
    [["salvage"], "mig_row"],
  ] as const) {
    const { thrown } = await directory.call(verb, deed);
    expect(thrown).toContain(`Cannot use journal ${deed[0]}: it does not work together with`);
    expect(thrown).toContain(hint);
  }
});

test.skipIf(postgres === null)("journal move takes no file that nothing would find", async () => {
  const { directory } = await newHost();
  await using _ = directory;
  const path = directory.at("journal.db");
  for (const to of [directory.at("other.db"), "journal.db", "db.example.com/mig"]) {
    const { thrown } = await directory.call(verb, ["move", "--to", to]);
    expect(thrown).toStartWith(`Cannot move the journal: "${to}" is not the journal's place by`);
    expect(thrown).toContain(`mig-runner journal move --to "${path}"`);
  }
  for (const to of ["postgres:/oops", "postgres:oops", "Postgres://x/y", "http://u:secret@h/d"]) {
    const { thrown } = await directory.call(verb, ["move", "--to", to]);
    expect(thrown).toContain("no URL of a PostgreSQL database, like postgres://mig@db.example");
    expect(thrown).not.toContain("secret");
  }
  expect(await Bun.file(directory.at("other.db")).exists()).toBe(false);
  const moved = await directory.call(verb, ["move", "--to", path, "--dry-run"]);
  expect([moved.thrown, moved.exit]).toEqual(["", 0]);
});

test.skipIf(postgres === null)("journal move takes along what the original has left", async () => {
  const { url, directory } = await newHost();
  await using _ = directory;
  const section = ["[cluster]", `url = "${url}"`, 'name = "alpha"'];
  const path = directory.at("journal.db");
  await directory.config();
  expect((await directory.call(verb, ["move", "--to", url])).thrown).toContain("is not there");
  await directory.posted("nightly", 7, ["keep"]);
  const action = { id: 9, name: "n", expireafter: "2026-01-02T03:04:05Z", pgpsignatures: ["s"] };
  const record = { action, commands: null, name: "nightly", plugin: "keep" };
  await directory.write("runners/nightly/inflight/9.json", JSON.stringify(record));

  const dry = await directory.call(verb, ["move", "--to", url, "--dry-run"]);
  expect(dry.out).toMatch(/^it can be moved to postgres:.*; nothing was changed\n +run +1 row\n/);
  const moved = await directory.call(verb, ["move", "--to", url, "--json"]);
  expect([moved.thrown, moved.exit]).toEqual(["", 0]);
  const answer = JSON.parse(moved.out) as object;
  expect(answer).toMatchObject({ moved: true, idsRaisedBy: 0, rows: { action: 2, audit: 1 } });
  const refused = (await directory.call(audit, [])).thrown;
  expect(refused).toContain(`Cannot use the journal "${path}": it was moved to postgres://`);

  await directory.write("copy.db", "");
  const second = (await directory.call(verb, ["restore", directory.at("copy.db")])).thrown;
  expect(second).toContain("it was moved to postgres://");

  await directory.config(...section);
  expect((await directory.call(check, [])).out).not.toContain("it was moved");
  const { undelivered, ...seen } = JSON.parse((await directory.call(status, ["--json"])).out);
  expect(undelivered).toEqual([]);
  expect(seen.inFlight.map((row: { actionId: number }) => row.actionId).toSorted()).toEqual([7, 9]);
  const back = await directory.call(verb, ["move", "--to", path]);
  expect(back.out).toContain(`the file that was there is kept as ${path}.before-move\n`);
  const heads = (await Bun.file(directory.at("runner.log")).text()).match(
    /audit: \d+ move journal/g,
  );
  expect(heads).toEqual(["audit: 1 move journal", "audit: 2 move journal"]);
  await directory.config();
  expect((await directory.call(verb, ["verify"])).out).toMatch(
    /it is sound\n(.*\n)* +action +2 rows/,
  );
});
