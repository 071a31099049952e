// Fire bench: from the time that a job is due to the POST of its action.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { spreadOffsetMs } from "../src/jobs/fires.ts";
import { openJournal } from "../src/journal/sqlite/journal.ts";
import { openSigner } from "../src/lib/pgp/signer.ts";
import { LoadApi, type PostSeen } from "./api/client.ts";
import { quantile, type Row, type Scale } from "./measure.ts";
import { KEY_ID, Place } from "./place.ts";
import { cpuMsOf, startProgram, until } from "./program.ts";

/** From one time that the crowd is due to the next: by far longer than all of it takes. */
const PERIOD_MS = 6_000;

/** The configuration's default. */
const DISPATCHES = 32;

/** What an API that has to think takes for each answer. */
const SLOW_MS = 50;

export async function bench({ short }: Scale): Promise<readonly Row[]> {
  const jobs = short ? 20 : 1_000;
  const crowd = await measureCrowd({ jobs, rounds: short ? 0 : 5, latencyMs: 0 });
  const slow = await measureCrowd({ jobs, rounds: short ? 0 : 2, latencyMs: SLOW_MS });
  return [...crowdRows(jobs, crowd, slow), await single({ short })];
}

interface Crowd {
  readonly jobs: number;
  /** Measured, after one in which the program is still starting; 0: that one alone. */
  readonly rounds: number;
  /** Of the API, for each answer. */
  readonly latencyMs: number;
}

interface Measured {
  /** Of each round, in milliseconds: from the time that all are due to the last POST. */
  readonly posting: readonly number[];
  /** The signatures alone. */
  readonly signing: readonly number[];
  /** Processor time of the program for one action, without that of a signature. */
  readonly processor: readonly number[];
  /** The longest time that the event loop stood still. */
  readonly blocked: number;
}

/** Many jobs in one second, again and again. */
async function measureCrowd({ jobs, rounds, latencyMs }: Crowd): Promise<Measured> {
  await using api = await LoadApi.start({ latencyMs });
  using place = new Place({ url: api.url });
  place.jobs(jobs, `*/${PERIOD_MS / 1_000} * * * * * *`);
  const probe = place.in("probe");
  await using daemon = startProgram(place.argv, {
    BUN_OPTIONS: `--preload ${resolve(import.meta.dirname, "probe.ts")}`,
    MIG_RUNNER_PROBE: probe,
  });
  const signing: number[] = [];
  const posting: number[] = [];
  const processor: number[] = [];
  let seen = 0;
  let usedMs = 0;
  // The first round comes while the program is still starting.
  for (let round = 0; round <= rounds; round++) {
    const posts: PostSeen[] = [];
    await until(async () => posts.push(...(await api.stats()).posts) >= jobs);
    seen += posts.length;
    const times = posts.map(({ at }) => at);
    const dueAt = Math.floor(Math.min(...times) / PERIOD_MS) * PERIOD_MS;
    // From one round to the next, so that what follows on a POST is in it.
    const used = cpuMsOf(daemon.pid);
    const roundMs = used - usedMs;
    usedMs = used;
    if (round === 0 && rounds > 0) continue;
    posting.push(Math.max(...times) - dueAt);
    const signed = await signatures(place, jobs);
    signing.push(signed.wallMs);
    processor.push((roundMs - signed.cpuMs) / jobs);
  }
  daemon.kill("SIGTERM");
  await until(() => daemon.exitCode !== null);
  seen += (await api.stats()).posts.length;
  await expectPosts(place, { jobs, rounds: rounds + 1, seen });
  const lines = readFileSync(probe, "utf8").trim().split("\n").slice(2);
  const blocked = Math.max(0, ...lines.map((line) => Number(line.split(" ")[1])));
  return { posting, signing, processor, blocked };
}

