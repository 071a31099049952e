// Record: what identifies the request of a step stays the same from version to version.
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { agentsTarget } from "../../src/mig/target.ts";
import { digestOf } from "../../src/workflow/record.ts";

const sha256 = (value: unknown) => createHash("sha256").update(JSON.stringify(value)).digest("hex");

function collectOf(targets: readonly string[] | null, agents: number | null) {
  const rest = { changes: null, expiryMs: null, agentsMax: null, pageSize: null };
  return { kind: "collect" as const, targets: targets && [...targets], agents, ...rest };
}

describe("digestOf()", () => {
  test("is the same for a list of agents, whatever words the target has", () => {
    // As the first builds wrote it: 300 ids of 14 digits took three targets of their own form.
    const ids = Array.from({ length: 300 }, (_, index) => 10_000_000_000_000 + index);
    const parts = [ids.slice(0, 136), ids.slice(136, 272), ids.slice(272)];
    const first = parts.map((part) => `id IN (${part.join()})`);
    expect(first.every((target) => target.length <= 2_048)).toBe(true);
    const targets = agentsTarget(ids.map((id) => ({ id })));
    expect(targets).not.toEqual(first);
    expect(digestOf(collectOf(targets, 300))).toBe(sha256(collectOf(first, 300)));
  });

  test("is that of the request for any other target, and nothing for a function", () => {
    const own = collectOf(["mode='daemon'"], null);
    expect(digestOf(own)).toBe(sha256(own));
    expect(digestOf(collectOf(null, null))).toBe(sha256(collectOf(null, null)));
  });
});
