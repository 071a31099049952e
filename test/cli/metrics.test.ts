import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openMetricsFile } from "../../src/cli/metrics.ts";
import type { Opened } from "../../src/cli/open.ts";
import { RunnerError } from "../../src/errors.ts";
import { ApiHealth } from "../../src/flow/api-health.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { readExposition } from "../support/exposition.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mig-runner-metrics-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const api = new ApiHealth(openJournal({ path: ":memory:" }));
api.asked(true, 1_000);

const RUNNER = { api, fireAt: (job: string) => (job === "nightly" ? 60_000 : null) };

/** What opening a metrics file needs, with a catalog of one job that fires by hand. */
function opened(metricsFile: string | null, lines: string[]): Opened {
  const entity = { job: "nightly", schedule: null, plugins: ["mail"], spreadMs: 0, postAheadMs: 0 };
  const state = { job: "nightly", entity: { ...entity, signing: "live" }, errors: [] };
  return {
    config: { metricsFile, journalPath: join(folder, "journal.db") },
    catalog: { states: () => [state] },
    edges: {
      clock: { now: () => 5_000, sleep: async () => {} },
      log: { emit: (level: string, message: string) => lines.push(`${level} ${message}`) },
    },
  } as unknown as Opened;
}

describe("openMetricsFile()", () => {
  test("writes nothing where no file is named", () => {
    expect(openMetricsFile(opened(null, []), RUNNER)).toBe(null);
  });

  test("writes what the loop waits for, and that the API answers", async () => {
    await openJournal({ path: join(folder, "journal.db") }).close();
    const texts: string[] = [];
    const file = openMetricsFile(opened("/x/y.prom", []), RUNNER, (_, text) => texts.push(text));
    const ended = new AbortController();
    await file?.write();
    ended.abort();
    await file?.writeUntil(ended.signal);
    await file?.close();
    expect(texts).toHaveLength(1);
    const families = readExposition(texts[0] ?? "");
    expect([...(families.get("mig_runner_api_up")?.samples ?? [])]).toEqual([["[]", 1]]);
    const next = families.get("mig_runner_next_fire_timestamp_seconds")?.samples;
    expect([...(next ?? [])]).toEqual([['[["job","nightly"]]', 60]]);
    const started = families.get("mig_runner_process_start_time_seconds")?.samples;
    expect([...(started ?? [])]).toEqual([["[]", 5]]);
  });

  test("tells once that it cannot be written, and once that it can again", async () => {
    await openJournal({ path: join(folder, "journal.db") }).close();
    const lines: string[] = [];
    let isFull = true;
    const file = openMetricsFile(opened("/x/y.prom", lines), RUNNER, () => {
      if (isFull) throw new RunnerError("SPOOL", "no space");
    });
    await file?.write();
    await file?.write();
    isFull = false;
    await file?.write();
    await file?.write();
    await file?.close();
    expect(lines).toEqual(["err no space", "notice the metrics are written again"]);
  });
});
