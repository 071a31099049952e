import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { RunState } from "../../src/journal/inflight.ts";
import type { JournalMetrics, RunRecord } from "../../src/journal/reading.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { openReading } from "../../src/journal/sqlite/reading.ts";
import { metrics, renderMetrics } from "../../src/metrics/metrics.ts";
import { overviewOf } from "../../src/view/overview.ts";
import { readExposition } from "../support/exposition.ts";

const NOTHING: JournalMetrics = {
  runs: [],
  missed: [],
  commands: [],
  deliveries: [],
  windowsLeft: [],
  actionsInFlight: 0,
  journalBytes: 4_096,
};

const NIGHTLY = { job: "nightly", nextAt: 5_500, isSignedAhead: false, plugins: ["mail"] };

const FACTS = { jobs: [NIGHTLY], apiUp: null, journalUp: true, process: null };

function sampleOf(text: string, name: string, labels: Record<string, string> = {}) {
  const family = readExposition(text).get(name);
  return family?.samples.get(JSON.stringify(Object.entries(labels).toSorted())) ?? null;
}

describe("renderMetrics()", () => {
  test("has the names and labels of the docs, and counters of each job from the begin on", () => {
    const process = { startedAt: 1_000, residentBytes: 5, cpuSeconds: 0.25, openFiles: 9 };
    const read = {
      ...NOTHING,
      commands: [{ status: "success", count: 7 }],
      runs: [{ job: "gone", state: "done", count: 2, lastAt: 9_000 }] as const,
      windowsLeft: [{ job: "nightly", left: 4 }],
    };
    const ahead = { ...NIGHTLY, isSignedAhead: true };
    const text = renderMetrics(read, { jobs: [ahead], apiUp: false, journalUp: false, process });
    const told = [...readExposition(text)].map(([name, { type }]) => `${name} ${type}`);
    expect(told.toSorted()).toEqual([
      "mig_runner_actions_in_flight gauge",
      "mig_runner_api_up gauge",
      "mig_runner_calendar_windows_left gauge",
      "mig_runner_commands_total counter",
      "mig_runner_deliveries gauge",
      "mig_runner_journal_bytes gauge",
      "mig_runner_journal_up gauge",
      "mig_runner_missed_total counter",
      "mig_runner_next_fire_timestamp_seconds gauge",
      "mig_runner_process_cpu_seconds_total counter",
      "mig_runner_process_open_fds gauge",
      "mig_runner_process_resident_memory_bytes gauge",
      "mig_runner_process_start_time_seconds gauge",
      "mig_runner_runs_total counter",
    ]);
    const runs = (job: string, state: string) =>
      sampleOf(text, "mig_runner_runs_total", { job, state });
    expect([runs("nightly", "failed"), runs("gone", "done")]).toEqual([0, 2]);
    expect(sampleOf(text, "mig_runner_api_up")).toBe(0);
    expect(sampleOf(text, "mig_runner_journal_up")).toBe(0);
    expect(sampleOf(text, "mig_runner_next_fire_timestamp_seconds", { job: "nightly" })).toBe(5.5);
    expect(sampleOf(text, "mig_runner_calendar_windows_left", { job: "nightly" })).toBe(4);
    const mail = { plugin: "mail", state: "dead" };
    expect(sampleOf(text, "mig_runner_deliveries", mail)).toBe(0);
  });

  test("tells no window of a job that is signed ahead and has no calendar as 0", () => {
    const jobs = [{ ...NIGHTLY, isSignedAhead: true }];
    const text = renderMetrics(NOTHING, { ...FACTS, jobs });
    expect(sampleOf(text, "mig_runner_calendar_windows_left", { job: "nightly" })).toBe(0);
  });

  test("tells the last success of jobs that there are, and of no others", () => {
    const runs = ["nightly", "gone"].map(
      (job) => ({ job, state: "done", count: 1, lastAt: 3_000 }) as const,
    );
    const text = renderMetrics({ ...NOTHING, runs }, FACTS);
    const name = "mig_runner_last_success_timestamp_seconds";
    expect(sampleOf(text, name, { job: "nightly" })).toBe(3);
    expect(sampleOf(text, name, { job: "gone" })).toBe(null);
  });
});

