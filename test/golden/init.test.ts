// init: which configurations the original begins with, and why it refuses the others.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { loadConfig } from "../../src/config/config.ts";
import type { RunnerErrors } from "../../src/errors.ts";

interface Case {
  readonly case: string;
  readonly path: string;
  readonly environment: Record<string, string>;
  readonly files: Record<string, string>;
  readonly exit: number;
  readonly error: string | null;
  readonly notice: string | null;
}

const cases: readonly Case[] = readFileSync(new URL("./init/cases.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));

/** Refused by the original for what an edge does (opening a log), not for what a file says. */
const EDGES = ["filebaddir", "systcprefused"];
/** An absolute GNUPGHOME is taken as it is; the original puts it behind $HOME. */
const DEVIATIONS = ["gnupghome"];

async function load({ path, environment, files }: Case) {
  const readFile = async (name: string): Promise<Uint8Array> => {
    const text = files[posix.resolve("/host", name)];
    if (text === undefined) throw Object.assign(new Error(`ENOENT: ${name}`), { code: "ENOENT" });
    return new TextEncoder().encode(text);
  };
  return await loadConfig({ path, environment, readFile, homeDirectory: "/root" });
}

/** The lines that our messages must hold: the original's text without its call chain. */
function coresOf({ error, notice }: Case): readonly string[] {
  if (notice !== null) return [notice.trimEnd()];
  const core = (error ?? "").replace(/^(\w+\(\) -> )+/, "").replace(/^\/host\S+:\d+:\d+: /, "");
  return [...new Set(core.replace(/^warnings?:\n/, "").split("\n"))];
}

describe("loadConfig() and the original", () => {
  let agreed = 0;
  for (const one of cases) {
    const begins = one.error === null || EDGES.includes(one.case) || DEVIATIONS.includes(one.case);
    test(
      `agree on ${one.case}: ` + `${begins ? "begins" : "refuses with the original's reason"}`,
      async () => {
        if (begins) {
          const { config } = await load(one);
          expect(config.api.url).toBe("http://127.0.0.1:1664/api/v1/");
        } else {
          const errors = await load(one).then(
            () => [],
            (error) => (error as RunnerErrors).errors,
          );
          expect(errors.length).toBeGreaterThan(0);
          const messages = errors.map(({ message }) => message).join("\n");
          for (const core of coresOf(one)) expect(messages).toContain(core);
        }
        agreed++;
      },
    );
  }
  test("hold for every case", () => {
    console.log(`golden init: ${agreed} of ${cases.length}`);
    expect(agreed).toBe(cases.length);
  });
});
