// Compliance: each item passes or fails on each host, and a host that failed does neither.
import { describe, expect, test } from "bun:test";
import compliance from "../../jobs/compliance/job.ts";
import mozdefCompliance from "../../plugins/mozdef-compliance.ts";
import { simulate } from "../../src/testkit/simulate.ts";
import { host, shipped } from "../support/jobs.ts";

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
      "bad false",
      "bad false",
      "bad false",
      "good true",
      "good true",
      "good true",
      "ill complianceerrors",
    ]);
  });
});