describe("metrics()", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "mig-runner-metrics-"));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const history = fc.array(
    fc.record({
      job: fc.constantFrom("a", "b"),
      deed: fc.constantFrom("done", "failed", "paused", "missed", "skipped", "resume", "forget"),
      count: fc.integer({ min: 1, max: 4 }),
    }),
    { maxLength: 25 },
  );

  test("agree with history and status, also of what was resumed or forgotten", async () => {
    let file = 0;
    await fc.assert(
      fc.asyncProperty(history, async (deeds) => {
        const path = join(folder, `${file++}.db`);
        const journal = openJournal({ path });
        const counts = new Map<string, number>();
        const successes = new Map<string, number>();
        const count = (key: string, by = 1) => counts.set(key, (counts.get(key) ?? 0) + by);
        const ended: { id: number; job: string; state: RunState; at: number }[] = [];
        let at = 1_000_000;
        for (const { job, deed, count: many } of deeds) {
          at += 1_000;
          await journal.write((tables) => {
            const end = (id: number, state: RunState) => {
              const run = tables.run(id);
              if (run === null) return;
              tables.saveRun({ ...run, state, endedAt: state === "paused" ? null : at });
              // Written again as it is, it has not ended again.
              const again = tables.run(id);
              if (again !== null) tables.saveRun({ ...again, note: "once more" });
              if (state !== "paused") count(`${job}/${state}`);
              if (state === "done") successes.set(job, at / 1_000);
            };
            if (deed === "missed" || deed === "skipped") {
              const times = { firstAt: at, lastAt: at, count: many, recordedAt: at };
              tables.insertMissed({ job, ...times, reason: "x", kind: deed });
              if (deed === "missed") count(`${job}/missed`, many);
            } else if (deed === "resume") {
              const failed = ended.find((run) => run.job === job && run.state === "failed");
              const run = failed === undefined ? null : tables.run(failed.id);
              if (failed === undefined || run === null) return;
              tables.saveRun({ ...run, state: "open", endedAt: null });
              end(failed.id, "done");
              failed.state = "done";
              failed.at = at;
            } else if (deed === "forget") {
              const [old] = ended.splice(0, 1);
              if (old !== undefined) tables.removeRuns([old.id]);
            } else {
              const run = tables.insertRun({ job, firesAt: at, cause: "schedule" }, "open", at);
              if (run === null) return;
              end(run.id, deed);
              ended.push({ id: run.id, job, state: deed, at });
            }
          });
        }
        const reading = openReading(path);
        const jobs = ["a", "b"].map((job) => ({ ...NIGHTLY, job }));
        const text = await metrics(reading, { ...FACTS, jobs }, at);
        const { runs } = await reading.history({ limit: 100 });
        const states = jobs.map(({ job }) => ({ job, entity: null, errors: [] }));
        const where = { directory: "/srv/mig", holder: null, states, now: at };
        const status = await overviewOf({ reading, ...where });
        await reading.close();
        await journal.close();
        expect(sampleOf(text, "mig_runner_actions_in_flight")).toBe(status.counts.inFlight);
        const missed = status.missed.reduce((sum, row) => sum + row.count, 0);
        const toldOf = (job: string) => sampleOf(text, "mig_runner_missed_total", { job }) ?? 0;
        if (status.missed.length < 20) expect(missed).toBe(toldOf("a") + toldOf("b"));
        for (const job of ["a", "b"]) {
          for (const state of ["done", "failed"]) {
            const told = sampleOf(text, "mig_runner_runs_total", { job, state });
            expect([job, state, told]).toEqual([job, state, counts.get(`${job}/${state}`) ?? 0]);
            expect(told).toBeGreaterThanOrEqual(runs.filter(isOf(job, state)).length);
          }
          expect(sampleOf(text, "mig_runner_missed_total", { job })).toBe(
            counts.get(`${job}/missed`) ?? 0,
          );
          const last = sampleOf(text, "mig_runner_last_success_timestamp_seconds", { job });
          expect(last).toBe(successes.get(job) ?? null);
          const ofJob = runs.filter((run) => run.job === job);
          const lastRun = status.jobs.find((view) => view.job === job)?.lastRun;
          expect(lastRun?.state ?? null).toBe(ofJob[0]?.state ?? null);
          expect(lastRun?.endedAt ?? null).toBe(ofJob[0]?.endedAt ?? null);
          for (const { endedAt, state } of ofJob) {
            if (state === "done") expect(last).toBeGreaterThanOrEqual((endedAt ?? 0) / 1_000);
          }
        }
      }),
      { numRuns: 25 },
    );
  });

  test("count a command once, by the status with which it was first read, and made-up ones as other", async () => {
    const path = join(folder, "journal.db");
    const journal = openJournal({ path });
    await journal.write((tables) => {
      const run = tables.insertRun({ job: "a", firesAt: 1, cause: "schedule" }, "open", 1);
      const action = tables.insertAction(
        {
          runId: run?.id ?? 0,
          job: "a",
          step: "",
          name: "a",
          body: "{}",
          signature: "s",
          expireAt: 9,
          sendOnly: false,
          plugins: [],
        },
        1,
      );
      const whole = { fetched: 3, sent: 3, counters: null, strays: 0 };
      const reads = [
        { success: 2, expired: 1, "made up 1": 1 },
        { success: 3, "made up 2": 1 },
        { success: 3 },
      ] as const;
      for (const statuses of reads) {
        const completeness = { ...whole, statuses };
        tables.saveAction({ ...action, state: "settled", nextAt: null, completeness });
      }
    });
    const reading = openReading(path);
    const text = await metrics(reading, FACTS, 10);
    await reading.close();
    await journal.close();
    expect(sampleOf(text, "mig_runner_commands_total", { status: "success" })).toBe(3);
    expect(sampleOf(text, "mig_runner_commands_total", { status: "expired" })).toBe(1);
    // Whatever statuses are made up, run after run, there is one label for all of them.
    expect(sampleOf(text, "mig_runner_commands_total", { status: "other" })).toBe(2);
    expect(readExposition(text).get("mig_runner_commands_total")?.samples.size).toBe(3);
    expect(sampleOf(text, "mig_runner_actions_in_flight")).toBe(0);
    expect(sampleOf(text, "mig_runner_journal_bytes")).toBeGreaterThan(4_000);
  });
});

function isOf(job: string, state: string) {
  return (run: RunRecord): boolean => run.job === job && run.state === state;
}
