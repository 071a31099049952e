// The program against what a real MIG API answered to the original: the same requests, the same
// result bytes, the same lines in the log; and where the original lost a result, none is lost.
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { type Exchange, loadExchanges, type Replay, startReplay } from "../support/replay.ts";
import { ended, Host, type HostOptions } from "../support/site.ts";

interface Digest {
  readonly bytes: number;
  readonly sha256: string;
}

/** A line of test/golden/runs/runs.jsonl. */
interface Run {
  readonly scenario: string;
  readonly jobs: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly log: readonly string[];
  readonly results: readonly (Digest & { readonly job: string; readonly actionId: number })[];
  readonly inflight: readonly { job: string; actionId: number; text: string }[];
  readonly stdin?: readonly Digest[];
}

const runs: readonly Run[] = readFileSync(
  new URL("../golden/runs/runs.jsonl", import.meta.url),
  "utf8",
)
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));

function runOf(scenario: string): Run {
  const found = runs.find((run) => run.scenario === scenario);
  if (found === undefined) throw new Error(`Nothing is recorded of ${scenario}`);
  return found;
}

function digest(bytes: Uint8Array): Digest {
  return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** A host beside the recorded API. */
async function against(
  exchanges: readonly Exchange[],
  options: HostOptions = {},
): Promise<{ host: Host; api: Replay } & AsyncDisposable> {
  const api = await startReplay(exchanges);
  const host = await Host.create({ ...options, url: api.url });
  return {
    host,
    api,
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      await api.close();
    },
  };
}

async function putInflight(host: Host, { inflight }: Run, job: string): Promise<string> {
  const record = inflight.find((candidate) => candidate.job === job);
  if (record === undefined) throw new Error(`No in-flight record of ${job}`);
  const name = `runners/${job}/inflight/${record.actionId}.json`;
  await host.scenario.write(name, record.text);
  return host.scenario.path(name);
}

/** The digest of the only result file of a job. */
async function resultOf(host: Host, job: string): Promise<Digest & { actionId: number }> {
  const [path = "", ...others] = await host.results(job);
  expect(others).toEqual([]);
  const actionId = Number(/(\d+)\.json$/.exec(path)?.[1]);
  return { actionId, ...digest(readFileSync(path)) };
}

const isPost = ({ head }: { readonly head: string }): boolean => head.startsWith("POST ");

/** A request's head without what differs from run to run: port, token, length, size of a page. */
function plainHead(head: string): string {
  return head
    .replace(/^Host: .*$/m, "Host: HOST")
    .replace(/^Referer: http:\/\/[^/]*/m, "Referer: http://HOST")
    .replace(/^(Content-Length: )\d+/m, "$1N")
    .replace(/limit=\d+&offset=\d+/, "limit=N&offset=N")
    .replace(
      /^(X-Pgpauthorization: 1;)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ;\d+;[\w+/]+={0,2}=[\w+/]{4}/m,
      "$1TOKEN",
    );
}

/** The JSON that a form carries, as text. */
function formText(body: string): string {
  return new URLSearchParams(body).get("action") ?? "";
}

/** The posted JSON without its own times and signature; what is compressed, as it was before. */
function plainAction(body: string): string {
  return formText(body)
    .replace(/"parameters":"(H4sI[^"]+)"/g, (_, packed) => `"parameters":${unpack(packed)}`)
    .replace(/"validfrom":"[^"]+"/, '"validfrom":T')
    .replace(/"expireafter":"[^"]+"/, '"expireafter":T')
    .replace(/"pgpsignatures":\["[\w+/]+={0,2}=[\w+/]{4}"\]/, '"pgpsignatures":[S]');
}

/** Go's deflate and zlib's choose other bytes for one text. */
function unpack(base64: string): string {
  return gunzipSync(Buffer.from(base64, "base64")).toString();
}

/** From validfrom to expireafter. */
function lifeMs(body: string): number {
  const { validfrom, expireafter } = JSON.parse(formText(body));
  return Math.round(Date.parse(expireafter) - Date.parse(validfrom));
}

