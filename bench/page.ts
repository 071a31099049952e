// Page: how long the page takes over a journal of a million runs and a result of a hundred thousand
// hosts, asked in this process.
//
//   bun bench/page.ts            some minutes; needs 1 GiB in the folder for temporary files
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { finished } from "node:stream/promises";
import { parseFlags } from "../src/cli/flags.ts";
import { openSpoolView } from "../src/cli/open.ts";
import { openSite } from "../src/cli/site.ts";
import { findHostZone } from "../src/edge/timezone.ts";
import { openJournal } from "../src/journal/sqlite/journal.ts";
import { type App, createApp } from "../src/web/app.ts";

const RUNS = 1_000_000;
const HOSTS = 100_000;
const TIMES = 5;

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "mig-runner-bench-page-"));
  try {
    await fill(directory);
    const app = await appOf(directory);
    console.log(
      `load ${(loadavg()[0] ?? 0).toFixed(1)}; ms: the first, processors, median of ${TIMES}`,
    );
    await measure(app, "the first page", "/");
    await measure(app, "all runs", "/runs");
    await measure(app, "all runs, half-way", `/runs?behind=${RUNS / 2}000-${RUNS / 2}`);
    await measure(app, "runs that failed", "/runs?failed=1");
    await measure(app, "runs of a job", "/runs?job=job7");
    await measure(app, "a run", `/runs/${RUNS}`);
    await measure(app, "a result", `/results/${RUNS}`);
    await measure(app, "a result by host", `/results/${RUNS}?sort=host&from=50000`);
    await measure(app, "a result by status", `/results/${RUNS}?sort=status&from=50000`);
    await measure(app, "a result, text", `/results/${RUNS}?text=sshd_config7`);
    await measure(app, "what changed", `/results/${RUNS}/changes`);
    console.log(`memory ${Math.round(process.memoryUsage().rss / 1024 ** 2)} MiB`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function fill(directory: string): Promise<void> {
  writeFileSync(join(directory, "runner.cfg"), `[runner]\ndirectory = "${directory}"\n`);
  mkdirSync(join(directory, "runners"), { mode: 0o700 });
  const path = join(directory, "journal.db");
  await openJournal({ path }).close();
  const results = [join(directory, "1.json"), join(directory, "2.json")] as const;
  await Promise.all(results.map((name, at) => writeResult(name, at)));
  const database = new DatabaseSync(path);
  const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${RUNS})`;
  const counts = JSON.stringify({ fetched: 3, sent: 3, statuses: { success: 3 }, strays: 0 });
  database.exec(`BEGIN;
    INSERT INTO run (id, job, fires_at, cause, state, begun_at, ended_at)
      ${numbers} SELECT i, 'job' || (i % 100), i * 1000, 'schedule',
      CASE WHEN i % 1000 = 0 THEN 'failed' ELSE 'done' END, i * 1000, i * 1000 + 500 FROM n;
    INSERT INTO action (id, run_id, job, step, part, state, name, body, signature, expire_at,
      send_only, plugins, action_id, maybe_sent, attempts, result_path, completeness, updated_at)
      ${numbers} SELECT i, i, 'job' || (i % 100), '', 0, 'settled', 'a', '', 's', i * 1000, 0, '[]',
      i, 1, 0, '/gone', '${counts}', i * 1000 FROM n;
    UPDATE action SET result_path = '${results[0]}' WHERE id = ${RUNS - 100};
    UPDATE action SET result_path = '${results[1]}' WHERE id = ${RUNS};
    COMMIT`);
  database.close();
}

/** A result in which one host in a hundred differs from that of another turn. */
async function writeResult(path: string, turn: number): Promise<void> {
  const file = createWriteStream(path);
  file.write(`{"action":{"id":${turn}},"commands":[`);
  for (let at = 0; at < HOSTS; at++) {
    const size = at % 100 === 0 ? turn : 0;
    const elements = { s1: [{ file: `/etc/ssh/sshd_config${at % 10}`, size }] };
    const results = [{ foundanything: true, success: true, elements, errors: null }];
    const agent = { id: at, name: `host${at}.example.net` };
    const text = JSON.stringify({ id: at, agent, status: "success", results });
    if (!file.write(at === 0 ? text : `,${text}`)) {
      await new Promise<void>((resolve) => void file.once("drain", resolve));
    }
  }
  file.end('],"name":"job0","plugin":""}');
  await finished(file);
}

async function appOf(directory: string): Promise<App> {
  const terminal = { out() {}, error() {}, json() {}, file() {}, progress() {}, lines: () => [] };
  const configPath = join(directory, "runner.cfg");
  const call = { ...parseFlags([], []), terminal, configPath, environment: {} };
  const view = await openSpoolView({ ...call, hostZone: findHostZone("UTC") });
  return createApp(openSite(view, console.error), { hosts: [] });
}

async function measure(app: App, name: string, path: string): Promise<void> {
  const times: number[] = [];
  // What the processors did for it does not grow with what else they do.
  const worked: number[] = [];
  for (let count = 0; count < TIMES; count++) {
    const began = performance.now();
    const before = process.cpuUsage();
    const answer = await app.answer(new Request(`http://page${path}`), {
      host: "localhost",
      from: "",
      header: () => null,
    });
    const text = await answer.text();
    times.push(performance.now() - began);
    const { user, system } = process.cpuUsage(before);
    worked.push((user + system) / 1_000);
    if (answer.status !== 200 || text.includes("cannot be read"))
      throw new Error(`${path} is wrong`);
  }
  const [first = 0] = times;
  const median = times.toSorted((left, right) => left - right)[Math.floor(TIMES / 2)] ?? 0;
  const [work = 0] = worked;
  console.log(`| ${name} | ${first.toFixed(0)} | ${work.toFixed(0)} | ${median.toFixed(0)} |`);
}

await main();
