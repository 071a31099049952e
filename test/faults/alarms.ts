// Alarms: each kind of alarm at the executable, with `mig-runner sandbox` as the API. Each is
// provoked, lasts for some looks and a `kill -9`, is mended, and has to have come once and gone once.
//
//   bun test/faults/alarms.ts [PART]     default both: `jobs`, and `api`, which takes ten minutes more
import { readFile, rm } from "node:fs/promises";
import { ALARM_EVENTS, type AlarmEvent } from "../../src/journal/alarms.ts";
import { eventually, type Running, type Scenario } from "../support/binary.ts";
import { holdCeremony } from "../support/ceremony.ts";
import { keyFile } from "../support/keys.ts";
import { ACTION, Host } from "../support/site.ts";
import { nap } from "./kill.ts";

const API_KEY = "host-key";

/** How long an alarm is waited for: the one of the API needs ten minutes. */
const TOLD_MAX_MS = 1_500_000;

/** The looks of a daemon at its jobs come every ten seconds; this is two of them and more. */
const LOOKS_MS = 25_000;

/** What people were told, without what a plugin got a second time under the same key. */
interface Told {
  readonly event: string;
  readonly of: string;
  readonly job: string | null;
  readonly message: string;
}

/** A host with a pager, and an API in a process of its own that can be stopped. */
class Watched {
  readonly host: Host;
  #api: Running;
  #daemon: Running | null = null;
  readonly #url: string;

  private constructor(host: Host, api: Running, url: string) {
    this.host = host;
    this.#api = api;
    this.#url = url;
  }

  static async create(): Promise<Watched> {
    const host = await Host.create({ logging: ['mode = "stdout"', 'level = "info"'] });
    const { scenario } = host;
    await scenario.write("ring.gpg", keyFile("keys/pubring.gpg"));
    const api = startApi(scenario, "0");
    const { url } = JSON.parse(await api.prints(/"url"/)) as { readonly url: string };
    const migrc = await scenario.read("home/.migrc");
    await scenario.write("home/.migrc", migrc.replace(/^url = .*$/m, `url = "${url}"`));
    const more = [
      "[notify]",
      "plugins = pager",
      "[calendar]",
      `keyring = "${scenario.path("ring.gpg")}"`,
    ];
    await scenario.write("runner.cfg", `${await scenario.read("runner.cfg")}${more.join("\n")}\n`);
    const line = 'printf "%s %s\\n" "$MIG_RUNNER_DELIVERY_KEY" "$(cat)"';
    await scenario.plugin("pager", `${line} >> "${scenario.path("told")}"`);
    return new Watched(host, api, url);
  }

  /** Starts the daemon, and the one before it dies as of a power cut. */
  async restart(): Promise<void> {
    await this.kill();
    this.#daemon = await this.host.daemon();
  }

