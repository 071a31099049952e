import { describe, expect, test } from "bun:test";
import { NAME_SIZE_MAX, nameFault } from "../../src/jobs/name.ts";

describe("nameFault()", () => {
  test("takes names of every language, with dots, dashes and blanks inside", () => {
    for (const name of [
      "sshd-config",
      "x",
      "a.b_c",
      "Prüfung der Schlüssel",
      "監査",
      "check (old)",
      "a: b",
      "😀",
      "x".repeat(NAME_SIZE_MAX),
    ]) {
      expect({ name, fault: nameFault(name) }).toEqual({ name, fault: null });
    }
  });

  test("refuses what cannot be read, typed or told from another, with the remedy", () => {
    for (const name of [
      "a\nb",
      "a\tb",
      "a\\b",
      "a\rb",
      "\x1b[2J",
      "a\x7f",
      "a\u0085",
      "a\u202eb",
      "a\u200b",
      "a\ufeff",
      " a",
      "a ",
      "\u00a0a",
      "a\ufffd",
      "x".repeat(NAME_SIZE_MAX + 1),
      "x".repeat(250),
    ]) {
      const fault = nameFault(name);
      expect({ name, isRefused: fault !== null }).toEqual({ name, isRefused: true });
      expect(fault?.message).toStartWith("the name of its directory ");
      expect(fault?.hint).toStartWith("Rename the directory");
    }
  });
});
