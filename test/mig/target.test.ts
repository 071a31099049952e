import { describe, expect, test } from "bun:test";
import {
  agentsTarget,
  likePattern,
  listedAgents,
  picksProcesses,
  quoteText,
  resolveTarget,
  type SqlValue,
  sql,
  TARGET_SIZE_MAX,
  targetMistakes,
} from "../../src/mig/target.ts";

describe("quoteText()", () => {
  test.each([
    ["web1", "'web1'"],
    ["", "''"],
    ["o'brien", "'o''brien'"],
    ["'; DROP TABLE agents --", "'''; DROP TABLE agents --'"],
    ["$$", "'$$'"],
    ["a\\", " E'a\\\\'"],
    ["\\'", " E'\\\\'''"],
    ["ü☃𝄞\n", "'ü☃𝄞\n'"],
  ])("writes %j as one literal", (text, literal) => {
    expect(quoteText(text)).toBe(literal);
  });

  test.each([["a\0b"], ["\ud800"], ["\udc00a"]])("refuses %j, which has no literal", (text) => {
    expect(() => quoteText(text)).toThrow("Cannot write ");
  });

  test("refuses what is no text", () => {
    expect(() => quoteText(7 as never)).toThrow("Cannot write 7 into SQL: it is no text");
  });
});

describe("likePattern()", () => {
  test("escapes what LIKE gives a meaning", () => {
    expect(likePattern("100%_a\\b")).toBe("100\\%\\_a\\\\b");
    expect(sql`name LIKE ${`${likePattern("web_")}%`}`).toBe("name LIKE  E'web\\\\_%'");
  });
});

describe("sql", () => {
  test("writes values of every kind", () => {
    const big = 9007199254740993n;
    const text = sql`name=${"o'b"} AND id=${5} AND pid<${-1} AND ${true} AND id=${big}`;
    expect(text).toBe("name='o''b' AND id=5 AND pid<(-1) AND TRUE AND id=9007199254740993");
  });

  test("writes lists for IN", () => {
    expect(sql`name IN ${["a", "b'"]} OR id IN ${[1, 2]}`).toBe(
      "name IN ('a', 'b''') OR id IN (1, 2)",
    );
  });

  test("keeps a minus from beginning a comment", () => {
    expect(sql`5 -${-1}`).toBe("5 -(-1)");
  });

  test("leaves the text between the values as it is", () => {
    expect(sql`environment->>'os' = ${"linux"} /* ' */`).toBe(
      "environment->>'os' = 'linux' /* ' */",
    );
  });

  test.each([
    ["null", null],
    ["undefined", undefined],
    ["NaN", Number.NaN],
    ["Infinity", Number.POSITIVE_INFINITY],
    ["an object", {}],
    ["a list in a list", [[1]]],
    ["a boolean in a list", [true]],
  ])("refuses %s", (_, value) => {
    expect(() => sql`id = ${value as SqlValue}`).toThrow(
      "a text, number, boolean or list is wanted",
    );
  });

  test("refuses an empty list, which SQL cannot write", () => {
    expect(() => sql`id IN ${[]}`).toThrow("Cannot write [] into SQL: the list is empty");
  });

  test("refuses a value that stands in quotes or a comment already", () => {
    expect(() => sql`name = '${"x"}'`).toThrow("it stands in a text, it gets its own quotes");
    expect(() => sql`name = ${"x"}'y'`).toThrow("it stands in a text");
    expect(() => sql`"${"x"}" = 1`).toThrow("it stands in a name");
    expect(() => sql`TRUE -- ${"x"}`).toThrow("it stands in a comment");
    expect(() => sql`$a$ ${"x"} $a$`).toThrow("it stands in a text");
  });
});

describe("agentsTarget()", () => {
  const agents = (ids: readonly number[]) => ids.map((id) => ({ id, name: "x" }));

  const listing = (ids: string) => `queueloc IN (SELECT queueloc FROM agents WHERE id IN (${ids}))`;

  test("means the hosts of the ids, in order, each once", () => {
    expect(agentsTarget(agents([3, 1, 3, 2]))).toEqual([listing("3,1,2")]);
  });

  test("has no target for no agents", () => {
    expect(agentsTarget([])).toEqual([]);
  });

  test("splits at 2,048 characters, and not earlier", () => {
    // What is around the ids takes 56 characters, an id of 14 digits and its comma 15: 132 ids fit.
    const ids = Array.from({ length: 133 }, (_, index) => 10_000_000_000_000 + index);
    expect(agentsTarget(agents(ids.slice(0, 132)))).toHaveLength(1);
    const [first = "", second = "", ...others] = agentsTarget(agents(ids));
    expect(others).toEqual([]);
    expect(first).toHaveLength(56 + 132 * 15 - 1);
    expect(second).toBe(listing("10000000000132"));
  });

  test("loses no agent of a large fleet and no target is too long", () => {
    const ids = Array.from({ length: 10_000 }, (_, index) => 6_019_245_432_833 + index * 977);
    const targets = agentsTarget(agents(ids));
    expect(targets.filter(({ length }) => length > TARGET_SIZE_MAX)).toEqual([]);
    expect(targets.flatMap((target) => target.match(/\d+/g)?.map(Number))).toEqual(ids);
  });

  test("writes the largest id without an exponent", () => {
    expect(agentsTarget(agents([Number.MAX_SAFE_INTEGER]))).toEqual([listing("9007199254740991")]);
  });

  test.each([0, -1, 1.5, 2 ** 53, Number.NaN, "7) OR (TRUE"])("refuses the id %p", (id) => {
    expect(() => agentsTarget([{ id: id as number }])).toThrow("an agent's id is a whole number");
  });
});

