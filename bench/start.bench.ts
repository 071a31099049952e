// Start bench: from the shell's exec to the last byte of `-V`, in each form of the program.
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { measure, type Row } from "./measure.ts";

const root = resolve(import.meta.dirname, "..");
const bin = (name: string) => resolve(root, "node_modules/.bin", name);
const main = resolve(root, "src/main.ts");

const FORMS: readonly (readonly [name: string, command: string, ...argv: string[]])[] = [
  ["start, executable", resolve(root, "dist/mig-runner"), "-V"],
  ["start, bun src/main.ts", bin("bun"), main, "-V"],
  ["start, deno run -A src/main.ts", bin("deno"), "run", "-A", main, "-V"],
];

/** What an operator waits for before anything happens. */
export async function bench(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [name, command, ...argv] of FORMS) {
    const once = () => {
      const { status, stderr } = spawnSync(command, argv, { encoding: "utf8" });
      if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
    };
    rows.push({ name, summary: await measure(once, { runs: 30 }), rate: null });
  }
  return rows;
}