  async kill(): Promise<void> {
    if (this.#daemon === null) return;
    await this.#daemon.kill();
    this.#daemon = null;
  }

  get daemon(): Running {
    if (this.#daemon === null) throw new Error("The daemon does not run");
    return this.#daemon;
  }

  async stopApi(): Promise<void> {
    await this.#api.kill();
  }

  async startApi(): Promise<void> {
    this.#api = startApi(this.host.scenario, new URL(this.#url).port);
    await this.#api.prints(/"url"/);
  }

  /** Runs a job until it ends so: what was changed of it is read a moment later. */
  async runUntil(job: string, exit: 0 | 1): Promise<void> {
    await eventually(async () => {
      const outcome = await this.host.run("run", job, "--wait");
      return outcome.exit === exit ? true : null;
    });
  }

  async told(): Promise<readonly Told[]> {
    const text = await readFile(this.host.scenario.path("told"), "utf8").catch(() => "");
    const lines = text.split("\n").filter((line) => line !== "");
    const byKey = new Map(
      lines.map((line) => {
        const [key = "", ...rest] = line.split(" ");
        return [key, JSON.parse(rest.join(" ")) as Told];
      }),
    );
    return [...byKey.values()];
  }

  /** How often an alarm was told, and how often that it is over. */
  async counts(of: string, job: string | null): Promise<readonly [number, number]> {
    const own = (await this.told()).filter((one) => one.of === of && one.job === job);
    const ended = own.filter(({ event }) => event === "recovered").length;
    return [own.length - ended, ended];
  }

  /** Waits until an alarm was told, and that it is over, at least so often. */
  async waitFor(of: string, job: string | null, [come, gone]: readonly [number, number]) {
    await eventually(async () => {
      const [raised, ended] = await this.counts(of, job);
      return raised >= come && ended >= gone ? true : null;
    }, TOLD_MAX_MS).catch(async () => {
      const lines = (await this.told()).map((one) => JSON.stringify(one)).join("\n");
      const log = this.#daemon?.lines.slice(-60).join("\n");
      throw new Error(`${of} of ${job} was not told ${come} and ${gone} times:\n${lines}\n${log}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host[Symbol.asyncDispose]();
  }
}

function startApi(scenario: Scenario, port: string): Running {
  const keys = ["--keyring", scenario.path("ring.gpg"), "--apikey", API_KEY];
  const fleet = ["--agents", "5", "--speed", "1000"];
  return scenario.start(["sandbox", "--json", "--port", port, ...keys, ...fleet]);
}

/** Who the target of a job can be. */
const NOBODY = ACTION.replace(/"target":"[^"]*"/, `"target":"name='nobody'"`);

/** A plugin that is a module. */
function module(body: string): string {
  return (
    'import { Fatal, plugin } from "mig-runner";\n' +
    `export default plugin({ async deliver() { ${body} } });\n`
  );
}

/** A workflow, broken or whole. */
function workflow(body: string): string {
  return (
    'import { job, modules } from "mig-runner";\n' +
    'export default job({ schedule: "0 0 1 1 *", expiry: "4s", action: ' +
    "{ target: \"mode='daemon'\", operations: [modules.timedrift({})] } },\n" +
    `async (run) => { ${body} });\n`
  );
}

/** One kind of alarm of one job. */
interface Case {
  readonly event: AlarmEvent;
  readonly job: string;
  readonly fault: string;
  /** Before the daemon is started. */
  furnish(site: Watched): Promise<unknown>;
  provoke?(site: Watched): Promise<unknown>;
  /** The fault again, while it lasts. */
  repeat?(site: Watched): Promise<unknown>;
  /** What is mended in files, while the daemon is dead. */
  mendFiles?(site: Watched): Promise<unknown>;
  mend(site: Watched): Promise<unknown>;
}

/** A job that is judged by its runs: two that go wrong, and one that succeeds. */
function byRuns(
  about: Pick<Case, "event" | "job" | "fault">,
  wrong: (site: Watched) => Promise<unknown>,
  right: (site: Watched) => Promise<unknown>,
  exit: 0 | 1 = 1,
): Case {
  const run = (site: Watched) => site.runUntil(about.job, exit);
  return {
    ...about,
    furnish: wrong,
    provoke: run,
    repeat: run,
    mendFiles: right,
    mend: (site) => site.runUntil(about.job, 0),
  };
}

/** A job with its lines, and with an action of its own. */
function written(job: string, lines: readonly string[], action = ACTION) {
  return ({ host }: Watched) => host.job(job, lines, action);
}

const FLOW = (body: string) => (site: Watched) =>
  site.host.scenario.job("failed", { "job.ts": workflow(body) });

const TAKER = (body: string) => (site: Watched) =>
  site.host.scenario.write("plugins/taker.ts", module(body));

const HALF_A_DAY_MS = 43_200_000;

/** The alarms that one host can have at the same time, each of a job of its own. */
const CASES: readonly Case[] = [
  byRuns(
    { event: "failed", job: "failed", fault: "its workflow throws" },
    FLOW('throw new Error("broken");'),
    FLOW('await run.collect("all");'),
  ),
  byRuns(
    { event: "refused", job: "refused", fault: "its target matches more than maxagents" },
    written("refused", ["maxagents = 1"]),
    written("refused", ["maxagents = 100"]),
  ),
  byRuns(
    { event: "coverage", job: "nobody", fault: "its target matches no agent" },
    written("nobody", [], NOBODY),
    written("nobody", []),
    0,
  ),
  byRuns(
    { event: "coverage", job: "few", fault: "fewer agents than expectagents answer" },
    written("few", ["expectagents = 9"]),
    written("few", ["expectagents = 1"]),
    0,
  ),
  {
    event: "dead",
    job: "dead",
    fault: "its plugin refuses results for good",
    async furnish(site) {
      await TAKER('throw new Fatal("no");')(site);
      await written("dead", ['plugin = "taker"'])(site);
    },
    provoke: (site) => site.runUntil("dead", 1),
    repeat: (site) => site.runUntil("dead", 1),
    mendFiles: TAKER(""),
    async mend({ host }) {
      const { stdout } = await host.run("status", "--json");
      const { undelivered } = JSON.parse(stdout) as { undelivered: { actionId: number }[] };
      for (const { actionId } of undelivered) await host.run("redeliver", `${actionId}`);
    },
  },
  {
    event: "calendar",
    job: "ahead",
    fault: "its calendar has two windows left",
    async furnish(site) {
      const hour = new Date(Date.now() + HALF_A_DAY_MS).getUTCHours();
      const lines = [`schedule = "0 ${hour} * * *"`, "signing = calendar"];
      await written("ahead", lines)(site);
      await holdCeremony(site.host, "ahead", 2);
    },
    async mend({ host }) {
      await rm(host.scenario.path("ahead.calendar"));
      await holdCeremony(host, "ahead", 40);
    },
  },
  {
    event: "late",
    job: "late",
    fault: "no run within its expect",
    furnish: written("late", ['expect = "60s"']),
    async mend(site) {
      await site.runUntil("late", 0);
      await site.waitFor("late", "late", [1, 1]);
      await written("late", ['expect = "24h"'])(site);
    },
  },
  {
    event: "missed",
    job: "missed",
    fault: "the daemon was dead at a fire time",
    furnish: async () => {},
    async provoke(site) {
      let at = 0;
      // A busy machine may come too late for a fire time: then for the next one.
      for (let leadMs = 30_000; Date.now() > at - 2_000; leadMs *= 2) {
        at = Date.now() + leadMs;
        await written("missed", [`schedule = "${scheduleAt(at)}"`])(site);
        await site.daemon.prints(/added entity missed/);
        // What it has run, it knows.
        await site.runUntil("missed", 0);
      }
      await site.kill();
      await nap(Math.max(0, at + 65_000 - Date.now()));
      await site.restart();
    },
    mend: (site) => site.runUntil("missed", 0),
  },
];

/** A fire time, as a schedule that has no other for a year. */
function scheduleAt(at: number): string {
  const time = new Date(at);
  const parts = [time.getUTCSeconds(), time.getUTCMinutes(), time.getUTCHours()];
  return `${parts.join(" ")} ${time.getUTCDate()} ${time.getUTCMonth() + 1} * *`;
}

/** One line of the table. */
interface Row {
  readonly event: string;
  readonly fault: string;
  /** Told that it began, and that it is over: while the fault lasted, and at the end. */
  readonly lasting: string;
  readonly atEnd: string;
  readonly ok: boolean;
}

const LASTING = "1, 0";
const AT_END = "1, 1";

function rowOf(about: Pick<Row, "event" | "fault">, lasting: string, atEnd: string): Row {
  const ok = lasting === LASTING && atEnd === AT_END;
  return { event: about.event, fault: about.fault, lasting, atEnd, ok };
}

/** All kinds but that of the API. */
async function jobAlarms(): Promise<readonly Row[]> {
  await using site = await Watched.create();
  for (const one of CASES) await one.furnish(site);
  await site.restart();
  for (const one of CASES) await one.provoke?.(site);
  for (const { event, job } of CASES) await site.waitFor(event, job, [1, 0]);
  await site.restart();
  for (const one of CASES) await one.repeat?.(site);
  await nap(LOOKS_MS);
  await site.restart();
  await nap(LOOKS_MS);
  const lasting = await countsOf(site);
  await site.kill();
  for (const one of CASES) await one.mendFiles?.(site);
  await site.restart();
  for (const one of CASES) await one.mend(site);
  for (const { event, job } of CASES) await site.waitFor(event, job, [1, 1]);
  await site.restart();
  await nap(LOOKS_MS);
  const atEnd = await countsOf(site);
  const rows = CASES.map((one, index) => rowOf(one, lasting[index] ?? "", atEnd[index] ?? ""));
  const known = new Set(CASES.map(({ event, job }) => `${event} ${job}`));
  const others = (await site.told()).filter(({ of, job }) => !known.has(`${of} ${job}`));
  const fault = (one: Told) => `of nothing that was provoked: ${one.job}: ${one.message}`;
  return [...rows, ...others.map((one) => rowOf({ event: one.event, fault: fault(one) }, "", ""))];
}

function countsOf(site: Watched): Promise<readonly string[]> {
  return Promise.all(
    CASES.map(async ({ event, job }) => (await site.counts(event, job)).join(", ")),
  );
}

/** The API is stopped for longer than ten minutes, and the daemon killed before it is back. */
async function apiAlarm(): Promise<Row> {
  await using site = await Watched.create();
  await site.host.job("beat", ['schedule = "*/5 * * * * * *"']);
  await site.restart();
  await site.daemon.prints(/launched action/);
  await site.stopApi();
  await site.waitFor("api", null, [1, 0]);
  for (let count = 0; count < 2; count++) {
    await site.restart();
    await nap(LOOKS_MS);
  }
  const lasting = (await site.counts("api", null)).join(", ");
  await site.startApi();
  await site.waitFor("api", null, [1, 1]);
  await site.restart();
  await nap(LOOKS_MS);
  const atEnd = (await site.counts("api", null)).join(", ");
  return rowOf({ event: "api", fault: "the API is stopped for ten minutes" }, lasting, atEnd);
}

const PARTS: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  jobs: jobAlarms,
  api: async () => [await apiAlarm()],
};

/** Prints the table; anything but once and once ends with 1. */
async function main(names: readonly string[]): Promise<void> {
  const rows = (await Promise.all(names.map((name) => PARTS[name]?.() ?? []))).flat();
  console.table(rows);
  const seen = new Set(rows.map(({ event }) => event));
  const unseen = names.length === 1 ? [] : ALARM_EVENTS.filter((event) => !seen.has(event));
  if (unseen.length > 0) console.error(`no fault provokes: ${unseen.join(", ")}`);
  const isGood = rows.length > 0 && unseen.length === 0 && rows.every(({ ok }) => ok);
  process.exitCode = isGood ? 0 : 1;
}

if (import.meta.main) {
  const part = process.argv[2];
  await main(part === undefined ? Object.keys(PARTS) : [part]);
}
