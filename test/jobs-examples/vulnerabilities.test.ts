// Vulnerabilities: an event for each host; none for a host that was not looked at closes anything.
import { describe, expect, test } from "bun:test";
import vulnerabilities from "../../jobs/vulnerabilities/job.ts";
import mozdefScribe from "../../plugins/mozdef-scribe.ts";
import { simulate } from "../../src/testkit/simulate.ts";
import { host, shipped } from "../support/jobs.ts";

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
          testid,
          name: "openssl",
          description: "",
          tags,
          iserror: false,
          error: "",
          masterresult: true,
          hastrueresults: true,
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
