import { describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { history } from "../../src/cli/history.ts";
import { lockDirectory } from "../../src/edge/lock.ts";
import { HOUR_MS } from "../../src/time.ts";
import { eventful, jsonPath, PAGES } from "../support/eventful.ts";
import { pageOf } from "../support/page.ts";
import { answer, command } from "../support/results.ts";
import { callVerb, Directory, THEN } from "../support/verb.ts";

describe("createApp()", () => {
  test("answers every page, and its data as JSON with a version", async () => {
    await using directory = await eventful("a plain text");
    const page = await pageOf(directory);
    for (const path of PAGES) {
      const drawn = await page.get(path);
      expect([path, drawn.status]).toEqual([path, 200]);
      expect(drawn.text).toStartWith("<!doctype html>");
      expect(drawn.text.match(/<h1>/g)).toHaveLength(1);
      const data = await page.json(jsonPath(path));
      expect(data.version).toBe(1);
      expect(`${data.shownAt}`).toMatch(/^\d{4}-\d\d-\d\dT/);
      const link = jsonPath(path).replaceAll("&", "&amp;");
      expect(drawn.text).toContain(`href="${link}"`);
    }
    expect(page.notes).toEqual([]);
  });

  test("says first what is wrong, since when, and what to do", async () => {
    await using directory = await eventful("the mail server refused it");
    const { text } = await (await pageOf(directory)).get("/");
    const [, wrong = ""] = text.split("What is wrong");
    expect(wrong.indexOf("the mail server refused it")).toBeLessThan(wrong.indexOf("<h2>Next"));
    expect(text).toContain("No mig-runner is at work: nothing is fired, collected or delivered");
    expect(text).toContain("Plugin slack did not take a result of nightly");
    expect(text).toContain("mig-runner redeliver 8");
    expect(text).toContain("Job broken is broken and does not run");
    const data = await (await pageOf(directory)).json("/overview.json");
    expect(data.troubles).toContainEqual(
      expect.objectContaining({ kind: "delivery", job: "nightly", runId: 1 }),
    );
  });

  test("draws the day: what ran, what was missed, what comes", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const now = Date.now();
    const id = await directory.remember((transaction) => {
      const begunAt = now - 2 * HOUR_MS;
      const order = { job: "nightly", firesAt: begunAt, cause: "manual", begunAt } as const;
      const run = transaction.insertRun(order, "failed", begunAt);
      if (run === null) throw new Error("no run");
      transaction.saveRun({ ...run, endedAt: begunAt + HOUR_MS });
      const times = { firstAt: now - HOUR_MS, lastAt: now - HOUR_MS, recordedAt: now };
      transaction.insertMissed({ job: "other", ...times, count: 1, reason: "it was down" });
      return run.id;
    });
    const page = await pageOf(directory);
    const { text } = await page.get("/");
    const [, day = ""] = text.split("<h2>The day");
    const [, bar = ""] = day.split(`href="/runs/${id}"`);
    // Eighteen hours back and six ahead: an hour is 4.17 percent, and it began at 16 of 24.
    const [, x, width] = /class="failed" x="([\d.]+)%" y="3" width="([\d.]+)%"/.exec(bar) ?? [];
    expect(Number(x)).toBeCloseTo((16 / 24) * 100, 0);
    expect(Number(width)).toBeCloseTo(100 / 24, 1);
    expect(day).toContain('class="missed"');
    const data = await page.json("/overview.json");
    expect(data.day).toMatchObject({
      lanes: [
        { job: "nightly", runs: [{ run: id, state: "failed" }], missed: [] },
        { job: "other", runs: [], missed: [{ count: 1 }] },
      ],
      more: 0,
    });
  });

  test("draws blackouts on the day, for the jobs that they hold, once and each week", async () => {
    const now = Date.now();
    const iso = (at: number) => new Date(at).toISOString();
    const hour = Math.floor(now / HOUR_MS) * HOUR_MS;
    const clock = (at: number) =>
      `${["sun", "mon", "tue", "wed", "thu", "fri", "sat"][new Date(at).getUTCDay()]} ${iso(at).slice(11, 16)}`;
    const week = `${clock(hour - 3 * HOUR_MS + 7 * 60_000)} - ${clock(hour - HOUR_MS)}`;
    await using directory = await Directory.create();
    await directory.config(
      '[blackout "freeze <b>"]',
      'jobs = "night*"',
      `from = "${iso(now - 99 * HOUR_MS)}"`,
      `until = "${iso(hour - 6 * HOUR_MS)}"`,
      '[blackout "office"]',
      `weekly = "${week}"`,
      'timezone = "UTC"',
    );
    const order = { firesAt: hour - HOUR_MS, cause: "manual", begunAt: hour - HOUR_MS } as const;
    await directory.remember((transaction) => {
      for (const job of ["nightly", "other"]) transaction.insertRun({ job, ...order }, "open", now);
    });
    const page = await pageOf(directory);
    const { day } = (await page.json("/overview.json")) as unknown as {
      day: { fromAt: string; lanes: { job: string; blackouts: unknown[] }[] };
    };
    const office = {
      fromAt: iso(hour - 3 * HOUR_MS + 7 * 60_000),
      untilAt: iso(hour - HOUR_MS),
      reason: 'blackout "office"',
    };
    const freeze = { untilAt: iso(hour - 6 * HOUR_MS), reason: 'blackout "freeze <b>"' };
    expect(day.lanes).toMatchObject([
      { job: "nightly", blackouts: [{ fromAt: day.fromAt, ...freeze }, office] },
      { job: "other", blackouts: [office] },
    ]);
    const { text } = await page.get("/");
    expect(text.match(/<rect class="blackout"/g)).toHaveLength(3);
    expect(text).toContain("<title>blackout &quot;freeze &lt;b&gt;&quot;, ");
  });

  test("takes fire times that were skipped on purpose for no trouble, and for none missed", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const at = Date.now() - HOUR_MS;
    const times = { firstAt: at, lastAt: at, recordedAt: at, count: 1 };
    await directory.remember((transaction) => {
      const reason = "paused by ann";
      transaction.insertMissed({ job: "nightly", ...times, kind: "skipped", reason });
      transaction.insertMissed({ job: "other", ...times, kind: "missed", reason: "it was down" });
    });
    const { troubles, day } = (await (
      await pageOf(directory)
    ).json("/overview.json")) as unknown as {
      troubles: { kind: string; job: string }[];
      day: { lanes: { job: string; missed: unknown[] }[] };
    };
    const missed = troubles.filter(({ kind }) => kind === "missed");
    expect(missed.map(({ job }) => job)).toEqual(["other"]);
    const lanes = day.lanes.filter((lane) => lane.missed.length > 0);
    expect(lanes.map(({ job }) => job)).toEqual(["other"]);
  });

  test("says what holds a job, what becomes of its fire times, and whether they are signed", async () => {
    await using directory = await Directory.create();
    await directory.config(
      '[blackout "freeze <b>"]',
      'from = "2026-01-01T00:00:00Z"',
      'until = "2099-01-01T00:00:00Z"',
      'jobs = "night*"',
    );
    await directory.job("nightly");
    await directory.job("other");
    await directory.job("ahead", ['signing = "calendar"']);
    const pause = { job: "other", since: 1, until: null, actor: "ann", why: "too loud" };
    await directory.remember((transaction) => transaction.insertPause(pause));
    const page = await pageOf(directory);
    const { text } = await page.get("/");
    expect(text).toContain("paused by ann: too loud: skip");
    expect(await page.json("/overview.json")).toMatchObject({
      next: [
        { job: "ahead", held: null },
        { job: "nightly", held: { reason: expect.stringContaining("freeze <b>") } },
        { job: "other", held: { action: "skip", untilAt: null } },
      ],
    });
    const held = await page.get("/jobs/nightly");
    expect(held.text).toMatch(/<li class="held"><p class="what">.*freeze &lt;b&gt;/);
    expect((await page.get("/jobs/other")).text).toContain("<code>mig-runner unpause other</code>");
    expect((await page.get("/jobs/other")).text.match(/<span class="wait">skipped/g)).toHaveLength(
      5,
    );
    expect((await page.get("/jobs/ahead")).text).not.toContain('class="held"');
    expect((await page.get("/jobs/nightly")).text).toContain("with the key of this host");
    expect((await page.get("/jobs/ahead")).text).toContain("it will not be posted");
    expect((await page.get("/jobs")).text).toContain("until somebody ends it");
  });

  test("draws the time that a run took", async () => {
    await using directory = await Directory.create();
    await directory.collected("nightly", 8, ["slack"]);
    directory.meddle("UPDATE run SET fires_at = 0, begun_at = 100000");
    const collected = "posted_at = 200000, expire_at = 800000, collected_at = 900000";
    directory.meddle(`UPDATE action SET ${collected}`);
    directory.meddle("UPDATE delivery SET state = 'delivered', updated_at = 1000000");
    const page = await pageOf(directory);
    const { text } = await page.get("/runs/1");
    const bars = [...text.matchAll(/class="(\w+)" x="([\d.]+)%" y="3" width="([\d.]+)%"/g)];
    expect(bars.map(([, kind, x, width]) => [kind, Number(x), Number(width)])).toEqual([
      ["wait", 0, 10],
      ["wait", 10, 10],
      ["answer", 20, 60],
      ["collect", 80, 10],
      ["delivered", 90, 10],
    ]);
    expect(await page.json("/runs/1.json")).toMatchObject({
      deliveries: [{ endedAt: "1970-01-01T00:16:40.000Z" }],
    });
  });

  test("draws which steps of a workflow ran beside which, and tells what was tried in vain", async () => {
    await using directory = await Directory.create();
    await directory.collected("nightly", 8, ["slack"]);
    const tries = '[{"what":"collect","error":"502 <b>","count":3,"firstAt":1,"lastAt":2}]';
    directory.meddle(
      "INSERT INTO source VALUES ('h', 'code'); " +
        "UPDATE run SET fires_at = 0, begun_at = 0, source = 'h', state = 'done', ended_at = 100000; " +
        "UPDATE action SET step = 'scan', posted_at = 20000, expire_at = 50000, " +
        `collected_at = 60000, tries = '${tries}'; DELETE FROM delivery;` +
        "INSERT INTO step (id, run_id, name, kind, digest, state, attempts, sequence, begun_at, " +
        "ended_at) VALUES (1, 1, 'scan', 'collect', '', 'saved', 0, 1, 10000, 60000), " +
        "(2, 1, 'beside', 'step', '', 'saved', 0, 2, 30000, 100000), " +
        "(3, 1, 'nap', 'sleep', '', 'failed', 0, 3, 90000, 100000); " +
        "UPDATE step SET error = 'it was dropped' WHERE id = 3",
    );
    const page = await pageOf(directory);
    const { text } = await page.get("/runs/1");
    const lanes = text.split('<th scope="row">').slice(1);
    const bars = lanes.map((lane) => [
      lane.slice(0, lane.indexOf("<")),
      ...[...lane.matchAll(/class="(\w+)" x="([\d.]+)%" y="3" width="([\d.]+)%"/g)].map(
        ([, kind, x, width]) => `${kind} ${Number(x)} ${Number(width)}`,
      ),
    ]);
    expect(bars).toEqual([
      ["Begin", "wait 0 0.25"],
      ["scan", "wait 10 50", "answer 20 30", "collect 50 10"],
      ["beside", "done 30 70"],
      ["nap", "failed 90 10"],
    ]);
    expect(text).toContain("502 &lt;b&gt;");
    expect(await page.json("/runs/1.json")).toMatchObject({
      actions: [{ tries: [{ what: "collect", count: 3, lastAt: "1970-01-01T00:00:00.002Z" }] }],
      steps: [{ begunAt: "1970-01-01T00:00:10.000Z" }, {}, {}],
    });
    const told = await callVerb(history, ["-c", directory.runnerConfig, "1"]);
    expect(told.out).toMatch(/tried in vain\n.*collect 8 +3x .*502 <b>/);
  });

  test("says when nothing is wrong", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    await directory.remember(() => null);
    const lock = await lockDirectory(directory.path);
    try {
      const page = await pageOf(directory);
      expect((await page.get("/")).text).toContain("Nothing is wrong.");
      expect((await page.get("/healthz")).status).toBe(200);
    } finally {
      lock.release();
    }
  });

  test("escapes, shows and bounds every text of somebody else, on every page", async () => {
    const image = "<img src=x onerror=alert(1)>";
    const evil = `${image}"'&\n\u202egpj.exe\u2066\u0000\x1b[2J</td>${"x".repeat(10_000)}`;
    await using directory = await eventful(evil);
    const page = await pageOf(directory);
    let seen = 0;
    for (const path of [...PAGES, "/runs/3", `/jobs/${encodeURIComponent(evil)}`]) {
      const { text, status } = await page.get(path);
      expect([path.slice(0, 20), status]).toEqual([path.slice(0, 20), 200]);
      expect(text).not.toContain("<img");
      expect(text).not.toMatch(/[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/u);
      expect(text.length).toBeLessThan(100_000);
      seen += text.split("&lt;img src=x onerror=alert(1)&gt;").length - 1;
      const data = await page.get(jsonPath(path));
      expect(data.headers.get("content-type")).toBe("application/json");
      expect(() => JSON.parse(data.text)).not.toThrow();
    }
    expect(seen).toBeGreaterThan(10);
    expect((await page.json("/audit.json")).rows).toMatchObject([{ actor: evil, subject: evil }]);
  });

  test("tells browsers to run nothing of it, wherever it is asked", async () => {
    await using directory = await Directory.create();
    const page = await pageOf(directory);
    for (const path of ["/", "/nope", "/overview.json", "/healthz", "/icon.svg"]) {
      const { headers } = await page.get(path);
      const policy = headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
    }
    const { text } = await page.get("/");
    expect(text.match(/<script[^>]*>[^<]*/g)).toEqual([
      expect.stringMatching(/^<script src="\/live-[0-9a-f]{12}\.js" defer>$/),
    ]);
    expect(text).not.toMatch(/<style|\sstyle=|\son\w+=/);
  });

  test("answers no name but those of loopback and those it was given", async () => {
    await using directory = await Directory.create();
    const page = await pageOf(directory, ["Mig.example"]);
    const statusFor = async (host: string | null) => (await page.get("/", { host })).status;
    for (const host of [
      "localhost",
      "127.0.0.1:9",
      "[::1]:8787",
      "mig.example",
      "MIG.example:80",
    ]) {
      expect([host, await statusFor(host)]).toEqual([host, 200]);
    }
    for (const host of [
      null,
      "",
      "evil.example",
      "localhost.evil.example",
      "mig.example.",
      "a:b:1",
    ]) {
      expect([host, await statusFor(host)]).toEqual([host, 421]);
    }
  });

  test("answers nothing but questions", async () => {
    await using directory = await Directory.create();
    const page = await pageOf(directory);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const { status, headers } = await page.get("/", { method });
      expect([method, status, headers.get("allow")]).toEqual([method, 405, "GET, HEAD"]);
    }
  });

  test("says that there is no such page, job or run", async () => {
    await using directory = await Directory.create();
    await directory.posted("nightly", 7);
    const page = await pageOf(directory);
    for (const path of [
      "/nope",
      "/jobs/gone",
      "/runs/99",
      "/runs/0",
      "/runs/x",
      "/runs/1e3",
      "/%ff",
    ]) {
      expect([path, (await page.get(path)).status]).toEqual([path, 404]);
      expect([path, (await page.get(`${path}.json`)).status]).toEqual([path, 404]);
    }
    expect((await page.get("/runs/7")).text).toContain("Run 1 of nightly");
  });

  test("keeps a job whose name ends as a page of JSON does", async () => {
    await using directory = await Directory.create();
    await directory.job("a.json");
    const page = await pageOf(directory);
    const { text } = await page.get("/jobs");
    expect(text).toContain('href="/jobs/a%2Ejson"');
    expect((await page.get("/jobs/a%2Ejson")).text).toContain("<h1>a.json</h1>");
    expect(await page.json("/jobs/a%2Ejson.json")).toMatchObject({ job: { job: "a.json" } });
  });

  test("shows jobs without a journal, and says that there is none", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const page = await pageOf(directory);
    expect((await page.get("/")).text).toContain("no mig-runner has worked there yet");
    expect((await page.get("/jobs")).text).toContain('href="/jobs/nightly"');
    const health = await page.get("/healthz");
    expect(health.status).toBe(503);
    expect(JSON.parse(health.text)).toMatchObject({ healthy: false });
    await directory.posted("nightly", 7);
    expect((await page.get("/runs")).text).toContain('href="/runs/1"');
  });

  test("tells of a damaged journal, and shows the rest (I10)", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    await directory.write("journal.db", "this is no database ".repeat(100));
    const page = await pageOf(directory);
    for (const path of PAGES.filter((each) => each !== "/runs/1")) {
      expect([path, (await page.get(path)).status]).toEqual([path, 200]);
    }
    expect((await page.get("/")).text).toContain("mig-runner journal verify");
    expect((await page.get("/healthz")).status).toBe(503);
  });

  test("is not healthy while what is due is not worked on", async () => {
    await using directory = await Directory.create();
    await directory.posted("nightly", 7);
    const lock = await lockDirectory(directory.path);
    try {
      const { status, text } = await (await pageOf(directory)).get("/healthz");
      expect(status).toBe(503);
      expect(JSON.parse(text).reasons).toEqual([
        expect.stringContaining("was not worked on: the runner stands still"),
      ]);
    } finally {
      lock.release();
    }
  });

  test("names the host of a cluster that has a job now", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const shownOf = async (hostOf?: () => string | null) => {
      const page = await pageOf(directory, [], hostOf === undefined ? {} : { hostOf });
      const { text } = await page.get("/jobs/nightly");
      const [, shown] = /<dt>Host<\/dt>\s*<dd>(.*?)<\/dd>/.exec(text) ?? [];
      return [shown, (await page.json("/jobs/nightly.json")).host];
    };
    expect(await shownOf()).toEqual([undefined, undefined]);
    expect(await shownOf(() => "al<pha")).toEqual(["al&lt;pha", "al<pha"]);
    expect(await shownOf(() => null)).toEqual(["no host has it now", null]);
  });

  test("says above all else of each page that PostgreSQL does not answer", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    await directory.collected("nightly", 8, []);
    const lock = await lockDirectory(directory.path);
    let outage: string | null = null;
    const page = await pageOf(directory, [], { outage: () => outage });
    try {
      expect((await page.get("/healthz")).status).toBe(200);
      expect((await page.get("/metrics")).text).toContain("\nmig_runner_journal_up 1\n");
      const before = /data-revision="([^"]*)"/.exec((await page.get("/")).text)?.[1];
      outage = "PostgreSQL has <not> answered";
      const health = await page.get("/healthz");
      expect(health.status).toBe(503);
      expect(JSON.parse(health.text)).toMatchObject({ healthy: false, reasons: [outage] });
      for (const path of PAGES) {
        const { text } = await page.get(path);
        const alert = '<p class="bad" role="alert">PostgreSQL has &lt;not&gt; answered</p>';
        expect([path, text.includes(`<main id="main">\n${alert}\n<h1>`)]).toEqual([path, true]);
        // A page that is open is drawn anew by it.
        expect(text).not.toContain(`data-revision="${before}"`);
      }
      expect(await page.json("/overview.json")).toMatchObject({ outage });
      expect((await page.get("/metrics")).text).toContain("\nmig_runner_journal_up 0\n");
    } finally {
      lock.release();
    }
  });

  test("tells when a job that posts ahead is launched, as the daemon does", async () => {
    await using directory = await Directory.create();
    // Of each half hour; ten minutes before each it is posted.
    const entity = '[configuration]\nschedule = "*/30 * * * *"\n';
    const ahead = 'signing = "calendar"\npostahead = "10m"\n';
    await directory.job("ahead");
    await directory.write("runners/ahead/entity.cfg", entity + ahead);
    await directory.posted("nightly", 7);
    const { text } = await (await pageOf(directory)).get("/metrics");
    const [, at = ""] =
      /^mig_runner_next_fire_timestamp_seconds\{job="ahead"\} (\S+)$/m.exec(text) ?? [];
    expect(Number(at) % 1_800).toBe(1_200);
  });

  test("shows lists from no place that there cannot be", async () => {
    await using directory = await Directory.create();
    await directory.collected("nightly", 8, []);
    const page = await pageOf(directory);
    const far = "9".repeat(16);
    for (const path of [
      `/runs?behind=-${far}-1`,
      `/runs?behind=1-${far}`,
      `/runs/${far}`,
      `/results/${far}`,
      `/alarms?before=${far}`,
      `/missed?before=${far}`,
      `/audit?before=${far}`,
      "/results/8?from=1e300",
      "/results/8?from=-5",
      "/results/8?sort=__proto__",
    ]) {
      expect([path, (await page.get(path)).status < 500]).toEqual([path, true]);
    }
    expect(page.notes).toEqual([]);
  });

  test("tells metrics, without what only the daemon knows", async () => {
    await using directory = await Directory.create();
    const page = await pageOf(directory);
    expect((await page.get("/metrics")).status).toBe(503);
    await directory.job("nightly");
    await directory.posted("nightly", 7);
    const later = await pageOf(directory);
    const { status, headers, text } = await later.get("/metrics");
    expect(status).toBe(200);
    expect(headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
    expect(text).toContain("\nmig_runner_actions_in_flight 1\n");
    expect(text).not.toContain("mig_runner_api_up");
  });

  test("has no cell in a CSV that some spreadsheet takes for a formula, wherever it cuts cells", async () => {
    await using directory = await Directory.create();
    await directory.collected("nightly", 8, []);
    const hosts = ["web;=1+1", "web; =1", "\uff1d1+1", " =1", '"@x', "a\n-1", "\x1b[2J", "a;b=1"];
    const commands = hosts.map((host, index) => command({ id: index + 1, host, results: [] }));
    const result = { action: { id: 8 }, commands, name: "nightly", plugin: "" };
    await directory.write("runners/nightly/results/20260102/8.json", JSON.stringify(result));
    const { text } = await (await pageOf(directory)).get("/results/8.csv");
    const cells = text.split("\r\n").slice(1, -1);
    expect(cells.map((row) => row.replace(/^\d+,\d+,|,success,.*$/g, ""))).toEqual([
      "web;'=1+1",
      "web;' =1",
      "'\uff1d1+1",
      "' =1",
      `"'""@x"`,
      `"a\n'-1"`,
      "\\x1b[2J",
      "a;b=1",
    ]);
  });

  test("shows the hosts of a result, filtered, and the same as CSV", async () => {
    await using directory = await Directory.create();
    await directory.collected("nightly", 8, []);
    const evil = '=cmd|"<img src=x>\u202e,\n';
    const commands = [
      command({ id: 1, host: "web1", results: [answer({ file: evil })] }),
      command({ id: 2, host: evil, status: "expired", results: [] }),
    ];
    const result = { action: { id: 8 }, commands, name: "nightly", plugin: "" };
    await directory.write("runners/nightly/results/20260102/8.json", JSON.stringify(result));
    const page = await pageOf(directory);
    expect((await page.get("/runs/1")).text).toContain('href="/results/8"');
    const { text } = await page.get("/results/8");
    expect(text).toContain("1 to 2, of 2");
    expect(text).not.toMatch(/<img|\u202e/);
    expect((await page.get("/results/8?found=yes")).text).toContain("1 to 1, of 1");
    expect((await page.json("/results/8.json?status=expired")).hosts).toMatchObject([
      { host: evil },
    ]);
    const csv = await page.get("/results/8.csv?status=expired");
    expect(csv.headers.get("content-disposition")).toBe('attachment; filename="result-8.csv"');
    expect(csv.text).toBe(
      "command,agent,host,status,found,errors,elements\r\n" +
        `2,4892412351434,"'=cmd|""<img src=x>\\u202e,\n",expired,false,,\r\n`,
    );
    for (const path of ["/results/9", "/results/9.csv", "/results/x.csv", "/results/1e3"]) {
      expect([path, (await page.get(path)).status]).toEqual([path, 404]);
    }
    await directory.write("runners/nightly/results/20260102/8.json", "torn");
    expect((await page.get("/results/8")).text).toContain("cannot be read");
    await rm(directory.at("runners/nightly/results"), { recursive: true });
    expect((await page.get("/results/8")).text).toContain("The file is gone");
  });

  test("leads to the hosts that did not answer, from the first page and from the run", async () => {
    await using directory = await Directory.create();
    await directory.collected("nightly", 8, []);
    const silent = ["expired", "cancelled", "sent", "prepared"];
    const statuses = ["success", ...silent, "failed", "timeout"];
    const commands = statuses.map((status, id) => command({ id, host: `${status}.host`, status }));
    const result = { action: { id: 8 }, commands, name: "nightly", plugin: "" };
    await directory.write("runners/nightly/results/20260102/8.json", JSON.stringify(result));
    const counts = Object.fromEntries(statuses.map((status) => [status, 1]));
    const told = { fetched: 7, sent: 7, counters: null, statuses: counts, strays: 0 };
    directory.meddle(`UPDATE action SET completeness = '${JSON.stringify(told)}'`);
    const page = await pageOf(directory);
    const link = '<a class="wait" href="/results/8?status=unanswered&amp;sort=host">4';
    for (const path of ["/", "/runs", "/runs/1"]) {
      expect((await page.get(path)).text).toContain(`${link} did not answer</a>`);
    }
    expect((await page.get("/results/8")).text).toContain(`${link} hosts</a>`);
    const { text } = await page.get("/results/8?status=unanswered&sort=host");
    expect(text).toContain("1 to 4, of 4");
    const csv = await page.get("/results/8.csv?status=unanswered&sort=host");
    const names = csv.text.split("\r\n").flatMap((row) => row.split(",")[2] ?? []);
    expect(names).toEqual(["host", ...silent.map((status) => `${status}.host`).toSorted()]);
  });

  test("leads through all runs, a page each hundred", async () => {
    await using directory = await Directory.create();
    await directory.remember((transaction) => {
      for (let firesAt = 1; firesAt <= 250; firesAt++) {
        transaction.insertRun({ job: "a&b", firesAt, cause: "schedule" }, "done", THEN);
      }
    });
    const page = await pageOf(directory);
    const ids: string[] = [];
    let path: string | null = "/runs?job=a%26b";
    while (path !== null) {
      const { text } = await page.get(path);
      ids.push(...[...text.matchAll(/href="\/runs\/(\d+)"/g)].map(([, id = ""]) => id));
      const [, next] = /href="([^"]*)" rel="next"/.exec(text) ?? [];
      path = next?.replaceAll("&amp;", "&") ?? null;
    }
    expect(ids).toEqual(Array.from({ length: 250 }, (_, index) => `${250 - index}`));
  });
});
