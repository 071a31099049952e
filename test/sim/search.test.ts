import { describe, expect, test } from "bun:test";
import { parseAction } from "../../src/sim/action.ts";
import { type AgentSpec, createFleet } from "../../src/sim/fleet.ts";
import { parseForm, parseSearch } from "../../src/sim/query.ts";
import { NO_TWEAKS, runSearch } from "../../src/sim/search.ts";
import {
  type Behaviour,
  createStore,
  insertAction,
  REALISTIC,
  type Store,
} from "../../src/sim/store.ts";

const now = Date.parse("2026-11-23T12:00:00Z");
const STEADY = { ...REALISTIC, silentRate: 0, failedRate: 0, timeoutRate: 0 };
const runner = { id: 1, name: "runner", fingerprint: "D3" };
const other = { id: 2, name: "other", fingerprint: "B4" };

function storeOf(agents: number | AgentSpec[], behaviour: Partial<Behaviour> = {}): Store {
  return createStore({
    seed: 1,
    fleet: createFleet({ agents, seed: 1, now }),
    behaviour: { ...STEADY, ...behaviour },
    script: null,
    createdAt: now,
    note: () => {},
  });
}

function post(store: Store, id: number, changes: Record<string, unknown> = {}): void {
  const action = parseAction(
    JSON.stringify({
      name: `action ${id}`,
      target: "id > 0",
      validfrom: "2026-11-23T11:59:00Z",
      expireafter: "2026-11-23T12:05:00Z",
      operations: [{ module: "timedrift", parameters: { drift: "" } }],
      pgpsignatures: ["s"],
      syntaxversion: 2,
      ...changes,
    }),
  );
  const investigators = [changes.by === 2 ? other : runner];
  insertAction(store, action, { id, investigators, now });
}

interface Found {
  id: number;
  name: string;
  status: string;
  starttime: string;
  agent: { name: string };
  action: { id: number };
}

function search(store: Store, query: string, at = now + 600_000): Found[] | string {
  const answer = runSearch(store, parseSearch(parseForm(query), at), {
    now: at,
    baseUrl: "http://h/api/v1",
    investigators: [runner, other],
    tweaks: NO_TWEAKS,
  });
  if (answer.kind === "none") return [];
  if (answer.kind === "error") return answer.message;
  return answer.items.map((item) => JSON.parse(item).data[0].value);
}

function found(store: Store, query: string): Found[] {
  const answer = search(store, query);
  if (typeof answer === "string") throw new Error(answer);
  return answer;
}

/** Fetches all pages as the original does, and counts what it gets. */
function fetchPages(store: Store, limit: number): { rows: number; different: number } {
  const ids: number[] = [];
  for (let offset = 0; ; offset += limit) {
    const page = found(store, `type=command&limit=${limit}&offset=${offset}&actionid=1`);
    if (page.length === 0) return { rows: ids.length, different: new Set(ids).size };
    ids.push(...page.map(({ id }) => id));
  }
}

describe("pages of commands", () => {
  test("lose and repeat commands with equal start times, as was measured", () => {
    const dense = storeOf(1000, { commandsPerStart: 25 });
    post(dense, 1);
    const { rows, different } = fetchPages(dense, 37);
    expect(rows).toBe(1000);
    // 42 were lost in the measurement.
    expect(different).toBeGreaterThan(1000 - 120);
    expect(different).toBeLessThan(1000 - 15);
    expect(fetchPages(dense, 37)).toEqual({ rows, different });
  });

  test("lose few with two commands a start time, and none without ties", () => {
    const pairs = storeOf(1000, { commandsPerStart: 2 });
    post(pairs, 1);
    // 3 were lost in the measurement.
    expect(fetchPages(pairs, 37).different).toBeGreaterThan(1000 - 15);
    expect(fetchPages(pairs, 37).different).toBeLessThan(1000);
    const single = storeOf(1000, { commandsPerStart: 1 });
    post(single, 1);
    expect(fetchPages(single, 37)).toEqual({ rows: 1000, different: 1000 });
  });

  test("lose none when all fit on one", () => {
    const store = storeOf(1000, { commandsPerStart: 25 });
    post(store, 1);
    const ids = found(store, "type=command&limit=1000000&actionid=1").map(({ id }) => id);
    expect(new Set(ids).size).toBe(1000);
  });

  test("begin with the latest start time", () => {
    const store = storeOf(50);
    post(store, 1);
    const times = found(store, "type=command&actionid=1").map(({ starttime }) => starttime);
    const full = times.map((time) => time.replace("Z", "").padEnd(26, "0"));
    expect(full).toEqual(full.toSorted().toReversed());
    expect(new Set(times).size).toBeLessThan(50);
  });
});

