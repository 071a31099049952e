import { describe, test } from "bun:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  agentsTarget,
  likePattern,
  listedAgents,
  quoteText,
  sql,
  TARGET_SIZE_MAX,
  targetMistakes,
} from "../../src/mig/target.ts";
import { createFleet } from "../../src/sim/fleet.ts";
import { agentsByTarget, createStore, REALISTIC } from "../../src/sim/store.ts";

interface Token {
  readonly kind: "literal" | "other";
  readonly value: string;
}

/**
 * PostgreSQL's lexer as far as texts go, written from its manual (4.1.2) and apart from the code
 * under test: it walks character by character, and knows both settings of the server.
 *
 * @param standard `standard_conforming_strings`: off gives the backslash a meaning in '..' as well.
 */
function tokensOf(text: string, standard: boolean): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text.charAt(at);
    const isWordBefore = /[\w$\u0080-\uffff]/.test(text.charAt(at - 1));
    const isEscaping = /e/i.test(character) && text.charAt(at + 1) === "'" && !isWordBefore;
    if (character === "'" || isEscaping) {
      const literal = literalAt(text, isEscaping ? at + 2 : at + 1, isEscaping || !standard);
      tokens.push({ kind: "literal", value: literal.value });
      at = literal.end;
    } else {
      assert(!text.startsWith("--", at) && !text.startsWith("/*", at), "a comment came about");
      assert(!text.startsWith("$", at), "a dollar came about");
      if (character.trim() !== "") tokens.push({ kind: "other", value: character });
      at += 1;
    }
  }
  return tokens;
}

function literalAt(text: string, start: number, escapes: boolean): { value: string; end: number } {
  let value = "";
  let at = start;
  while (at < text.length) {
    const character = text.charAt(at);
    if (escapes && character === "\\") {
      // The server gives letters and digits a meaning here; ours must never need one.
      assert(/[\\']/.test(text.charAt(at + 1)), "an escape with a meaning came about");
      value += text.charAt(at + 1);
      at += 2;
    } else if (character !== "'") {
      value += character;
      at += 1;
    } else if (text.charAt(at + 1) === "'") {
      value += "'";
      at += 2;
    } else {
      return { value, end: at + 1 };
    }
  }
  assert.fail("the literal does not end");
}

/** Texts made of what ends texts, and any others. */
const hostile = fc.oneof(
  fc
    .array(
      fc.constantFrom(
        "'",
        "''",
        "\\",
        "\\'",
        "--",
        "/*",
        "*/",
        ";",
        "$$",
        ")",
        "(",
        "\n",
        '"',
        "E'",
      ),
    )
    .map((parts) => parts.join("")),
  fc.string({ unit: "binary" }).filter((text) => !text.includes("\0") && text.isWellFormed()),
  fc.string(),
);

const settings = fc.boolean();

describe("quoteText()", () => {
  test("makes one literal of any text, with every setting of the server", () => {
    fc.assert(
      fc.property(hostile, settings, (text, standard) => {
        const literal = [{ kind: "literal", value: text }];
        assert.deepEqual(tokensOf(quoteText(text), standard), literal);
      }),
      { numRuns: 2_000 },
    );
  });

  test("makes nothing that could end the brackets around it", () => {
    fc.assert(
      fc.property(hostile, (text) => assert.deepEqual(targetMistakes(quoteText(text)), [])),
      { numRuns: 1_000 },
    );
  });
});

describe("sql", () => {
  test("keeps texts in a list apart, between what stands around them", () => {
    fc.assert(
      fc.property(
        fc.array(hostile, { minLength: 1, maxLength: 5 }),
        settings,
        (texts, standard) => {
          const tokens = tokensOf(sql`a IN ${texts} = 1`, standard);
          const literals = tokens.filter(({ kind }) => kind === "literal");
          const others = tokens.filter(({ kind }) => kind === "other").map(({ value }) => value);
          assert.deepEqual(
            literals.map(({ value }) => value),
            texts,
          );
          assert.equal(others.join(""), `aIN(${",".repeat(texts.length - 1)})=1`);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe("agentsTarget()", () => {
  const id = fc.integer({ min: 1, max: 60 });
  const status = fc.constantFrom("online", "idle", "offline", "destroyed");

  /** Hosts by what became of their agents, the oldest process first. */
  const hosts = fc.array(fc.array(status, { minLength: 1, maxLength: 3 }), { maxLength: 20 });

  test("reaches each host of a listed agent that has one at work, whichever was listed", () => {
    fc.assert(
      fc.property(hosts, fc.array(id), (processes, listed) => {
        const rows = processes.flatMap((statuses, host) =>
          statuses.map((each) => ({ host, status: each })),
        );
        const agents = rows.map(({ host, status: each }, index) => {
          return { id: index + 1, queueLocation: `linux.host${host}`, status: each } as const;
        });
        const fleet = createFleet({ agents, seed: 1, now: 0 });
        const made = { seed: 1, fleet, behaviour: REALISTIC, script: null, createdAt: 0 };
        const store = createStore({ ...made, note: () => {} });
        const targets = agentsTarget(listed.map((each) => ({ id: each })));
        const asked = targets.flatMap((target) => agentsByTarget(store, target, 0).agents);
        const reached = asked.map(({ queueLocation }) => queueLocation).toSorted();
        const meant = new Set(listed.flatMap((each) => rows[each - 1]?.host ?? []));
        const wanted = [...meant]
          .filter((host) => processes[host]?.some((each) => each === "online" || each === "idle"))
          .map((host) => `linux.host${host}`);
        assert.deepEqual(reached, wanted.toSorted());
      }),
      { numRuns: 500 },
    );
  });

  test("lists each agent once, in targets that the API takes", () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeNat().map((nat) => Math.max(1, nat))), (ids) => {
        const targets = agentsTarget(ids.map((each) => ({ id: each })));
        const listed = targets.flatMap((target) => target.match(/\d+/g)?.map(Number) ?? []);
        assert.deepEqual(listed, [...new Set(ids)]);
        assert(targets.every((target) => target.length <= TARGET_SIZE_MAX));
        assert.deepEqual(targets.flatMap(targetMistakes), []);
        const counts = targets.map((target) => listedAgents(target) ?? 0);
        assert.equal(
          counts.reduce((sum, count) => sum + count, 0),
          listed.length,
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe("likePattern()", () => {
  test("matches the text that it was made of, and no other", () => {
    fc.assert(
      fc.property(hostile, hostile, (text, other) => {
        assert.equal(isLike(text, likePattern(text)), true);
        assert.equal(isLike(other, likePattern(text)), other === text);
      }),
      { numRuns: 1_000 },
    );
  });
});

/** LIKE without `%` and `_`: in their place the test fails, for none may be left unescaped. */
function isLike(text: string, pattern: string): boolean {
  let plain = "";
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at);
    assert(character !== "%" && character !== "_", "a wildcard came about");
    if (character === "\\") at += 1;
    plain += pattern.charAt(at);
  }
  return plain === text;
}
