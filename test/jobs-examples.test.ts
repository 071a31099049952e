// Jobs examples: each job of jobs/ in the situations that it is for, against a simulated fleet.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import canary from "../jobs/canary/job.ts";
import compliance from "../jobs/compliance/job.ts";
import deadman, { steps as deadmanSteps } from "../jobs/deadman/job.ts";
import hunt from "../jobs/hunt/job.ts";
import { post } from "../jobs/hunt/post.ts";
import inventory, { steps as inventorySteps } from "../jobs/inventory/job.ts";
import { changesOf, takeInventory } from "../jobs/inventory/packages.ts";
import vulnerabilities from "../jobs/vulnerabilities/job.ts";
import mozdefCompliance from "../plugins/mozdef-compliance.ts";
import mozdefScribe from "../plugins/mozdef-scribe.ts";
import type { Command, PluginModule, StepContext } from "../src/sdk/index.ts";
import { Fatal, Retry } from "../src/sdk/index.ts";
import { type SimulatedPlugin, simulate } from "../src/testkit/simulate.ts";

const LINUX = { os: "linux" } as const;
const host = (name: string) => ({ name, environment: LINUX });

/** A plugin that comes with the runner, with what it sends kept. */
function shipped(module: PluginModule, settings: object, sent: unknown[]): SimulatedPlugin {
  return async (result, context) => {
    const checked = await module.config?.["~standard"].validate(settings);
    if (checked === undefined || checked.issues !== undefined) throw new Error("bad settings");
    const fetch = async (_url: unknown, init?: RequestInit) => {
      sent.push(JSON.parse(String(init?.body)));
      return new Response("{}");
    };
    const deliver = module.deliver as SimulatedPlugin;
    await deliver(result, { ...context, config: checked.value as undefined, fetch });
  };
}

describe("jobs/compliance", () => {
  test("asks Linux hosts, and tells of each item whether it passes", async () => {
    const events: Record<string, unknown>[] = [];
    const run = await simulate(compliance, {
      name: "compliance",
      agents: [
        host("good"),
        host("bad"),
        host("ill"),
        { name: "mac", environment: { os: "darwin" } },
      ],
      answers({ name }) {
        if (name === "ill") return "failed";
        const search = { options: { matchall: true } };
        const fileinfo = { size: 9, mode: "-rw-r--r--", lastmodified: "2026-01-01" };
        const file = name === "good" ? "/etc/ssh/sshd_config" : "";
        const match = [{ file, search, fileinfo }];
        const elements = { rootlogin: match, passwords: match, forwarding: match };
        return { foundanything: name === "good", elements };
      },
      plugins: {
        "mozdef-compliance": shipped(mozdefCompliance, { url: "http://mozdef.example/" }, events),
      },
    });
    expect(run).toMatchObject({
      state: "done",
      actions: [{ name: "mig-runner: compliance", agents: 3 }],
    });
    const told = events.map(({ category, details }) => {
      const { target, compliance: passes } = details as { target: string; compliance?: boolean };
      return `${target} ${passes ?? category}`;
    });
    expect(told.toSorted()).toEqual([
      ...["bad false", "bad false", "bad false"],
      ...["good true", "good true", "good true"],
      "ill complianceerrors",
    ]);
  });
});