function crowdRows(jobs: number, crowd: Measured, slow: Measured): readonly Row[] {
  return [
    {
      figure: `${jobs} jobs due in one second, RSA 2048: to the last POST`,
      unit: "ms",
      samples: crowd.posting,
      target: { most: 1.6 },
      against: { name: "signatures alone", samples: crowd.signing },
    },
    {
      figure: "the same: processor time of an action, without that of its signature",
      unit: "ms",
      samples: crowd.processor,
      target: { most: 1 },
    },
    {
      figure: "the same: longest time that the event loop stood still",
      unit: "ms",
      samples: [crowd.blocked],
      target: { most: 50 },
    },
    {
      figure: `the same, ${SLOW_MS} ms for each answer of the API: to the last POST`,
      unit: "ms",
      samples: slow.posting,
      target: { most: 2_500 },
    },
  ];
}

/** Whether each run of each job was posted, once: the API has seen what the journal knows. */
async function expectPosts(
  place: Place,
  { jobs, rounds, seen }: { readonly jobs: number; readonly rounds: number; readonly seen: number },
): Promise<void> {
  const journal = openJournal({ path: place.in("journal.db"), readOnly: true });
  const actions = journal.pendingActions(seen * 2);
  await journal.close();
  // One that the stop cut short may have been seen, and its answer not.
  const posted = actions.filter(({ actionId }) => actionId !== null).length;
  const runs = new Set(actions.map(({ runId }) => runId)).size;
  const names = new Set(actions.map(({ job }) => job)).size;
  const isOnce = runs === actions.length && posted <= seen && seen <= actions.length;
  if (isOnce && names === jobs && seen >= jobs * rounds) return;
  throw new Error(`Wrong: ${seen} posts of ${runs} runs, ${posted} of them in the journal`);
}

/** What as many signatures take, as many at a time, with nothing else done. */
async function signatures(
  place: Place,
  count: number,
): Promise<{ readonly wallMs: number; readonly cpuMs: number }> {
  const signer = await openSigner({
    home: place.in("keys"),
    keyId: KEY_ID,
    passphrase: null,
    environment: {},
    clock: { now: Date.now },
  });
  const text = new Uint8Array(1_000).fill(97);
  let left = count;
  const startedAt = performance.now();
  const before = process.cpuUsage();
  const work = async (): Promise<void> => {
    while (left-- > 0) await signer.sign(text);
  };
  await Promise.all(Array.from({ length: DISPATCHES }, work));
  const { user, system } = process.cpuUsage(before);
  return { wallMs: performance.now() - startedAt, cpuMs: (user + system) / 1_000 };
}

/** Jobs that are due one at a time: in the same second each, but far from each other in it. */
async function single({ short }: Scale): Promise<Row> {
  await using api = await LoadApi.start({});
  using place = new Place({ url: api.url });
  const offsets = spreadJobs(short ? 4 : 15);
  for (const job of offsets.keys()) place.job(job, "* * * * * * *", ['spread = "1s"']);
  await using _daemon = startProgram(place.argv);
  const late: number[] = [];
  const wanted = short ? 8 : 300;
  let isWarm = false;
  await until(async () => {
    const { posts } = await api.stats();
    for (const { at, name } of isWarm ? posts : []) {
      const offset = offsets.get(name.replace("mig-runner: ", ""));
      if (offset === undefined) throw new Error(`Wrong: "${name}" is none of the actions`);
      late.push((((at - offset) % 1_000) + 1_000) % 1_000);
    }
    isWarm ||= posts.length > 0;
    return late.length >= wanted;
  });
  return {
    figure: "a single job due: from its fire time to the POST, p99",
    unit: "ms",
    samples: [quantile(late, 0.99)],
    target: { most: 10 },
    note: `of ${late.length}; their median ${quantile(late, 0.5).toFixed(1)} ms`,
  };
}

/** Jobs that their names spread over a second, each in the middle of its share of it. */
function spreadJobs(count: number): ReadonlyMap<string, number> {
  const share = 1_000 / count;
  const offsets = new Map<string, number>();
  for (let number = 0, slot = 0; slot < count; number++) {
    const offset = spreadOffsetMs(`job${number}`, 1_000);
    if (Math.abs(offset - (slot + 0.5) * share) > share / 8) continue;
    offsets.set(`job${number}`, offset);
    slot++;
  }
  return offsets;
}
