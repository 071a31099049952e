// Monitoring: the example rules and the dashboard name no metric and no label that is not told.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { hasTool, run } from "../../scripts/packages/tree.ts";
import { renderMetrics } from "../../src/metrics/metrics.ts";
import { Scratch } from "../support/edge.ts";
import { readExposition } from "../support/exposition.ts";

/** The metrics that are told, each with its labels. */
const METRICS: Readonly<Record<string, readonly string[]>> = {
  mig_runner_runs_total: ["job", "state"],
  mig_runner_last_success_timestamp_seconds: ["job"],
  mig_runner_next_fire_timestamp_seconds: ["job"],
  mig_runner_actions_in_flight: [],
  mig_runner_commands_total: ["status"],
  mig_runner_deliveries: ["plugin", "state"],
  mig_runner_missed_total: ["job"],
  mig_runner_api_up: [],
  mig_runner_journal_up: [],
  mig_runner_journal_bytes: [],
  mig_runner_calendar_windows_left: ["job"],
};

/** What a journal, a job and a process tell at the most. */
function rendered(): string {
  return renderMetrics(
    {
      runs: [{ job: "a", state: "done", count: 1, lastAt: 1 }],
      actionsInFlight: 0,
      missed: [],
      commands: [{ status: "success", count: 1 }],
      deliveries: [],
      journalBytes: 1,
      windowsLeft: [],
    },
    {
      jobs: [{ job: "a", nextAt: 1, isSignedAhead: true, plugins: ["mail"] }],
      apiUp: true,
      journalUp: true,
      process: null,
    },
  );
}

function told(): readonly string[] {
  const text = rendered();
  return [...readExposition(text)].map(([name, { samples }]) => {
    const [labels = "[]"] = samples.keys();
    const names = (JSON.parse(labels) as [string, string][]).map(([label]) => label);
    return names.length === 0 ? name : `${name}{${names.sort().join(",")}}`;
  });
}

/** Labels that the way to Prometheus adds. */
const ADDED = ["instance"];

function read(path: string): string {
  return readFileSync(resolve(import.meta.dirname, "../../packaging", path), "utf8");
}

/** What is wrong with the metrics and labels of an expression, and of what is shown of it. */
function strangers(expression: string, shown: string): readonly string[] {
  const names = expression.match(/mig_runner_[a-z_]+/g) ?? [];
  const known = new Set([...ADDED, ...names.flatMap((name) => METRICS[name] ?? [])]);
  const chosen = [...expression.matchAll(/(\w+)\s*(?:=~|!=|=)\s*"/g)].map(([, label]) => label);
  const grouped = [...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) =>
    (list ?? "").split(/,\s*/),
  );
  const told = [...shown.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)/g)].map(([, label]) => label);
  const isOwn = (label: string | undefined) => label === "file" || known.has(label ?? "");
  return [
    ...names.filter((name) => METRICS[name] === undefined),
    ...[...chosen, ...grouped, ...told].filter((label) => !isOwn(label)).map(String),
  ];
}

describe("the metrics", () => {
  const names = Object.entries(METRICS).map(([name, labels]) =>
    labels.length === 0 ? name : `${name}{${labels.join(",")}}`,
  );

  test("are those that the program tells", () => {
    expect(told().toSorted()).toEqual(names.toSorted());
  });

  test("are those of the runbook", () => {
    const runbook = read("../docs/operations.md");
    const rows = [...runbook.matchAll(/^\| `(mig_runner_[a-z_{},]+)` \|/gm)].map(([, row]) => row);
    expect(rows.map(String).toSorted()).toEqual(names.toSorted());
  });
});

describe("packaging/prometheus", () => {
  const { groups } = Bun.YAML.parse(read("prometheus/mig-runner.rules.yml")) as {
    readonly groups: readonly {
      readonly rules: readonly {
        readonly alert: string;
        readonly expr: string;
        readonly labels: { readonly severity: string };
        readonly annotations: { readonly summary: string; readonly action: string };
      }[];
    }[];
  };
  const rules = groups.flatMap((group) => group.rules);

  test("has rules whose names are unique", () => {
    const names = rules.map(({ alert }) => alert);
    expect(names.length).toBeGreaterThan(5);
    expect(new Set(names).size).toBe(names.length);
  });

  test("uses what is told, and says what to do", () => {
    for (const { alert, annotations, expr, labels } of rules) {
      expect([alert, ...strangers(expr, annotations.summary + annotations.action)]).toEqual([
        alert,
      ]);
      expect(annotations.action).not.toBe("");
      expect(["page", "ticket"]).toContain(labels.severity);
    }
  });
});

describe("promtool", () => {
  // One that is not there is told by the line of a skipped test.
  const there = hasTool("promtool") ? "" : ": NOT TRIED, there is no promtool here";
  test.skipIf(there !== "")(
    `finds nothing to mend in rules and metrics${there}`,
    () => {
      using scratch = new Scratch();
      const rules = resolve(import.meta.dirname, "../../packaging/prometheus/mig-runner.rules.yml");
      expect(run("promtool", ["check", "rules", rules])).toContain("SUCCESS");
      const metrics = scratch.file("metrics", rendered());
      expect(run("sh", ["-c", 'promtool check metrics <"$0" 2>&1', metrics])).toBe("");
    },
    600_000,
  );
});

describe("packaging/grafana", () => {
  const dashboard = JSON.parse(read("grafana/mig-runner.json")) as {
    readonly panels: readonly {
      readonly id: number;
      readonly title: string;
      readonly gridPos: { readonly x: number; readonly w: number };
      readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
    }[];
  };

  test("uses what is told, and shows every metric", () => {
    const shown = new Set<string>();
    for (const { gridPos, targets, title } of dashboard.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (const { expr, legendFormat } of targets) {
        expect([title, ...strangers(expr, legendFormat)]).toEqual([title]);
        for (const name of expr.match(/mig_runner_[a-z_]+/g) ?? []) shown.add(name);
      }
    }
    expect([...shown].sort()).toEqual(Object.keys(METRICS).sort());
  });
});