describe("jobs/hunt", () => {
  const agents = ["sound", "odd", "owned", "lost"].map(host);

  test("looks into the memory of the suspicious, and tells of all four kinds of host", async () => {
    const tickets: unknown[] = [];
    const run = await simulate(hunt, {
      name: "hunt",
      agents,
      answers({ name }, { module }) {
        if (name === "lost") return "silent";
        if (module === "memory") return name === "owned" ? "found" : "nothing";
        return name === "sound" ? "nothing" : "found";
      },
      steps: { ticket: () => void tickets.push("posted") },
    });
    expect(run.state).toBe("done");
    const [probe, memory, ...more] = run.actions;
    expect(more).toEqual([]);
    expect(probe).toMatchObject({ name: "mig-runner: hunt", agents: 4 });
    expect(memory).toMatchObject({ name: "mig-runner: hunt/memory", agents: 2 });
    expect(memory?.operations.map(({ module }) => module)).toEqual(["memory"]);
    expect(tickets).toEqual(["posted"]);
    const [delivery] = run.deliveries;
    expect(delivery).toMatchObject({ plugin: "slack", action: "mig-runner: hunt/memory" });
    expect(delivery?.commands.map(({ agent }) => agent.name).sort()).toEqual(["odd", "owned"]);
    expect(run.log).toEqual([{ level: "warning", message: "1 hosts were not looked at" }]);
  });

  test("writes into the ticket who is infected, suspicious and unknown", async () => {
    const bodies: unknown[] = [];
    const before = globalThis.fetch;
    globalThis.fetch = (async (_url: string, init: RequestInit) => {
      bodies.push(JSON.parse(String(init.body)));
      return Response.json({ id: 7 });
    }) as unknown as typeof fetch;
    try {
      const run = await simulate(hunt, {
        ...{ name: "hunt", agents, crashes: false },
        answers: ({ name }) => (name === "sound" || name === "owned" ? "found" : "failed"),
      });
      expect(run.steps.find(({ name }) => name === "ticket")).toMatchObject({ value: { id: 7 } });
    } finally {
      globalThis.fetch = before;
    }
    expect(bodies).toEqual([
      {
        title: "2 infected of 2 suspicious hosts",
        infected: ["owned", "sound"],
        suspects: ["owned", "sound"],
        unknown: ["lost", "odd"],
      },
    ]);
  });

  test("is over after the cheap scan when it finds nothing", async () => {
    const run = await simulate(hunt, { agents, answers: () => "nothing" });
    expect([run.actions.length, run.deliveries.length, run.log]).toEqual([1, 0, []]);
  });
});

describe("post.ts", () => {
  const context: StepContext = { key: "k", attempt: 1, signal: new AbortController().signal };

  async function answered(status: number, headers: Record<string, string> = {}): Promise<unknown> {
    const before = globalThis.fetch;
    globalThis.fetch = (async () => {
      return new Response('{"id":1}', { status, headers });
    }) as unknown as typeof fetch;
    try {
      return await post("http://a.example/", {}, context);
    } catch (error) {
      return error;
    } finally {
      globalThis.fetch = before;
    }
  }

  test("tells the runner what may be tried again, and when", async () => {
    expect(await answered(201)).toEqual({ id: 1 });
    expect(await answered(404)).toBeInstanceOf(Fatal);
    const busy = await answered(429, { "retry-after": "7" });
    expect(busy instanceof Retry && busy.afterMs).toBe(7_000);
    const down = await answered(503);
    expect(down instanceof Error && down.message).toBe("http://a.example/ answers HTTP 503");
    expect(down instanceof Fatal || down instanceof Retry).toBe(false);
  });

  test("is the same in each job that has it", async () => {
    const texts = ["hunt", "inventory", "deadman"].map((job) =>
      Bun.file(resolve(import.meta.dirname, `../jobs/${job}/post.ts`)).text(),
    );
    expect(new Set(await Promise.all(texts)).size).toBe(1);
  });
});