describe("runSearch()", () => {
  const store = storeOf([
    { name: "web1.example.net", version: "1" },
    { name: "db1.example.net", version: "2" },
  ]);
  post(store, 1);
  post(store, 2, { name: "Nightly", target: "name LIKE 'web%'", by: 2 });
  post(store, 3, { threat: { family: "compliance" }, validfrom: "2026-11-23T11:59:30Z" });

  test.each([
    ["actionid=1", 2],
    ["actionid=2", 1],
    ["actionid=4", 0],
    ["actionname=nightly", 1],
    ["actionname=action%25", 4],
    ["agentname=WEB%25", 3],
    ["agentname=web_.example.net", 3],
    ["agentversion=2", 2],
    ["investigatorid=2", 1],
    ["investigatorname=runn%25", 4],
    ["threatfamily=compliance", 2],
    ["status=success", 5],
    ["status=expired", 0],
    ["actionid=1&foundanything=true", 2],
    ["actionid=1&foundanything=false", 0],
    ["after=2026-11-23T12:00:00Z", 5],
    ["after=2026-11-23T12:01:00Z", 0],
    ["before=2026-11-23T12:00:00Z", 0],
    ["before=2026-11-23T12:01:00Z", 5],
    ["actionid=1&limit=1&offset=1", 1],
    ["actionid=1&offset=2", 0],
    ["actionid=1&limit=0", 0],
  ])("finds by %s %d commands", (query, count) => {
    expect(found(store, `type=command&${query}`)).toHaveLength(count);
  });

  test("finds one command by its id, and the actions and agents around it", () => {
    const [command] = found(store, "type=command&actionid=2") as [Found];
    const by = `commandid=${command.id}`;
    expect(found(store, `type=command&${by}`)).toHaveLength(1);
    expect(found(store, `type=action&${by}`).map(({ id }) => id)).toEqual([2]);
    expect(found(store, `type=agent&${by}`).map(({ name }) => name)).toEqual(["web1.example.net"]);
  });

  test("finds actions, latest validity first, with what became of them", () => {
    const actions = found(store, "type=action&actionname=%25%25");
    expect(actions.map(({ id }) => id)).toEqual([3, 1, 2]);
    expect(actions[0]).toMatchObject({
      status: "completed",
      counters: { sent: 2, done: 2, success: 2 },
      investigators: [{ name: "runner" }],
    });
    expect(search(store, "actionid=1", now)).toMatchObject([
      { status: "pending", starttime: "0009-01-11T11:11:11Z", finishtime: "9998-01-11T11:11:11Z" },
    ]);
    expect(found(store, "actionname=%25%25&after=2026-11-23T11:59:10Z")).toHaveLength(1);
    expect(found(store, "actionname=%25%25&agentname=db%25")).toHaveLength(2);
    expect(found(store, "investigatorid=2")).toHaveLength(1);
  });

  test("finds agents by target, two more than the limit allows", () => {
    const many = storeOf(10);
    expect(found(many, "type=agent&limit=1&target=id%20%3E%200")).toHaveLength(3);
    expect(found(many, "type=agent&target=false")).toEqual([]);
    expect(search(many, "type=agent&target=name%20~%20'x'")).toContain("cannot evaluate");
  });

  test("finds investigators, but no manifests and loaders", () => {
    const names = found(store, "type=investigator&investigatorname=%25e%25");
    expect(names.map(({ name }) => name)).toEqual(["runner", "other"]);
    expect(search(store, "type=manifest&manifestname=x")).toEqual([]);
    expect(search(store, "type=loader&loadername=x")).toEqual([]);
  });

  test.each([
    ["type=x", "search type is invalid"],
    ["type=command", `'pq: syntax error at or near "GROUP"' in 'SELECT commands.id, `],
    ["type=agent", `'pq: syntax error at or near "GROUP"' in 'SELECT agents.id, `],
    ["type=investigator", "GROUP BY investigators.id\n\t\tORDER BY investigators.id ASC LIMIT $1"],
    ["type=manifest", `'pq: syntax error at or near "ORDER"' in 'SELECT manifests.id, `],
    ["type=loader", "FROM loaders WHERE  ORDER BY loadername;'"],
    ["type=action&status=pending", 'missing FROM-clause entry for table "action"'],
    [
      "type=action&status=pending&actionid=7&agentname=a",
      "FROM actions INNER JOIN commands ON ( commands.actionid = actions.id) " +
        " INNER JOIN agents ON ( commands.agentid = agents.id )  WHERE action.status ILIKE $1 " +
        "AND actions.id >= $2 AND actions.id <= $3 AND agents.name ILIKE $4 GROUP BY actions.id" +
        "\n\t\tORDER BY actions.validfrom DESC LIMIT $5 OFFSET $6;'",
    ],
    ["type=command&agentid=x", 'strconv.ParseFloat: parsing "x": invalid syntax'],
    ["type=command&actionid=1e999", "value out of range"],
    ["type=command&actionname=x&offset=-1", "converting argument $3 type: uint64"],
    [
      "type=action&actionid=1&limit=-1",
      "Error while finding actions: 'sql: converting argument $3",
    ],
    ["type=command&actionid=1&report=geolocations", "maxmind database not initialized"],
    [
      "type=action&actionid=1&report=geolocations",
      "geolocations reporting is only available for the 'command' type",
    ],
    [
      "type=agent&agentname=x&report=complianceitems",
      "compliance items reporting is only available for the 'command' type",
    ],
  ])("refuses %s", (query, message) => {
    expect(search(store, query)).toContain(message);
  });
});

