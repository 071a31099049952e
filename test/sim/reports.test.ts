import { describe, expect, test } from "bun:test";
import { parseAction } from "../../src/sim/action.ts";
import { type AgentSpec, createFleet } from "../../src/sim/fleet.ts";
import { parseForm, parseSearch } from "../../src/sim/query.ts";
import { NO_TWEAKS, runSearch } from "../../src/sim/search.ts";
import { createStore, insertAction, REALISTIC } from "../../src/sim/store.ts";

const now = Date.parse("2026-11-23T12:00:00Z");

/** The report of one action, whose agents answer with these elements. */
function report(
  elements: unknown,
  {
    agent = {},
    module = "file",
    query = "",
  }: { agent?: AgentSpec; module?: string; query?: string } = {},
) {
  const agents = [{ id: 7, name: "web1.example.net", tags: { operator: "IT" }, ...agent }];
  const store = createStore({
    seed: 1,
    fleet: createFleet({ agents, seed: 1, now }),
    createdAt: now,
    note: () => {},
    behaviour: { ...REALISTIC, silentRate: 0, failedRate: 0, timeoutRate: 0 },
    script: () => ({ status: "success", result: { success: true, elements }, afterMs: 1_000 }),
  });
  const action = parseAction(
    JSON.stringify({
      name: "sshd",
      target: "id > 0",
      syntaxversion: 2,
      pgpsignatures: ["s"],
      validfrom: "2026-11-23T11:59:00Z",
      expireafter: "2026-11-23T12:05:00Z",
      description: { url: "https://policy.example.net/sshd" },
      threat: { type: "system", level: "high", ref: "sysmedium1", family: "compliance" },
      operations: [{ module, parameters: {} }],
    }),
  );
  const investigators = [{ id: 1, name: "runner", fingerprint: "D3" }];
  insertAction(store, action, { id: 1, investigators, now });
  const at = now + 60_000;
  const search = `type=command&actionid=1&report=complianceitems${query}`;
  const answer = runSearch(store, parseSearch(parseForm(search), at), {
    now: at,
    baseUrl: "http://h/api/v1",
    investigators,
    tweaks: NO_TWEAKS,
  });
  if (answer.kind !== "items") return answer;
  return answer.items.map((item) => JSON.parse(item));
}

const found = {
  file: "/etc/ssh/sshd_config",
  search: { names: ["^sshd"], contents: ["^Port 22"] },
};
const missing = { file: "", search: { paths: ["/etc", "/usr/etc"], modes: ["-rw"], md5: ["aa"] } };

describe("reportOf()", () => {
  test("gives an item for each file that a search names, with what was looked for", () => {
    const [first, second, ...others] = report({ config: [found, missing] }) as readonly {
      href: string;
      data: { name: string; value: object }[];
    }[];
    expect(others).toEqual([]);
    expect(first?.href).toBe(
      "http://h/api/v1/search?type=command?agentname=web1.example.net&commandid=∞&actionid=1" +
        "&threatfamily=compliance&report=complianceitems",
    );
    expect(first?.data[0]?.name).toBe("compliance item");
    expect(first?.data[0]?.value).toEqual({
      utctimestamp: expect.stringMatching(/^2026-11-23T12:00:\d\d/),
      target: "web1.example.net",
      policy: { name: "system", url: "https://policy.example.net/sshd", level: "high" },
      check: {
        ref: "sysmedium1",
        description: "sshd",
        name: "config",
        location: "/etc/ssh/sshd_config",
        test: { type: "file", value: "name='^sshd' and content='^Port 22'" },
      },
      compliance: true,
      link: expect.stringMatching(/^http:\/\/h\/api\/v1\/command\?commandid=\d+$/),
      tags: { operator: "IT" },
    });
    expect(second?.data[0]?.value).toMatchObject({
      check: { location: "/etc, /usr/etc", test: { value: "mode='-rw' and md5='aa'" } },
      compliance: false,
    });
  });

  test("has no items for other modules, and is no error then", () => {
    expect(report({ config: [found] }, { module: "memory" })).toEqual([]);
    expect(report(null)).toEqual([]);
  });

  test("stops two items after the limit", () => {
    expect(report({ config: Array(9).fill(found) }, { query: "&limit=3" })).toHaveLength(5);
  });

  test("says no more of an agent's tags than who operates it, and fails without any", () => {
    const [item] = report({ a: [found] }, { agent: { tags: { role: "web" } } }) as readonly {
      data: { value: { tags: unknown } }[];
    }[];
    expect(item?.data[0]?.value.tags).toBeNull();
    expect(report({ a: [found] }, { agent: { tags: null } })).toEqual({
      kind: "error",
      message: "interface conversion: interface {} is nil, not map[string]interface {}",
    });
  });
});