describe("jobs/inventory", () => {
  test("tells the changes, then keeps the new inventory", async () => {
    const order: string[] = [];
    const run = await simulate(inventory, {
      name: "inventory",
      agents: 3,
      steps: {
        ...inventorySteps,
        tell: () => void order.push("tell"),
        keep: () => void order.push("keep"),
      },
    });
    expect(run.state).toBe("done");
    expect(order).toEqual(["tell", "keep"]);
    expect(run.log).toEqual([{ level: "warning", message: "nothing is known of web2" }]);
  });

  test("keeps the old inventory while the change cannot be told", async () => {
    const run = await simulate(inventory, {
      agents: 3,
      steps: {
        ...inventorySteps,
        tell() {
          throw new Fatal("no such address");
        },
      },
    });
    expect(run.state).toBe("failed");
    expect(run.steps.map(({ name }) => name)).toEqual(["packages", "compare", "tell"]);
  });

  test("knows a host that did not answer as it was", async () => {
    const answer = (name: string, packages: object[] | null) => {
      const elements = packages === null ? null : { packages };
      const success = packages !== null;
      const none = { foundanything: false, statistics: null, errors: null };
      return { agent: { name }, results: [{ ...none, success, elements }] };
    };
    async function* commands() {
      yield answer("web1", [{ name: "openssl", version: "3", type: "dpkg", arch: "amd64" }]);
      yield answer("web2", null);
      yield answer("web3", []);
    }
    const before = { web1: { openssl: "2", curl: "1" }, web2: { openssl: "2" } };
    const taken = await takeInventory(commands() as unknown as AsyncIterable<Command>, before);
    expect(taken.unknown).toEqual(["web2"]);
    expect(changesOf(before, taken.hosts)).toEqual([
      "web1: curl 1 is gone",
      "web1: openssl 2 became 3",
      "web3: new, 0 packages",
    ]);
  });
});

describe("jobs/canary", () => {
  const agents = Array.from({ length: 120 }, (_, index) => host(`h${1000 + index}`));

  test("scans two of 120 hosts, looks, and then the others", async () => {
    const run = await simulate(canary, { name: "canary", agents, answers: () => "nothing" });
    expect(run.state).toBe("done");
    const sizes = run.actions.map(({ name, agents: count }) => `${name} ${count}`);
    expect(sizes).toEqual([
      "mig-runner: canary/census 120",
      "mig-runner: canary/canaries 2",
      "mig-runner: canary/still there 2",
      "mig-runner: canary/others 118",
    ]);
    const canaries = run.deliveries[0]?.commands.map(({ agent }) => agent.name);
    expect(canaries?.toSorted()).toEqual(["h1000", "h1100"]);
    expect(run.deliveries.map(({ commands }) => commands.length)).toEqual([2, 118]);
    // Three minutes for each question, thirty for each scan, fifteen to look.
    expect(run.elapsedMs).toBeGreaterThanOrEqual((3 + 30 + 15 + 3 + 30) * 60_000);
  });

  test("spares the others when a canary fails", async () => {
    const run = await simulate(canary, {
      agents,
      answers: ({ name }, { module }) =>
        module === "yara" && name === "h1100" ? "timeout" : "nothing",
    });
    expect(run.error).toStartWith("1 of 2 canaries could not be scanned: h1100");
    expect(run.actions.map(({ agents: count }) => count)).toEqual([120, 2, 2]);
    expect(run.deliveries.map(({ plugin }) => plugin)).toEqual(["slack"]);
  });

  test("spares the others when a canary is gone after the scan", async () => {
    let questions = 0;
    const run = await simulate(canary, {
      ...{ agents, crashes: false },
      answers: ({ name }, { module }) => {
        if (module !== "timedrift" || name !== "h1000") return "nothing";
        return ++questions === 1 ? "nothing" : "silent";
      },
    });
    expect(run.error).toStartWith("1 of 2 canaries are gone since they were scanned: h1000");
  });

  test("does not go where it was not meant to", async () => {
    const { definition } = canary;
    expect(definition.maxAgents).toBe(20_000);
    expect(definition.schedule).toBeUndefined();
  });
});