describe("an action's life", () => {
  test("has no commands before its validity begins, nor when it ends too soon", () => {
    const store = storeOf(2);
    post(store, 1, { validfrom: "2026-11-23T12:02:00Z" });
    post(store, 2, { expireafter: "2026-11-23T12:00:00.010Z" });
    expect(search(store, "type=command&actionid=1", now + 119_000)).toEqual([]);
    expect(search(store, "type=command&actionid=1", now + 122_000)).toHaveLength(2);
    expect(search(store, "type=command&actionid=2")).toEqual([]);
  });

  test("ends as failed everywhere when PostgreSQL rounds a time to the next second", () => {
    const store = storeOf(2);
    post(store, 1, { validfrom: "2026-11-23T11:59:00.9999996Z" });
    expect(found(store, "type=command&actionid=1").map(({ status }) => status)).toEqual([
      "failed",
      "failed",
    ]);
  });

  test("marks commands expired only after the scheduler's lag", () => {
    const store = storeOf(1, { silentRate: 1, expiryLagMs: 2_000 });
    post(store, 1);
    const expireAt = Date.parse("2026-11-23T12:05:00Z");
    const statusAt = (at: number) => search(store, "type=command&actionid=1", at);
    expect(statusAt(expireAt + 1_999)).toMatchObject([{ status: "sent" }]);
    expect(statusAt(expireAt + 2_000)).toMatchObject([{ status: "expired" }]);
  });

  test("reaches neither offline nor destroyed agents", () => {
    const store = storeOf([{ status: "offline" }, { status: "destroyed" }, { status: "idle" }]);
    post(store, 1, { target: "status='offline' OR true" });
    expect(found(store, "type=command&actionid=1")).toHaveLength(1);
  });

  test("can aim at the agents that found something before", () => {
    const store = storeOf(40, { foundRate: 0.5 });
    const searches = { s: { paths: ["/etc"], names: ["x"] } };
    const operations = [{ module: "file", parameters: { searches } }];
    post(store, 1, { operations });
    const target =
      "id IN (SELECT agentid FROM commands, json_array_elements(commands.results) AS r " +
      "WHERE commands.actionid = 1 AND r#>>'{foundanything}' = 'true')";
    post(store, 2, {
      target,
      validfrom: "2026-11-23T12:06:00Z",
      expireafter: "2026-11-23T13:00:00Z",
    });
    const hits = found(store, "type=command&actionid=1&foundanything=true");
    const next = found(store, "type=command&actionid=2");
    expect(hits.length).toBeGreaterThan(5);
    expect(hits.length).toBeLessThan(35);
    expect(next.map(({ agent }) => agent.name).toSorted()).toEqual(
      hits.map(({ agent }) => agent.name).toSorted(),
    );
  });

  test("has missing modules fail with the agent's words", () => {
    const store = storeOf(1);
    post(store, 1, { operations: [{ module: "nosuchmodule", parameters: {} }] });
    expect(found(store, "type=command&actionid=1")).toMatchObject([
      { status: "failed", results: [{ errors: ["module 'nosuchmodule' is not available"] }] },
    ]);
  });

  test("has every outcome in a realistic fleet", () => {
    const store = storeOf(500, { silentRate: 0.1, failedRate: 0.1, timeoutRate: 0.1 });
    post(store, 1);
    const statuses = found(store, "type=command&limit=500&actionid=1").map(({ status }) => status);
    expect([...new Set(statuses)].toSorted()).toEqual(["expired", "failed", "success", "timeout"]);
  });
});
