// Licenses: the program as it is shipped tells the licences of what it is made of.
import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { Scenario, underTest } from "../support/binary.ts";

const root = resolve(import.meta.dirname, "../..");

test("licenses names each package, and the runtime where that is in the program", async () => {
  await using scenario = await Scenario.create();
  const { exit, stderr, stdout } = await scenario.run(["licenses"]);
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
  const [head = ""] = stdout.split("=".repeat(80));
  const isBuilt = underTest === "binary";
  const wanted = [...Object.keys(manifest.dependencies), ...(isBuilt ? ["Bun"] : [])];
  expect(wanted.filter((name) => !head.includes(`\n  ${name}\n`))).toEqual([]);
  expect(stdout.includes("JavaScriptCore")).toBe(isBuilt);
  if (!isBuilt) return;
  const notices = await readFile(resolve(root, "dist/THIRD_PARTY_NOTICES"), "utf8");
  expect(stdout === notices).toBe(true);
});