describe("picksProcesses()", () => {
  test.each([
    ["id IN (7, 8)", true],
    ["ID NOT IN(7) OR name='x'", true],
    ["status='online' AND agents.id in (SELECT agentid FROM commands)", true],
    ["NOT id IN (7)", true],
    ["id > 0", false],
    ["pid = 7", false],
    ["commands.id IN (7)", false],
    ["environment->>'id' IN ('x')", false],
    ["name = 'id IN (7)'", false],
    ["TRUE -- id IN (7)", false],
    ["queueloc IN (SELECT queueloc FROM agents WHERE id IN (7))", false],
    ["mode='daemon' AND queueloc IN ( select queueloc from agents where id = 7 )", false],
  ])("of %j is %p", (target, isOne) => expect(picksProcesses(target)).toBe(isOne));
});

describe("listedAgents()", () => {
  test.each([
    ["queueloc IN (SELECT queueloc FROM agents WHERE id IN (3,1,2))", 3],
    ["id IN (7)", 1],
    [" ID in ( 7, 8,\n7 ) ", 2],
    ["id IN (7) OR TRUE", null],
    ["NOT id IN (7)", null],
    ["pid IN (7)", null],
    ["name IN ('a', 'b')", null],
    ["id IN (SELECT agentid FROM commands)", null],
    ["status='online'", null],
    ["", null],
  ])("of %j is %p", (target, count) => expect(listedAgents(target)).toBe(count));

  test("reads what agentsTarget() writes", () => {
    const ids = Array.from({ length: 1_000 }, (_, index) => 28_061_811_146_753 + index);
    const counts = agentsTarget(agents(ids)).map((target) => listedAgents(target) ?? 0);
    expect(counts.reduce((sum, count) => sum + count)).toBe(1_000);
  });

  function agents(ids: readonly number[]) {
    return ids.map((id) => ({ id }));
  }
});

describe("resolveTarget()", () => {
  const macros = new Map([
    ["allonline", "status='online'"],
    ["again", "allonline"],
  ]);

  test("replaces exactly the name of a macro, once", () => {
    expect(resolveTarget("allonline", macros)).toBe("status='online'");
    expect(resolveTarget("again", macros)).toBe("allonline");
  });

  test.each(["allonline ", "ALLONLINE", "allonline AND TRUE", "status='online'", ""])(
    "leaves %j as it is",
    (target) => expect(resolveTarget(target, macros)).toBe(target),
  );
});

describe("targetMistakes()", () => {
  // The ten useful targets of the reference, all tried on PostgreSQL.
  test.each([
    "status='online'",
    "name LIKE '%.scl3.example.net' AND mode='daemon'",
    "environment->>'os' IN ('linux','darwin')",
    "tags->>'operator'='IT' OR tags IS NULL",
    "heartbeattime > NOW() - INTERVAL '5 minutes'",
    "environment::jsonb->'modules' ? 'scribe'",
    "id IN (SELECT agentid FROM commands WHERE r#>>'{foundanything}' = 'true')",
    "name='o''brien; -- /* ( ' AND \"name\" <> 'x'",
    "name=E'a\\'; --' OR name=$q$ ' ; ( $q$ OR name=$$;$$",
    "TRUE /* a ; /* nested ( */ ' */ AND (pid - -1) > 0 -- note ; (\n AND TRUE",
    "name='a\\'",
    "tags::jsonb @> '{\"a\":[1]}' AND (ARRAY[1,2])[1] = 1",
    "$1 = $1 AND a$b$c = 1",
  ])("finds nothing in %j", (target) => {
    expect(targetMistakes(target)).toEqual([]);
  });

  test.each<[string, readonly string[]]>([
    [
      "false); RESET ROLE; SELECT id FROM agents WHERE (true",
      [
        "the bracket ) closes none of its own",
        "a semicolon ends the statement",
        "the bracket ( is not closed",
      ],
    ],
    ["true;", ["a semicolon ends the statement"]],
    ["true) OR (true", ["the bracket ) closes none of its own", "the bracket ( is not closed"]],
    ["name='o'brien'", ["the quote ' is not closed"]],
    ["name='a''", ["the quote ' is not closed"]],
    ["name=E'a\\'", ["the quote ' is not closed"]],
    ['"name = 1', ['the quote " is not closed']],
    ["name = $a$ b $A$", ["the quote $a$ is not closed"]],
    ["true -- all", ["the comment -- hides what follows the target"]],
    ["true /* a /* b */", ["the comment /* is not closed"]],
    ["(a[1)]", ["the bracket ) closes none of its own", "the bracket ( is not closed"]],
    ["name = 'a\0'", ["there is a NUL in it"]],
  ])("warns of %j", (target, mistakes) => {
    expect([...targetMistakes(target)].sort()).toEqual([...mistakes].sort());
  });
});
