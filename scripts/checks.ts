// Checks: what is verified without running the program, each as one command.
import { globSync } from "node:fs";
import { root, tool } from "./process.ts";

/** One command that passes when it exits with 0. */
export interface Check {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
}

/** All of them, the cheapest first. */
export function checks(): readonly Check[] {
  const examples = globSync("{jobs,plugins}/**/*.ts", { cwd: root })
    .filter((path) => !path.includes("node_modules"))
    .sort();
  return [
    { name: "format", argv: [tool("biome"), "format", "."] },
    {
      name: "lint",
      argv: [tool("biome"), "check", "--formatter-enabled=false", "--error-on-warnings", "."],
    },
    { name: "types", argv: [tool("tsc"), "--noEmit"] },
    { name: "types under Deno", argv: [tool("deno"), "check", "src/main.ts", ...examples] },
  ];
}