describe("jobs/vulnerabilities", () => {
  test("tells of each host its vulnerabilities, and of a failed one that it was not looked at", async () => {
    const events: Record<string, unknown>[] = [];
    const run = await simulate(vulnerabilities, {
      name: "vulnerabilities",
      agents: [host("open"), host("sound"), host("ill")],
      answers({ name }, { parameters }) {
        if (name === "ill") return "timeout";
        const { scribedoc } = parameters as {
          scribedoc: { tests: { test: string; tags: object }[] };
        };
        const found = scribedoc.tests.filter(({ test: id }) => id === "openssl-jammy");
        const results = found.map(({ test: testid, tags }) => ({
          ...{ testid, name: "openssl", description: "", tags, iserror: false, error: "" },
          ...{ masterresult: true, hastrueresults: true },
          results: [{ result: true, identifier: "openssl" }],
        }));
        const elements = { humanoutput: false, jsonoutput: false };
        if (name === "sound") return { elements: { ...elements, results: [] } };
        return { foundanything: true, elements: { ...elements, results } };
      },
      plugins: {
        "mozdef-scribe": shipped(mozdefScribe, { url: "http://mozdef.example/" }, events),
      },
    });
    expect(run).toMatchObject({ state: "done", actions: [{ agents: 3 }] });
    const told = events.map((event) => {
      const {
        asset,
        credentialed_checks: isSure,
        vulnerabilities: list,
      } = event as {
        asset: { hostname: string };
        vulnerabilities?: { cve: string; risk: string }[] | null;
        credentialed_checks: boolean;
      };
      const risks = list?.map(({ cve, risk }) => `${risk} ${cve}`).join() ?? "none";
      return `${asset.hostname}: ${isSure ? risks : "unknown"}`;
    });
    expect(told.toSorted()).toEqual(["ill: unknown", "open: high CVE-2025-9230", "sound: none"]);
  });
});

describe("jobs/deadman", () => {
  const NOW = Date.UTC(2026, 0, 8, 9);
  const yesterday = NOW - 86_400_000;
  const names = ["web1", "web2", "web3"];
  const seen = Object.fromEntries([...names, "db1"].map((name) => [name, yesterday]));

  async function play(answers: (name: string) => "found" | "silent" | "failed", known = seen) {
    const alerts: string[] = [];
    const kept: unknown[] = [];
    const run = await simulate(deadman, {
      name: "deadman",
      now: NOW,
      agents: names.map(host),
      answers: ({ name }) => answers(name),
      steps: {
        seen: known,
        alert: () => void alerts.push("alert"),
        remember: () => void kept.push("kept"),
      },
    });
    return { run, alerts, kept };
  }

  test("alerts after a second chance, and goes on knowing who was there", async () => {
    const { run, alerts, kept } = await play((name) => (name === "web3" ? "silent" : "found"));
    expect(run.state).toBe("done");
    expect(alerts).toEqual(["alert"]);
    expect(kept).toEqual(["kept"]);
    expect(run.actions).toHaveLength(2);
    expect((run.actions[1]?.postedAt ?? 0) - (run.actions[0]?.postedAt ?? 0)).toBeGreaterThan(
      3_600_000,
    );
  });

  test("does not alert for a host whose module failed, or that answers later", async () => {
    let asked = 0;
    const { run, alerts } = await play(
      (name) => {
        if (name === "web1") return "failed";
        return name === "web2" && ++asked === 1 ? "silent" : "found";
      },
      { web1: yesterday, web2: yesterday, web3: yesterday },
    );
    expect([run.state, run.actions.length, alerts]).toEqual(["done", 2, []]);
  });

  test("asks once when everybody is there", async () => {
    const known = Object.fromEntries(names.map((name) => [name, yesterday]));
    const { run, alerts } = await play(() => "found", known);
    expect([run.actions.length, alerts]).toEqual([1, []]);
  });

  test("blames the server when nobody answers, and forgets nobody", async () => {
    const { run, alerts, kept } = await play(() => "silent");
    expect(run.state).toBe("failed");
    expect(run.error).toContain("look at the MIG server");
    expect([alerts, kept]).toEqual([[], []]);
  });
});

describe("the state of jobs", () => {
  test("is left alone by tests", () => {
    expect(Object.keys(deadmanSteps)).toEqual(["seen", "remember"]);
    expect(Object.keys(inventorySteps)).toEqual(["compare", "keep"]);
    const files = ["deadman/seen.json", "inventory/last.json"];
    const jobs = resolve(import.meta.dirname, "../jobs");
    expect(files.filter((file) => existsSync(resolve(jobs, file)))).toEqual([]);
  });
});
