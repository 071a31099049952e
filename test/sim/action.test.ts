import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createTrust } from "../../src/sandbox/trust.ts";
import {
  type PostedAction,
  parseAction,
  refusalOf,
  signedTextOf,
  storageRefusalOf,
} from "../../src/sim/action.ts";
import { publicKeys } from "../support/investigator.ts";

interface Vector {
  name: string;
  validfrom: string;
  signedString?: string;
  postJson: string;
  signature: string;
  loadError?: string;
  apiValidateError?: string;
}

const vectors: Vector[] = readFileSync(
  new URL("../golden/signing/vectors.jsonl", import.meta.url),
  "utf8",
)
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line))
  .filter((vector: Vector) => vector.loadError === undefined);

function posted(changes: Record<string, unknown> = {}): PostedAction {
  return parseAction(
    JSON.stringify({
      name: "n",
      target: "t",
      validfrom: "2026-01-01T00:00:00Z",
      expireafter: "2026-01-01T00:01:00Z",
      operations: [],
      pgpsignatures: ["s"],
      syntaxversion: 2,
      ...changes,
    }),
  );
}

const NOW = Date.parse("2026-01-01T00:00:30Z");

describe("signedTextOf()", () => {
  test("is what the original signed in every recorded post, with good signatures", async () => {
    const trust = createTrust([publicKeys], []);
    const wrong: string[] = [];
    for (const { name, postJson, signedString, signature } of vectors) {
      const text = signedTextOf(parseAction(postJson));
      const verdict = await trust.verify(text, signature);
      if (text !== signedString || verdict.kind === "bad") wrong.push(name);
    }
    console.log(`golden posted actions: ${vectors.length - wrong.length} of ${vectors.length}`);
    expect(wrong).toEqual([]);
    expect(vectors.length).toBe(115);
  });
});

describe("refusalOf()", () => {
  test("refuses what the original's API refused among the recorded posts", () => {
    for (const { postJson, validfrom, apiValidateError } of vectors) {
      const refusal = refusalOf(parseAction(postJson), Date.parse(validfrom));
      if (apiValidateError !== undefined) expect(refusal).toBe(apiValidateError);
    }
  });

  test("gives the API's reason, the first that applies", () => {
    const reason = (changes: Record<string, unknown>) => refusalOf(posted(changes), NOW);
    expect(reason({})).toBeNull();
    expect(reason({ name: "", target: "" })).toBe("action name is empty");
    expect(reason({ target: "" })).toBe("action target is empty");
    expect(reason({ syntaxversion: 1 })).toBe("wring syntax version, expected 2");
    expect(reason({ validfrom: "2026-01-01T00:02:00Z" })).toBe(
      "action expireafter is set before action validfrom",
    );
    expect(reason({ expireafter: "2026-01-01T00:00:29Z" })).toBe(
      "action expireafter is in the past",
    );
    expect(reason({ operations: null })).toBe("action operations is empty");
    expect(reason({ pgpsignatures: [] })).toBe("action pgpsignatures is empty");
  });
});

describe("storageRefusalOf()", () => {
  test("knows the width of the columns and that text cannot hold NUL", () => {
    expect(storageRefusalOf(posted({ name: "é".repeat(2048) }))).toBeNull();
    expect(storageRefusalOf(posted({ target: "x".repeat(2049) }))).toBe(
      "pq: value too long for type character varying(2048)",
    );
    expect(storageRefusalOf(posted({ name: "a\u0000" }))).toContain("0x00");
    // Each with its quotes and its comma or bracket; two more for the first bracket and nothing.
    const signatures = (count: number, size: number) =>
      Array.from({ length: count }, () => "s".repeat(size));
    expect(storageRefusalOf(posted({ pgpsignatures: signatures(9, 452) }))).toBeNull();
    expect(storageRefusalOf(posted({ pgpsignatures: signatures(9, 453) }))).toBe(
      "pq: value too long for type character varying(4096)",
    );
  });
});

describe("parseAction()", () => {
  test("takes members in any letter case, the last of two, and drops unknown ones", () => {
    const action = parseAction('{"NAME":"a","name":"b","ｎame":"c","other":1,"target":null}');
    expect([action.name, action.target]).toEqual(["b", ""]);
  });

  test("keeps only the known members of description, threat and counters", () => {
    const action = posted({
      description: { revision: 2, author: "me", mood: "good", url: "" },
      threat: { family: "compliance" },
      counters: { done: 1, sent: 2, other: 3 },
    });
    expect(action.description).toBe('{"author":"me","revision":2}');
    expect(action.threat).toBe('{"family":"compliance"}');
    expect(action.threatFamily).toBe("compliance");
    expect(action.counters).toBe('{"sent":2,"done":1}');
  });

  test("refuses other types in Go's words", () => {
    expect(() => parseAction("[]")).toThrow(
      "json: cannot unmarshal array into Go value of type mig.Action",
    );
    expect(() => posted({ name: 1 })).toThrow(
      "json: cannot unmarshal number into Go struct field Action.name of type string",
    );
    expect(() => posted({ validfrom: "yesterday" })).toThrow(/^parsing time .*yesterday/);
    expect(() => posted({ operations: {} })).toThrow("cannot unmarshal object");
    expect(() => posted({ pgpsignatures: [1] })).toThrow("cannot unmarshal number");
  });
});
