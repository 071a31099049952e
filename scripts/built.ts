// Built: makes the executable when it is older than what it is made of, and only then.
import { globSync } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { root, runTool, type ToolAnswer } from "./process.ts";

/** Whether the executable, or what is built beside it, is older than what it is made of. */
async function isStale(): Promise<boolean> {
  const builtAt = await stat(resolve(root, "dist/mig-runner")).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  const sources = [
    "build.ts",
    "scripts/sdk.ts",
    "scripts/types.ts",
    "package.json",
    "package-lock.json",
    ...globSync("src/**/*", { cwd: root }),
  ];
  const times = await Promise.all(sources.map((path) => stat(resolve(root, path))));
  return times.some(({ mtimeMs }) => mtimeMs > builtAt);
}

/** What the build said, or null when the executable was there already. */
export async function buildWhenStale(): Promise<ToolAnswer | null> {
  if (!(await isStale())) return null;
  return await runTool({ argv: [process.execPath, "build.ts"] });
}
