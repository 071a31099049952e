import { describe, expect, test } from "bun:test";
import { type Agent, createFleet } from "../../src/sim/fleet.ts";
import { SqlError, UnsupportedSql } from "../../src/sim/sql.ts";
import { parseTarget } from "../../src/sim/target.ts";

const now = Date.parse("2026-11-23T12:00:00Z");
const env = { ident: "Ubuntu 16.04 xenial", os: "linux", arch: "amd64", isProxied: false };
const fleet: Agent[] = createFleet({
  seed: 1,
  now,
  agents: [
    {
      id: 11,
      name: "web1.scl3.example.net",
      mode: "daemon",
      status: "online",
      version: "a",
      tags: { operator: "IT" },
      environment: { ...env, modules: ["file", "scribe"] },
      heartbeatMicros: (now - 60_000) * 1000,
      startMicros: (now - 40 * 86_400_000) * 1000,
    },
    {
      id: 12,
      name: "o'brien",
      mode: "checkin",
      status: "idle",
      version: "b",
      tags: null,
      environment: { ...env, ident: "10.14", os: "darwin", modules: ["file"] },
      heartbeatMicros: (now - 3_600_000) * 1000,
      startMicros: (now - 86_400_000) * 1000,
    },
    {
      id: 13,
      name: "100%_sure",
      mode: "daemon",
      status: "online",
      version: "b",
      tags: { operator: "ops", site: "ams1" },
      environment: { ...env, os: "windows", arch: "arm64", modules: [] },
      heartbeatMicros: now * 1000,
      startMicros: now * 1000,
    },
  ],
});

const world = {
  nowMicros: now * 1000,
  fleet,
  agentsOf: (actionId: number, found: boolean) =>
    new Set(actionId === 7 ? (found ? [12] : [11, 13]) : []),
};

function idsOf(target: string): number[] {
  const condition = parseTarget(target);
  return fleet.filter((agent) => condition(agent, world) === true).map(({ id }) => id);
}

describe("parseTarget()", () => {
  test.each([
    ["status='online'", [11, 13]],
    ["name='web1.scl3.example.net'", [11]],
    ["name LIKE '%.scl3.example.net' AND mode='daemon'", [11]],
    ["environment->>'os' IN ('linux','darwin')", [11, 12]],
    ["environment->>'ident' ILIKE 'ubuntu 16.04%' AND environment->>'arch'='amd64'", [11]],
    ["tags->>'operator'='IT'", [11]],
    ["tags IS NULL OR tags->>'operator' IS NULL", [12]],
    ["heartbeattime > NOW() - INTERVAL '5 minutes'", [11, 13]],
    ["starttime < NOW() - INTERVAL '30 days'", [11]],
    ["environment::jsonb->'modules' ? 'scribe'", [11]],
    [
      "id IN (SELECT agentid FROM commands, json_array_elements(commands.results) AS r " +
        "WHERE commands.actionid = 7 AND r#>>'{foundanything}' = 'true')",
      [12],
    ],
    [
      "id IN (select agentid from commands, json_array_elements(commands.results) as r where " +
        "actionid=7 and r#>>'{foundanything}' = 'false') AND status='online'",
      [11, 13],
    ],
  ])("finds with the useful target %s what PostgreSQL does", (target, ids) => {
    expect(idsOf(target)).toEqual(ids);
  });

  test.each([
    ["name='o''brien'", [12]],
    [`"name" = 'o''brien' -- comment`, [12]],
    ["name LIKE '100\\%\\_sure'", [13]],
    ["name LIKE '1__\\%%'", [13]],
    ["name like 'O%'", []],
    ["name NOT LIKE '%e%' OR NOT (id > 11)", [11]],
    ["id IN (11, 13) AND id NOT IN (13)", [11]],
    ["id <> 11 and id != 12 or id <= 11", [11, 13]],
    ["NOT NOT mode = 'checkin'", [12]],
    ["agents.status = 'idle'", [12]],
    ["environment->>'isproxied'='false'", [11, 12, 13]],
    ["environment#>>'{aws,instanceid}' IS NULL", [11, 12, 13]],
    ["environment->>'aws' IS NOT NULL", [11, 12, 13]],
    ["tags->>'operator' <> 'IT'", [13]],
    ["NOT tags->>'operator' = 'IT'", [13]],
    ["tags->>'operator' = 'IT' OR true", [11, 12, 13]],
    ["tags->>'operator' = 'IT' AND false", []],
    ["(status='online' OR status='idle') AND (true)", [11, 12, 13]],
    ["version >= 'b'", [12, 13]],
    ["id = -11", []],
    ["id IN (SELECT id FROM agents)", [11, 12, 13]],
    ["queueloc IN (SELECT agents.queueloc FROM agents WHERE id IN (12,13) AND id > 12)", [13]],
    ["queueloc NOT IN (SELECT queueloc FROM agents WHERE name LIKE 'o%' OR id = 13)", [11]],
    ["name = 'o''brien' AND id IN (select id from agents where status = 'online')", []],
  ])("evaluates %s with SQL's rules of NULL, quotes and precedence", (target, ids) => {
    expect(idsOf(target)).toEqual(ids);
  });

  test.each([
    ["bogus sql", 'syntax error at or near "sql"'],
    ["this is not sql", 'syntax error at or near "sql"'],
    ["all", 'syntax error at or near "all"'],
    ["__proto__", 'column "__proto__" does not exist'],
    ["constructor = 'x'", 'column "constructor" does not exist'],
    ["os='linux'", 'column "os" does not exist'],
    ['name="web1"', 'column "web1" does not exist'],
    ["name='a' AND", 'syntax error at or near ")"'],
    ["(name='a'", 'syntax error at or near ")"'],
    ["name='a')", 'syntax error at or near ")"'],
    ["id IN ()", 'syntax error at or near ")"'],
    ["name = 'a", 'unterminated quoted string at or near "\'a"'],
    ["", 'syntax error at or near ")"'],
    ["name LIKE", 'syntax error at or near ")"'],
    ["tags = 'x'", "operator does not exist: json = unknown"],
    ["environment->'modules' ? 'file'", "operator does not exist: json ? unknown"],
    ["environment::json->'modules' ? 'file'", "operator does not exist: json ? unknown"],
    ["name == 'x'", 'syntax error at or near "="'],
    ["name § 'x'", 'syntax error at or near "§"'],
  ])("refuses %s in PostgreSQL's words", (target, message) => {
    expect(() => parseTarget(target)).toThrow(SqlError);
    expect(() => parseTarget(target)).toThrow(message);
  });

  test.each([
    "name ~ '^web'",
    "tags::jsonb @> '{}'",
    "CASE WHEN true THEN true END",
    "EXISTS (SELECT 1)",
    "id IN (SELECT id FROM agents, commands)",
    "id IN (SELECT max(id) FROM agents)",
    "id IN (SELECT id FROM agents ORDER BY id)",
    "lower(name) = 'x'",
    "true; DROP TABLE agents",
    "name BETWEEN 'a' AND 'b'",
    "starttime > NOW() - INTERVAL '1 month'",
  ])("does not guess at %s", (target) => {
    expect(() => parseTarget(target)).toThrow(UnsupportedSql);
  });

  test("does not overflow the stack", () => {
    expect(() => parseTarget("(".repeat(100_000))).toThrow("stack depth limit exceeded");
  });
});