/** A form as Go's url.QueryEscape writes it. */
function goForm(text: string): string {
  const odd = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  const escaped = encodeURIComponent(text).replace(/[!'()*]/g, odd);
  return `action=${escaped.replaceAll("%20", "+")}`;
}

/** Lines of a log without time and level, DIR for the runner directory, one name for each date. */
function plainLog(stderr: string, host: Host): readonly string[] {
  return stderr
    .replaceAll(host.scenario.directory, "DIR")
    .replace(/\/results\/\d{8}\//g, "/results/DATE/")
    .split("\n")
    .map((line) => line.replace(/^\S+ \S+ - - - \[\w+\] /, ""));
}

/** What the original logged about the actions that were launched here too, in our terms. */
function expectedLog({ log, results }: Run, own: readonly string[]): readonly string[] {
  const here = new Set(own.flatMap((line) => /\b\d{14}\b/.exec(line) ?? []));
  const sizes = results.filter((one) => here.has(String(one.actionId))).map(({ bytes }) => bytes);
  return log
    .map((line) => line.replace(/^- - - \[info\] /, ""))
    .map((line) => line.replace(/\/results\/\d{8}\//, "/results/DATE/"))
    .filter((line) => {
      const [id] = /\b\d{14}\b/.exec(line) ?? [];
      const [, size] = /: wrote (\d+) bytes to plugin/.exec(line) ?? [];
      return (id === undefined || here.has(id)) && (!size || sizes.includes(Number(size)));
    });
}

/** What is logged otherwise, on purpose: the original's line, and what ours contains. */
const OTHERWISE: readonly (readonly [original: RegExp, ours: string])[] = [
  [/^plugins: registering adir$/, "plugins: skipping adir: DIR/plugins/adir is a directory"],
  [/^plugins: skipping readme.txt/, "plugins: skipping readme.txt: not executable"],
  [/^badcron: /, "badcron: DIR/runners/badcron/entity.cfg:2:12: bad cron expression: syntax error"],
  [
    /^badjson: /,
    "badjson: DIR/runners/badjson/action.json:2:1: Cannot read the action template: un",
  ],
  [/^nosched: /, "nosched: DIR/runners/nosched/entity.cfg: missing schedule"],
  [/^noent: /, "noent: DIR/runners/noent: stat DIR/runners/noent/entity.cfg: no such file or dir"],
  [/^unknownkey: |^can't store /, 'variable "foo"'],
  [/badexpiry/, 'bad expiry: time: unknown unit " minutes" in duration "5 minutes"'],
  [
    /^results error for noplugin: /,
    "results error for noplugin: doesnotexist: unable to locate pl",
  ],
  [/^appending unknown cached action /, "monitoring result for fl/"],
  // These are the daemon's own.
  [/^results processing routine|^signal, exiting|^runner exiting/, ""],
];

/** Lines of the original that nothing in our log stands for. */
function unlogged(wanted: readonly string[], own: readonly string[]): readonly string[] {
  return wanted.filter((line) => {
    if (own.includes(line)) return false;
    const [, ours] = OTHERWISE.find(([original]) => original.test(line)) ?? [];
    return ours === undefined || !own.some((text) => text.includes(ours));
  });
}

const nameIn = (body: string): string => JSON.parse(formText(body)).name;

/** What was posted for each job, in order; a redirected post comes twice. */
function postsByName(requests: readonly { readonly head: string; readonly body: string }[]) {
  const byName = new Map<string, { head: string; body: string }[]>();
  for (const request of requests.filter(isPost)) {
    const name = nameIn(request.body);
    byName.set(name, [...(byName.get(name) ?? []), request]);
  }
  return byName;
}

/** Every post was recorded, for the same job at the same place. */
function expectPosts(
  sent: Replay["requests"],
  exchanges: readonly Exchange[],
  { jobs }: Run,
): void {
  const all = postsByName(exchanges.map(({ request }) => request));
  const ran = [...all.keys()].filter((name) => jobs[name.replace("mig-runner: ", "")]);
  const posted = postsByName(sent);
  expect([...posted.keys()].sort()).toEqual(ran.sort());
  for (const [name, requests] of posted) {
    for (const [index, { head, body }] of requests.entries()) {
      const wanted = all.get(name)?.[index];
      expect(plainHead(head)).toBe(plainHead(wanted?.head ?? ""));
      expect(plainAction(body)).toBe(plainAction(wanted?.body ?? ""));
      expect(lifeMs(body)).toBe(lifeMs(wanted?.body ?? ""));
      expect(body).toBe(goForm(formText(body)));
    }
  }
}

/** Every fetch was recorded, but for the size of a page. */
function expectFetches(sent: Replay["requests"], exchanges: readonly Exchange[]): void {
  const recorded = new Set(exchanges.map(({ request }) => plainHead(request.head)));
  const fetches = sent.filter((request) => !isPost(request));
  expect(fetches.length).toBeGreaterThan(0);
  for (const { head } of fetches) expect(recorded).toContain(plainHead(head));
}

/** The result files are the original's, byte for byte. */
async function expectResults(host: Host, { results }: Run): Promise<void> {
  for (const job of new Set(results.map((result) => result.job))) {
    const result = await resultOf(host, job);
    const wanted = results.find(({ actionId }) => actionId === result.actionId);
    expect({ job, ...result }).toEqual(wanted ?? { job, actionId: 0, bytes: 0, sha256: "" });
    const record = host.scenario.path(`runners/${job}/inflight/${result.actionId}.json`);
    expect(existsSync(record)).toBe(false);
  }
}

describe.concurrent("jobs of the original against the API that it had:", () => {
  const options: Readonly<Record<string, HostOptions>> = {
    main: {},
    passphrase: { locked: true },
    apikey: { migrc: ['useapikeyauth = "T3YacEd7Xbvk8Ytfaras80Kpk9OUmCq1"'] },
    paging: {},
    "fault-post401once": {},
    "fault-post307": {},
  };
  for (const [scenario, hostOptions] of Object.entries(options)) {
    const run = runOf(scenario);
    test(`${scenario}: the same posts, fetches, result bytes and log lines`, async () => {
      const exchanges = loadExchanges(scenario);
      await using scene = await against(exchanges, hostOptions);
      const { host, api } = scene;
      const { scenario: place } = host;
      await place.plugin("save.sh", `cat > "${place.path("read")}.$$"`);
      await place.write("plugins/readme.txt", "");
      await place.write("plugins/adir/.keep", "");
      for (const [job, files] of Object.entries(run.jobs)) await place.job(job, files);
      if (scenario === "main") await place.write("runners/noent/.keep", "");
      const { stderr } = await host.run("--once", "--wait");
      expect(api.unmatched).toEqual([]);
      expectPosts(api.requests, exchanges, run);
      expectFetches(api.requests, exchanges);
      await expectResults(host, run);
      const own = plainLog(stderr, host);
      expect(unlogged(expectedLog(run, own), own)).toEqual([]);
      const read = readdirSync(place.directory).filter((name) => name.startsWith("read."));
      const took = read.map((name) => digest(readFileSync(place.path(name))).sha256);
      const known = (run.stdin ?? run.results).map(({ sha256 }) => sha256);
      for (const one of took) expect(known).toContain(one);
      // Of each job with this plugin the original ran twice as many.
      expect(took.length).toBe(run.stdin === undefined ? took.length : run.stdin.length / 2);
    });
  }
});

/**
 * Faults that a fetch of the original met, one of each kind (test/golden/http.test.ts has them
 * all), and whether it got over them.
 */
const FAULTS: readonly (readonly [job: "exp1m" | "page80", scenario: string, overcome: boolean])[] =
  [
    ["exp1m", "fault-get-drop", false],
    ["exp1m", "fault-get-truncate", false],
    ["exp1m", "fault-get200-empty", false],
    ["exp1m", "fault-get200-garbage", false],
    ["exp1m", "fault-get302", true],
    ["exp1m", "fault-get401always", false],
    ["exp1m", "fault-get401once", true],
    ["exp1m", "fault-get404-other", false],
    ["exp1m", "fault-get500-noresults", false],
    ["exp1m", "expired", false],
    ["page80", "fault-page2-500", false],
    ["page80", "fault-page2-drop", false],
    ["page80", "fault-page2-dropafter", true],
  ];

const HEALTHY = { exp1m: "fault-get302", page80: "fault-page2-dropafter" } as const;

/** What the API says to a fetch when nothing is wrong, and the pages before a fault. */
function faulty(job: keyof typeof HEALTHY, scenario: string): readonly Exchange[] {
  const exchanges = loadExchanges(scenario);
  const [firstPage] = loadExchanges(HEALTHY.page80);
  const hasFirst = exchanges.some(({ request }) => request.head.includes("offset=0&"));
  return job === "exp1m" || hasFirst || firstPage === undefined
    ? exchanges
    : [firstPage, ...exchanges];
}

describe.concurrent("an in-flight record of the original whose fetch meets", () => {
  const run = runOf("fault-get");
  for (const [job, scenario, overcome] of FAULTS) {
    const what = overcome ? "is collected at once" : "is kept, and collected when it is over";
    test(`${scenario} ${what}`, async () => {
      await using scene = await against(faulty(job, scenario));
      const { host, api } = scene;
      const record = await putInflight(host, run, job);
      await host.job(job, job === "page80" ? ['plugin = "save.sh"'] : []);
      await host.scenario.plugin("save.sh", "cat > /dev/null");
      if (!overcome) {
        const { stderr } = ended(await host.run("--once"), 1);
        expect(stderr).toMatch(new RegExp(`results error for ${job}: .*; trying again in \\d+ s`));
        expect(existsSync(record)).toBe(true);
        expect(await host.results(job)).toEqual([]);
      }
      const healthy = await startReplay(loadExchanges(HEALTHY[job]));
      try {
        if (!overcome) {
          const migrc = await host.scenario.read("home/.migrc");
          await host.scenario.write("home/.migrc", migrc.replace(api.url, healthy.url));
        }
        ended(await host.run("--once", "--wait"));
        expectFetches(api.requests.slice(0, 1), loadExchanges(HEALTHY[job]));
        await expectResults(host, {
          ...run,
          results: run.results.filter((one) => one.job === job),
        });
      } finally {
        await healthy.close();
      }
    });
  }

  test("a second page that ends the list too early is read again, and what is missing is told", async () => {
    await using scene = await against(faulty("page80", "fault-page2-noresults"));
    const { host } = scene;
    await putInflight(host, run, "page80");
    await host.job("page80");
    const { stderr } = ended(await host.run("--once", "--wait"));
    expect(stderr).toMatch(/\[warning\] page80\/\d+: the API counts 80 commands, 37 came/);
    expect((await host.result("page80")).document.commands.length).toBe(37);
  });
});

describe.concurrent("in-flight records of a runner that was stopped", () => {
  test("are collected by the next one, as by the original", async () => {
    const run = runOf("life3b");
    const exchanges = loadExchanges("life3b");
    await using scene = await against(exchanges);
    const { host, api } = scene;
    const { scenario } = host;
    await scenario.job("fl", run.jobs.fl ?? {});
    await scenario.plugin("p", `cat > "${scenario.path("read")}.$$"`);
    for (const { actionId, text } of run.inflight) {
      await scenario.write(`runners/fl/inflight/${actionId}.json`, text);
    }
    const { stderr } = ended(await host.run("--once", "--wait"));
    expect(api.unmatched).toEqual([]);
    expectFetches(api.requests, exchanges);
    const results = (await host.results("fl")).map((path) => digest(readFileSync(path)));
    expect(results).toEqual(run.results.map(({ bytes, sha256 }) => ({ bytes, sha256 })));
    const read = readdirSync(scenario.directory).filter((name) => name.startsWith("read."));
    const took = read.map((name) => digest(readFileSync(scenario.path(name))));
    expect(new Set(took.map(({ sha256 }) => sha256))).toEqual(
      new Set(results.map(({ sha256 }) => sha256)),
    );
    const lines = plainLog(stderr, host);
    expect(unlogged(expectedLog(run, lines), lines)).toEqual([]);
  });
});
